# SPDX-License-Identifier: BSD-3-Clause
"""Each row of docs/differences.md: scikit-learn really does the one, nnfast the other.

A row's anchor is the name of its test, with hyphens. What scikit-learn does is
asserted too, so that a row goes when a release of scikit-learn makes it untrue.
"""

import copy
import pickle
import re
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context, neural_network
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning

import nnfast

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # NumPy's, in scikit-learn
]

PAGE = Path(__file__).parents[1] / "docs" / "differences.md"
STOCHASTIC = ["sgd", "adam"]

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 3))
labels = rng.randint(0, 3, 60)
t = X @ [1.0, -2.0, 0.5]
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}


def classifier(library, **settings):
    return library.MLPClassifier(**{**SMALL, **settings})


def regressor(library, **settings):
    return library.MLPRegressor(**{**SMALL, **settings})


def test_the_page_and_the_tests_have_the_same_rows():
    rows = re.findall(r'^\| <a id="(.*?)"></a>', PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    tests = {name[5:].replace("_", "-") for name in globals() if name[:5] == "test_"}
    assert tests == {*rows, "the-page-and-the-tests-have-the-same-rows"}


# ---- numbers ----


def test_float32_input():
    theirs, ours = (
        regressor(library).fit(X.astype(np.float32), t, np.ones(60))
        for library in (neural_network, nnfast)
    )
    # The weights are drawn as float32, but the optimizer's moments are float64.
    assert theirs._optimizer.ms[0].dtype == np.float64
    assert ours._optimizer.moments.dtype == np.float32
    assert {W.dtype for W in ours.coefs_} == {np.dtype(np.float32)}
    large = t * 1e40
    regressor(neural_network).fit(X.astype(np.float32), large)
    with pytest.raises(ValueError, match=r"^y contains .* too large for float32"):
        regressor(nnfast).fit(X.astype(np.float32), large)


def test_lbfgs_in_float32():
    single = X.astype(np.float32)
    for library, dtype in ((neural_network, np.float64), (nnfast, np.float32)):
        fitted = regressor(library, solver="lbfgs").fit(single, t)
        assert {W.dtype for W in fitted.coefs_} == {np.dtype(dtype)}
        assert fitted.predict(single).dtype == dtype


@pytest.mark.parametrize(
    "y", [labels > 0, labels, rng.randint(0, 2, (60, 3))], ids=["2", "3", "labels"]
)
def test_saturated_log_probabilities(y):
    theirs = classifier(neural_network).fit(X, y).predict_log_proba(1e5 * X)
    fitted = classifier(nnfast).fit(X, y)
    ours = fitted.predict_log_proba(1e5 * X)
    assert np.isneginf(theirs).any()
    assert np.isfinite(ours).all()
    assert (fitted.predict_proba(1e5 * X) == 0).any()
    known = np.isfinite(theirs)
    # Sums of a few terms near 1e5 in another order: 1e5 · 1e-16, times a margin.
    np.testing.assert_allclose(ours[known], theirs[known], rtol=1e-9, atol=1e-9)


def test_one_class():
    for library, columns in ((neural_network, 2), (nnfast, 1)):
        fitted = classifier(library).fit(X, np.zeros(60, int))
        assert len(fitted.classes_) == 1
        assert fitted.predict_proba(X).shape == (60, columns)


def test_arithmetic_warnings():
    predictions, warned = [], []
    for library in (neural_network, nnfast):
        network = regressor(library, loss="poisson").fit(X, abs(t))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            predictions.append(network.predict(1e6 * X))
        warned.append({warning.category for warning in caught})
    assert np.isinf(predictions[0]).any()
    np.testing.assert_array_equal(np.isinf(predictions[0]), np.isinf(predictions[1]))
    assert warned == [{RuntimeWarning}, set()]


def test_full_batch_order():
    results = []
    for library in (neural_network, nnfast):
        start = regressor(library, solver="sgd", learning_rate_init=0.5).fit(X, t)
        epochs = [
            copy.deepcopy(start).set_params(random_state=seed).partial_fit(X, t)
            for seed in range(10)
        ]
        results.append([np.concatenate(fitted.coefs_, axis=None) for fitted in epochs])
    theirs, ours = (np.unique(weights, axis=0) for weights in results)
    assert len(theirs) > 1
    assert len(ours) == 1
    # One step from the same weights: a few roundings apart.
    np.testing.assert_allclose(theirs, np.repeat(ours, len(theirs), 0), rtol=1e-10)


def test_subnormal_numbers():
    for library, expected in ((neural_network, 1e-310), (nnfast, 0.0)):
        fitted = regressor(library, hidden_layer_sizes=()).fit([[1.0], [2.0]], [1, 2])
        fitted.coefs_[0][:], fitted.intercepts_[0][:] = 1e-310, 0
        assert fitted.predict([[1.0]]) == expected


# ---- data and parameters ----


@pytest.mark.parametrize("solver", STOCHASTIC)
def test_weightless_batch(solver):
    weight = np.repeat([0.0, 1.0, 0.0], 20)
    settings = {"solver": solver, "batch_size": 20, "shuffle": False}
    with pytest.raises(ZeroDivisionError):
        classifier(neural_network, **settings).fit(X, labels, weight)
    skipped = classifier(nnfast, **settings).fit(X, labels, weight)
    # So that fit makes one step an epoch, with the 20 rows.
    alone = classifier(neural_network, **settings).fit(X[20:40], labels[20:40])
    for a, b in zip(skipped.coefs_, alone.coefs_, strict=True):
        # Three steps from weights near one.
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("solver", [*STOCHASTIC, "lbfgs"])
def test_weightless_row(solver):
    weight, outlier = np.r_[0.0, np.ones(59)], X.copy()
    outlier[0] = [1e5, 1e5, 1e5]
    settings = {"loss": "poisson", "solver": solver, "activation": "identity"}
    theirs = regressor(neural_network, **settings)
    if solver == "lbfgs":
        assert np.isnan(theirs.fit(outlier, abs(t), weight).loss_)
    else:
        with pytest.raises(ValueError, match="non-finite"):
            theirs.fit(outlier, abs(t), weight)
    fitted = regressor(nnfast, **settings).fit(outlier, abs(t), weight)
    assert np.isfinite(fitted.loss_)
    # The outlier has no part in it.
    alone = regressor(nnfast, **settings).fit(X, abs(t), weight)
    np.testing.assert_array_equal(fitted.coefs_[0], alone.coefs_[0])


@pytest.mark.parametrize("solver", [*STOCHASTIC, "lbfgs"])
def test_cancelling_weights(solver):
    weight = np.repeat([1.0, -1.0], 30)
    with pytest.raises(ZeroDivisionError):
        regressor(neural_network, solver=solver).fit(X, t, weight)
    with pytest.raises(ValueError, match="must not sum to zero"):
        regressor(nnfast, solver=solver).fit(X, t, weight)
    if solver != "lbfgs":  # no batch of 15 sums to zero; with 2, the first does
        small = {"solver": solver, "shuffle": False, "batch_size": 15}
        regressor(neural_network, **small).fit(X, t, weight)
        with pytest.raises(ValueError, match="must not sum to zero"):
            regressor(nnfast, **small).fit(X, t, weight)
        small["batch_size"], weight[1] = 2, -1
        with pytest.raises(ZeroDivisionError):
            regressor(neural_network, **small).fit(X, t, weight)
        with pytest.raises(ValueError, match="non-finite parameter weights"):
            regressor(nnfast, **small).fit(X, t, weight)


def test_negative_poisson_targets():
    assert np.isnan(regressor(neural_network, loss="poisson").fit(X, t).loss_)
    with pytest.raises(
        ValueError, match=r"^y must not be negative with loss='poisson'"
    ):
        regressor(nnfast, loss="poisson").fit(X, t)


@pytest.mark.parametrize("dtype", [str, "datetime64[s]"])
def test_text_targets(dtype):
    y = np.arange(60).astype(dtype)
    with pytest.raises(TypeError, match="subtract"):
        regressor(neural_network).fit(X, y)
    with pytest.raises(ValueError, match=r"^y must hold real numbers; got dtype "):
        regressor(nnfast).fit(X, y)


def test_sparse_targets():
    y = np.c_[t, -t]
    with pytest.raises(np.linalg.LinAlgError):
        regressor(neural_network).fit(X, sparse.csr_matrix(y))
    dense = regressor(nnfast).fit(X, y)
    theirs = regressor(neural_network).fit(X, sparse.csr_array(y))
    for container in (sparse.csr_array, sparse.csr_matrix):
        ours = regressor(nnfast).fit(X, container(y))
        np.testing.assert_array_equal(ours.coefs_[0], dense.coefs_[0])
        # Three steps from weights near one.
        np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], atol=1e-12)


@pytest.mark.parametrize("sizes", [(2.5,), [[2, 3]], True])
def test_fractional_widths(sizes):
    with pytest.raises(TypeError) as caught:
        regressor(neural_network, hidden_layer_sizes=sizes).fit(X, t)
    assert "hidden_layer_sizes" not in str(caught.value)
    with pytest.raises(TypeError, match=r"^hidden_layer_sizes must hold integers"):
        regressor(nnfast, hidden_layer_sizes=sizes).fit(X, t)


@pytest.mark.parametrize("width", [2**24, 2**62])
def test_too_many_weights(width):
    sizes = (width, width)
    with pytest.raises((MemoryError, ValueError), match=r"Unable to allocate|too big"):
        regressor(neural_network, hidden_layer_sizes=sizes).fit(X, t)
    with pytest.raises(MemoryError, match=r"^hidden_layer_sizes=.* needs \d+ bytes"):
        regressor(nnfast, hidden_layer_sizes=sizes).fit(X, t)


@pytest.mark.parametrize("bad", [{"alpha": -1.0}, {"batch_size": -5}, {"tol": -0.1}])
def test_unvalidated_parameters(bad):
    with config_context(skip_parameter_validation=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            regressor(neural_network, **bad).fit(X, t)
        (name,) = bad
        with pytest.raises(ValueError, match=name):
            regressor(nnfast, **bad).fit(X, t)


def test_assigned_weights():
    def predict(library, weights):
        fitted = regressor(library).fit(X, t)
        fitted.coefs_[0] = weights
        return fitted.predict(X)

    assert np.isnan(predict(neural_network, np.full((3, 4), np.nan))).all()
    assert np.iscomplexobj(predict(neural_network, np.full((3, 4), 1j)))
    with pytest.raises(ValueError, match="mismatch in its core dimension"):
        predict(neural_network, np.ones((4, 3)))
    for weights, words in {
        "contains NaN or infinity": np.full((3, 4), np.nan),
        "must hold real numbers": np.full((3, 4), 1j),
        r"must have shape \(3, 4\)": np.ones((4, 3)),
    }.items():
        with pytest.raises(ValueError, match=rf"^coefs_\[0\] {weights}"):
            predict(nnfast, words)


def test_assigned_attributes():
    for name, value, error in [
        ("out_activation_", "sine", KeyError),
        ("best_loss_", "low", TypeError),
        ("loss_curve_", 3, AttributeError),
    ]:
        for library, expected in ((neural_network, error), (nnfast, ValueError)):
            fitted = classifier(library).fit(X, labels)
            setattr(fitted, name, value)
            with pytest.raises(expected) as caught:
                fitted.partial_fit(X, labels)
        assert str(caught.value).startswith(f"{name} must be ")
    for library in (neural_network, nnfast):
        fitted = classifier(library).fit(X, labels)
        fitted.classes_ = fitted.classes_[:2]
        if library is neural_network:
            assert set(fitted.predict(X)) <= set(labels)
        else:
            with pytest.raises(ValueError, match=r"^classes_ must be an array of the"):
                fitted.predict(X)


def test_broken_sparse_matrix():
    """The one kind of it that scikit-learn survives on every system."""
    broken = sparse.csr_array(X)
    broken.indices = broken.indices.astype(float)
    classifier(neural_network).fit(broken, labels)
    with pytest.raises(ValueError, match=r"^X\.indices must hold integers"):
        classifier(nnfast).fit(broken, labels)


# ---- going on ----


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("solver", "sizes", "error"),
    [
        *((solver, (4, 4), TypeError) for solver in STOCHASTIC),
        *((solver, (), IndexError) for solver in STOCHASTIC),
        ("lbfgs", (6,), ValueError),
        ("lbfgs", (2,), None),  # writes where SciPy has no memory: not tried
    ],
)
def test_another_depth(solver, sizes, error, method):
    def go_on(library):
        network = regressor(library, solver=solver, warm_start=True).fit(X, t)
        getattr(network.set_params(hidden_layer_sizes=sizes), method)(X, t)
        return network

    if error is not None:
        with pytest.raises(error) as caught:
            go_on(neural_network)
        assert "hidden_layer_sizes" not in str(caught.value)
    with pytest.raises(ValueError, match=r"^hidden_layer_sizes=.* differs from the"):
        go_on(nnfast)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("solver", [*STOCHASTIC, "lbfgs"])
def test_another_number_of_outputs(solver, method):
    def go_on(library, first, second):
        network = regressor(library, solver=solver, warm_start=True).fit(X, first)
        return getattr(network, method)(X, second)

    two = np.c_[t, -t]
    with pytest.raises(ValueError, match=r"mismatch|could not be broadcast"):
        go_on(neural_network, t, two)
    if solver != "lbfgs":
        network = go_on(neural_network, two, t)
        assert network.n_outputs_ == 1
        assert network.predict(X).shape == (60, 2)
    with pytest.raises(ValueError, match=r"^y has 2 outputs, .* fitted with 1"):
        go_on(nnfast, t, two)
    with pytest.raises(ValueError, match=r"^y has 1 outputs, .* fitted with 2"):
        go_on(nnfast, two, t)


@pytest.mark.parametrize("solver", STOCHASTIC)
def test_another_output(solver):
    def go_on(library):
        network = regressor(library, solver=solver, warm_start=True).fit(X, abs(t))
        return network.set_params(loss="poisson").fit(X, abs(t))

    network = go_on(neural_network)
    assert network.out_activation_ == "identity"
    assert np.isnan(network.loss_)
    with pytest.raises(ValueError, match=r"^loss='poisson' .* with 'identity'"):
        go_on(nnfast)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"solver": "lbfgs"}, {"solver": "adam"}),
        ({"solver": "lbfgs"}, {"solver": "sgd"}),
        ({"early_stopping": False}, {"early_stopping": True}),
        ({"early_stopping": True}, {"early_stopping": False}),
    ],
)
def test_another_way_to_train(before, after):
    def go_on(library):
        network = regressor(library, **before, warm_start=True).fit(X, t)
        start = [W.copy() for W in network.coefs_]
        return start, network.set_params(**after).fit(X, t)

    with pytest.raises((AttributeError, TypeError)):
        go_on(neural_network)
    start, network = go_on(nnfast)
    assert network.n_iter_ == SMALL["max_iter"]
    # Three steps of adam or sgd at their default rate of 0.001.
    for a, b in zip(start, network.coefs_, strict=True):
        np.testing.assert_allclose(a, b, atol=0.05)


@pytest.mark.parametrize("solver", STOCHASTIC)
def test_stale_moments(solver):
    def go_on(library, first, second):
        network = regressor(library, solver=solver, hidden_layer_sizes=first)
        if first is not None:
            network.fit(X, t)
        network.set_params(solver="lbfgs", hidden_layer_sizes=second).fit(X, t)
        return network.set_params(solver=solver).partial_fit(X, t).coefs_[0]

    with pytest.raises(ValueError, match="could not be broadcast"):
        go_on(neural_network, 4, 5)
    without = go_on(nnfast, None, 4)
    np.testing.assert_array_equal(go_on(nnfast, 4, 4), without)
    # A step is about 0.001; rounding that lbfgs has amplified is below 1e-10.
    assert np.abs(go_on(neural_network, 4, 4) - without).max() > 1e-6


# ---- failures ----


@pytest.mark.parametrize("solver", STOCHASTIC)
def test_non_finite_weights(solver):
    said = []
    for library in (neural_network, nnfast):
        network = regressor(library, solver=solver, learning_rate_init=1e305)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with pytest.raises(ValueError, match=r"^Solver produced non-") as error:
                network.fit(X, t)
        said.append({warning.category for warning in caught})
        said.append(str(error.value))
        said.append(hasattr(network, "coefs_"))
    assert said[0] == {RuntimeWarning, ConvergenceWarning}
    assert said[3] == set()
    added = r" The weights were first non-finite in epoch \d\."
    assert re.fullmatch(re.escape(said[1]) + added, said[4])
    assert (said[2], said[5]) == (True, False)


def test_failed_call():
    theirs, ours = (
        classifier(library).fit(X, labels) for library in (neural_network, nnfast)
    )
    for network in (theirs, ours):
        network.set_params(early_stopping=True, validation_fraction=0.01)
        with pytest.raises(ValueError, match="the number of classes = 2"):
            network.fit(X[:, :2], labels > 1)
        with pytest.raises(ValueError, match="Invalid parameter 'alhpa'"):
            network.set_params(early_stopping=False, alhpa=1)
    assert (theirs.n_features_in_, theirs.coefs_[0].shape) == (2, (2, 4))
    assert (ours.n_features_in_, ours.coefs_[0].shape) == (3, (3, 4))
    assert (list(theirs.classes_), list(ours.classes_)) == ([False, True], [0, 1, 2])
    assert (theirs.early_stopping, ours.early_stopping) == (False, True)
    ours.predict_proba(X)


def while_it_fits(network, action, monkeypatch):
    """What an action gives, or raises, when the network's fit first prints a line."""
    outcomes = []

    def write(text):
        if not outcomes:
            outcomes.append(None)
            try:
                outcomes[0] = action()
            except Exception as error:
                outcomes[0] = error

    with monkeypatch.context() as patch:
        patch.setattr(sys.stdout, "write", write)
        network.set_params(verbose=True).fit(X, labels > 1)
    return outcomes[0]


def test_fit_within_a_fit(monkeypatch):
    whole = SMALL["max_iter"] * len(X)
    for library, outcome in ((neural_network, type(None)), (nnfast, RuntimeError)):
        network = classifier(library)

        def again(network=network):
            network.set_params(verbose=False).fit(X, labels > 1)

        assert isinstance(while_it_fits(network, again, monkeypatch), outcome)
        assert (network.t_ == whole) == (library is nnfast)  # rows seen


def test_look_within_a_fit(monkeypatch):
    for library, new in ((neural_network, True), (nnfast, False)):
        network = classifier(library).fit(X, labels)
        before = network.predict_proba(X)
        look = partial(network.predict_proba, X)
        meanwhile = while_it_fits(network, look, monkeypatch)
        assert (meanwhile.shape != before.shape) == new
        if not new:
            np.testing.assert_array_equal(meanwhile, before)


# ---- what is stored ----


@pytest.mark.parametrize(("solver", "copies"), [("lbfgs", 1), ("sgd", 2), ("adam", 3)])
def test_pickle_size(solver, copies):
    wide = {"solver": solver, "hidden_layer_sizes": (20000,), "max_iter": 1}
    for library, n in ((neural_network, copies + 1), (nnfast, copies)):
        fitted = classifier(library, **wide).fit(X, labels)
        weights = sum(a.nbytes for a in fitted.coefs_ + fitted.intercepts_)
        # What is not an array is a few kilobytes, of a thousand.
        assert len(pickle.dumps(fitted)) == pytest.approx(n * weights, rel=0.05)


def test_private_names():
    fitted = classifier(nnfast).fit(X, labels)
    scikit_learns = classifier(neural_network).fit(X, labels)
    kept = ["_label_binarizer", "_no_improvement_count", "_random_state"]
    for name in [*kept, "_optimizer", "_loss_grad_lbfgs"]:
        assert hasattr(fitted, name)
        assert hasattr(scikit_learns, name)
    assert fitted._optimizer.learning_rate == scikit_learns._optimizer.learning_rate
    for name in ("_best_coefs", "_backprop"):
        assert hasattr(scikit_learns, name)
        assert not hasattr(fitted, name)


def test_the_class():
    ours = classifier(nnfast)
    assert not isinstance(ours, neural_network.MLPClassifier)
    for base in (ClassifierMixin, BaseEstimator):
        assert isinstance(ours, base)
        assert isinstance(classifier(neural_network), base)
