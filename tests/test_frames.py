# SPDX-License-Identifier: BSD-3-Clause
"""Frames whose numbers nnfast gets column by column: those that scikit-learn gets.

How much memory that takes is measured in test_memory.py.
"""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.neural_network import MLPRegressor as Theirs
from sklearn.utils import check_array

from nnfast import MLPRegressor
from nnfast._frames import _FEW, numbers_of


def polars():
    return pytest.importorskip("polars")


BOTH = (np.float64, np.float32)
NARROW, WIDE = (6_001, 5), (301, 70)


def names(X):
    return [f"x{i}" for i in range(X.shape[1])]


def numbers(shape):
    return np.random.default_rng(0).normal(size=shape) * 9


def of_types(X, types):
    """A frame whose columns have these types in turn."""
    turns = dict(zip(names(X), itertools.cycle(types)))
    whole = {name: "int64" for name, dtype in turns.items() if "nt" in dtype}
    return pd.DataFrame(X, columns=names(X)).astype(whole).astype(turns)


def of_polars(X, types=("f8",)):
    turns = zip(names(X), X.T, itertools.cycle(types))
    return polars().from_dict({name: x.astype(dtype) for name, x, dtype in turns})


FRAMES = {
    "types": lambda X: of_types(X, ["float64", "float32", "int8", "bool", "uint64"]),
    "small types": lambda X: of_types(X, ["float32", "int8", "float16"]),
    "integers": lambda X: of_types(X, ["int64"]),
    "swapped bytes": lambda X: of_types(X, [">f4"]),
    "a new column": lambda X: pd.DataFrame(X, columns=names(X)).assign(new=1.0),
    "two frames": lambda X: pd.concat(
        [pd.DataFrame(X[:, :3]), pd.DataFrame(X[:, 3:], columns=range(3, X.shape[1]))],
        axis=1,
    ),
    "one small type": lambda X: of_types(X, ["float16"]),
    "nullable": lambda X: of_types(X, ["Int64", "float64", "Float32", "UInt8"]),
    "polars": of_polars,
    "polars, types": lambda X: of_polars(X, ["f4", "i8", "f8"]),
}


@pytest.mark.parametrize("shape", [NARROW, WIDE])
@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("dtype", [BOTH, np.float32, np.float64])
def test_numbers_are_those_of_scikit_learn(frame, shape, dtype):
    X = FRAMES[frame](abs(numbers(shape)))
    ours, theirs = numbers_of(X, dtype), check_array(X, dtype=dtype)
    assert ours.dtype == theirs.dtype.newbyteorder("=")
    assert ours.flags.c_contiguous
    np.testing.assert_array_equal(ours, theirs)


class Twice(pd.DataFrame):
    """Whose array is what nobody could know."""

    def __array__(self, dtype=None, copy=None):
        return 2 * self.to_numpy(dtype)


class Like:
    """What scikit-learn makes an array of, and no more."""

    def __init__(self, X):
        self.X, self.dtypes, self.shape = X, X.dtypes, None

    def __array__(self, dtype=None, copy=None):
        return self.X.to_numpy(dtype)


SPOILT = {
    "NaN": lambda X: X.mask(X.iloc[7, 3] == X),
    "infinite": lambda X: X.mask(X.iloc[-1, 3] == X, np.inf),
    "missing": lambda X: X.assign(x0=X.x0.round().astype("Int64").mask(X.x0 > 9)),
    "text": lambda X: X.assign(x0="a"),
    "objects": lambda X: X.assign(x0=X.x0.astype(object)),
    "times": lambda X: X.assign(x0=pd.Timestamp(0)),
    "complex": lambda X: X.assign(x0=1j),
    "categories": lambda X: X.assign(x0=X.x0.round().astype("category")),
    "sparse": lambda X: X.assign(x0=X.x0.astype("Sparse[float]")),
    "an array already": lambda X: pd.DataFrame(X.to_numpy(np.float32)),
    "twice the same name": lambda X: X.rename(columns={"x1": "x0"}),
    "twice the same number": lambda X: X.set_axis([0, 1, 2, 3, 0], axis=1),
    "small": lambda X: X.iloc[: _FEW // 5],
    "an array": lambda X: X.to_numpy(),
    "a column": lambda X: X.x0,
    "of a class of its own": lambda X: Twice(X),
    "much like one": lambda X: Like(X),
    "of no module": lambda X: of_module(None),
    "of a module that is not there": lambda X: of_module("polars.none"),
}


def of_module(name):
    return type("DataFrame", (), {"__module__": name, "shape": (99, 999)})()


@pytest.mark.parametrize("spoilt", SPOILT)
def test_what_is_left_to_scikit_learn(spoilt):
    X = of_types(numbers(NARROW), ["float64", "float32"])
    assert numbers_of(X, BOTH) is not None
    assert numbers_of(SPOILT[spoilt](X), BOTH) is None


@pytest.mark.parametrize("other", [1.0, np.uint64(1)])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_whole_numbers_are_rounded_as_in_scikit_learn(library, other):
    """To float64 first, where that is what all columns have in common."""
    frame = pytest.importorskip(library).DataFrame
    number = 2**60 + 2**36 + 1  # whose float32 is another where it is rounded once
    X = frame({"a": np.full(20_000, number), "b": np.full(20_000, other)})
    np.testing.assert_array_equal(
        numbers_of(X, np.float32), check_array(X, dtype=np.float32)
    )


def test_a_number_too_large_for_the_network():
    X = of_types(numbers(NARROW), ["float64", "int64"])
    X.iloc[-1, 0] = 1e300
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert numbers_of(X, np.float32) is None


CHANGES = ["none", "names", "order", "number", "y", "no y", "NaN", "Twice", "Like"]


@pytest.mark.parametrize("change", CHANGES)
def test_a_fit_says_what_scikit_learn_says(change):
    """Of the frame, whose numbers alone have come another way."""
    X = of_types(numbers(NARROW), ["float64", "float32"])
    y = X.x0.to_numpy()
    changed, target = {
        "none": (X, y),
        "names": (X.rename(columns={"x1": "z"}), y),
        "order": (X[["x1", "x0", "x2", "x3", "x4"]], y),
        "number": (X.assign(x5=1), y),
        "y": (X, y[1:]),
        "no y": (X, None),
        "NaN": (SPOILT["NaN"](X), y),
        "Twice": (Twice(X), y),
        "Like": (Like(X), y),
    }[change]

    def answer(estimator):
        model = estimator(random_state=0, max_iter=2, warm_start=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)
            assert model.feature_names_in_.tolist() == [*X.columns]
            try:
                return model.partial_fit(changed, target).predict(X)
            except ValueError as error:
                return str(error)

    ours, theirs = answer(MLPRegressor), answer(Theirs)
    if change in ("none", "Twice", "Like"):
        # Sums of a few hundred terms in another order.
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    else:
        assert ours == theirs
