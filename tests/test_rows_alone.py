# SPDX-License-Identifier: BSD-3-Clause
"""A prediction has the same bits whatever rows it is made with, by any threads.

test_kernels.py shows it of every kernel; this, of what a user calls.
"""

import numpy as np
import pytest
from scipy import sparse

from nnfast import MLPClassifier, MLPRegressor, _core

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 41  # prime: no multiple of a block of rows
rng = np.random.RandomState(0)
LABELS = rng.randint(0, 2, (N, 3))
TARGETS = {
    "binary": (MLPClassifier, LABELS[:, 0]),
    "multiclass": (MLPClassifier, np.arange(N) % 10),
    "multilabel": (MLPClassifier, LABELS),
    "regression": (MLPRegressor, rng.normal(size=N)),
    "regressions": (MLPRegressor, rng.normal(size=(N, 5))),
}
METHODS = ["predict", "predict_proba", "predict_log_proba"]


def rows(n_features, dtype):
    """Rows half of zeros, some so large that activations and outputs saturate."""
    draw = np.random.RandomState(n_features)
    X = draw.normal(size=(N, n_features)) * (draw.uniform(size=(N, n_features)) < 0.5)
    X[::7] *= 200
    return X.astype(dtype)


def fitted(kind, n_features, dtype, **parameters):
    estimator, y = TARGETS[kind]
    network = estimator(solver="lbfgs", max_iter=1, random_state=0, **parameters)
    return network.fit(rows(n_features, dtype), y)


def alone_and_together(network, X):
    """Assert that each method gives each row the bits that it has among the others."""
    for name in METHODS:
        if not hasattr(network, name):
            continue
        predict = getattr(network, name)
        together = predict(X)
        alone = np.concatenate([predict(X[i : i + 1]) for i in range(N)])
        assert alone.dtype == together.dtype
        assert alone.tobytes() == together.tobytes()
        # Rows in another order, in a batch of another size.
        some = np.random.RandomState(0).permutation(N)[: N - 6]
        assert predict(X[some]).tobytes() == together[some].tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("activation", _core.activations)
def test_every_activation_and_output(activation, kind, dtype):
    network = fitted(kind, 9, dtype, activation=activation, hidden_layer_sizes=(13, 6))
    alone_and_together(network, rows(9, dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("output", [*_core.activations, "exp"])
def test_every_output_of_a_regressor(output, dtype):
    settings = {"output_activation": output, "hidden_layer_sizes": (7,)}
    alone_and_together(fitted("regression", 5, dtype, **settings), rows(5, dtype))


WIDTHS = [
    *((d, (h,)) for d, h in zip(range(1, 40), range(39, 0, -1))),
    *((64, (width,)) for width in (63, 64, 65, 127, 128, 129, 200)),
    (1, ()),
    (100, ()),
    (30, (16, 8, 4)),
    (3, (257, 3)),
    (129, (5, 5, 5, 5)),
]


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_every_width(kind, dtype, n_jobs):
    for n_features, hidden in WIDTHS:
        settings = {"hidden_layer_sizes": hidden, "n_jobs": n_jobs}
        network = fitted(kind, n_features, dtype, **settings)
        X = rows(n_features, dtype)
        together = network.predict(X)
        alone = np.concatenate([network.predict(X[i : i + 1]) for i in range(N)])
        assert alone.tobytes() == together.tobytes(), (n_features, hidden)
        assert network.set_params(n_jobs=1).predict(X).tobytes() == together.tobytes()


@pytest.mark.parametrize("model", [np.float32, np.float64])
@pytest.mark.parametrize("data", [np.float32, np.float64])
@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("kind", TARGETS)
def test_sparse_rows_and_mixed_types(kind, form, data, model):
    network = fitted(kind, 33, model, hidden_layer_sizes=(10,))
    alone_and_together(network, rows(33, data))
    alone_and_together(network, form(rows(33, data)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_a_large_batch(dtype):
    X = np.tile(rows(20, dtype), (500, 1))
    network = fitted("multiclass", 20, dtype, hidden_layer_sizes=(30, 20))
    few = network.predict_proba(X[:N])
    for n_jobs in (None, 1, 2):
        many = network.set_params(n_jobs=n_jobs).predict_proba(X)
        assert many.tobytes() == few.tobytes() * 500


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("output", "loss"), [("identity", "squared_error"), ("softmax", "brier")]
)
def test_weights_that_exceed_the_caches(output, loss, dtype):
    """2.3 MB of them or more, of which the core makes itself copies for many rows; the
    last of their blocks has no whole vector."""
    draw = np.random.RandomState(0)
    net = _core.Net((700, 821, 821), ("tanh", output), loss, 1.0)
    theta = draw.normal(size=822 * 821 + 701 * 821).astype(dtype) / 20
    X = draw.normal(size=(99, 700)).astype(dtype)
    together, alone = np.empty((2, 99, 821), dtype)
    net.predict(theta, X, together)
    for i in range(99):
        net.predict(theta, X[i : i + 1], alone[i : i + 1])
    assert together.tobytes() == alone.tobytes()
