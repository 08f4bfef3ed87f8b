# SPDX-License-Identifier: BSD-3-Clause
"""Whether the parts of a sparse matrix go together.

SciPy's compiled functions take the indices of a matrix as they are: where somebody
has written wrong ones, they read and write outside of its arrays. So they are looked at
before any of those functions is called, in the formats that consist of such arrays.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import issparse

from ._pieces import pieces


def check_sparse(matrix: Any, name: str) -> None:
    """ValueError that names the part of a sparse matrix that is wrong.

    What is not sparse, or not of two dimensions, is for others to judge.
    """
    if issparse(matrix) and matrix.ndim == 2 and matrix.format in _CHECKS:
        _CHECKS[matrix.format](matrix, name)


def _check_csr(matrix: Any, name: str) -> None:
    _check_vector(matrix.data, f"{name}.data")
    _check_compressed(matrix, name, *matrix.shape)


def _check_csc(matrix: Any, name: str) -> None:
    _check_vector(matrix.data, f"{name}.data")
    _check_compressed(matrix, name, *matrix.shape[::-1])


def _check_bsr(matrix: Any, name: str) -> None:
    data, (n_rows, n_columns) = matrix.data, matrix.shape
    if np.ndim(data) != 3 or 0 in data.shape[1:]:
        raise ValueError(f"{name}.data must hold blocks; got shape {np.shape(data)}.")
    height, width = data.shape[1:]
    if n_rows % height or n_columns % width:
        raise ValueError(
            f"{name}.data holds blocks of {height} rows and {width} columns, which do"
            f" not divide the shape {matrix.shape}."
        )
    _check_compressed(matrix, name, n_rows // height, n_columns // width)


def _check_coo(matrix: Any, name: str) -> None:
    _check_vector(matrix.data, f"{name}.data")
    for part, numbers, n in zip(
        ("row", "col"), (matrix.row, matrix.col), matrix.shape, strict=True
    ):
        _check_indices(numbers, f"{name}.{part}", n)
        if len(numbers) != len(matrix.data):
            raise ValueError(
                f"{name}.{part} must have {len(matrix.data)} entries, as {name}.data"
                f" has; got {len(numbers)}."
            )


def _check_lil(matrix: Any, name: str) -> None:
    n_rows, n_columns = matrix.shape
    for part in ("rows", "data"):
        given = getattr(matrix, part)
        _check_vector(given, f"{name}.{part}")
        if len(given) != n_rows or not all(isinstance(row, list) for row in given):
            raise ValueError(f"{name}.{part} must hold {n_rows} lists.")
    if [*map(len, matrix.rows)] != [*map(len, matrix.data)]:
        raise ValueError(f"{name}.rows and {name}.data must have lists as long.")
    for row in matrix.rows:
        _check_indices(np.array(row, None if row else int), f"{name}.rows", n_columns)


_CHECKS: dict[str, Callable[[Any, str], None]] = {
    "csr": _check_csr,
    "csc": _check_csc,
    "bsr": _check_bsr,
    "coo": _check_coo,
    "lil": _check_lil,
}


def _check_compressed(matrix: Any, name: str, n_starts: int, n_indices: int) -> None:
    """What the three compressed formats share."""
    starts, indices = matrix.indptr, matrix.indices
    _check_integers(starts, f"{name}.indptr")
    _check_integers(indices, f"{name}.indices")
    if len(starts) != n_starts + 1:
        raise ValueError(
            f"{name}.indptr must have {n_starts + 1} entries for the shape"
            f" {matrix.shape}; got {len(starts)}."
        )
    n_stored = min(len(indices), len(matrix.data))
    if starts[0] != 0 or starts[-1] > n_stored or _falls(starts):
        raise ValueError(
            f"{name}.indptr must begin with 0, never fall, and end with at most the"
            f" {n_stored} entries that {name}.indices and {name}.data have."
        )
    _check_indices(indices[: starts[-1]], f"{name}.indices", n_indices)


def _check_indices(indices: Any, name: str, n: int) -> None:
    _check_integers(indices, name)
    if len(indices) == 0:
        return
    least, most = _range(indices)
    if least < 0 or most >= n:
        wrong = least if least < 0 else most
        raise ValueError(f"{name} must hold numbers from 0 to {n - 1}; got {wrong}.")


def _falls(vector: np.ndarray) -> bool:
    """Whether an entry is less than the one before it."""
    befores, afters = vector[:-1], vector[1:]
    return any((afters[p] < befores[p]).any() for p in pieces(len(afters)))


def _range(vector: np.ndarray) -> tuple[Any, Any]:
    """The least and the greatest of its entries."""
    parts = [vector[piece] for piece in pieces(len(vector))]
    return min(part.min() for part in parts), max(part.max() for part in parts)


def _check_integers(array: Any, name: str) -> None:
    _check_vector(array, name)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold integers; got dtype {array.dtype}.")


def _check_vector(array: Any, name: str) -> None:
    if not isinstance(array, np.ndarray) or array.ndim != 1:
        got = f"shape {array.shape}" if isinstance(array, np.ndarray) else type(array)
        raise ValueError(f"{name} must be an array of one dimension; got {got}.")
