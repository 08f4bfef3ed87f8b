# SPDX-License-Identifier: BSD-3-Clause
"""from_sklearn and to_sklearn keep every bit, and both libraries go on from them."""

import pickle

import numpy as np
import pytest
from sklearn import config_context, neural_network
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import scale
from sklearn.utils import get_tags

import nnfast

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.RandomState(0)
digits, digit = load_digits(return_X_y=True)
digits, digit = digits[:300] / 16, digit[:300]
cells, malignant = load_breast_cancer(return_X_y=True)
cells = scale(cells)
patients, progress = load_diabetes(return_X_y=True)
patients, progress = scale(patients), scale(progress)
bits = np.stack([digit & 1, digit & 2, digit & 4], axis=1).clip(0, 1)
two = np.stack([progress, -(progress**2)], axis=1)
words = np.array(["no", "yes"])[malignant]

# Class, data, parameters: every kind of target, solver, output and type.
CASES = {
    "binary": ("MLPClassifier", cells, words, {"activation": "tanh"}),
    "multiclass": ("MLPClassifier", digits, digit, {"hidden_layer_sizes": (9, 5)}),
    "multilabel": ("MLPClassifier", digits, bits, {"activation": "logistic"}),
    "one class": ("MLPClassifier", digits, digit * 0, {}),
    "linear": ("MLPClassifier", digits, digit, {"hidden_layer_sizes": ()}),
    "early stopping": ("MLPClassifier", digits, digit, {"early_stopping": True}),
    "sgd": (
        "MLPClassifier",
        digits,
        digit,
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    ),
    "lbfgs": ("MLPClassifier", digits, digit, {"solver": "lbfgs"}),
    "float32": ("MLPClassifier", digits.astype("f4"), digit, {}),
    "numbers": ("MLPRegressor", patients, progress, {"activation": "tanh"}),
    "two outputs": (
        "MLPRegressor",
        patients,
        two,
        {"solver": "sgd", "nesterovs_momentum": False, "learning_rate": "adaptive"},
    ),
    "poisson": ("MLPRegressor", patients, progress**2, {"loss": "poisson"}),
    "float32 sgd": (
        "MLPRegressor",
        patients.astype("f4"),
        progress.astype("f4"),
        {"solver": "sgd", "hidden_layer_sizes": 7, "activation": "identity"},
    ),
}
cases = pytest.mark.parametrize("case", CASES)
LIBRARIES = {"nnfast": nnfast, "scikit-learn": neural_network}
libraries = pytest.mark.parametrize("library", LIBRARIES)


def unfitted(library, case, **more):
    name, _, _, parameters = CASES[case]
    settings = {"hidden_layer_sizes": (6,), "max_iter": 8, "random_state": 3}
    return getattr(LIBRARIES[library], name)(**settings | parameters | more)


def fitted(library, case, **more):
    _, X, y, _ = CASES[case]
    return unfitted(library, case, **more).fit(X, y)


def converted(estimator):
    """In the other library."""
    if type(estimator).__module__.startswith("nnfast"):
        return estimator.to_sklearn()
    return nnfast.from_sklearn(estimator)


def attributes(estimator):
    """All of them; without the best weights where scikit-learn has no use for them."""
    found = vars(estimator).copy()
    found.pop("_model", None)  # there for its identity
    if not found["early_stopping"]:
        found.pop("_best_coefs", None)
        found.pop("_best_intercepts", None)
    return found


def same(a, b, seen=()):
    """Assert that two values are of one type and have the same bits throughout."""
    if isinstance(a, np.generic | float):  # scikit-learn's floats are NumPy's or not
        a, b = np.asarray(a), np.asarray(b)
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert (a.dtype, a.shape, a.tolist()) == (b.dtype, b.shape, b.tolist())
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            same(a[key], b[key], seen)
    elif isinstance(a, list | tuple):
        for left, right in zip(a, b, strict=True):
            same(left, right, seen)
    elif isinstance(a, np.random.RandomState):
        same(a.get_state(), b.get_state())
    elif hasattr(a, "__dict__"):
        if not any(a is earlier for earlier in seen):
            same(vars(a), vars(b), (*seen, a))
    else:
        assert a == b


def arrays(value, found=()):
    """Every array that an object leads to."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from arrays(part, found)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from arrays(part, found)
    elif hasattr(value, "__dict__") and not any(value is known for known in found):
        yield from arrays(vars(value), (*found, value))


def error_bound(model, X):
    """How far apart rounding can take the outputs of two orders of summation.

    An inner product of n terms is within n·u·Σ|x·w| of the exact one, u = ε/2, in
    any order and with or without fused operations; two computations differ by twice
    that. No activation stretches a difference (softmax not even by a factor of a
    half), except exp, and each is within 8 ε of its value, which is at most 1 or the
    input.
    """
    epsilon = np.finfo(model.coefs_[0].dtype).eps
    out, error = X.astype(float), np.zeros(X.shape)
    last = len(model.coefs_) - 1
    for i, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        size = np.abs(out) @ np.abs(W) + np.abs(b)
        error = error @ np.abs(W) + (len(W) + 1) * epsilon * size
        out = out @ W + b
        if i == last and model.out_activation_ == "exp":
            return np.exp(out) * (np.expm1(error) + 8 * epsilon)
        error += 8 * epsilon * np.maximum(1, np.abs(out))
        if i == last:
            return error.max(axis=1, keepdims=True)
        out = neural_network._base.ACTIVATIONS[model.activation](out) or out


def outputs(model, X):
    return getattr(model, "predict_proba", model.predict)(X)


# ---- bit for bit ----


@libraries
@cases
def test_a_round_trip_changes_nothing(library, case):
    model = fitted(library, case)
    back = converted(converted(model))
    assert type(back) is type(model)
    same(attributes(back), attributes(model))


@libraries
@pytest.mark.parametrize("case", ["multiclass", "numbers"])
def test_an_unfitted_estimator_has_its_parameters_only(library, case):
    model = unfitted(library, case)
    there = converted(model)
    assert there.get_params().items() >= {"max_iter": 8, "random_state": 3}.items()
    assert not hasattr(there, "coefs_")
    same(vars(converted(there)), vars(model))


@libraries
@cases
def test_what_has_one_name_in_both_has_the_same_bits(library, case):
    model = fitted(library, case)
    there = converted(model)
    shared = [
        *("classes_", "coefs_", "intercepts_", "n_features_in_", "n_iter_"),
        *("n_layers_", "n_outputs_", "out_activation_", "loss_", "t_", "loss_curve_"),
        *("best_loss_", "validation_scores_", "best_validation_score_"),
        *("_no_improvement_count", "_label_binarizer", "_random_state"),
    ]
    for name in shared:
        assert hasattr(there, name) == hasattr(model, name)
        same(getattr(there, name, None), getattr(model, name, None))


@libraries
@cases
def test_no_memory_is_shared(library, case):
    model = fitted(library, case, random_state=np.random.RandomState(0))
    there = converted(model)
    for left in arrays(model):
        assert not any(np.shares_memory(left, right) for right in arrays(there))
    assert there.random_state is not model.random_state
    assert there._random_state is there.random_state  # as in the original


@pytest.mark.parametrize("case", ["early stopping", "multiclass"])
def test_scikit_learns_best_weights_are_an_alias_of_its_weights(case):
    theirs = fitted("nnfast", case).to_sklearn()
    assert theirs._best_coefs is theirs.coefs_
    assert theirs._best_intercepts is theirs.intercepts_


def test_scikit_learns_optimizers_hold_a_list_of_arrays_by_layer():
    model = fitted("nnfast", "multiclass")
    adam = model.to_sklearn()._optimizer
    shapes = [array.shape for array in model.coefs_ + model.intercepts_]
    assert [m.shape for m in adam.ms] == [v.shape for v in adam.vs] == shapes
    model._adopt(model._optimizer.moments[1], model._widths)
    same(adam.vs, model.coefs_ + model.intercepts_)


# ---- going on ----

stochastic = [
    case
    for case, (*_, parameters) in CASES.items()
    if parameters.get("solver") != "lbfgs" and "early_stopping" not in parameters
]


@libraries
@pytest.mark.parametrize("case", stochastic)
def test_partial_fit_goes_on(library, case):
    _, X, y, _ = CASES[case]
    model = fitted(library, case)
    back = converted(converted(model))
    for _ in range(3):
        model.partial_fit(X, y)
        back.partial_fit(X, y)
    same(attributes(back), attributes(model))


@libraries
@cases
def test_a_warm_start_goes_on(library, case):
    _, X, y, _ = CASES[case]
    model = fitted(library, case, warm_start=True)
    back = converted(converted(model))
    same(attributes(back.fit(X, y)), attributes(model.fit(X, y)))


@pytest.mark.parametrize("case", ["multiclass", "sgd", "two outputs"])
def test_the_other_library_goes_on_where_this_one_was(case):
    _, X, y, _ = CASES[case]
    ours = fitted("nnfast", case)
    theirs = ours.to_sklearn()
    ours.partial_fit(X, y)
    theirs.partial_fit(X, y)
    assert theirs.t_ == ours.t_
    assert theirs._optimizer.learning_rate == ours._optimizer.learning_rate
    # One epoch of at most 3 steps: rounding has no time to grow beyond a few digits.
    for left, right in zip(theirs.coefs_, ours.coefs_, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-12)


# ---- the same function ----


@libraries
@cases
def test_predictions_agree_to_rounding(library, case):
    _, X, _, _ = CASES[case]
    model = fitted(library, case)
    there = converted(model)
    ours, theirs = outputs(model, X), outputs(there, X)
    if case == "one class":  # a documented deviation: scikit-learn has two columns
        assert {ours.shape[1], theirs.shape[1]} == {1, 2}
    else:
        difference = np.abs(ours - theirs).reshape(len(X), -1)
        assert (difference <= error_bound(model, X)).all()
    if hasattr(model, "classes_"):
        np.testing.assert_array_equal(there.predict(X), model.predict(X))


# ---- what comes along ----


@libraries
def test_names_of_features_and_attributes_of_the_user_come_along(library):
    model = fitted(library, "numbers")
    model.feature_names_in_ = np.array(list("abcdefghij"), object)
    model.note = {"run": 7}
    there = converted(model)
    assert there.feature_names_in_.tolist() == list("abcdefghij")
    assert there.note == {"run": 7}
    assert there.note is not model.note


@libraries
def test_requests_for_metadata_come_along(library):
    with config_context(enable_metadata_routing=True):
        model = unfitted(library, "numbers").set_fit_request(sample_weight=True)
        there = converted(clone(model))
        request = there.get_metadata_routing().fit.requests
        assert request == {"sample_weight": True}
    # Nothing of the library that it came from, not even where requests say whose.
    theirs = there if library == "nnfast" else converted(there)
    assert b"nnfast" not in pickle.dumps(theirs)


def test_weights_that_the_user_put_there_are_the_ones_converted():
    ours = fitted("nnfast", "numbers")
    ours.coefs_[0] = np.asfortranarray(2 * ours.coefs_[0])
    theirs = ours.to_sklearn()
    same([*theirs.coefs_], [np.ascontiguousarray(W) for W in ours.coefs_])
    theirs.coefs_[1] = 3 * theirs.coefs_[1]
    same(nnfast.from_sklearn(theirs).coefs_, theirs.coefs_)


def test_an_overflown_moment_is_no_obstacle():
    theirs = fitted("scikit-learn", "float32")
    theirs._optimizer.vs[0][0, 0] = np.inf
    same(attributes(nnfast.from_sklearn(theirs).to_sklearn()), attributes(theirs))


def test_n_jobs_changes_no_result_and_is_left_out():
    theirs = fitted("nnfast", "numbers", n_jobs=2).to_sklearn()
    assert not hasattr(theirs, "n_jobs")
    same(theirs.coefs_, fitted("nnfast", "numbers").coefs_)


def test_the_tags_are_those_of_the_library():
    assert get_tags(fitted("nnfast", "multilabel").to_sklearn()).input_tags.sparse


# ---- what is refused ----


@pytest.mark.parametrize(
    ("case", "parameters"),
    [
        ("multiclass", {"activation": "gelu"}),
        ("multiclass", {"activation": ["relu", "tanh"]}),
        ("multiclass", {"loss": "squared_error"}),
        ("multiclass", {"dropout": 0.25}),
        ("multiclass", {"dropout": [0.0, 0.5]}),
        ("multiclass", {"class_weight": "balanced"}),
        ("multiclass", {"init": "normal", "init_scale": 0.1}),
        ("numbers", {"loss": "huber", "huber_delta": 0.5}),
        ("numbers", {"loss": "log_cosh"}),
        ("numbers", {"output_activation": "softplus"}),
    ],
)
def test_what_scikit_learn_lacks_is_named(case, parameters):
    for model in (unfitted, fitted):
        ours = model("nnfast", case, **parameters)
        with pytest.raises(ValueError, match="this network cannot be conv") as error:
            ours.to_sklearn()
        for name, value in parameters.items():
            assert f"{name}={value!r}" in str(error.value)
        assert "n_jobs" not in str(error.value)


def test_an_output_that_scikit_learn_lacks_is_named_when_its_parameter_is_gone():
    ours = fitted("nnfast", "numbers", output_activation="tanh")
    ours.set_params(output_activation="auto")
    with pytest.raises(ValueError, match="cannot do out_activation_='tanh'"):
        ours.to_sklearn()


def test_weights_given_as_init_are_refused_and_not_printed_in_full():
    model = fitted("nnfast", "multiclass")
    ours = unfitted("nnfast", "multiclass", init=(model.coefs_, model.intercepts_))
    with pytest.raises(ValueError, match=r"cannot do init=\(\[") as error:
        ours.to_sklearn()
    assert len(str(error.value)) < 400


class Theirs(neural_network.MLPRegressor):
    pass


class Ours(nnfast.MLPRegressor):
    pass


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (Theirs(), r"test_conversion\.Theirs"),
        (nnfast.MLPRegressor(), r"nnfast\._mlp_regressor\.MLPRegressor"),
        (make_pipeline(neural_network.MLPClassifier()), r"sklearn\.pipeline\.Pipeline"),
        (neural_network.MLPClassifier, r"abc\.ABCMeta"),
        (None, r"builtins\.NoneType"),
    ],
)
def test_from_sklearn_says_what_it_converts(other, named):
    with pytest.raises(TypeError, match=f"MLPClassifier and MLPRegressor.*{named}"):
        nnfast.from_sklearn(other)


def test_to_sklearn_would_lose_the_code_of_a_subclass():
    with pytest.raises(TypeError, match=r"test_conversion\.Ours would be"):
        Ours().to_sklearn()


@pytest.mark.parametrize(
    "broken", [[], None, [np.zeros((2, 2))] * 2, [np.zeros(3)] * 2]
)
def test_weights_that_are_no_network_are_refused(broken):
    theirs = fitted("scikit-learn", "numbers")
    theirs.coefs_ = broken
    with pytest.raises(ValueError, match="coefs_ and intercepts_ are not those of a"):
        nnfast.from_sklearn(theirs)
