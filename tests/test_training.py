# SPDX-License-Identifier: BSD-3-Clause
"""Net.train against the twin, and the twin against scikit-learn.

Core and twin do the same operations in float64 and differ by the order of sums and the
last bits of exp and its like: 1e-15 of the largest gradient in a step. Some twenty
steps of training multiply that by what the network's own dynamics do to a disturbance
(a factor of a few per step at these learning rates would already diverge), and Adam by
g / sqrt(v) where a gradient nearly cancels. TOLERANCE, relative to the largest value of
an array, is five orders above the rounding and six below one wrong step.
"""

import itertools
import math
import warnings

import numpy as np
import pytest
import twin
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor

from nnfast import _core

pytestmark = pytest.mark.usefixtures("split_work")

TOLERANCE = 1e-10


class Fit:
    """One training: copies of its arrays, and what came out."""

    def __init__(self, module, net, problem, settings, *, held_out=None, bits=None):
        theta, self.X, self.y, self.weight = problem
        self.net = module.Net(*net)
        self.settings = settings
        self.theta = theta.copy()
        self.best = np.full_like(theta, 7) if held_out else None
        rows = 2 if settings["solver"] == "adam" else 1
        self.moments = np.zeros((rows, len(theta)), theta.dtype)
        self.held_out, self.bits = held_out, bits
        self.state, self.events = {}, []

    def run(self, **changes):
        with np.errstate(all="ignore"):  # the twin's arithmetic may overflow
            self.result = self.net.train(
                self.theta,
                self.moments,
                self.X,
                self.y,
                self.weight,
                self.settings | changes,
                self.state,
                self.held_out,
                self.best,
                self.bits,
                self.events.append,
            )
        self.state = twin.state_of(self.result)
        return self


def same(a, b, tolerance=TOLERANCE):
    scale = np.abs(b[np.isfinite(b)]).max(initial=np.finfo(b.dtype).tiny)
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


def check_same(core, expected, tolerance=TOLERANCE):
    same(core.theta, expected.theta, tolerance)
    same(core.moments, expected.moments, tolerance)
    if expected.best is not None:
        same(core.best, expected.best, tolerance)
    assert core.result.keys() == expected.result.keys()
    for key, value in expected.result.items():
        if isinstance(value, float | list):
            assert core.result[key] == pytest.approx(
                value, rel=tolerance, nan_ok=True
            ), key
        else:
            assert core.result[key] == value, key
    assert len(core.events) == len(expected.events)
    for a, b in zip(core.events, expected.events, strict=True):
        assert a.keys() == b.keys()
        assert (a["n_iter"], a["event"]) == (b["n_iter"], b["event"])
        for key in ("loss", "learning_rate", "score"):
            if b[key] is None:
                assert a[key] is None
            else:
                assert a[key] == pytest.approx(b[key], rel=tolerance, nan_ok=True)


def both(net, problem, settings, *, held_out=None, seed=None, tolerance=TOLERANCE):
    fits = [
        Fit(
            module,
            net,
            problem,
            settings,
            held_out=held_out,
            bits=None if seed is None else np.random.PCG64(seed),
        ).run()
        for module in (_core, twin)
    ]
    check_same(*fits, tolerance)
    if seed is not None:
        assert fits[0].bits.state == fits[1].bits.state
    return fits[0]


NETS = {
    "multi-class": ((6, 9, 4), ("relu", "softmax"), "log_loss"),
    "binary": ((5, 4, 3, 1), ("tanh", "silu", "logistic"), "log_loss"),
    "multi-label": ((7, 3), ("logistic",), "log_loss"),
    "squared": (
        (6, 5, 7, 4, 2),
        ("elu", "logistic", "mish", "identity"),
        "squared_error",
    ),
    "poisson": ((3, 8, 2), ("softplus", "exp"), "poisson"),
    "huber": ((20, 33, 1), ("gelu", "tanh"), "huber", 0.3),
    "brier": ((4, 17, 3), ("selu", "softmax"), "brier"),
}
SOLVERS = {
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "adam-odd": {"solver": "adam", "beta_1": 0.0, "beta_2": 0.5, "epsilon": 1e-3},
    "adam-ignores": {"solver": "adam", "learning_rate": "invscaling", "momentum": 0.1},
    "sgd": {"solver": "sgd", "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.01},
    "plain": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.01},
    "invscaling": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "learning_rate_init": 0.1,
        "power_t": 0.3,
    },
}
ROWS = 53


def problem_for(net, n=ROWS, dtype=np.float64, weighted=False, seed=0):
    theta, X, y, weight = twin.problem_of(net[0], net[1][-1], n, dtype, seed)
    return theta, X, y, weight if weighted else None


# ---- after n steps ----


@pytest.mark.parametrize("batch_size", [1, 7, 16, 52, 53, 200])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", NETS)
def test_three_epochs(name, solver, weighted, batch_size):
    settings = twin.settings_of(
        max_iter=1 if batch_size == 1 else 3,
        batch_size=batch_size,
        alpha=0.05,
        **SOLVERS[solver],
    )
    fit = both(NETS[name], problem_for(NETS[name], weighted=weighted), settings, seed=5)
    assert fit.result["stop"] == "max_iter"
    # It has moved: what is compared is not the start.
    assert np.abs(fit.theta - problem_for(NETS[name])[0]).max() > 1e-5


@pytest.mark.parametrize("activation", twin.activations)
def test_every_activation_trains(activation):
    net = ((4, 6, 5, 2), (activation, activation, "identity"), "squared_error")
    settings = twin.settings_of(max_iter=4, batch_size=10, learning_rate_init=0.01)
    both(net, problem_for(net), settings, seed=1)


@pytest.mark.parametrize("dropout", [(0.5,), (0.1,), (0.0,)])
@pytest.mark.parametrize("solver", ["adam", "nesterov"])
@pytest.mark.parametrize("name", ["multi-class", "huber"])
def test_dropout(name, solver, dropout):
    settings = twin.settings_of(
        max_iter=3,
        batch_size=20,
        dropout=dropout,
        dropout_seed=2**63 + 9,
        **SOLVERS[solver],
    )
    both(NETS[name], problem_for(NETS[name], weighted=True), settings, seed=2)


def test_dropout_of_several_layers():
    net = NETS["squared"]
    settings = twin.settings_of(
        max_iter=5, batch_size=20, dropout=(0.2, 0.0, 0.7), dropout_seed=1
    )
    both(net, problem_for(net), settings, seed=3)


def test_without_a_generator_rows_come_in_order():
    net = NETS["multi-class"]
    both(net, problem_for(net), twin.settings_of(max_iter=3, batch_size=10))


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("name", NETS)
def test_few_rows(name, n):
    settings = twin.settings_of(max_iter=3, batch_size=2, learning_rate_init=0.01)
    both(NETS[name], problem_for(NETS[name], n), settings, seed=3)


@pytest.mark.parametrize("solver", ["adam", "nesterov", "sgd"])
@pytest.mark.parametrize("name", NETS)
def test_float32_follows_float64(name, solver):
    """A step's gradient has errors of at most 64 eps of the largest gradient of a row.

    (See test_gradients.) 12 steps of sgd add up 12 such errors, each times the learning
    rate and, with momentum, 1 / (1 - 0.9): less than 12 * 64 eps * 0.1 of a gradient of
    about 10, or 100 eps of theta's largest value. Adam divides by sqrt(v): where a
    gradient cancels to a hundredth of its terms, the error is a hundred times that
    of sgd, relative to a step: with steps of 1e-3 the sum is again 100 eps.
    """
    settings = twin.settings_of(
        max_iter=4,
        batch_size=20,
        alpha=0.1,
        **SOLVERS[solver] | {"learning_rate_init": 1e-3},
    )
    single, double = (
        Fit(
            _core,
            NETS[name],
            problem_for(NETS[name], dtype=dtype, weighted=True),
            settings,
            bits=np.random.PCG64(1),
        ).run()
        for dtype in (np.float32, np.float64)
    )
    eps = float(np.finfo(np.float32).eps)
    assert single.theta.dtype == np.float32
    assert not np.array_equal(single.theta, double.theta.astype(np.float32))
    same(single.theta.astype(float), double.theta, 100 * eps)
    assert single.result["loss_curve"] == pytest.approx(
        double.result["loss_curve"], rel=100 * eps
    )


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_any_network_and_settings(data):
    """Corners that the lists above do not reach together."""
    draw = data.draw
    widths = tuple(draw(st.lists(st.integers(1, 20), min_size=2, max_size=5)))
    hidden = [draw(st.sampled_from(twin.activations)) for _ in widths[2:]]
    output, loss = draw(
        st.sampled_from(
            [
                ("identity", "squared_error"),
                ("softmax", "log_loss"),
                ("logistic", "log_loss"),
                ("softmax", "brier"),
                ("exp", "poisson"),
                ("softplus", "poisson"),
                ("tanh", "absolute_error"),
                ("gelu", "huber"),
                ("selu", "log_cosh"),
            ]
        )
    )
    net = (widths, (*hidden, output), loss, draw(st.floats(0.1, 2)))
    rates = st.sampled_from([0.0, 0.1, 0.5])
    changes = twin.settings_of(
        solver=draw(st.sampled_from(["adam", "sgd"])),
        learning_rate=draw(st.sampled_from(["constant", "invscaling", "adaptive"])),
        learning_rate_init=draw(st.sampled_from([1e-4, 1e-3, 1e-2])),
        nesterovs_momentum=draw(st.booleans()),
        momentum=draw(st.sampled_from([0.0, 0.5, 0.9])),
        alpha=draw(st.sampled_from([0.0, 1e-3, 1.0])),
        batch_size=draw(st.integers(1, 60)),
        max_iter=draw(st.integers(1, 4)),
        tol=draw(st.sampled_from([0.0, 1e-4, 10.0])),
        n_iter_no_change=draw(st.sampled_from([1, 2, math.inf])),
        dropout=draw(st.none() | st.tuples(*[rates] * len(hidden))),
        dropout_seed=draw(st.integers(0, 2**64 - 1)),
        score="accuracy" if loss in ("log_loss", "brier") else "r2",
        n_threads=draw(st.integers(1, 3)),
        advance_generator=draw(st.booleans()),
    )
    weighted = draw(st.booleans())
    theta, X, y, weight = problem_for(net, draw(st.integers(1, 60)), weighted=weighted)
    held_out = None
    if draw(st.booleans()) and len(X) > 5:
        held_out = (
            X[:5].copy(),
            y[:5].copy(),
            draw(st.sampled_from([None, np.arange(5.0)])),
        )
    both(
        net,
        (theta, X, y, weight),
        changes,
        held_out=held_out,
        seed=draw(st.none() | st.just(3)),
    )


# ---- the order of rows ----


def visits(n, epochs, bits, batch_size=1, advance_generator=False, seed_epochs=0):
    """The order in which the rows of one epoch, the last, were visited.

    One-hot rows: a row's step gives its own weight a velocity of -rate * (-1), which
    decays by the momentum with every later step. With a rate of 1e-12 all outputs stay
    at zero and the velocity's logarithm is the row's age.
    """
    momentum = 0.98
    net = _core.Net((n, 1), ("identity",), "squared_error")
    theta = np.zeros(n + 1)
    settings = twin.settings_of(
        solver="sgd",
        momentum=momentum,
        nesterovs_momentum=False,
        learning_rate_init=1e-12,
        alpha=0.0,
        batch_size=1,
        max_iter=1,
        n_iter_no_change=math.inf,
        advance_generator=advance_generator,
    )
    X, y = np.eye(n), np.ones((n, 1))
    velocities = []
    for max_iter in (epochs - 1, epochs):
        moments = np.zeros((1, n + 1))
        if max_iter:
            theta[:] = 0
            settings["max_iter"] = max_iter
            net.train(theta, moments, X, y, None, settings, {}, None, None, bits())
        velocities.append(moments[0, :n].copy())
    new = velocities[1] - momentum**n * velocities[0]
    ages = np.log(new / 1e-12) / math.log(momentum)
    assert abs(ages - ages.round()).max() < 0.1
    return np.argsort(-ages.round(), kind="stable")


GENERATORS = {
    "MT19937": lambda: np.random.MT19937(3),
    "legacy seed": lambda: np.random.RandomState(3)._bit_generator,
    "PCG64": lambda: np.random.PCG64(3),
    "Philox": lambda: np.random.Philox(3),
    "SFC64": lambda: np.random.SFC64(3),
}


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 31, 32, 33, 64, 255, 256, 257])
@pytest.mark.parametrize("generator", GENERATORS)
def test_order_is_that_of_the_legacy_shuffle(generator, n):
    shuffle = np.random.RandomState(GENERATORS[generator]()).shuffle
    order = np.arange(n)
    for epoch in (1, 2, 3):
        permutation = np.arange(n)
        shuffle(permutation)
        order = order[
            permutation
        ]  # a shuffle of the order before, as scikit-learn does
        assert visits(n, epoch, GENERATORS[generator]).tolist() == order.tolist()


def test_generator_ends_where_numpy_leaves_it():
    # Odd numbers of 32-bit words leave half a 64-bit output in the generator.
    net = NETS["binary"]
    for n, epochs in itertools.product((2, 3, 10, 53), (1, 2)):
        bits, expected = np.random.PCG64(1), np.random.PCG64(1)
        settings = twin.settings_of(max_iter=epochs, batch_size=1)
        Fit(_core, net, problem_for(net, n), settings, bits=bits).run()
        for _ in range(epochs):
            np.random.RandomState(expected).shuffle(np.arange(n))
        assert bits.state == expected.state


@pytest.mark.parametrize("batch_size", [ROWS, 1000])
def test_full_batch_needs_no_order(batch_size):
    net, untouched = NETS["squared"], np.random.PCG64(1)
    settings = twin.settings_of(max_iter=4, batch_size=batch_size)
    fits = {
        (bits is not None, advance): Fit(
            _core,
            net,
            problem_for(net),
            settings | {"advance_generator": advance},
            bits=bits,
        ).run()
        for bits, advance in [
            (None, False),
            (np.random.PCG64(1), False),
            (np.random.PCG64(1), True),
        ]
    }
    # Rows are taken in natural order whatever the generator does: the same bits.
    for fit in fits.values():
        assert fit.theta.tobytes() == fits[False, False].theta.tobytes()
    assert fits[True, False].bits.state == untouched.state
    for _ in range(4):
        np.random.RandomState(untouched).shuffle(np.arange(ROWS))
    assert fits[True, True].bits.state == untouched.state


# ---- sample weights ----


def test_batch_of_zero_weight_is_skipped():
    """No step, no loss, no rows: as if the batch were not there."""
    for name, solver in itertools.product(NETS, ("adam", "nesterov")):
        net = NETS[name]
        theta, X, y, weight = problem_for(net, 60, weighted=True)
        weight[20:40] = 0
        settings = twin.settings_of(
            max_iter=3, batch_size=20, dropout_seed=4, **SOLVERS[solver]
        )
        if len(net[0]) == 3:
            settings["dropout"] = (0.3,)
        with_zeros = both(net, (theta, X, y, weight), settings)
        kept = np.r_[0:20, 40:60]
        without = Fit(
            _core, net, (theta, X[kept], y[kept], weight[kept]), settings
        ).run()
        assert with_zeros.theta.tobytes() == without.theta.tobytes()
        assert with_zeros.moments.tobytes() == without.moments.tobytes()
        assert with_zeros.result["loss_curve"] == without.result["loss_curve"]
        assert with_zeros.state["n_updates"] == without.state["n_updates"] == 6
        assert with_zeros.state["n_seen"] == 3 * 60


def test_zero_weight_inside_a_batch():
    net = NETS["multi-class"]
    theta, X, y, weight = problem_for(net, weighted=True)
    weight[::3] = 0
    both(
        net, (theta, X, y, weight), twin.settings_of(max_iter=3, batch_size=20), seed=1
    )


def test_negative_weights_are_taken_as_they_are():
    net = NETS["squared"]
    theta, X, y, weight = problem_for(net, weighted=True)
    weight[::7] = -0.1
    both(
        net, (theta, X, y, weight), twin.settings_of(max_iter=3, batch_size=20), seed=1
    )


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


# ---- from call to call ----


@pytest.mark.parametrize("dropout", [None, (0.4, 0.0, 0.2)])
@pytest.mark.parametrize("solver", ["adam", "nesterov", "sgd", "invscaling"])
def test_many_calls_equal_one(solver, dropout):
    net = NETS["squared"]
    settings = twin.settings_of(
        batch_size=20, dropout=dropout, dropout_seed=8, tol=1e-3, **SOLVERS[solver]
    )
    one = Fit(_core, net, problem_for(net), settings).run(max_iter=9)
    many = Fit(_core, net, problem_for(net), settings)
    curve = []
    for epochs in (1, 5, 1, 2):
        curve += many.run(max_iter=epochs).result["loss_curve"]
    assert many.theta.tobytes() == one.theta.tobytes()
    assert many.moments.tobytes() == one.moments.tobytes()
    assert many.state == one.state
    assert curve == one.result["loss_curve"]


def test_calls_with_a_generator_begin_with_natural_order():
    # As partial_fit of scikit-learn: the order of an earlier call is not carried over.
    net = NETS["multi-class"]
    settings = twin.settings_of(batch_size=7, max_iter=1)
    fits = [
        Fit(module, net, problem_for(net), settings, bits=np.random.PCG64(1))
        for module in (_core, twin)
    ]
    for _ in range(4):
        check_same(*(fit.run() for fit in fits))


def test_patience_goes_on_between_calls():
    net = NETS["binary"]
    settings = twin.settings_of(tol=10.0, n_iter_no_change=6, max_iter=4)
    fits = [Fit(module, net, problem_for(net), settings) for module in (_core, twin)]
    stops = [[fit.run().result["stop"] for _ in range(3)] for fit in fits]
    assert stops[0] == stops[1] == ["max_iter", "no_improvement", "no_improvement"]
    check_same(*fits)


def test_state_and_settings_are_only_read():
    net = NETS["multi-class"]
    fit = Fit(_core, net, problem_for(net), twin.settings_of(max_iter=2)).run()
    state, settings = dict(fit.state), dict(fit.settings)
    arrays = [a.copy() for a in (fit.X, fit.y)]
    result = fit.run().result
    assert fit.settings == settings
    assert result["n_updates"] == 2 * state["n_updates"]
    assert all(
        np.array_equal(a, b) for a, b in zip(arrays, (fit.X, fit.y), strict=True)
    )


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


# ---- the twin is scikit-learn ----


def sklearn_problem(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(103, 5))
    y = X[:, 0] ** 2 + X[:, 1]
    return (
        X,
        {
            "binary": y > 0.7,
            "multi-class": np.digitize(y, [0, 1]),
            "multi-label": np.c_[y > 0.7, X[:, 2] > 0].astype(int),
            "squared": y,
            "squared-2": np.c_[y, X[:, 3]],
            "poisson": abs(y),
        }[kind],
        rng.uniform(0.1, 3, size=103),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"solver": "adam"},
        {"solver": "adam", "batch_size": 17, "early_stopping": True, "max_iter": 12},
        {"solver": "sgd", "batch_size": 17, "learning_rate": "invscaling"},
        {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.05},
        {
            "solver": "sgd",
            "learning_rate": "adaptive",
            "max_iter": 40,
            "tol": 1e-2,
            "n_iter_no_change": 2,
        },
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "kind", ["binary", "multi-class", "multi-label", "squared", "squared-2", "poisson"]
)
def test_twin_is_scikit_learn(kind, weighted, changes):
    """Same seed, same weights, same curves, same generator afterwards.

    1e-12: sums in another order (BLAS), a few epochs, as for TOLERANCE above.
    """
    X, y, weight = sklearn_problem(kind)
    weight = weight if weighted else None
    classify = kind.startswith(("binary", "multi"))
    cls, loss = (
        (MLPClassifier, {}) if classify else (MLPRegressor, {"loss": "squared_error"})
    )
    if kind == "poisson":
        loss = {"loss": "poisson"}
    theirs, ours = (np.random.RandomState(7) for _ in range(2))
    model = cls(
        hidden_layer_sizes=(7, 4),
        activation="tanh",
        alpha=0.01,
        random_state=theirs,
        **{"max_iter": 3} | loss | changes,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y, sample_weight=weight)

    # The weights and the split as scikit-learn draws them, then the twin.
    widths = (5, 7, 4, model.n_outputs_)
    theta = np.concatenate(
        [
            ours.uniform(-bound, bound, size)
            for d, h in itertools.pairwise(widths)
            for bound in [math.sqrt(6 / (d + h))]
            for size in (d * h, h)
        ]
    )
    target = y if kind == "multi-class" else y.reshape(103, -1).astype(float)
    rows, held_out, best = np.arange(103), None, None
    if model.early_stopping:
        stratify = y if kind == "binary" else None
        rows, held = train_test_split(
            rows, random_state=ours, test_size=0.1, stratify=stratify
        )
        held_out = X[held], target[held], None if weight is None else weight[held]
        best = theta.copy()
    settings = twin.settings_of(
        score="accuracy" if classify else "r2",
        advance_generator=True,
        batch_size=200 if model.batch_size == "auto" else model.batch_size,
        **{
            key: value
            for key, value in model.get_params().items()
            if key in twin.settings_of() and key != "batch_size"
        },
    )
    net = twin.Net(
        widths,
        ("tanh", "tanh", model.out_activation_),
        "log_loss" if classify else model.loss,
    )
    moments = np.zeros((2, net.size))[: 2 if model.solver == "adam" else 1]
    result = net.train(
        theta,
        moments,
        X[rows],
        target[rows],
        None if weight is None else weight[rows],
        settings,
        {},
        held_out,
        best,
        ours._bit_generator,
    )
    theta = theta if best is None else best
    expected = [
        a.ravel()
        for pair in zip(model.coefs_, model.intercepts_, strict=True)
        for a in pair
    ]
    same(theta, np.concatenate(expected), 1e-12)
    assert result["loss_curve"] == pytest.approx(model.loss_curve_, rel=1e-12)
    assert result["scores"] == pytest.approx(model.validation_scores_ or [], rel=1e-12)
    assert result["n_seen"] == model.t_
    assert result["no_improvement"] == model._no_improvement_count
    assert result["learning_rate"] == pytest.approx(
        model._optimizer.learning_rate, rel=1e-14
    )
    assert ours.randint(2**31) == theirs.randint(2**31)
