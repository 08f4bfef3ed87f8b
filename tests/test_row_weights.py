# SPDX-License-Identifier: BSD-3-Clause
"""What a row weighs: its class's weight is its own, w is w rows, and zero is no row."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.preprocessing import scale
from sklearn.utils import compute_class_weight

from nnfast import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 60  # 3 N repeated rows still make one batch, of at most 200
SOLVERS = ["adam", "sgd", "lbfgs"]
SMALL = {"hidden_layer_sizes": (6, 4), "max_iter": 6, "random_state": 0, "alpha": 0.1}

wine, sorts = (a[::3][:N] for a in load_wine(return_X_y=True))
cancer, benign = (a[:N] for a in load_breast_cancer(return_X_y=True))
diabetes, progression = (a[:N] for a in load_diabetes(return_X_y=True))
wine, cancer, diabetes, progression = map(scale, (wine, cancer, diabetes, progression))

CLASSES = {"binary": (cancer, benign), "multiclass": (wine, sorts)}
LABELS = (diabetes, diabetes[:, 2:5] > 0)
SEVERAL = np.column_stack([progression, diabetes[:, 2]])


def bits(estimator):
    return [array.tobytes() for array in estimator.coefs_ + estimator.intercepts_]


# ---- classes ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("kind", CLASSES)
def test_the_weight_of_a_class_is_that_of_its_rows(kind, loss, solver, dtype):
    X, y = CLASSES[kind]
    X, settings = X.astype(dtype), SMALL | {"solver": solver, "loss": loss}
    balanced = compute_class_weight("balanced", classes=np.unique(y), y=y)
    # Powers of two, so that float32 products are the same in whatever order.
    own = 2.0 ** np.random.RandomState(0).randint(-2, 3, N)
    for class_weight, weights in (
        ({0: 0.5, 1: 3.0, 2: 1.25}, np.array([0.5, 3.0, 1.25])),
        ({0: 0.0}, np.array([0.0, 1.0, 1.0])),  # a class that is not named has weight 1
        ("balanced", balanced),
    ):
        given = class_weight
        if isinstance(class_weight, dict):
            given = {k: v for k, v in class_weight.items() if k in y}
        for sample_weight in (None, own):
            total = weights[y] if sample_weight is None else weights[y] * own
            by_class = MLPClassifier(**settings, class_weight=given)
            by_row = MLPClassifier(**settings)
            by_class.fit(X, y, sample_weight=sample_weight)
            by_row.fit(X, y, sample_weight=total)
            assert bits(by_class) == bits(by_row)
            assert by_class.loss_ == by_row.loss_
    assert bits(by_class) != bits(MLPClassifier(**settings).fit(X, y))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_weight_of_a_class_in_small_batches_and_partial_fits(solver):
    weights = {"a": 0.5, "b": 2.0, "c": 0.0}
    named = np.array(list(weights))[sorts]
    rows = np.array(list(weights.values()))[sorts]
    settings = SMALL | {"solver": solver, "batch_size": 7}
    by_class, by_row = (
        MLPClassifier(**settings, class_weight=weights),
        MLPClassifier(**settings),
    )
    assert bits(by_class.fit(wine, named)) == bits(by_row.fit(wine, named, rows))
    for part in (slice(0, 30), slice(20, N)):
        by_class.partial_fit(wine[part], named[part])
        by_row.partial_fit(wine[part], named[part], rows[part])
    assert bits(by_class) == bits(by_row)


# ---- rows ----

FITS = {
    "binary": (MLPClassifier(), *CLASSES["binary"]),
    "multiclass": (MLPClassifier(), *CLASSES["multiclass"]),
    "multilabel": (MLPClassifier(), *LABELS),
    "binary, squared": (MLPClassifier(loss="squared_error"), *CLASSES["binary"]),
    "multiclass, squared": (
        MLPClassifier(loss="squared_error"),
        *CLASSES["multiclass"],
    ),
    "multilabel, squared": (MLPClassifier(loss="squared_error"), *LABELS),
    "regression": (MLPRegressor(), diabetes, progression),
    "regressions": (MLPRegressor(), diabetes, SEVERAL),
    **{
        loss: (MLPRegressor(loss), diabetes, SEVERAL)
        for loss in ("absolute_error", "huber", "log_cosh")
    },
    "poisson": (MLPRegressor("poisson"), diabetes, np.exp(SEVERAL)),
}


def close(ours, others):
    """The same but for the order of sums over rows.

    Six steps amplify its rounding by a few powers of ten; 1e-9 of the largest weight
    leaves room for that.
    """
    for a, b in zip(
        ours.coefs_ + ours.intercepts_, others.coefs_ + others.intercepts_, strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9 * np.abs(b).max())
    np.testing.assert_allclose(ours.loss_, others.loss_, rtol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", FITS)
def test_a_whole_weight_is_as_many_rows(kind, solver):
    estimator, X, y = FITS[kind]
    estimator = clone(estimator).set_params(**SMALL, solver=solver)
    weight = np.tile([0, 1, 2, 3, 4], N // 5)
    weighted = clone(estimator).fit(X, y, sample_weight=weight)
    close(weighted, clone(estimator).fit(X.repeat(weight, 0), y.repeat(weight, 0)))
    # And not what it is without weights.
    plain = clone(estimator).fit(X, y)
    assert not np.allclose(plain.coefs_[0], weighted.coefs_[0], rtol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", FITS)
def test_weight_zero_is_no_row(kind, solver):
    estimator, X, y = FITS[kind]
    estimator = clone(estimator).set_params(**SMALL, solver=solver)
    weight = np.random.RandomState(0).uniform(0.5, 2, N)
    weight[1::3] = 0
    kept = weight > 0
    # Rows so far out that one gradient of theirs would outweigh all the others.
    far = np.where(kept[:, None], X, 1e100 * X)
    without = clone(estimator).fit(X[kept], y[kept], weight[kept])
    close(clone(estimator).fit(X, y, weight), without)
    close(clone(estimator).fit(far, y, weight), without)
    if solver != "lbfgs":
        with_them = clone(estimator).fit(X, y, weight).partial_fit(far, y, weight)
        close(with_them, without.partial_fit(X[kept], y[kept], weight[kept]))
