# SPDX-License-Identifier: BSD-3-Clause
"""Work on large arrays piece by piece.

Python lets Ctrl-C through between two calls, and NumPy takes seconds for a call on
gigabytes. What is not large is one piece, and done as if this file did not exist.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ._core import is_plain

# Numbers in a piece: NumPy takes some milliseconds for its slower work on them, and
# malloc keeps the memory of what is in between, which the system would clear each time.
_AT_ONCE = 2**19


def pieces(length: int, width: int = 1) -> Iterator[slice]:
    """Slices of so many things that have ``width`` numbers each; one at least."""
    at_once = max(1, _AT_ONCE // max(1, width))
    for start in range(0, max(1, length), at_once):
        yield slice(start, min(start + at_once, length))


def is_large(length: int, width: int = 1) -> bool:
    """Whether there is more than one piece."""
    return length * width > _AT_ONCE and length > 1


def fill(target: np.ndarray, values: Callable[[int], Any]) -> None:
    """Fill a C-contiguous array with values that come so many at a time, in order."""
    flat = target.reshape(-1)
    for piece in pieces(flat.size):
        flat[piece] = values(piece.stop - piece.start)


def zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """As of NumPy, but the system does not fetch much memory at its first use."""
    result = np.zeros(shape, dtype)
    if is_large(result.size):
        fill(result, lambda count: 0)
    return result


def copy(array: np.ndarray) -> np.ndarray:
    """A copy of a C-contiguous array."""
    if not is_large(array.size):
        return array.copy()
    result = np.empty_like(array)
    flat, given = result.reshape(-1), array.reshape(-1)
    for piece in pieces(flat.size):
        flat[piece] = given[piece]
    return result


def required(array: np.ndarray, dtype: Any) -> np.ndarray:
    """The array itself or one like it: C-contiguous, aligned and of that type."""
    itself = array.flags.c_contiguous and array.flags.aligned and array.dtype == dtype
    if itself or not is_large(len(array), array[:1].size):
        return np.require(array, dtype, ["C", "A"])
    result = np.empty(array.shape, dtype)
    for piece in pieces(len(array), array[:1].size):
        result[piece] = array[piece]
    return result


def all_finite(array: np.ndarray) -> bool:
    """Whether an ndarray that the core could take holds finite numbers only."""
    return array.size == 0 or is_plain(array.reshape(-1), 1)


def by_rows(function: Callable[[Any], np.ndarray], X: Any, width: int) -> np.ndarray:
    """What a function of rows makes of X; ``width`` numbers are at work for a row."""
    n_rows = X.shape[0]
    if not is_large(n_rows, width):
        return function(X)
    parts = pieces(n_rows, width)
    first = next(parts)
    beginning = function(X[first])
    result = np.empty((n_rows, *beginning.shape[1:]), beginning.dtype)
    result[first] = beginning
    for piece in parts:
        result[piece] = function(X[piece])
    return result
