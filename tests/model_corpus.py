# SPDX-License-Identifier: BSD-3-Clause
"""Small fitted models, one for each kind of network, label and state; their files."""

import io
import json
import warnings
from functools import cache

import numpy as np
import scipy.sparse

import nnfast

rng = np.random.RandomState(0)
X = rng.normal(size=(30, 4))
COLUMNS = (X[:, 0] > 0).astype(int)
THIRDS = np.digitize(X[:, 1], [-0.5, 0.5])
SMALL = {"hidden_layer_sizes": (2,), "max_iter": 2, "random_state": 0}


def classifier(y, rows=X, **parameters):
    return nnfast.MLPClassifier(**{**SMALL, **parameters}).fit(rows, y), rows


def regressor(y, rows=X, **parameters):
    return nnfast.MLPRegressor(**{**SMALL, **parameters}).fit(rows, y), rows


def named():
    import pandas as pd

    frame = pd.DataFrame(X, columns=["a", "größe", "c\n", "d"])
    return regressor(X[:, 0], frame, solver="sgd", momentum=0.5)


def models():
    single = X.astype(np.float32)
    both = np.column_stack([COLUMNS, THIRDS > 0]).astype(int)
    generator = np.random.RandomState(5)
    generator.normal()
    weights = {"low": 1.0, "middle": 2, "högh": 0.5}
    yield (
        "text",
        classifier(
            np.array(["low", "middle", "högh"])[THIRDS],
            class_weight=weights,
            early_stopping=True,
        ),
    )
    yield "integers", classifier(THIRDS.astype(np.int8) - 1, single, dropout=[0.5])
    yield "large integers", classifier(COLUMNS.astype(np.uint64) + 2**63)
    yield "booleans", classifier(COLUMNS == 1, solver="lbfgs", loss="squared_error")
    yield "floats", classifier(COLUMNS * 7.0, class_weight="balanced")
    yield "one class", classifier(np.zeros(30, int))
    yield "multilabel", classifier(both, activation=["gelu"])
    yield "sparse labels", classifier(scipy.sparse.csr_matrix(both))
    yield "one target", regressor(X[:, 0], random_state=generator)
    yield (
        "two targets",
        regressor(X[:, :2], single, hidden_layer_sizes=[2, 1], alpha=0, loss="huber"),
    )
    yield (
        "linear",
        regressor(COLUMNS, hidden_layer_sizes=(), loss="poisson", solver="lbfgs"),
    )
    start = ([np.ones((4, 1)), np.ones((1, 1))], [np.zeros(1), np.zeros(1)])
    yield "arrays", regressor(COLUMNS, hidden_layer_sizes=1, init=start, verbose=0)
    yield "names", named()


@cache
def corpus():
    """Fitted models by name, each with rows that it predicts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(models())


def described(raw):
    """The metadata of a model file."""
    return json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]


def saved(model, **options):
    """The bytes of a model's file."""
    file = io.BytesIO()
    model.save_model(file, **options)
    return file.getvalue()


def reopened(model, **options):
    """The model that its file is."""
    return nnfast.load_model(io.BytesIO(saved(model, **options)))


def equal(a, b):
    """Whether two values are equal, and of equal types throughout."""
    if isinstance(a, np.random.RandomState):
        a, b = (value.get_state(legacy=False) for value in (a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())
    return type(a) is type(b) and a == b
