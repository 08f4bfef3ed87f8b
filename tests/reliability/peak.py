# SPDX-License-Identifier: BSD-3-Clause
"""The most memory that a fit holds, its X, y and sample_weight included.

    python -m reliability.peak CASE ...

prints a line of JSON per case: the measured bytes, and what the bound is made of that
docs/reliability.md states. It must run with the shim, which counts every byte of
malloc's, used or not. What the model held before the fit is not counted.
"""

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from nnfast import MLPClassifier, MLPRegressor

from . import shim

# Python's objects, and what the core aligns.
OVERHEAD = 200_000
# The order of rows, and their numbers in a split.
BYTES_PER_ROW = 24
# Vectors in float64 that SciPy's L-BFGS-B and its result hold: two of each of ten
# corrections, twice, and what it works with.
LBFGS_VECTORS = 41


class Case(NamedTuple):
    """A fit, and what came before it."""

    n: int
    d: int
    hidden: tuple[int, ...]
    solver: str = "adam"
    dtype: str = "f8"
    classes: int = 0  # 0: a regressor
    settings: dict[str, Any] = {}  # noqa: RUF012 (read only)
    layout: Callable[[np.ndarray], Any] = np.ascontiguousarray
    weighted: bool = False
    method: str = "fit"  # "warm" and "partial_fit" go on with the fitted model


# Networks of 5 MB, or rows of 8 MB.
WIDE = {"n": 300, "d": 50, "hidden": (800, 700)}
LONG = {"n": 50_000, "d": 20, "hidden": (10,)}
EARLY = {"early_stopping": True}
FULL = {"batch_size": 10**6}


def _csr(X: np.ndarray) -> Any:
    return sparse.csr_array(np.where(X > 1, X, 0))


CASES = {
    "adam": Case(**WIDE),
    "adam, float32": Case(**WIDE, dtype="f4"),
    "adam, early stopping": Case(**WIDE, settings=EARLY),
    "adam, softmax": Case(**WIDE, classes=5),
    "sgd": Case(**WIDE, solver="sgd"),
    "adam, warm": Case(**WIDE, method="warm"),
    "adam, warm, early stopping": Case(**WIDE, method="warm", settings=EARLY),
    "adam, partial_fit": Case(**WIDE, method="partial_fit"),
    "sgd, partial_fit, float32": Case(
        **WIDE, solver="sgd", dtype="f4", method="partial_fit"
    ),
    "rows": Case(**LONG),
    "rows, float32": Case(**LONG, dtype="f4"),
    "rows, classes": Case(**LONG, classes=7),
    "rows, weights": Case(**LONG, classes=2, weighted=True),
    "rows, early stopping": Case(**LONG, settings=EARLY),
    "rows, early stopping, classes": Case(**LONG, classes=2, settings=EARLY),
    "rows, one batch": Case(**LONG, settings=FULL),
    "rows, Fortran order, one batch": Case(
        **LONG, layout=np.asfortranarray, settings=FULL
    ),
    "rows, Fortran order": Case(**LONG, layout=np.asfortranarray),
    "rows, Fortran order, early stopping": Case(
        **LONG, layout=np.asfortranarray, settings=EARLY
    ),
    "rows, bytes, early stopping": Case(
        **LONG, layout=lambda X: (X * 9).astype(np.int8), settings=EARLY
    ),
    "rows, integers, early stopping": Case(
        **LONG, layout=lambda X: (X * 100).astype(np.int64), settings=EARLY
    ),
    "rows, frame, early stopping": Case(
        **LONG, layout=lambda X: pd.DataFrame(np.asfortranarray(X)), settings=EARLY
    ),
    "rows, CSC, early stopping": Case(
        **LONG, layout=lambda X: _csr(X).tocsc(), settings=EARLY
    ),
    "rows, frame of types, early stopping": Case(
        **LONG,
        layout=lambda X: pd.DataFrame(X).astype({0: "float32"}),
        settings=EARLY,
    ),
    "rows, frame of integers": Case(
        **LONG, layout=lambda X: pd.DataFrame((X * 100).astype(np.int64))
    ),
    "rows, two frames in one": Case(
        **LONG,
        layout=lambda X: pd.concat(
            [*map(pd.DataFrame, np.hsplit(X, 2))], axis=1, ignore_index=True
        ),
    ),
    "columns, frame of types": Case(
        n=2_000,
        d=500,
        hidden=(10,),
        layout=lambda X: pd.DataFrame(X).astype({0: "float32"}),
    ),
    "rows, integers": Case(**LONG, layout=lambda X: (X * 100).astype(np.int64)),
    "rows, CSR": Case(**LONG, layout=_csr),
    "rows, CSR, early stopping": Case(**LONG, layout=_csr, settings=EARLY),
    "rows, CSC": Case(**LONG, layout=lambda X: _csr(X).tocsc()),
}
LBFGS = {
    "lbfgs": Case(**WIDE, solver="lbfgs"),
    "lbfgs, float32": Case(**WIDE, solver="lbfgs", dtype="f4"),
    "lbfgs, rows": Case(**LONG, solver="lbfgs"),
}
ALL = CASES | LBFGS


def _n_bytes(array: Any) -> int:
    if array is None:
        return 0
    if isinstance(array, pd.DataFrame):
        return int(array.memory_usage(index=False).sum())
    if sparse.issparse(array):
        return array.data.nbytes + array.indices.nbytes + array.indptr.nbytes
    return int(array.nbytes)


def peak(case: Case) -> dict[str, Any]:
    """The most bytes of a fit, and what the bound is made of."""
    rng = np.random.default_rng(0)
    X = case.layout(rng.normal(size=(case.n, case.d)).astype(case.dtype))
    classifies = case.classes > 0
    y = (
        rng.integers(case.classes, size=case.n)
        if classifies
        else rng.normal(size=case.n)
    )
    weight = rng.random(case.n) + 0.5 if case.weighted else None
    model = (MLPClassifier if classifies else MLPRegressor)(
        hidden_layer_sizes=case.hidden,
        solver=case.solver,
        max_iter=3,
        max_fun=30,
        random_state=0,
    )
    model.set_params(**case.settings)
    few = slice(40)
    model.fit(X[few], y[few])  # what is imported once is there then
    model.set_params(warm_start=case.method == "warm")
    method = model.partial_fit if case.method == "partial_fit" else model.fit
    added = shim.peak_of(lambda: method(X, y, weight))
    theta = model._parameters
    given = sum(map(_n_bytes, (X, y, weight)))
    missing = theta.itemsize - X.itemsize if isinstance(X, np.ndarray) else 0
    batch = min(200, case.n) if "batch_size" not in case.settings else case.n
    return {
        "measured": added + given,
        "parameters": theta.nbytes,
        # As if no number of X were narrower than those of the network.
        "input": given + max(0, missing) * case.n * case.d,
        "activations": batch * sum(model._widths) * theta.itemsize,
        "lbfgs": LBFGS_VECTORS * theta.size * 8 * (case.solver == "lbfgs"),
        "rest": BYTES_PER_ROW * case.n + OVERHEAD,
    }


def bound(case: Case, found: dict[str, int]) -> int:
    """What the page promises, in bytes."""
    return (
        8 * found["parameters"]
        + 2 * found["input"]
        + found["activations"]
        + found["lbfgs"]
        + found["rest"]
    )


def measure(names: list[str]) -> dict[str, dict[str, Any]]:
    """``peak`` of the cases of these names, in a process with the shim."""
    said = shim.run_with_shim(__spec__.name, *names)
    return dict(json.loads(line) for line in said.splitlines())


def main() -> None:
    warnings.simplefilter("ignore")
    for name in sys.argv[1:]:
        print(json.dumps([name, peak(ALL[name])]))


if __name__ == "__main__":
    main()
