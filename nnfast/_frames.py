# SPDX-License-Identifier: BSD-3-Clause
"""The numbers of a data frame, in the memory of one array and a column.

scikit-learn has the frame make an array of all columns, and of that one in the order
that it wants: the numbers are held three times.
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.utils import check_array

from ._pieces import all_finite

# So few numbers may be held three times.
_FEW = 2**14


def numbers_of(X: Any, dtype: Any) -> np.ndarray | None:
    """What ``check_array`` makes of a frame of pandas or polars, or None.

    None is also what a frame gives that has anything but finite numbers, or two columns
    of one name, for scikit-learn to say so; and one that has nothing to gain: of few
    numbers, or with an array in it already, of one of the network's types.
    """
    frame = _kind_of(X)
    if frame is None:
        return None
    if X.shape[0] * X.shape[1] <= _FEW or len(set(X.columns)) < X.shape[1]:
        return None
    first = {kind: i for i, kind in reversed([*enumerate(X.dtypes)])}
    if not all(map(frame.is_number, first)):
        return None
    if len(first) == 1 and frame.has_array(X, *first):
        return None
    try:
        row = frame.row(X, [*first.values()])
        dtype = check_array(row, dtype=dtype).dtype.newbyteorder("=")
        result = np.empty(X.shape, dtype)
        # Whole numbers that no float64 is are rounded there first.
        common = row.to_numpy().dtype
        with np.errstate(over="ignore"):  # which is not finite then
            for i, column in enumerate(frame.columns(X, dtype)):
                if common.kind == "f":
                    column = column.astype(common, copy=False)
                result[:, i] = column
    except MemoryError:
        raise
    except Exception:  # of either library, in its own words
        return None
    return result if all_finite(result) else None


def _kind_of(X: Any) -> Any:
    """What is known of frames of its class, or None; X itself is not asked."""
    for name, kind in _FRAMES.items():
        if type(X) is getattr(sys.modules.get(name), "DataFrame", None):
            return kind
    return None


class _Pandas:
    @staticmethod
    def is_number(dtype: Any) -> bool:
        is_sparse = hasattr(dtype, "fill_value")
        return dtype.kind in "fiub" and not is_sparse

    @staticmethod
    def has_array(X: Any, dtype: Any) -> bool:
        if dtype not in ("f8", "f4"):
            return False
        one, other = (X.iloc[:1].to_numpy() for _ in range(2))
        return np.shares_memory(one, other)  # views: else both were made of columns

    @staticmethod
    def row(X: Any, columns: list[int]) -> Any:
        return X.iloc[:1, columns]

    @staticmethod
    def columns(X: Any, dtype: Any) -> Iterator[np.ndarray]:
        for _, column in X.items():
            if isinstance(column.dtype, np.dtype):
                yield column.to_numpy()
            else:  # NaN is what is missing
                yield column.to_numpy(dtype, na_value=np.nan)


class _Polars:
    @staticmethod
    def is_number(dtype: Any) -> bool:
        return bool(dtype.is_numeric())

    @staticmethod
    def has_array(X: Any, dtype: Any) -> bool:
        return False

    @staticmethod
    def row(X: Any, columns: list[int]) -> Any:
        return X[:1, columns]

    @staticmethod
    def columns(X: Any, dtype: Any) -> Iterator[np.ndarray]:
        return (column.to_numpy() for column in X.iter_columns())


_FRAMES: dict[str, Any] = {"pandas": _Pandas, "polars": _Polars}
