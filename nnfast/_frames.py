# SPDX-License-Identifier: BSD-3-Clause
"""The numbers of a data frame, in the memory of one array and little more.

scikit-learn has pandas make an array of all columns, and of that one in the order it
wants: the numbers are held three times.
"""

import sys
from collections.abc import Iterator
from math import ceil
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing, check_array

from ._pieces import all_finite

# Parts that are made into arrays one after the other: no more, and no smaller.
_PARTS = 32
_NUMBERS = 2**14


def numbers_of(X: Any, dtype: Any) -> np.ndarray | None:
    """What ``check_array`` makes of a frame, or None.

    None, for scikit-learn to say what is wrong, is also what a frame gives that has
    anything but finite numbers; and what has little to gain: one that is small, or is
    an array in a type of the network's already, and what is no frame at all.
    """
    if not _is_worth_it(X):
        return None
    n_rows, n_columns = X.shape
    # By rows where they are narrow: a column is then a large part of all numbers.
    axis = int(n_columns >= _PARTS)
    try:
        first = check_array(_safe_indexing(X, slice(1), axis=0), dtype=dtype)
        result = np.empty((n_rows, n_columns), first.dtype)
        for part in _parts(X.shape[axis], result.size):
            place = (slice(None), part) if axis else part
            some = _safe_indexing(X, part, axis=axis)
            with np.errstate(over="ignore"):  # which is not finite then
                result[place] = _array(some, result.dtype)
    except (TypeError, ValueError):
        return None
    return result if all_finite(result) else None


def _array(frame: Any, dtype: Any) -> np.ndarray:
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        return frame.to_numpy(dtype, na_value=np.nan)
    return np.asarray(frame)


def _parts(length: int, n_numbers: int) -> Iterator[slice]:
    step = ceil(length / min(_PARTS, ceil(n_numbers / _NUMBERS)))
    return (slice(start, start + step) for start in range(0, length, step))


def _is_worth_it(X: Any) -> bool:
    shape: Any = getattr(X, "shape", ())
    types = getattr(X, "dtypes", None)
    if types is None or len(shape) != 2 or shape[0] * shape[1] <= _NUMBERS:
        return False
    types = set(types)
    one = len(types) == 1 and types <= {np.dtype("f8"), np.dtype("f4")}
    return not one and all(map(_is_number, types))


def _is_number(dtype: Any) -> bool:
    """Whether a column has a type of NumPy's, pandas' or polars' for dense numbers."""
    if hasattr(dtype, "is_numeric"):  # of polars
        return bool(dtype.is_numeric())
    is_sparse = hasattr(dtype, "fill_value")
    return getattr(dtype, "kind", "O") in "fiub" and not is_sparse
