# SPDX-License-Identifier: BSD-3-Clause
"""Layouts that the core does not take as they are: of the same numbers, or changed."""

import warnings

import numpy as np


class Subclass(np.ndarray):
    """An array of another kind."""


def changed(array, name, value):
    """The array itself, of another shape, type or strides."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy deprecates it
        setattr(array, name, value)
    return array


def misaligned(array):
    """At an odd address."""
    raw = np.zeros(array.nbytes + 1, np.uint8)
    moved = raw[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "zero strides": lambda a: np.broadcast_to(a.dtype.type(1), a.shape),
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "misaligned": misaligned,
}
