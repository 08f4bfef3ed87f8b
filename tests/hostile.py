# SPDX-License-Identifier: BSD-3-Clause
"""Arrays of any layout, type and numbers, and what an estimator makes of them."""

import warnings

import joblib
import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from layouts import LAYOUTS

SMALL = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
D = 4  # columns
RELAXED = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def outcome(model, method, *arguments):
    """What a call returns or raises; a failure has changed nothing."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        before = joblib.hash(vars(model))
        try:
            result = getattr(model, method)(*arguments)
        except (ValueError, TypeError) as error:
            assert joblib.hash(vars(model)) == before
            return str(error)
    if result is model:
        result = np.concatenate([model._parameters, model._optimizer.moments.ravel()])
    return np.asarray(result)


NUMBERS = [
    0,
    -0.0,
    1,
    -1.5,
    1e-310,
    -5e-324,
    1e-42,
    1e30,
    -1e38,
    1e155,
    1e300,
    -1.7e308,
]
NO_NUMBERS = [np.nan, np.inf, -np.inf]


def with_overlapping_rows(array):
    """Each row begins one number after the one before it."""
    if array.size == 0:
        return array
    flat = np.ascontiguousarray(array).reshape(-1)
    return (
        np.lib.stride_tricks.as_strided(
            flat, array.shape, (flat.itemsize,) * array.ndim
        )
        if array.ndim == 2 and sum(array.shape) - 1 <= array.size
        else array
    )


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


ANY_LAYOUT = LAYOUTS | {
    "plain": lambda a: a,
    "zero stride": lambda a: np.broadcast_to(a[:1], a.shape) if len(a) else a,
    "overlapping": with_overlapping_rows,
    "read-only": read_only,
    "objects": lambda a: a.astype(object),
    "list": lambda a: a.tolist(),
    "subclass": lambda a: a.view(np.ma.MaskedArray),
}
TYPES = ["f4", "f8", "f2", "g", "i1", "i8", "u8", "?", "c16"]


@st.composite
def arrays(draw, shape, wild=True):
    """An array in some layout and type, of ordinary or odd numbers."""
    seed, odd = draw(st.integers(0, 2**32)), draw(st.sampled_from([0, 0, 0.1, 1]))
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=shape)
    odd_ones = NUMBERS + NO_NUMBERS if wild and draw(st.booleans()) else NUMBERS
    where = rng.random(shape) < odd
    numbers[where] = rng.choice(odd_ones, where.sum())
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = numbers.astype(draw(st.sampled_from(TYPES)))
    return ANY_LAYOUT[draw(st.sampled_from(sorted(ANY_LAYOUT)))](array)
