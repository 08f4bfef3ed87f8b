# SPDX-License-Identifier: BSD-3-Clause
"""Rows with their targets and weights, in the form that the core demands."""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from ._pieces import all_finite, by_rows, is_large, pieces, required

# The core numbers the columns of a sparse X by int32.
_MOST_COLUMNS = np.iinfo(np.int32).max


class Data(NamedTuple):
    """C-contiguous arrays of one real type; X may be a CSR matrix, y int64 classes."""

    X: Any
    y: np.ndarray
    weight: np.ndarray | None
    given: Any = None  # what X was made of

    @property
    def n_rows(self) -> int:
        """Number of rows: a sparse X has no length."""
        return int(self.X.shape[0])

    def split(
        self, indices: Sequence[np.ndarray], weights: Sequence[np.ndarray | None]
    ) -> list["Data"]:
        """A part for each index, with its entry of ``weights``, which has all rows'.

        The indices together name every row once. Parts are copies, unless X itself is
        a copy: then its rows are put in their order, and this object is used up.
        """
        return [
            Data(X, _rows(self.y, i), None if weight is None else _rows(weight, i))
            for X, i, weight in zip(
                self._split_inputs(indices), indices, weights, strict=True
            )
        ]

    def _split_inputs(self, indices: Sequence[np.ndarray]) -> list[Any]:
        source = _source_of(self.X, self.given)
        if source is None:
            return [_rows(self.X, index) for index in indices]
        _refill(self.X, source, np.concatenate(indices))
        return np.split(self.X, np.cumsum([len(index) for index in indices[:-1]]))

    def arrays(self) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """The three arguments of the core's functions."""
        return input_arrays(self.X), self.y, self.weight


def _rows(array: Any, index: np.ndarray) -> Any:
    """A copy of some rows of an array or of a CSR matrix."""
    if not issparse(array):
        return by_rows(array.__getitem__, index, array[:1].size)
    width = mean_width(array)
    if not is_large(len(index), width):
        return array[index]
    starts = np.append(0, np.cumsum(np.diff(array.indptr)[index]))
    values = np.empty(starts[-1], array.dtype)
    columns = np.empty(starts[-1], array.indices.dtype)
    for piece in pieces(len(index), width):
        part, at = array[index[piece]], slice(starts[piece.start], starts[piece.stop])
        values[at], columns[at] = part.data, part.indices
    shape = (len(index), array.shape[1])
    return type(array)((values, columns, starts), shape=shape)


def _source_of(X: Any, given: Any) -> np.ndarray | None:
    """The array of numbers of which X surely is a copy that nobody else has, or None.

    X has memory of its own then, and none of it is the array's.
    """
    if type(X) is not np.ndarray or not X.flags.owndata:
        return None
    if type(given) is not np.ndarray:
        given = _numbers_of_frame(given)
    numbers = type(given) is np.ndarray and given.dtype.kind in "fiub"
    return given if numbers and not np.may_share_memory(X, given) else None


def _numbers_of_frame(given: Any) -> np.ndarray | None:
    """Those of a frame of pandas whose columns have one type of NumPy's, else None."""
    pandas = sys.modules.get("pandas")
    if pandas is None or type(given) is not pandas.DataFrame:
        return None
    types = set(given.dtypes)
    one = len(types) == 1 and isinstance(types.pop(), np.dtype)
    return given.to_numpy() if one else None


def _refill(X: np.ndarray, source: np.ndarray, index: np.ndarray) -> None:
    """X := those rows of its source, in pieces small enough for a strict bound."""
    for piece in pieces(len(index), 128 * X.shape[1]):  # 16,384 numbers
        X[piece] = source[index[piece]]


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
