# SPDX-License-Identifier: BSD-3-Clause
"""The weights of an estimator are views of one vector for as long as they lie in it."""

import numpy as np
import pytest
from layouts import Subclass, changed

from nnfast import _core, _parameters

WIDTHS = (3, 1, 4)
REAL = [np.float32, np.float64]


def lists(dtype=np.float64):
    theta = np.arange(12, dtype=dtype)
    return theta, *_parameters.views(theta, WIDTHS)


@pytest.mark.parametrize("dtype", REAL)
def test_views_of_a_vector(dtype):
    theta, coefs, intercepts = lists(dtype)
    assert _core.are_views(theta, WIDTHS, coefs, intercepts)
    assert _core.are_views(theta, WIDTHS, tuple(coefs), tuple(intercepts))
    assert _core.are_views(theta, WIDTHS, [w[:] for w in coefs], intercepts)
    theta[:] = np.nan
    assert _core.are_views(theta, WIDTHS, coefs, intercepts)


CHANGES = {
    "another array": lambda a: a.copy(),
    "another shape": lambda a: changed(a, "shape", a.shape[::-1] + (1,)),
    "another type of as many bytes": lambda a: changed(a, "dtype", np.int64),
    "another order of bytes": lambda a: changed(a, "dtype", a.dtype.newbyteorder()),
    "less of it": lambda a: a[..., :-1],
    "a subclass": lambda a: a.view(Subclass),
    "no array": lambda a: a.tolist(),
    "nothing": lambda a: None,
}


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("of", ["coefs", "intercepts"])
@pytest.mark.parametrize("change", CHANGES)
def test_one_of_them_is_changed(change, of, layer):
    theta, coefs, intercepts = lists()
    held = coefs if of == "coefs" else intercepts
    held[layer] = CHANGES[change](held[layer])
    assert not _core.are_views(theta, WIDTHS, coefs, intercepts)


def test_strides_of_one_are_changed():
    theta, coefs, intercepts = lists()
    coefs[0] = np.lib.stride_tricks.as_strided(theta, (3, 1), (16, 8))
    assert not _core.are_views(theta, WIDTHS, coefs, intercepts)


def test_what_is_no_network():
    theta, coefs, intercepts = lists()
    for arguments in [
        (None, WIDTHS, coefs, intercepts),
        (theta[:-1], WIDTHS, coefs, intercepts),
        (theta[1:], WIDTHS, coefs, intercepts),
        (np.append(theta, 0), WIDTHS, coefs, intercepts),
        (theta.reshape(3, 4), WIDTHS, coefs, intercepts),
        (theta.astype(np.float32), WIDTHS, coefs, intercepts),
        (theta, None, coefs, intercepts),
        (theta, list(WIDTHS), coefs, intercepts),
        (theta, (), [], []),
        (theta, (0,), [], []),
        (theta, (3, 1), coefs[:1], intercepts[:1]),
        (theta, (3, 4), coefs[:1], intercepts[:1]),
        (theta, (0, 1, 4), coefs, intercepts),
        (theta, WIDTHS, coefs[:1], intercepts),
        (theta, WIDTHS, coefs, intercepts[:1]),
        (theta, WIDTHS, coefs, None),
        (theta, WIDTHS, iter(coefs), intercepts),
        (theta, WIDTHS, dict(enumerate(coefs)), intercepts),
        (theta, WIDTHS, intercepts, coefs),
    ]:
        assert not _core.are_views(*arguments)


def test_a_vector_that_is_longer_than_its_views():
    longer = np.zeros(13)
    assert not _core.are_views(longer, WIDTHS, *_parameters.views(longer, WIDTHS))


def test_what_is_wrong_comes_through():
    class Broken(list):
        def __getitem__(self, i):
            raise LookupError("broken")

    theta, coefs, intercepts = lists()
    with pytest.raises(LookupError, match="broken"):
        _core.are_views(theta, WIDTHS, Broken(coefs), intercepts)
    for widths in [(3, -1, 4), (3, 2**64, 4)]:
        with pytest.raises(OverflowError):
            _core.are_views(theta, widths, coefs, intercepts)
    with pytest.raises(TypeError):
        _core.are_views(theta, (3, "1", 4), coefs, intercepts)
    with pytest.raises(TypeError, match="4 arguments, got 1"):
        _core.are_views(theta)
