# SPDX-License-Identifier: BSD-3-Clause
"""Bad input is refused in words, before training, and changes nothing."""

import inspect
import re
import warnings
from functools import partial

import joblib
import numpy as np
import pytest
from interrupts import with_pending_interrupt
from scipy import sparse
from sklearn import neural_network
from sklearn.utils._param_validation import InvalidParameterError

from nnfast import MLPClassifier, MLPRegressor, _scikit_learn

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.RandomState(0)
X = rng.normal(size=(40, 3))
y = rng.randint(0, 3, 40)
Y = rng.randint(0, 2, (40, 4))
t = X @ [1.0, -2.0, 0.5]
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}


def with_value(array, value):
    array = np.array(array, dtype=float)
    array.flat[1] = value
    return array


def refused(estimator, error, words, *args, method="fit", **more):
    """The call raises the error with the words, and leaves the estimator as it was."""
    before = joblib.hash(vars(estimator))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(error, match=words):
            getattr(estimator, method)(*args, **more)
    assert joblib.hash(vars(estimator)) == before


def unfitted_and_fitted(estimator, target, **settings):
    yield estimator(**{**SMALL, **settings})
    yield estimator(**SMALL).fit(X, target).set_params(**settings)
    warm = estimator(**SMALL).fit(X, target)
    yield warm.set_params(**{"warm_start": True, **settings})


# ---- data ----

DATA = {
    "1-D X": (X[0], t, ValueError, "Expected 2D array, got 1D array"),
    "3-D X": (X[None], t, ValueError, "Found array with dim 3"),
    "NaN in X": (with_value(X, np.nan), t, ValueError, "Input X contains NaN"),
    "infinity in X": (
        with_value(X, np.inf),
        t,
        ValueError,
        "Input X contains infinity or a value too large",
    ),
    "words in X": ([["a", "b"]] * 40, t, ValueError, "could not convert string"),
    "complex X": (X + 1j, t, ValueError, "Complex data not supported"),
    "ragged X": ([[1, 2], [1]], t[:2], ValueError, "inhomogeneous|sequence"),
    "no rows": (X[:0], t[:0], ValueError, "Found array with 0 sample"),
    "no columns": (X[:, :0], t, ValueError, "Found array with 0 feature"),
    "NaN in a sparse X": (
        sparse.csr_array(np.where(X > 2, np.nan, X)),
        t,
        ValueError,
        "Input X contains NaN",
    ),
    "None for X": (None, t, ValueError, "Expected 2D array, got scalar|dtype"),
    "None for y": (X, None, ValueError, "requires y to be passed"),
    "short y": (X, t[:-1], ValueError, r"inconsistent numbers of samples: \[40, 39\]"),
    "NaN in y": (X, with_value(t, np.nan), ValueError, "Input y contains NaN"),
    "infinity in y": (X, with_value(t, np.inf), ValueError, "Input y contains inf"),
    "3-D y": (X, t[:, None, None], ValueError, "Found array with dim 3|y should be"),
}


@pytest.mark.parametrize("case", DATA)
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_data(estimator, case):
    data, target, error, words = DATA[case]
    for network in unfitted_and_fitted(estimator, y):
        if estimator is MLPClassifier and target is t:
            refused(network, error, words, data, y)
        else:
            refused(network, error, words, data, target)


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (np.ones(39), r"sample_weight.shape == \(39,\), expected \(40,\)"),
        (np.ones((40, 1)), "Sample weights must be 1D array or scalar"),
        (with_value(np.ones(40), np.nan), "Input sample_weight contains NaN"),
        (np.zeros(40), "Sample weights must contain at least one non-zero number"),
        (["heavy"] * 40, "could not convert string to float"),
    ],
)
def test_sample_weight(estimator, weight, words):
    for network in unfitted_and_fitted(estimator, y):
        refused(network, ValueError, words, X, y, weight)


def test_values_too_large_for_float32():
    X32 = X.astype(np.float32)
    words = "too large for float32"
    refused(MLPRegressor(**SMALL), ValueError, f"^y .*{words}", X32, t * 1e300)
    weight = np.full(40, 1e300)
    for estimator in (MLPClassifier(**SMALL), MLPRegressor(**SMALL)):
        refused(estimator, ValueError, f"^sample_weight .*{words}", X32, y, weight)


def test_targets_of_a_classifier():
    for network in unfitted_and_fitted(MLPClassifier, y):
        if not network.warm_start:
            refused(network, ValueError, "Unknown label type", X, t)
            refused(
                network,
                ValueError,
                "Multioutput target data is not supported",
                X,
                np.c_[y, y],
            )
    warm = MLPClassifier(**SMALL, warm_start=True).fit(X, y)
    refused(warm, ValueError, "warm_start can only be used where `y`", X, y + 1)
    labels = (np.arange(3) == y[:, None]).astype(int)
    refused(warm, ValueError, "not fitted with multilabel input", X, labels)
    refused(
        MLPClassifier(**SMALL).fit(X, y),
        ValueError,
        "`y` has classes not in `self.classes_`",
        X,
        y + 1,
        method="partial_fit",
    )


def test_classes_of_partial_fit():
    network = MLPClassifier(**SMALL)
    for target, classes, words in (
        (y, None, "classes must be passed on the first call"),
        (y, [0, 1], "`y` has classes not in"),
        (t, [0, 1], "Unknown label type|not in"),
    ):
        refused(
            network, ValueError, words, X, target, method="partial_fit", classes=classes
        )
    network.partial_fit(X, y, classes=[0, 1, 2])
    refused(
        network,
        ValueError,
        "is not the same as on last call",
        X,
        y,
        method="partial_fit",
        classes=[0, 1, 2, 3],
    )


def test_poisson_targets():
    for target in (t, with_value(np.ones(40), -1e-9)):
        for network in unfitted_and_fitted(MLPRegressor, y, loss="poisson"):
            refused(network, ValueError, "^y must not be negative", X, target)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_prediction(method):
    network = MLPClassifier(**SMALL).fit(X, y)
    for data, error, words in (
        (X[:, :2], ValueError, "X has 2 features, but MLPClassifier is expecting 3"),
        (X[0], ValueError, "Expected 2D array"),
        (X[:0], ValueError, "Found array with 0 sample"),
        (with_value(X, np.nan), ValueError, "Input X contains NaN"),
        (sparse.csr_array(X[:, :2]), ValueError, "X has 2 features, but"),
    ):
        refused(network, error, words, data, method=method)


# ---- going on ----


def test_going_on_with_another_shape():
    for method in ("fit", "partial_fit"):
        network = MLPRegressor(**SMALL, warm_start=True).fit(X, t)
        words = "X has 2 features, but MLPRegressor is expecting 3"
        refused(network, ValueError, words, X[:, :2], t, method=method)
        words = "y has 2 outputs, but MLPRegressor was fitted with 1"
        refused(network, ValueError, words, X, np.c_[t, t], method=method)
        network.set_params(hidden_layer_sizes=(4, 4))
        words = r"hidden_layer_sizes=\[4, 4\] differs from the fitted \[4\]"
        refused(network, ValueError, words, X, t, method=method)
        network.set_params(hidden_layer_sizes=2, solver="lbfgs")
        words = r"hidden_layer_sizes=\[2\] differs from the fitted \[4\]"
        refused(network, ValueError, words, X, t, method=method)


def test_partial_fit_with_early_stopping():
    network = MLPRegressor(**SMALL, early_stopping=True)
    words = "partial_fit does not support early_stopping=True"
    refused(network, ValueError, words, X, t, method="partial_fit")


def test_weights_of_zero_that_scikit_learn_lets_pass(monkeypatch):
    """Before 1.9 it does."""
    monkeypatch.setattr(_scikit_learn, "_check_sample_weight", lambda weight, X: weight)
    words = "Sample weights must contain at least one non-zero number"
    refused(MLPRegressor(**SMALL), ValueError, words, X, t, np.zeros(40))


def test_lbfgs_that_starts_from_weights_that_are_not_finite():
    network = MLPRegressor(**SMALL, solver="lbfgs", warm_start=True).fit(X, t)
    network.coefs_[0][0, 0] = np.nan
    words = "non-finite parameter weights.* at the end of iteration 0"
    refused(network, ValueError, words, X, t)


def test_a_validation_set_that_is_too_small():
    network = MLPRegressor(**SMALL, early_stopping=True, validation_fraction=0.01)
    refused(network, ValueError, "The validation set is too small", X, t)


def test_a_validation_set_without_weight():
    network = MLPRegressor(**SMALL, early_stopping=True)
    words = "Sample weights must contain at least one non-zero number"
    refused(network, ValueError, words, X, t, np.eye(40)[0])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.ones((4, 3)), r"coefs_\[0\] must have shape \(3, 4\); got shape \(4, 3\)"),
        (np.ones(12), r"coefs_\[0\] must have shape \(3, 4\); got shape \(12,\)"),
        (np.ones((3, 4)) * 1j, r"coefs_\[0\] must hold real numbers"),
        (np.full((3, 4), "w"), r"coefs_\[0\] must hold real numbers"),
        (with_value(np.ones((3, 4)), np.nan), r"coefs_\[0\] contains NaN or infinity"),
        (None, r"coefs_\[0\] must hold real numbers"),
        ([[1, 2], [3]], r"coefs_\[0\] must hold real numbers"),
    ],
)
def test_assigned_coefs(value, words):
    network = MLPRegressor(**SMALL).fit(X, t)
    network.coefs_[0] = value
    refused(network, ValueError, words, X, method="predict")
    refused(network, ValueError, words, X, t, method="partial_fit")
    network.fit(X, t).predict(X)  # a new fit does not look at them


def test_assigned_lists():
    network = MLPRegressor(**SMALL).fit(X, t)
    network.intercepts_ = network.intercepts_[:1]
    words = "intercepts_ must be a list of 2 arrays, one per layer; got list of length"
    refused(network, ValueError, words, X, method="predict")
    network.intercepts_ = 3
    words = "intercepts_ must be a list of 2 arrays, one per layer; got int"
    refused(network, ValueError, words, X, method="predict")


# ---- parameters ----


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_bad_values_have_scikit_learns_words(name):
    theirs = getattr(neural_network, name)
    ours = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[name]
    differs = {"activation", "loss"}  # they take more here
    for parameter in set(inspect.signature(theirs).parameters) - differs:
        for value in (object(), -1.5, "no such thing"):
            messages = []
            for estimator in (theirs, ours):
                try:
                    estimator(**{"max_iter": 1, parameter: value}).fit(X, y)
                    messages.append("accepted")
                except InvalidParameterError as error:
                    # Options are listed in the order of a set: any order will do.
                    messages.append(sorted(re.findall(r"[\w.]+", str(error))))
            assert messages[0] == messages[1], parameter


PARAMETERS = [
    ({"activation": "sigmoid"}, "The 'activation' parameter of"),
    ({"activation": ["tanh", "relu"]}, "activation must have one entry per hidden"),
    ({"activation": ["softmax"]}, r"activation\[0\] must be a str among"),
    ({"activation": [3]}, r"activation\[0\] must be a str among .* Got 3"),
    ({"loss": "hinge"}, "The 'loss' parameter of"),
    ({"init": "orthogonal"}, "The 'init' parameter of"),
    ({"init": ([],)}, "init must be a scheme or a pair"),
    ({"init": ([], [])}, r"init\[0\] must be a list of 2 arrays"),
    ({"init_scale": 0.5}, "init_scale=0.5 acts with init='normal' only"),
    ({"init_scale": -1.0, "init": "normal"}, "The 'init_scale' parameter of"),
    ({"dropout": 1.0}, "The 'dropout' parameter of"),
    ({"dropout": [0.5, 0.5]}, "dropout must have one entry per hidden layer, 1 in all"),
    ({"dropout": [1.5]}, r"dropout\[0\] must be a float in the range \[0.0, 1.0\)"),
    ({"dropout": [np.nan]}, r"dropout\[0\] must be a float in the range"),
    ({"dropout": 0.5, "solver": "lbfgs"}, "dropout=0.5 cannot act with solver='lbfgs'"),
    ({"dropout": 0.5, "hidden_layer_sizes": ()}, "dropout=0.5 cannot act: there is no"),
    ({"n_jobs": 0}, "The 'n_jobs' parameter of"),
    ({"n_jobs": 1.5}, "The 'n_jobs' parameter of"),
    ({"hidden_layer_sizes": (4, 0)}, r"hidden_layer_sizes must be > 0, got \[4, 0\]"),
]


@pytest.mark.parametrize(("parameters", "words"), PARAMETERS)
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_parameters(estimator, parameters, words):
    for network in (
        estimator(**{**SMALL, **parameters}),
        estimator(**SMALL).fit(X, y).set_params(**parameters),
    ):
        refused(network, ValueError, words, X, y)


@pytest.mark.parametrize("sizes", [(2.5,), (True,), True])
def test_sizes_that_are_no_integers(sizes):
    for network in unfitted_and_fitted(MLPRegressor, y, hidden_layer_sizes=sizes):
        refused(network, TypeError, "hidden_layer_sizes must hold integers", X, y)


def test_set_params_sets_all_or_none():
    words = "Invalid parameter 'alhpa' for estimator MLPRegressor"
    for network in (MLPRegressor(**SMALL), MLPRegressor(**SMALL).fit(X, t)):
        wrong = {"max_iter": 7, "alhpa": 1.0}
        refused(network, ValueError, words, method="set_params", **wrong)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"huber_delta": 2.0}, "huber_delta=2.0 acts with loss='huber' only"),
        ({"huber_delta": 0.0, "loss": "huber"}, "The 'huber_delta' parameter of"),
        ({"output_activation": "softmax"}, "The 'output_activation' parameter of"),
        (
            {"output_activation": "relu", "loss": "poisson"},
            "output_activation='relu' can be zero or negative",
        ),
    ],
)
def test_parameters_of_the_regressor(parameters, words):
    for network in unfitted_and_fitted(MLPRegressor, y, **parameters):
        refused(network, ValueError, words, X, y)


def test_class_weight():
    for weights, target, words in (
        ("heavy", y, "The 'class_weight' parameter of"),
        ({7: 1.0}, y, "are not in class_weight"),
        ({0: np.nan, 1: 1, 2: 1}, y, "class_weight must hold finite numbers"),
        ({0: 0, 1: 0, 2: 0}, y, "gives every row of y a weight of zero"),
        ("balanced", Y, "class_weight is not supported for multi-label targets"),
        ({0: 1.0}, Y, "class_weight is not supported for multi-label targets"),
    ):
        refused(
            MLPClassifier(**SMALL, class_weight=weights), ValueError, words, X, target
        )
    refused(
        MLPClassifier(**SMALL, class_weight="balanced"),
        ValueError,
        "class_weight 'balanced' is not supported for partial_fit",
        X,
        y,
        method="partial_fit",
        classes=[0, 1, 2],
    )


# ---- training that fails ----


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_training_that_diverges(solver):
    target = 1e6 * t
    for network in unfitted_and_fitted(
        MLPRegressor, t, solver=solver, learning_rate_init=1e305, max_iter=20
    ):
        words = (
            r"^Solver produced non-finite parameter weights\. The input data may"
            r" contain large values and need to be preprocessed\. The weights were"
            r" first non-finite in epoch \d+\.$"
        )
        refused(network, ValueError, words, X, target)


def test_ctrl_c_in_the_epoch_that_diverges(monkeypatch):
    """It is told by its number, though it has not come to its end."""

    class Net:
        def __init__(self, net):
            self.net = net

        def train(self, *arguments, **more):
            return with_pending_interrupt(partial(self.net.train, *arguments, **more))

    network = MLPRegressor._network
    monkeypatch.setattr(
        MLPRegressor, "_network", lambda self, *given: Net(network(self, *given))
    )
    # The core looks for signals after many steps, and well before the end of an epoch.
    rows = rng.normal(size=(8000, 300))
    settings = {"solver": "sgd", "learning_rate_init": 1e305, "batch_size": 1}
    model = MLPRegressor(hidden_layer_sizes=(300, 300), **settings)
    refused(model, ValueError, r"in epoch 1\.$", rows, rows[:, 0])


def test_a_solver_that_fails_leaves_all_as_it_was(monkeypatch):
    network = MLPClassifier(**SMALL, warm_start=True).fit(X, y)
    network.partial_fit(X, y)

    def failing(*args, **more):
        args[2][:] = 0  # it has written into the weights that it was given
        raise RuntimeError("half way")

    monkeypatch.setattr("nnfast._stochastic.train", failing)
    for method in ("fit", "partial_fit"):
        refused(network, RuntimeError, "half way", X, y, method=method)


def test_a_warning_that_is_an_error_leaves_all_as_it_was():
    network = MLPClassifier(**SMALL).fit(X, y)
    before = joblib.hash(vars(network))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Warning, match="Maximum iterations"):
            network.fit(X, y)
    assert joblib.hash(vars(network)) == before


@pytest.mark.parametrize(
    ("class_weight", "sample_weight"),
    [
        ({0: 1, 1: -1}, None),  # as many rows of one as of the other
        (None, np.tile([1.0, -1.0], 20)),
        (None, np.full(40, 1e-60)),  # nothing is left of them in float32
    ],
)
def test_weights_that_sum_to_zero(class_weight, sample_weight):
    labels = np.repeat([0, 1], 20)
    model = MLPClassifier((2,), class_weight=class_weight)
    with pytest.raises(ValueError, match=r"sample_weight .* must not sum to zero"):
        model.fit(X[:40].astype(np.float32), labels, sample_weight)
    assert not hasattr(model, "coefs_")


def test_warm_start_refuses_another_output():
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2).fit(X, X[:, 0])
    before = model.predict(X)
    model.set_params(warm_start=True, output_activation="logistic")
    with pytest.raises(ValueError, match=r"'logistic'.* fitted with 'identity'"):
        model.fit(X, X[:, 0])
    assert (model.predict(X) == before).all()


def test_init_scale_beyond_the_type():
    model = MLPClassifier((2,), init="normal", init_scale=1e39)
    with pytest.raises(ValueError, match="init_scale=1e"):
        model.fit(X.astype(np.float32), X[:, 0] > 0)


@pytest.mark.parametrize("parameter", ["n_iter_no_change", "max_fun", "batch_size"])
def test_any_positive_whole_number(parameter):
    settings = {**SMALL, parameter: 10**400}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Got `batch_size`")
        for solver in ("adam", "lbfgs"):
            MLPRegressor(**settings, solver=solver).fit(X, t)


@pytest.mark.parametrize("n_jobs", [np.int64(2), 10**30])
def test_any_positive_whole_number_of_jobs(n_jobs):
    MLPClassifier((2,), n_jobs=n_jobs, max_iter=2).fit(X, X[:, 0] > 0).predict(X)
