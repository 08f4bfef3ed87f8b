# SPDX-License-Identifier: BSD-3-Clause
"""Labels as the numbers of their classes: the core's search for plain integers."""

import numpy as np
import pytest
from layouts import LAYOUTS, Subclass

from nnfast import _core


def _scaled_float():
    """What NumPy's own tests have for a data type that a user writes."""
    umath = pytest.importorskip("numpy._core._multiarray_umath")
    return umath._get_sfloat_dtype()(1.0)


HIGHEST, LOWEST = np.iinfo(np.int64).max, np.iinfo(np.int64).min


@pytest.mark.parametrize("n_classes", [*range(1, 18), 1000])
def test_numbers_are_those_of_numpys_search(n_classes):
    drawn = np.random.default_rng(n_classes).integers(-(10**6), 10**6, 2 * n_classes)
    classes = np.unique([LOWEST, HIGHEST, *drawn])[:n_classes]
    labels = np.tile(classes, 3)
    numbers = _core.class_numbers(labels, classes)
    assert numbers.dtype == np.int64
    np.testing.assert_array_equal(numbers, classes.searchsorted(labels))


@pytest.mark.parametrize("classes", [[0], [0, 2], [-5, 0, 7, 9, 30]])
def test_one_label_anywhere_that_is_no_class(classes):
    classes = np.array(classes)
    others = {LOWEST, HIGHEST, *(classes - 1), *(classes + 1)} - {*classes}
    for other in others:
        for i in range(4):
            labels = np.full(4, classes[0])
            labels[i] = other
            assert _core.class_numbers(labels, classes) is None


NOT_PLAIN = {
    **{name: LAYOUTS[name] for name in LAYOUTS if name != "Fortran"},
    "int32": lambda a: a.astype(np.int32),
    "uint64": lambda a: a.astype(np.uint64),
    "float64": lambda a: a.astype(float),
    "bool": lambda a: a.astype(bool),
    "time": lambda a: a.astype("m8[s]"),
    "a column": lambda a: a[:, np.newaxis],
    "empty": lambda a: a[:0],
    "a subclass": lambda a: a.view(Subclass),
    "a user's own type": lambda a: a.astype(float).astype(_scaled_float()),
    "a list": lambda a: a.tolist(),
    "nothing": lambda a: None,
}


@pytest.mark.parametrize("kind", NOT_PLAIN)
def test_what_is_not_plain(kind):
    plain = np.array([0, 1])
    other = NOT_PLAIN[kind](plain)
    assert _core.class_numbers(plain, plain) is not None
    assert _core.class_numbers(other, plain) is None
    assert _core.class_numbers(plain, other) is None


def test_two_arguments():
    with pytest.raises(TypeError, match=r"^class_numbers takes 2 arguments, got 1$"):
        _core.class_numbers(np.array([0]))
