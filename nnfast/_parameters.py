# SPDX-License-Identifier: BSD-3-Clause
"""All weights and biases of a network in one flat vector θ, and views of it.

θ is laid out layer by layer: W (in × out, C order), then b (out). ``widths`` is the
tuple (inputs, hidden ..., outputs) that fixes every shape.
"""

from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np

from . import _memory


def size(widths: tuple[int, ...]) -> int:
    """Number of weights and biases."""
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(widths))


# Vectors of the length of θ that a solver needs at once, θ and the gradient included:
# in the type of θ, and in float64, which SciPy steps with (ten corrections, two each).
_VECTORS = {"sgd": (3, 0), "adam": (4, 0), "lbfgs": (2, 27)}


def check_training_memory(widths: tuple[int, ...], dtype: Any, solver: str) -> None:
    """MemoryError where the process cannot train such a network."""
    own, double = _VECTORS[solver]
    bytes_per_weight = own * np.dtype(dtype).itemsize + double * 8
    _check_memory(widths, bytes_per_weight, f"trained by {solver}")


def _check_memory(widths: tuple[int, ...], bytes_per_weight: int, purpose: str) -> None:
    """MemoryError where the process cannot have so much memory."""
    _memory.check(
        size(widths) * bytes_per_weight,
        lambda: (
            f"hidden_layer_sizes={list(widths[1:-1])} with {widths[0]} inputs and"
            f" {widths[-1]} outputs, {purpose},"
        ),
    )


def zeros(widths: tuple[int, ...], dtype: Any) -> np.ndarray:
    """A θ of zeros; MemoryError where there is no room for it."""
    _check_memory(widths, np.dtype(dtype).itemsize, "for the weights alone")
    return np.zeros(size(widths), dtype)


def views(
    theta: np.ndarray, widths: tuple[int, ...]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The weight matrices and the biases, as views of θ."""
    coefs, intercepts, start = [], [], 0
    for fan_in, fan_out in pairwise(widths):
        middle = start + fan_in * fan_out
        coefs.append(theta[start:middle].reshape(fan_in, fan_out))
        start = middle + fan_out
        intercepts.append(theta[middle:start])
    return coefs, intercepts


def widths_of(coefs: Any, intercepts: Any, n_inputs: Any) -> tuple[int, ...]:
    """The widths of the network that arrays of a user make; ``pack`` says if they do.

    Parameters
    ----------
    n_inputs : int or None
        Number of inputs, or None to take it from the arrays.
    """
    if not isinstance(coefs, (list, tuple)) or not coefs:
        raise ValueError(
            "coefs_ must be a list of arrays, one per layer; got"
            f" {'an empty one' if coefs in ([], ()) else type(coefs).__name__}."
        )
    _check_list("intercepts_", intercepts, len(coefs))
    if n_inputs is None:
        n_inputs = _length(coefs[0])
    if not isinstance(n_inputs, Integral) or n_inputs < 1:
        raise ValueError(
            f"n_features_in_ must be a whole number, at least 1; got {n_inputs!r}."
        )
    return (int(n_inputs), *map(_length, intercepts))


def _length(value: Any) -> int:
    """Its number of entries, or 1 where it has none: ``pack`` says what is wrong."""
    try:
        return max(1, len(value))
    except TypeError:
        return 1


def pack(
    coefs: Any,
    intercepts: Any,
    widths: tuple[int, ...],
    dtype: Any,
    names: tuple[str, str] = ("coefs_", "intercepts_"),
) -> np.ndarray:
    """A new θ from arrays that a user gave; ValueError names the one that is wrong."""
    theta = zeros(widths, dtype)
    groups = zip(names, (coefs, intercepts), views(theta, widths), strict=True)
    for name, given, targets in groups:
        _check_list(name, given, len(targets))
        for i, (value, target) in enumerate(zip(given, targets, strict=True)):
            _fill(target, value, f"{name}[{i}]")
    return theta


def _check_list(name: str, given: Any, n_layers: int) -> None:
    if not isinstance(given, (list, tuple)) or len(given) != n_layers:
        got = f"{type(given).__name__}"
        if isinstance(given, (list, tuple)):
            got += f" of length {len(given)}"
        raise ValueError(
            f"{name} must be a list of {n_layers} arrays, one per layer; got {got}."
        )


def _fill(target: np.ndarray, value: Any, name: str) -> None:
    """Copy value into target if it is an array of real, finite numbers of its shape."""
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.asarray(value, dtype=object)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers; got dtype {array.dtype}.")
    if array.shape != target.shape:
        raise ValueError(
            f"{name} must have shape {target.shape}; got shape {array.shape}."
        )
    with np.errstate(over="ignore"):  # reported as infinity just below
        target[...] = array
    if not np.isfinite(target).all():
        raise ValueError(f"{name} contains NaN or infinity as {target.dtype}.")
