# SPDX-License-Identifier: BSD-3-Clause
"""Rows with their targets and weights, in the form that the core demands."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from ._pieces import all_finite, required

# The core numbers the columns of a sparse X by int32.
_MOST_COLUMNS = np.iinfo(np.int32).max


class Data(NamedTuple):
    """C-contiguous arrays of one real type; X may be a CSR matrix, y int64 classes."""

    X: Any
    y: np.ndarray
    weight: np.ndarray | None

    @property
    def n_rows(self) -> int:
        """Number of rows: a sparse X has no length."""
        return int(self.X.shape[0])

    def arrays(self) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """The three arguments of the core's functions."""
        return input_arrays(self.X), self.y, self.weight


def cast(array: np.ndarray, dtype: Any, name: str) -> np.ndarray:
    """The array in the network's type; ValueError where a value does not fit in it."""
    if array.dtype == dtype and array.flags.carray:
        return array
    with np.errstate(over="ignore"):
        result = required(array, dtype)
    if array.dtype != result.dtype and not all_finite(result):
        raise ValueError(
            f"{name} contains NaN, infinity or a value too large for"
            f" {result.dtype}, the type of the network."
        )
    return result


def cast_inputs(X: Any, dtype: Any) -> Any:
    """X in the network's type: a C-contiguous array, or CSR where it is sparse."""
    if type(X) is np.ndarray or not issparse(X):
        return cast(X, dtype, "X")
    if X.shape[1] > _MOST_COLUMNS:
        raise ValueError(
            f"A sparse X can have {_MOST_COLUMNS} features at most; got {X.shape[1]}."
        )
    X = X.tocsr()
    if X.dtype != dtype:
        values = cast(X.data, dtype, "X")
        X = type(X)((values, X.indices, X.indptr), shape=X.shape)
    return X


def input_arrays(X: Any) -> Any:
    """X as an argument of the core: an array, or a tuple of the parts of a CSR."""
    if type(X) is np.ndarray or not issparse(X):
        return X
    n_stored = X.indptr[-1]  # what lies behind is spare room
    values, columns = X.data[:n_stored], X.indices[:n_stored]
    parts = (values, values.dtype), (columns, np.int32), (X.indptr, np.int64)
    return tuple(required(part, dtype) for part, dtype in parts)


def mean_width(X: Any) -> int:
    """Inputs that a row of X takes into the products of the first layer, on average."""
    if not issparse(X):
        return int(X.shape[1])
    return int(X.nnz // max(1, X.shape[0])) + 1
