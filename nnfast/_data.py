# SPDX-License-Identifier: BSD-3-Clause
"""Rows with their targets and weights, in the form that the core demands."""

from typing import Any, NamedTuple

import numpy as np


class Data(NamedTuple):
    """C-contiguous arrays of one real type; y may be int64 class numbers instead."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None

    def rows(self, index: np.ndarray) -> "Data":
        """A copy of some of the rows."""
        weight = None if self.weight is None else self.weight[index]
        return Data(self.X[index], self.y[index], weight)


def cast(array: np.ndarray, dtype: Any, name: str) -> np.ndarray:
    """The array in the network's type; ValueError where a value does not fit in it."""
    with np.errstate(over="ignore"):
        result = np.require(array, dtype, ["C", "A"])
    if array.dtype != result.dtype and not np.isfinite(result).all():
        raise ValueError(
            f"{name} contains NaN, infinity or a value too large for"
            f" {result.dtype}, the type of the network."
        )
    return result
