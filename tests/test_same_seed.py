# SPDX-License-Identifier: BSD-3-Clause
"""Same seed, same numbers: nnfast against scikit-learn's MLP in float64.

Both do the same operations in the same order up to the order within sums, so they
differ by rounding, which a handful of steps amplifies by a few powers of ten: 1e-9 of
an array's largest entry leaves room for that and for nothing else.
"""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.fixes import parse_version

import nnfast

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RTOL = 1e-9
N_ROWS = 97  # prime: no batch size divides it

rng = np.random.RandomState(42)
X = rng.normal(size=(N_ROWS, 5))
WEIGHT = rng.uniform(0.1, 3, size=N_ROWS)
labels = rng.randint(0, 3, N_ROWS)
TARGETS = {
    "binary": ("MLPClassifier", np.array(["no", "yes"])[(labels > 0).astype(int)]),
    "multiclass": ("MLPClassifier", labels),
    "multilabel": ("MLPClassifier", rng.randint(0, 2, (N_ROWS, 3))),
    "single": ("MLPRegressor", X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=N_ROWS)),
    "multi-output": ("MLPRegressor", X[:, :2] ** 2 + 1),
    "poisson": ("MLPRegressor", rng.poisson(np.exp(X[:, 0])).astype(float)),
}
# Before 1.9, scikit-learn's early stopping could not score labels that are strings.
OLD = parse_version(sklearn.__version__) < parse_version("1.9")
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
ATTRIBUTES = [
    "loss_",
    "best_loss_",
    "loss_curve_",
    "validation_scores_",
    "best_validation_score_",
    "n_iter_",
    "t_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "_no_improvement_count",
]


def pair(kind, **parameters):
    """Both libraries' estimators for a kind of target, and the target."""
    name, y = TARGETS[kind]
    settings = {"hidden_layer_sizes": (7, 4), "max_iter": 3, "batch_size": 20}
    settings |= {"random_state": 3, "alpha": 0.1, **parameters}
    if kind == "poisson":
        settings["loss"] = "poisson"
    if kind == "binary" and settings.get("early_stopping") and OLD:
        y = (y == "yes").astype(int)
    ours, theirs = getattr(nnfast, name), getattr(neural_network, name)
    return ours(**settings), theirs(**settings), y


def close(ours, theirs, rtol=RTOL):
    theirs = np.asarray(theirs)
    largest = np.abs(theirs[np.isfinite(theirs)], dtype=float).max(initial=0)
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * largest)


def same(ours, theirs):
    """Weights, fitted attributes and predictions agree."""
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            close(a, b)
    for name in ATTRIBUTES:
        assert hasattr(ours, name) == hasattr(theirs, name), name
        a, b = getattr(ours, name, None), getattr(theirs, name, None)
        if b is None or isinstance(b, str):
            assert a == b, name
        else:
            close(a, b)
    if hasattr(theirs, "classes_"):
        np.testing.assert_array_equal(ours.classes_, theirs.classes_)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        close(ours.predict_proba(X), theirs.predict_proba(X))
        close(ours.predict_log_proba(X), theirs.predict_log_proba(X))
    else:
        close(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_three_epochs(solver, kind, activation, weight):
    ours, theirs, y = pair(kind, solver=solver, activation=activation)
    for estimator in (ours, theirs):
        estimator.fit(X, y, weight)
    same(ours, theirs)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", ["auto", 1, 32, 96, 97, 1000])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_batches(solver, batch_size, shuffle):
    ours, theirs, y = pair(
        "multiclass", solver=solver, batch_size=batch_size, shuffle=shuffle
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Got `batch_size`")
        for estimator in (ours, theirs):
            estimator.fit(X, y)
    same(ours, theirs)


@pytest.mark.parametrize("hidden", [(), 6, (3, 3, 3), np.array([4, 2])])
def test_depths(hidden):
    for kind in ("binary", "single"):
        ours, theirs, y = pair(kind, hidden_layer_sizes=hidden, activation="logistic")
        for estimator in (ours, theirs):
            estimator.fit(X, y)
        same(ours, theirs)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_early_stopping(solver, kind, weight):
    # A rate at which the score soon falls, so that the best epoch is not the last.
    ours, theirs, y = pair(
        kind,
        solver=solver,
        early_stopping=True,
        validation_fraction=0.2,
        max_iter=8,
        n_iter_no_change=3,
        learning_rate_init=0.01,
    )
    for estimator in (ours, theirs):
        estimator.fit(X, y, weight)
    same(ours, theirs)
    for estimator in (ours, theirs):  # the score to beat is that of the fit before
        estimator.set_params(warm_start=True).fit(X, y, weight)
    same(ours, theirs)


def test_early_stopping_without_a_score_keeps_the_first_weights():
    y = np.full(N_ROWS, 1e200)  # the squared error overflows: no score is finite
    settings = {"hidden_layer_sizes": (3,), "early_stopping": True, "max_iter": 2}
    settings |= {"random_state": 0, "solver": "sgd", "learning_rate_init": 1e200}
    ours = nnfast.MLPRegressor(**settings)
    theirs = neural_network.MLPRegressor(**settings)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for estimator in (ours, theirs):
            estimator.fit(X, y)
    for a, b in zip(ours.coefs_, theirs.coefs_, strict=True):
        close(a, b)


@pytest.mark.parametrize("schedule", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_schedules(schedule, nesterov, momentum):
    ours, theirs, y = pair(
        "multiclass",
        solver="sgd",
        learning_rate=schedule,
        nesterovs_momentum=nesterov,
        momentum=momentum,
        learning_rate_init=0.1,
        power_t=0.3,
        tol=1.0,  # nothing is an improvement: adaptive lowers its rate
        n_iter_no_change=1,
        max_iter=8,
    )
    for estimator in (ours, theirs):
        estimator.fit(X, y)
    same(ours, theirs)
    close(ours._optimizer.learning_rate, theirs._optimizer.learning_rate)


def test_adaptive_ends_when_the_rate_is_too_small():
    ours, theirs, y = pair(
        "binary", solver="sgd", learning_rate="adaptive", tol=1.0, n_iter_no_change=1
    )
    for estimator in (ours, theirs):
        estimator.set_params(max_iter=100, learning_rate_init=1e-5).fit(X, y)
    same(ours, theirs)
    assert ours.n_iter_ < 100


def test_adam_constants():
    ours, theirs, y = pair("single", beta_1=0.5, beta_2=0.9, epsilon=1e-3)
    for estimator in (ours, theirs):
        estimator.fit(X, y)
    same(ours, theirs)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_warm_start(solver, kind):
    ours, theirs, y = pair(kind, solver=solver, warm_start=True)
    for _ in range(3):
        for estimator in (ours, theirs):
            estimator.fit(X, y)
        same(ours, theirs)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit(solver, kind):
    ours, theirs, y = pair(kind, solver=solver, learning_rate="invscaling")
    more = {} if kind not in ("binary", "multiclass") else {"classes": np.unique(y)}
    if kind == "multilabel":
        more = {"classes": np.arange(3)}
    for start in (0, 30, 60):
        rows = slice(start, start + 30)
        for estimator in (ours, theirs):
            estimator.partial_fit(X[rows], y[rows], WEIGHT[rows], **more)
    same(ours, theirs)


def test_partial_fit_after_fit_goes_on_with_the_optimizer():
    ours, theirs, y = pair("multiclass")
    for estimator in (ours, theirs):
        # What the optimizer was begun with stays, whatever is set in between.
        estimator.fit(X, y).set_params(learning_rate_init=0.1).partial_fit(X, y)
    same(ours, theirs)


def test_partial_fit_of_an_lbfgs_regressor_goes_on():
    ours, theirs, y = pair("single", solver="lbfgs")
    for estimator in (ours, theirs):
        estimator.fit(X, y).partial_fit(X, y)
    same(ours, theirs)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("batch_size", [20, 97])
@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.PCG64])
def test_a_generator_that_is_passed_in_ends_where_scikit_learns_does(
    bits, batch_size, early_stopping
):
    ends = []
    ours, theirs, y = pair(
        "binary", batch_size=batch_size, early_stopping=early_stopping
    )
    for estimator in (ours, theirs):
        generator = np.random.RandomState(bits(5))
        generator.normal(size=3)  # leaves one normal in the generator's pocket
        estimator.set_params(random_state=generator)
        if batch_size == 97 and early_stopping:
            estimator.set_params(batch_size="auto")
        estimator.fit(X, y).fit(X, y)
        ends.append(generator.randint(2**31, size=5))
    same(ours, theirs)
    np.testing.assert_array_equal(*ends)


@pytest.mark.parametrize("batch_size", [20, 97])
def test_the_global_generator_ends_where_scikit_learns_does(batch_size):
    saved = np.random.get_state()  # noqa: NPY002
    try:
        ends = []
        ours, theirs, y = pair("single", random_state=None, batch_size=batch_size)
        for estimator in (ours, theirs):
            np.random.seed(5)  # noqa: NPY002
            estimator.fit(X, y)
            ends.append(np.random.randint(2**31, size=5))  # noqa: NPY002
        same(ours, theirs)
        np.testing.assert_array_equal(*ends)
    finally:
        np.random.set_state(saved)  # noqa: NPY002


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_convergence_warnings_have_the_same_words(solver):
    ours, theirs, y = pair("binary", solver=solver)
    words = []
    for estimator in (ours, theirs):
        with pytest.warns(ConvergenceWarning) as caught:
            estimator.fit(X, y)
        words.append([str(warning.message) for warning in caught])
    assert words[0] == words[1]


@pytest.mark.parametrize(
    "settings",
    [
        {"solver": "adam", "max_iter": 40, "tol": 0.5, "n_iter_no_change": 2},
        {"early_stopping": True, "max_iter": 40, "tol": 0.5, "n_iter_no_change": 2},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "max_iter": 60}
        | {"n_iter_no_change": 1, "learning_rate_init": 1e-4},
    ],
    ids=["loss", "score", "adaptive"],
)
def test_verbose_prints_the_same_lines(settings, capsys):
    ours, theirs, y = pair("multiclass", verbose=True, **settings)
    printed = []
    for estimator in (ours, theirs):
        estimator.fit(X, y)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "did not improve" in printed[0]
