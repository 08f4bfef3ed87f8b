# SPDX-License-Identifier: BSD-3-Clause
"""Attributes assigned by hand, and fits that diverge: an error in words and a model as
it was, or a model that is what it shows.
"""

import warnings
from contextlib import suppress

import joblib
import numpy as np
import pytest
from hostile import RELAXED, SMALL, D, arrays, outcome
from hypothesis import given
from hypothesis import strategies as st
from layouts import changed
from sklearn.exceptions import NotFittedError

from nnfast import MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
X = rng.normal(size=(40, D))
y = rng.randint(0, 3, 40)


def fitted(estimator, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator(**{**SMALL, **settings}).fit(X, y)


def reshape(model):
    changed(model.coefs_[0], "shape", (2, 8))


def restride(model):
    changed(model.coefs_[0], "strides", model.coefs_[0].strides[::-1])


def assign(**values):
    def change(model):
        vars(model).update(values)

    return change


FORWARD = ("predict", "fit")  # of a model that goes on
ASSIGNED = {
    "coefs_ in place": (reshape, FORWARD, r"^coefs_\[0\] must have shape \(4, 4\)"),
    "n_features_in_": (
        assign(n_features_in_=7),
        FORWARD,
        r"^X has 4 features, but MLPClassifier is expecting 7",
    ),
    "out_activation_": (
        assign(out_activation_="no such"),
        FORWARD,
        r"^out_activation_ must be a str among .*; got 'no such'",
    ),
    "no out_activation_": (
        assign(out_activation_=None),
        FORWARD,
        r"^out_activation_ must be a str among .*; got None",
    ),
    "another out_activation_": (
        assign(out_activation_="tanh"),
        ("fit",),
        r"output activation 'softmax', but MLPClassifier was fitted with 'tanh'",
    ),
    "fewer classes_": (
        assign(classes_=np.arange(2)),
        FORWARD,
        r"^classes_ must be an array of the 3 classes|^warm_start can .* got \[0 1\]",
    ),
    "no classes_": (assign(classes_=None), FORWARD, r"^classes_ must be an array"),
    "classes_ of 2-D": (
        assign(classes_=np.zeros((3, 1))),
        FORWARD,
        r"^classes_ must be an array",
    ),
    "t_": (assign(t_=-1), ("fit",), r"^t_ must be a whole number, not negative"),
    "best_loss_": (assign(best_loss_="x"), ("fit",), r"^best_loss_ must be a number"),
    "loss_curve_": (assign(loss_curve_=3), ("fit",), r"^loss_curve_ must be a list"),
    "_no_improvement_count": (
        assign(_no_improvement_count=2.5),
        ("fit",),
        r"^_no_improvement_count must be a whole number",
    ),
}


@pytest.mark.parametrize("case", ASSIGNED)
def test_an_assigned_attribute_is_named(case):
    change, methods, words = ASSIGNED[case]
    for method in methods:
        model = fitted(MLPClassifier, warm_start=True)
        change(model)
        said = outcome(model, method, *((X,) if method == "predict" else (X, y)))
        assert isinstance(said, str), method
        assert pytest.raises(ValueError, match=words).matches(ValueError(said)), said
        # A new fit asks nothing of the old one.
        model.set_params(warm_start=False)
        assert isinstance(outcome(model, "fit", X, y), np.ndarray)


def test_features_of_another_network():
    model = fitted(MLPRegressor)
    model.n_features_in_ = 7
    said = outcome(model, "predict", np.zeros((2, 7)))
    assert said == "n_features_in_ is 7, but coefs_[0] has 4 rows."


@pytest.mark.parametrize("n", [7.0, np.float32(7), "7", -7, 0])
def test_features_that_are_no_number(n):
    """Nor do other models of as many inputs have to do with it."""
    model = fitted(MLPRegressor).set_params(warm_start=True)
    model.n_features_in_ = n
    model.coefs_ = [np.ones((7, 4)), np.ones((4, 1))]
    model.intercepts_ = [np.ones(4), np.ones(1)]
    said = outcome(model, "fit", np.zeros((9, 7)), np.zeros(9))
    assert said == f"n_features_in_ must be a whole number, at least 1; got {n!r}."
    other = MLPRegressor(hidden_layer_sizes=(4,), max_iter=2)
    assert isinstance(outcome(other, "fit", np.zeros((9, 7)), np.zeros(9)), np.ndarray)


def test_outputs_of_another_network():
    model = fitted(MLPClassifier)
    model.coefs_[1], model.intercepts_[1] = np.zeros((4, 7)), np.arange(7.0)
    said = outcome(model, "predict", X)
    assert said == "coefs_[-1] must have 3 columns for the classes [0 1 2]; got 7."


def test_a_view_that_was_turned_is_what_it_shows():
    model = fitted(MLPRegressor)
    turned = fitted(MLPRegressor)
    turned.coefs_[0] = turned.coefs_[0].T.copy()
    restride(model)
    np.testing.assert_array_equal(model.predict(X), turned.predict(X))


def test_moments_of_another_form_begin_afresh():
    model, other = fitted(MLPRegressor), fitted(MLPRegressor, solver="lbfgs")
    other.set_params(solver="adam")
    other._theta()[0][:] = model._theta()[0]
    other.t_, other._no_improvement_count = model.t_, model._no_improvement_count
    other.best_loss_, other.loss_curve_ = model.best_loss_, [*model.loss_curve_]
    model._optimizer.moments = np.zeros(3)
    for each in (model, other):
        outcome(each, "partial_fit", X, y)
    np.testing.assert_array_equal(model._theta()[0], other._theta()[0])


ATTRIBUTES = [
    *("coefs_", "intercepts_", "n_features_in_", "n_layers_", "n_outputs_"),
    *("out_activation_", "classes_", "t_", "loss_", "n_iter_", "best_loss_"),
    *("loss_curve_", "validation_scores_", "best_validation_score_"),
]
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2**70),
    st.floats(),
    st.text(max_size=5),
    arrays((3,)),
    arrays((4, 3)),
    st.lists(arrays((4, 3)) | arrays((4, 4)) | arrays((3,)) | st.none(), max_size=3),
)


@RELAXED
@given(st.data(), st.sampled_from([MLPClassifier, MLPRegressor]))
def test_junk_in_any_attribute(data, estimator):
    model = fitted(estimator, warm_start=True)
    setattr(model, data.draw(st.sampled_from(ATTRIBUTES)), data.draw(JUNK))
    for method in ("predict", "score", "partial_fit", "fit"):
        # Others are of junk that scikit-learn is first to look at.
        with suppress(AttributeError, IndexError, NotFittedError, MemoryError):
            outcome(model, method, *((X,) if method == "predict" else (X, y)))


# ---- divergence ----

DIVERGES = {
    "adam": {"learning_rate_init": 1e300, "solver": "adam"},
    "sgd": {"learning_rate_init": 1e300, "solver": "sgd"},
}


@pytest.mark.parametrize("solver", DIVERGES)
@pytest.mark.parametrize("method", ["fit", "warm fit", "early warm fit", "partial_fit"])
def test_divergence_names_its_epoch_and_changes_nothing(solver, method):
    early = method.startswith("early")
    model = fitted(MLPRegressor, solver=solver, early_stopping=early)
    model.set_params(**DIVERGES[solver], warm_start="warm" in method, max_iter=30)
    model._optimizer.learning_rate_init = model._optimizer.learning_rate = 1e300
    memory = model._parameters
    before, moments = memory.copy(), model._optimizer.moments.copy()
    said = outcome(model, method.split()[-1], X * 1e150, y)
    assert isinstance(said, str)
    assert pytest.raises(
        ValueError, match=r"non-finite parameter weights\..* in epoch [1-9]\d*\.$"
    ).matches(ValueError(said)), said
    assert model._parameters is memory
    np.testing.assert_array_equal(memory, before)
    np.testing.assert_array_equal(model._optimizer.moments, moments)


@pytest.mark.parametrize("scale", [1e155, 1e200, 1e300])
def test_lbfgs_on_huge_numbers(scale):
    model = fitted(MLPRegressor, solver="lbfgs")
    before = joblib.hash(vars(model))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(X * (scale / abs(X).max()), y * scale / 3)
        except ValueError as error:
            assert "iteration" in str(error)  # noqa: PT017 (it may also succeed)
            assert joblib.hash(vars(model)) == before
        else:
            assert np.isfinite(model._parameters).all()


@pytest.mark.parametrize(
    "convert", [np.float64, np.asfortranarray], ids=["another type", "another layout"]
)
def test_moments_as_the_network_needs_them(convert):
    rows = X.astype(np.float32)
    model, other = (
        MLPClassifier(**SMALL).partial_fit(rows, y, classes=range(3)) for _ in range(2)
    )
    other._optimizer.moments = convert(other._optimizer.moments)
    weights = [one.partial_fit(rows, y)._parameters.tobytes() for one in (model, other)]
    assert weights[0] == weights[1]
    assert other._optimizer.moments.dtype == np.float32
