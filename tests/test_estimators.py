# SPDX-License-Identifier: BSD-3-Clause
"""What the estimators do beyond scikit-learn's numbers: see test_same_seed.py."""

import copy
import inspect
import math
import pickle
import signal
import sys
import threading
from itertools import pairwise

import joblib
import numpy as np
import pytest
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

import nnfast
from nnfast import MLPClassifier, MLPRegressor, _core, _lbfgs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.RandomState(0)
X = rng.normal(size=(90, 4))
y = rng.randint(0, 3, 90)
Y = rng.randint(0, 2, (90, 3))
t = X @ [1.0, -2.0, 0.5, 0.0]
SMALL = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0}
BOTH = [(MLPClassifier, y), (MLPRegressor, t)]


def equal(a, b):
    """Every weight of two estimators has the same bits."""
    for left, right in zip(
        a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(left, right)


# ---- the signature ----


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_signature_begins_with_scikit_learns(name):
    ours = inspect.signature(getattr(nnfast, name)).parameters
    theirs = inspect.signature(getattr(neural_network, name)).parameters
    shared = list(ours)[: len(theirs)]
    assert shared == list(theirs)
    for parameter in shared:
        assert ours[parameter].default == theirs[parameter].default
        assert ours[parameter].kind == theirs[parameter].kind
    for parameter in list(ours)[len(theirs) :]:
        assert ours[parameter].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_every_parameter_is_constrained_and_documented(estimator):
    parameters = set(inspect.signature(estimator).parameters)
    assert set(estimator._parameter_constraints) == parameters
    documentation = inspect.cleandoc(estimator.__doc__)
    for name in parameters:
        assert f"\n{name} : " in documentation


# ---- composition ----


@pytest.mark.parametrize(("estimator", "target"), BOTH)
def test_clone_and_repr(estimator, target):
    fitted = estimator(**SMALL, init="normal", init_scale=0.5).fit(X, target)
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    assert not hasattr(copied, "coefs_")
    assert "init_scale=0.5" in repr(copied)
    with pytest.raises(NotFittedError):
        copied.predict(X)


def test_pipeline_and_cross_validation_on_real_data():
    data, target = load_breast_cancer(return_X_y=True)
    network = MLPClassifier((8,), max_iter=60, learning_rate_init=0.01, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network)
    # The table is nearly separable: published accuracies lie between 0.95 and 0.98.
    assert cross_val_score(pipeline, data, target, cv=3).min() > 0.93


def test_regression_on_real_data():
    data, target = load_diabetes(return_X_y=True)
    network = MLPRegressor(
        hidden_layer_sizes=(5,), solver="lbfgs", alpha=10, random_state=0, max_iter=100
    )
    # A linear model explains about 0.48 of the variance held out.
    scores = cross_val_score(network, scale(data), scale(target), cv=3)
    assert scores.mean() > 0.4


# ---- saving ----


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize(("estimator", "target"), BOTH)
@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda fitted: pickle.loads(pickle.dumps(fitted))],
    ids=["deepcopy", "pickle"],
)
def test_a_copy_goes_on_as_the_original_would(estimator, target, solver, copied):
    fitted = estimator(**SMALL, solver=solver).fit(X, target)
    twin = copied(fitted)
    equal(fitted, twin)
    assert not any(map(np.shares_memory, fitted.coefs_, twin.coefs_))
    assert all(np.shares_memory(array, twin._parameters) for array in twin.coefs_)
    np.testing.assert_array_equal(twin.predict(X), fitted.predict(X))
    if solver != "lbfgs":
        equal(fitted.partial_fit(X, target), twin.partial_fit(X, target))


def test_a_pickle_holds_the_weights_once():
    wide = {**SMALL, "hidden_layer_sizes": (2000,), "max_iter": 1}
    for solver, copies in {"lbfgs": 1, "sgd": 2, "adam": 3}.items():
        fitted = MLPClassifier(**{**wide, "solver": solver}).fit(X, y)
        weights = sum(a.nbytes for a in fitted.coefs_ + fitted.intercepts_)
        # The rest, mostly the state of a generator, is a few kilobytes.
        assert len(pickle.dumps(fitted)) < copies * weights + 10_000


def test_a_memory_mapped_model_predicts_and_goes_on(tmp_path):
    fitted = MLPClassifier(**SMALL).fit(X, y)
    joblib.dump(fitted, tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    np.testing.assert_array_equal(mapped.predict_proba(X), fitted.predict_proba(X))
    equal(mapped.partial_fit(X, y), fitted.partial_fit(X, y))


# ---- coefs_ belongs to the user ----


def test_what_is_written_into_coefs_is_what_is_used():
    fitted = MLPRegressor(**SMALL, activation="identity").fit(X, t)
    for array in fitted.coefs_ + fitted.intercepts_:
        array[...] = 0
    fitted.intercepts_[-1][...] = 7
    np.testing.assert_array_equal(fitted.predict(X), np.full(len(X), 7.0))


@pytest.mark.parametrize("partly", [True, False])
def test_what_is_assigned_to_coefs_is_what_is_used(partly):
    fitted = MLPRegressor(**SMALL).fit(X, t)
    other = MLPRegressor(**{**SMALL, "random_state": 1}).fit(X, t)
    if partly:
        for name in ("coefs_", "intercepts_"):
            for i in range(2):
                getattr(fitted, name)[i] = getattr(other, name)[i].copy()
    else:
        fitted.coefs_ = [array.copy() for array in other.coefs_]
        fitted.intercepts_ = tuple(array.copy() for array in other.intercepts_)
    np.testing.assert_array_equal(fitted.predict(X), other.predict(X))
    saved = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(saved.predict(X), other.predict(X))

    assigned = fitted.coefs_[0].copy()
    fitted._optimizer = copy.deepcopy(other._optimizer)
    other.set_params(random_state=0)
    equal(fitted.partial_fit(X, t), other.partial_fit(X, t))
    assert not np.array_equal(fitted.coefs_[0], assigned)


@pytest.mark.parametrize("go_on", ["partial_fit", "fit"])
def test_going_on_writes_into_the_memory_that_the_user_sees(go_on):
    fitted = MLPClassifier(**SMALL, warm_start=True).fit(X, y)
    seen = fitted.coefs_[0]
    before = seen.copy()
    getattr(fitted, go_on)(X, y)
    assert fitted.coefs_[0] is seen
    assert not np.array_equal(seen, before)


def test_a_new_fit_leaves_the_old_memory_alone():
    fitted = MLPClassifier(**SMALL).fit(X, y)
    seen, before = fitted.coefs_[0], fitted.coefs_[0].copy()
    fitted.set_params(random_state=1).fit(X, y)
    assert fitted.coefs_[0] is not seen
    np.testing.assert_array_equal(seen, before)


# ---- types ----


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize(("estimator", "target"), BOTH)
def test_the_type_of_x_decides(estimator, target, solver):
    target = target.astype(float)
    for dtype in (np.float32, np.float64):
        fitted = estimator(**SMALL, solver=solver).fit(X.astype(dtype), target)
        assert {a.dtype for a in fitted.coefs_ + fitted.intercepts_} == {
            np.dtype(dtype)
        }
    single = estimator(**SMALL, solver=solver).fit(X.astype(np.float32), target)
    # Some 20 steps from weights near 1, each off by a few float32 roundings (6e-8).
    for a, b in zip(single.coefs_, fitted.coefs_, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    assert estimator(**SMALL).fit((10 * X).astype(int), target).coefs_[0].dtype == "f8"


def test_predictions_have_the_type_of_the_product_of_x_and_coefs():
    for model in (np.float32, np.float64):
        fitted = MLPRegressor(**SMALL).fit(X.astype(model), t)
        for dtype in (np.float32, np.float64, int):
            data = X.astype(dtype)
            predicted = fitted.predict(data)
            assert predicted.dtype == (data @ fitted.coefs_[0]).dtype


@pytest.mark.parametrize(
    "layout",
    [np.asfortranarray, lambda X: X[::-1][::-1], lambda X: X.astype(">f8"), list],
)
def test_the_layout_of_x_does_not_matter(layout):
    equal(
        MLPClassifier(**SMALL).fit(X, y), MLPClassifier(**SMALL).fit(layout(X), list(y))
    )


# ---- the options that scikit-learn lacks ----


@pytest.mark.parametrize("activation", _core.activations)
def test_every_activation_trains(activation):
    settings = {**SMALL, "hidden_layer_sizes": (5, 4), "max_iter": 30}
    alone = MLPRegressor(**settings, activation=activation, init="lecun_normal")
    alone.fit(X, t)
    assert alone.loss_curve_[-1] < alone.loss_curve_[0]
    listed = clone(alone).set_params(activation=[activation] * 2).fit(X, t)
    equal(alone, listed)


def test_activations_differ_by_layer():
    settings = {**SMALL, "hidden_layer_sizes": (5, 4)}
    mixed = MLPRegressor(**settings, activation=["logistic", "identity"]).fit(X, t)
    (W1, W2, W3), (b1, b2, b3) = mixed.coefs_, mixed.intercepts_
    by_hand = ((1 / (1 + np.exp(-X @ W1 - b1))) @ W2 + b2) @ W3 + b3
    # Sums of five terms of order one.
    np.testing.assert_allclose(mixed.predict(X), by_hand.ravel(), rtol=1e-12)


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "log_cosh", "poisson"]
)
def test_every_regression_loss_trains(loss):
    target = np.exp(t / 4)
    network = MLPRegressor(loss, (8,), solver="lbfgs", random_state=0, max_iter=100)
    assert network.fit(X, target).score(X, target) > 0.9
    assert network.out_activation_ == ("exp" if loss == "poisson" else "identity")


def test_huber_with_a_large_delta_is_squared_error():
    squared = MLPRegressor(**SMALL).fit(X, t)
    huber = MLPRegressor("huber", **SMALL, huber_delta=1e6).fit(X, t)
    for a, b in zip(squared.coefs_, huber.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_output_activation():
    network = MLPRegressor(**SMALL, output_activation="logistic").fit(X, t)
    assert network.out_activation_ == "logistic"
    assert np.all((network.predict(X) > 0) & (network.predict(X) < 1))
    network = MLPRegressor("poisson", **SMALL, output_activation="softplus")
    assert np.all(network.fit(X, np.exp(t)).predict(X) > 0)


@pytest.mark.parametrize("target", [y > 0, y, Y], ids=["binary", "multi", "labels"])
def test_squared_error_of_probabilities(target):
    network = MLPClassifier((8,), loss="squared_error", max_iter=200, random_state=0)
    network.set_params(learning_rate_init=0.05, alpha=0).fit(X, target)
    assert network.loss_curve_[-1] < network.loss_curve_[0]
    # The loss of full batches is half the squared distance before the last update,
    # which moves a probability by far less than a hundredth.
    if target.ndim == 2:
        truth, p = target, network.predict_proba(X)
    elif network.n_outputs_ == 1:
        truth, p = target[:, None], network.predict_proba(X)[:, 1:]
    else:
        truth, p = np.eye(3)[target], network.predict_proba(X)
    half = ((p - truth) ** 2).sum(axis=1).mean() / 2
    assert network.loss_ == pytest.approx(half, abs=0.01)


DEVIATIONS = {
    "glorot_normal": lambda d, h: math.sqrt(2 / (d + h)),
    "he_normal": lambda d, h: math.sqrt(2 / d),
    "lecun_normal": lambda d, h: math.sqrt(1 / d),
    "normal": lambda d, h: 0.3,
}
BOUNDS = {
    "auto": lambda d, h: math.sqrt(6 / (d + h)),
    "glorot_uniform": lambda d, h: math.sqrt(6 / (d + h)),
    "he_uniform": lambda d, h: math.sqrt(6 / d),
}


def initial(init, **settings):
    """The weights before the first step: one of a size that changes nothing."""
    wide = np.zeros((2, 100))
    network = MLPRegressor(
        hidden_layer_sizes=(200, 50),
        init=init,
        solver="sgd",
        learning_rate_init=1e-300,
        max_iter=1,
        random_state=0,
        **settings,
    )
    return network.fit(wide, np.zeros((2, 40)))


@pytest.mark.parametrize("init", DEVIATIONS)
def test_normal_initialisations(init):
    network = initial(init, **({"init_scale": 0.3} if init == "normal" else {}))
    for W, (d, h) in zip(network.coefs_, pairwise((100, 200, 50, 40)), strict=True):
        # The relative error of a standard deviation from n draws is 1 / sqrt(2 n).
        assert W.std() == pytest.approx(
            DEVIATIONS[init](d, h), rel=5 / math.sqrt(2 * d * h)
        )
    assert not np.concatenate(network.intercepts_).any()


@pytest.mark.parametrize("init", BOUNDS)
def test_uniform_initialisations(init):
    network = initial(init)
    for W, (d, h) in zip(network.coefs_, pairwise((100, 200, 50, 40)), strict=True):
        bound = BOUNDS[init](d, h)
        # All of n draws below (1 - x) bound has probability exp(-n x): 1e-9 here.
        assert bound * (1 - 21 / (d * h)) < np.abs(W).max() <= bound
    assert np.concatenate(network.intercepts_).any() == (init == "auto")


def test_auto_scales_each_layer_for_its_activation():
    network = initial("auto", activation=["logistic", "relu"])
    widths = (100, 200, 50, 40)
    factors = (2, 6, 6)  # the output layer follows the last hidden one
    for W, (d, h), factor in zip(network.coefs_, pairwise(widths), factors):
        bound = math.sqrt(factor / (d + h))
        assert bound * (1 - 21 / (d * h)) < np.abs(W).max() <= bound


def test_zeros_break_no_symmetry():
    network = MLPClassifier((5,), init="zeros", random_state=0, max_iter=5).fit(X, y)
    assert not np.ptp(network.coefs_[0], axis=1).any()


def test_initial_weights_that_are_given():
    start = MLPClassifier(**SMALL).fit(X, y)
    again = MLPClassifier(**SMALL, init=(start.coefs_, start.intercepts_)).fit(X, y)
    kept = MLPClassifier(**SMALL).fit(X, y).set_params(warm_start=True)
    # Neither draws weights: both shuffle from the start of the generator.
    equal(again, kept.fit(X, y))
    equal(start, MLPClassifier(**SMALL).fit(X, y))  # what was given is not trained


def test_class_weight_does_not_enter_the_validation_score():
    settings = {**SMALL, "early_stopping": True, "max_iter": 1}
    weighted = MLPClassifier(**settings, class_weight={0: 100.0, 1: 1.0, 2: 1.0})
    weighted.fit(X, y)
    # Accuracy of 9 rows of equal weight.
    assert weighted.best_validation_score_ * 9 == pytest.approx(
        round(weighted.best_validation_score_ * 9)
    )


def test_dropout():
    settings = {**SMALL, "hidden_layer_sizes": (20, 10), "max_iter": 20}
    plain = MLPClassifier(**settings).fit(X, y)
    equal(plain, MLPClassifier(**settings, dropout=[0.0, 0.0]).fit(X, y))
    dropped = MLPClassifier(**settings, dropout=0.5).fit(X, y)
    equal(dropped, MLPClassifier(**settings, dropout=(0.5, 0.5)).fit(X, y))
    assert not np.array_equal(dropped.coefs_[0], plain.coefs_[0])
    np.testing.assert_array_equal(dropped.predict_proba(X), dropped.predict_proba(X))
    first = MLPClassifier(**settings, dropout=[0.5, 0.0]).fit(X, y)
    assert not np.array_equal(first.coefs_[0], dropped.coefs_[0])


def test_dropout_draws_from_the_generator_only_when_it_acts():
    ends = []
    for dropout in (0.0, [0.0], 0.3):
        generator = np.random.RandomState(0)
        # Without shuffling, which may bring two generators to the same place again.
        settings = {**SMALL, "random_state": generator, "shuffle": False}
        MLPClassifier(**settings, dropout=dropout).fit(X, y)
        ends.append(generator.randint(2**31))
    assert ends[0] == ends[1] != ends[2]


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fits_drop_as_one_fit_does(solver):
    settings = {**SMALL, "solver": solver, "shuffle": False, "dropout": 0.5}
    whole = MLPRegressor(**settings).fit(X, t)
    parts = MLPRegressor(**settings)
    for _ in range(SMALL["max_iter"]):
        parts.partial_fit(X, t)
    equal(whole, parts)


# ---- classifiers ----


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_one_class_has_one_column(solver):
    network = MLPClassifier(**SMALL, solver=solver).fit(X, np.full(len(X), "only"))
    np.testing.assert_array_equal(network.classes_, ["only"])
    np.testing.assert_array_equal(network.predict(X), np.full(len(X), "only"))
    np.testing.assert_array_equal(network.predict_proba(X), np.ones((len(X), 1)))
    np.testing.assert_array_equal(network.predict_log_proba(X), np.zeros((len(X), 1)))


@pytest.mark.parametrize("target", [y > 0, y, Y], ids=["binary", "multi", "labels"])
def test_log_probabilities_are_finite(target):
    network = MLPClassifier(**SMALL).fit(X, target)
    np.testing.assert_allclose(
        network.predict_log_proba(X), np.log(network.predict_proba(X)), rtol=1e-12
    )
    far = 1e5 * X
    log_p, p = network.predict_log_proba(far), network.predict_proba(far)
    assert (p == 0).any()
    assert np.isfinite(log_p).all()
    np.testing.assert_array_equal(log_p[p == 0] < -30, True)


def test_partial_fit_hides_from_lbfgs():
    assert hasattr(MLPClassifier(), "partial_fit")
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit")


def test_lbfgs_prints_where_scipy_lets_it(monkeypatch):
    monkeypatch.setattr("scipy.__version__", "1.14.1")
    assert [_lbfgs._verbosity(verbose) for verbose in (False, True, 2)] == [
        {"iprint": -1},
        {"iprint": 1},
        {"iprint": 1},
    ]
    monkeypatch.setattr("scipy.__version__", "1.15.0")
    assert _lbfgs._verbosity(True) == {}


# ---- interruption ----


class Interrupting:
    """A standard output at which somebody presses Ctrl-C after some lines."""

    def __init__(self, lines):
        self.left = lines

    def write(self, text):
        self.left -= text.count("\n")
        if self.left == 0:
            self.left = -1
            signal.raise_signal(signal.SIGINT)

    def flush(self):
        pass


@pytest.mark.parametrize(("estimator", "target"), BOTH)
def test_ctrl_c_keeps_the_epochs_so_far(estimator, target, monkeypatch):
    settings = {**SMALL, "tol": 0.0, "n_iter_no_change": np.inf}
    network = estimator(**{**settings, "max_iter": 1000}, verbose=True)
    monkeypatch.setattr(sys, "stdout", Interrupting(4))
    with pytest.warns(UserWarning, match=r"^Training interrupted by user\.$"):
        network.fit(X, target)
    # The core may take up to one poll to notice, a few tiny epochs at most.
    assert 4 <= network.n_iter_ < 1000
    stopped = clone(network).set_params(max_iter=network.n_iter_, verbose=False)
    equal(network, stopped.fit(X, target))
    assert np.isfinite(network.loss_)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_in_the_middle_of_training(early_stopping):
    network = MLPClassifier(
        (50,),
        max_iter=10**9,
        tol=0.0,
        n_iter_no_change=np.inf,
        early_stopping=early_stopping,
        random_state=0,
    )
    # Once in short, so that no import is left for the signal to hit.
    clone(network).set_params(max_iter=1).fit(X, y)
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.warns(UserWarning, match=r"^Training interrupted by user\.$"):
        network.fit(X, y)
    timer.join()
    assert np.isfinite(network.predict_proba(X)).all()
    network.set_params(max_iter=2, warm_start=True).fit(X, y)


def test_ctrl_c_in_the_first_epoch(monkeypatch):
    class Interrupted:
        def __init__(self, net):
            self.net = net

        def train(self, theta, *args, settings, state, **more):
            return {**state, "loss_curve": [], "scores": [], "stop": "interrupted"}

    build = MLPClassifier._network
    monkeypatch.setattr(
        MLPClassifier, "_network", lambda *args: Interrupted(build(*args))
    )
    network = MLPClassifier(**SMALL)
    with pytest.warns(UserWarning, match="interrupted"):
        network.fit(X, y)
    monkeypatch.undo()
    assert network.n_iter_ == 0
    assert network.loss_curve_ == []
    assert np.isfinite(network.predict_proba(X)).all()


def test_ctrl_c_passes_through_lbfgs(monkeypatch):
    network = MLPRegressor(**SMALL, solver="lbfgs").fit(X, t)
    before = joblib.hash(vars(network))

    def interrupted(*args, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("scipy.optimize.minimize", interrupted)
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, t + 1)
    monkeypatch.undo()
    assert joblib.hash(vars(network)) == before
