# SPDX-License-Identifier: BSD-3-Clause
"""When Net.train stops, what it keeps of the best epoch, and what it says of each."""

import math

import numpy as np
import pytest
import twin
from trainings import NETS, Fit, both, problem_for

from nnfast import _core

pytestmark = pytest.mark.usefixtures("split_work")

# ---- when to stop ----


@pytest.mark.parametrize("patience", [1, 2, 5])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_no_improvement(solver, patience):
    # An improvement by less than tol counts as none; patience is one epoch longer
    # than its name, as scikit-learn's.
    net = NETS["binary"]
    settings = twin.settings_of(
        solver=solver, tol=10.0, n_iter_no_change=patience, batch_size=20
    )
    fit = both(net, problem_for(net), settings, seed=1)
    assert fit.result["stop"] == "no_improvement"
    assert len(fit.result["loss_curve"]) == patience + 2
    assert [event["event"] for event in fit.events] == [""] * (patience + 1) + ["stop"]
    assert fit.state["best_score"] == -math.inf


def test_stop_in_the_last_epoch_is_no_improvement():
    net = NETS["binary"]
    settings = twin.settings_of(tol=10.0, n_iter_no_change=1, max_iter=3)
    assert both(net, problem_for(net), settings).result["stop"] == "no_improvement"
    settings["max_iter"] = 2
    assert both(net, problem_for(net), settings).result["stop"] == "max_iter"


def test_infinite_patience():
    net = NETS["binary"]
    settings = twin.settings_of(tol=10.0, n_iter_no_change=math.inf, max_iter=60)
    fit = both(net, problem_for(net), settings)
    assert fit.result["stop"] == "max_iter"
    assert fit.state["no_improvement"] == 59


def test_adaptive_rate_falls_until_it_is_too_small():
    net = NETS["binary"]
    settings = twin.settings_of(
        solver="sgd",
        learning_rate="adaptive",
        learning_rate_init=0.01,
        tol=1e-2,
        n_iter_no_change=2,
        batch_size=20,
    )
    fit = both(net, problem_for(net), settings, seed=1)
    events = [event["event"] for event in fit.events]
    # 0.01 / 5^k is at most 1e-6 from k = 6 on.
    assert events.count("learning_rate_lowered") == 6
    assert events.count("learning_rate_too_small") == 1
    assert events[-1] == "learning_rate_too_small"
    assert fit.result["stop"] == "no_improvement"
    assert fit.state["learning_rate"] == pytest.approx(0.01 / 5**6, rel=1e-15)


def test_adam_ignores_the_schedule():
    net = NETS["binary"]
    settings = twin.settings_of(learning_rate="adaptive", tol=10.0, n_iter_no_change=2)
    fit = both(net, problem_for(net), settings)
    assert fit.events[-1]["event"] == "stop"


# ---- early stopping on a validation score ----


def early(name, *, weighted=False, n=60, **changes):
    net = NETS[name]
    theta, X, y, weight = problem_for(net, n, weighted=weighted)
    train, held = slice(0, 40), slice(40, n)
    # y follows X a little, so that scores rise for a while and then do not.
    if y.ndim == 1:
        y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.3)
    elif net[2] == "log_loss":
        y = (X[:, : y.shape[1]] + 0.7 * X[:, -1:] ** 2 > 0.4).astype(float)
    elif net[2] == "poisson":
        y = np.floor(np.exp(y / 4 + X[:, : y.shape[1]]))
    else:
        y = y / 4 + X[:, : y.shape[1]]
    settings = twin.settings_of(
        batch_size=15,
        score="accuracy" if net[2] in ("log_loss", "brier") else "r2",
        learning_rate_init=0.02,
        max_iter=500,
        n_iter_no_change=12,
        tol=1e-3,
        **changes,
    )
    parts = [None if weight is None else weight[part] for part in (train, held)]
    problem = theta, X[train], y[train], parts[0]
    held_out = X[held], y[held], parts[1]
    return both(net, problem, settings, held_out=held_out, seed=1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_early_stopping(name, weighted):
    fit = early(name, weighted=weighted)
    scores = fit.result["scores"]
    assert len(scores) == len(fit.result["loss_curve"]) == len(fit.events)
    assert fit.result["stop"] == "no_improvement"
    assert fit.state["best_score"] == max(scores) > scores[0]
    assert fit.state["best_loss"] == math.inf
    # The best parameters are those of the first epoch with the best score.
    again = Fit(_core, NETS[name], (fit.theta, fit.X, fit.y, fit.weight), fit.settings)
    again.theta = problem_for(NETS[name], 60)[0]
    again.bits = np.random.PCG64(1)
    again.run(max_iter=1 + scores.index(max(scores)), n_iter_no_change=math.inf)
    assert again.theta.tobytes() == fit.best.tobytes()


def test_early_stopping_with_adaptive_rate():
    fit = early("squared", solver="sgd", learning_rate="adaptive")
    assert "learning_rate_lowered" in [event["event"] for event in fit.events]


@pytest.mark.parametrize("constant", [0.0, 0.25])
def test_r2_of_constant_targets(constant):
    # scikit-learn: 1 where there is no error, else 0; the other output is as ever.
    net = ((2, 2), ("identity",), "squared_error")
    theta, X, y, _ = problem_for(net, 30)
    theta[:], y[:, 0] = [0, 1, 0, 1, 0, 0], 0.0
    held_out = X.copy(), np.c_[np.full(30, constant), X.sum(axis=1) * 2], None
    settings = twin.settings_of(max_iter=1, learning_rate_init=1e-100, alpha=0.0)
    fit = both(net, (theta, X, y, None), settings, held_out=held_out)
    p = X @ [1, 1]
    other = 1 - np.sum((2 * p - p) ** 2) / np.sum((2 * p - 2 * p.mean()) ** 2)
    assert fit.result["scores"] == pytest.approx(
        [((constant == 0) + other) / 2], rel=1e-12
    )


def test_r2_of_errors_too_large_to_square():
    """Minus infinity, as scikit-learn: worse than before, so patience runs out.

    Only an output that is no number itself makes the score NaN.
    """
    net = ((1, 1), ("identity",), "absolute_error")
    X, y = np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [4.0]])
    theta = np.array([1e100, 0.0])
    settings = twin.settings_of(max_iter=1)
    for value, score in ((1e100, -math.inf), (np.inf, math.nan)):
        fit = both(net, (theta, X, y, None), settings, held_out=(X * value, y, None))
        assert fit.result["scores"] == pytest.approx([score], nan_ok=True)


def test_accuracy_threshold_is_above_one_half():
    # scikit-learn: positive where p > 0.5; of equal probabilities the first is chosen.
    theta = np.zeros(2)
    settings = twin.settings_of(max_iter=1, learning_rate_init=1e-100, score="accuracy")
    X = np.ones((3, 1))
    net = ((1, 1), ("logistic",), "log_loss")
    y = np.array([[0.0], [1.0], [0.0]])
    fit = both(net, (theta, X, y, None), settings, held_out=(X, y, None))
    assert fit.result["scores"] == [2 / 3]
    net = ((1, 3), ("softmax",), "log_loss")
    y = np.array([0, 1, 2])
    fit = both(net, (np.zeros(6), X, y, None), settings, held_out=(X, y, None))
    assert fit.result["scores"] == [1 / 3]


# ---- numbers that run away ----


def runaway(**changes):
    net = ((3, 4, 1), ("identity", "identity"), "squared_error")
    settings = twin.settings_of(
        solver="sgd", learning_rate_init=1e3, max_iter=300, batch_size=10, **changes
    )
    return net, problem_for(net, 30), settings


def test_not_finite_stops_and_names_the_epoch():
    net, problem, settings = runaway()
    core = Fit(_core, net, problem, settings).run()
    expected = Fit(twin, net, problem, settings).run()
    assert core.result["stop"] == expected.result["stop"] == "not_finite"
    bad = core.result["first_bad_epoch"]
    assert bad == expected.result["first_bad_epoch"] == len(core.result["loss_curve"])
    assert bad == core.events[-1]["n_iter"] < 300
    assert not np.isfinite(core.theta).all()
    # The epoch before was the last with finite weights.
    fit = Fit(_core, net, problem, settings).run(max_iter=bad - 1)
    assert np.isfinite(fit.theta).all()
    assert fit.result["first_bad_epoch"] == 0
    assert fit.result["stop"] == "max_iter"


def test_not_finite_goes_on_under_early_stopping():
    # As scikit-learn's does: a score of NaN never counts as no improvement.
    net, problem, settings = runaway(tol=0.0)
    held_out = problem[1][:9], problem[2][:9], None
    core = Fit(_core, net, problem, settings, held_out=held_out).run()
    expected = Fit(twin, net, problem, settings, held_out=held_out).run()
    for key in ("stop", "first_bad_epoch", "no_improvement"):
        assert core.result[key] == expected.result[key]
    assert core.result["stop"] == "max_iter"
    assert 0 < core.result["first_bad_epoch"] < 300
    assert math.isnan(core.result["scores"][-1])
    assert len(core.result["scores"]) == 300


def test_best_parameters_stay_as_given_where_no_score_is_a_number():
    net, problem, settings = runaway()
    held_out = np.full((2, 3), np.inf), np.zeros((2, 1)), None
    fit = Fit(_core, net, problem, settings, held_out=held_out).run(max_iter=3)
    assert np.isnan(fit.result["scores"]).all()
    assert (fit.best == 7).all()
    assert fit.state["best_score"] == -math.inf


# ---- what is called at an epoch's end ----


def test_on_epoch_gets_plain_numbers():
    net = NETS["binary"]
    fit = Fit(_core, net, problem_for(net), twin.settings_of(max_iter=3)).run()
    assert [event["n_iter"] for event in fit.events] == [1, 2, 3]
    assert [event["loss"] for event in fit.events] == fit.result["loss_curve"]
    for event in fit.events:
        types = {key: type(value) for key, value in event.items()}
        assert types == {
            "n_iter": int,
            "loss": float,
            "score": type(None),
            "learning_rate": float,
            "event": str,
        }
    types = {key: type(value) for key, value in fit.result.items()}
    assert types == {
        "learning_rate": float,
        "n_updates": int,
        "n_seen": int,
        "no_improvement": int,
        "best_loss": float,
        "best_score": float,
        "loss_curve": list,
        "scores": list,
        "stop": str,
        "first_bad_epoch": int,
    }
    assert fit.result["scores"] == []


def test_exception_of_on_epoch_is_raised_with_whole_parameters():
    net = NETS["multi-class"]
    fit = Fit(_core, net, problem_for(net), twin.settings_of(batch_size=10))
    seen = []

    def stop(event):
        seen.append((event["n_iter"], fit.theta.copy()))
        if len(seen) == 3:
            raise LookupError("enough")

    fit.events = type("", (), {"append": staticmethod(stop)})
    with pytest.raises(LookupError, match="enough"):
        fit.run()
    three = Fit(_core, net, problem_for(net), fit.settings).run(max_iter=3)
    assert [n for n, _ in seen] == [1, 2, 3]
    assert fit.theta.tobytes() == three.theta.tobytes() == seen[-1][1].tobytes()
    assert fit.moments.tobytes() == three.moments.tobytes()


def test_keyboard_interrupt_of_on_epoch_ends_the_training():
    net = NETS["multi-class"]
    fit = Fit(_core, net, problem_for(net), twin.settings_of(batch_size=10))

    def stop(event):
        if event["n_iter"] == 3:
            raise KeyboardInterrupt

    fit.events = type("", (), {"append": staticmethod(stop)})
    result = fit.run().result
    assert result["stop"] == "interrupted"
    assert len(result["loss_curve"]) == 3
    three = Fit(_core, net, problem_for(net), fit.settings).run(max_iter=3)
    assert fit.theta.tobytes() == three.theta.tobytes()
    assert fit.state == three.state


def test_on_epoch_may_train_another_network():
    net = NETS["binary"]
    inner = Fit(_core, net, problem_for(net), twin.settings_of(max_iter=2))
    outer = Fit(_core, net, problem_for(net), twin.settings_of(max_iter=2))
    outer.events = type("", (), {"append": staticmethod(lambda event: inner.run())})
    outer.run()
    alone = Fit(_core, net, problem_for(net), twin.settings_of(max_iter=4)).run()
    assert inner.theta.tobytes() == alone.theta.tobytes()
