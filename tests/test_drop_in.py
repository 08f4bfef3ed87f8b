# SPDX-License-Identifier: BSD-3-Clause
"""What a program sees besides the numbers is scikit-learn's too: types, warnings."""

import inspect
import warnings

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

import nnfast

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 3))
labels = rng.randint(0, 3, 60)
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
LIBRARIES = [neural_network, nnfast]
NAMES = ["MLPClassifier", "MLPRegressor"]
SOLVERS = ["adam", "sgd", "lbfgs"]


def build(library, name, **settings):
    return getattr(library, name)(**{**SMALL, **settings})


def kind(value):
    """The type, with that of a list's entries and of an array's elements."""
    if isinstance(value, list):
        return list, {kind(entry) for entry in value}
    return type(value), getattr(value, "dtype", None)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", NAMES)
def test_fitted_attributes_have_the_same_types(name, solver, early_stopping):
    kinds = []
    for library in LIBRARIES:
        network = build(library, name, solver=solver, early_stopping=early_stopping)
        fitted = vars(network.fit(X, labels))
        public = [name for name in fitted if name[0] != "_" and name[-1] == "_"]
        kinds.append({name: kind(fitted[name]) for name in public})
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("name", NAMES)
def test_methods_have_the_same_signatures(name):
    methods = ["fit", "partial_fit", "predict", "score"]
    if name == "MLPClassifier":
        methods += ["predict_proba", "predict_log_proba"]
    for method in methods:
        theirs, ours = (
            [
                (parameter.name, parameter.kind, parameter.default)
                for parameter in inspect.signature(
                    getattr(getattr(library, name), method)
                ).parameters.values()
            ]
            for library in LIBRARIES
        )
        assert theirs == ours


@pytest.mark.parametrize("name", NAMES)
def test_tags_and_routing_are_the_same(name):
    theirs, ours = (getattr(library, name)() for library in LIBRARIES)
    assert repr(theirs.__sklearn_tags__()) == repr(ours.__sklearn_tags__())
    assert repr(theirs.get_metadata_routing()) == repr(ours.get_metadata_routing())


def column(library):
    build(library, "MLPClassifier", max_iter=300, tol=1.0).fit(X, labels[:, None])


def large_batch(library):
    build(library, "MLPClassifier", batch_size=61, max_iter=300, tol=1.0).fit(X, labels)


def last_iteration(library):
    build(library, "MLPRegressor", solver="lbfgs").fit(X, labels)


def last_evaluation(library):
    network = build(library, "MLPRegressor", solver="lbfgs", max_iter=200, max_fun=5)
    network.fit(X, labels)


def last_epoch(library):
    build(library, "MLPRegressor").fit(X, labels)


WARNINGS = {
    column: DataConversionWarning,
    large_batch: UserWarning,
    last_iteration: ConvergenceWarning,
    last_evaluation: ConvergenceWarning,
    last_epoch: ConvergenceWarning,
}


@pytest.mark.parametrize("fit", WARNINGS)
def test_warnings_have_the_same_class_and_words(fit):
    said = []
    for library in LIBRARIES:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit(library)
        said.append([(warning.category, str(warning.message)) for warning in caught])
    assert said[0] == said[1]
    assert [category for category, _ in said[0]] == [WARNINGS[fit]]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("fit", WARNINGS)
def test_a_filter_for_scikit_learn_silences_them(fit, library):
    """As in scikit-learn's example plot_mlp_training_curves."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=WARNINGS[fit], module="sklearn")
        fit(library)


def test_the_place_that_is_shown_is_in_nnfast():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        last_epoch(nnfast)
    assert caught[0].filename.startswith(nnfast.__path__[0])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("name", NAMES)
def test_other_hidden_widths_are_ignored_when_going_on(name, solver, method):
    weights = []
    for library in LIBRARIES:
        network = build(library, name, solver=solver, warm_start=True).fit(X, labels)
        getattr(network.set_params(hidden_layer_sizes=6), method)(X, labels)
        assert network.coefs_[0].shape == (3, 4)
        network.predict(X)
        weights.append(np.concatenate([W.ravel() for W in network.coefs_]))
    # A few steps from weights near one: rounding (1e-16) grows by less than 1e4.
    np.testing.assert_allclose(*weights, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_moments_outlast_an_lbfgs_fit_in_between(solver):
    weights = []
    for library in LIBRARIES:
        network = build(library, "MLPRegressor", solver=solver, warm_start=True)
        network.fit(X, labels).set_params(solver="lbfgs").fit(X, labels)
        network.set_params(solver=solver).partial_fit(X, labels)
        weights.append(np.concatenate([W.ravel() for W in network.coefs_]))
    # Three iterations of lbfgs amplify rounding (1e-16) by less than 1e6.
    np.testing.assert_allclose(*weights, rtol=0, atol=1e-10)


@pytest.mark.parametrize("action", ["default", "module", "once", "always", "ignore"])
def test_a_loop_of_fits_warns_as_often(action):
    """scikit-learn's validation lets Python forget that a warning was shown."""
    counts = []
    for library in LIBRARIES:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter(action)
            for _ in range(3):
                build(library, "MLPClassifier").fit(X, labels)
        counts.append(len(caught))
    assert counts[0] == counts[1]


def test_curves_grow_in_the_list_that_the_user_holds():
    for library in LIBRARIES:
        network = build(library, "MLPRegressor").partial_fit(X, labels)
        held = network.loss_curve_
        network.partial_fit(X, labels)
        assert len(held) == 2
        assert network.loss_curve_ is held


def test_a_long_curve_costs_a_step_nothing():
    class Unseen(list):
        def __iter__(self):
            raise AssertionError("all earlier losses are looked at")

        __getitem__ = __iter__

    network = build(nnfast, "MLPRegressor").partial_fit(X, labels)
    network.loss_curve_ = Unseen(network.loss_curve_)
    assert len(network.partial_fit(X, labels).loss_curve_) == 2


def test_probabilities_lie_in_memory_as_scikit_learns_do():
    for library in LIBRARIES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = build(library, "MLPClassifier").fit(X, labels > 0)
        for method in (network.predict_proba, network.predict_log_proba):
            assert method(X).flags.f_contiguous
