# SPDX-License-Identifier: BSD-3-Clause
"""A callback may do its worst to the arrays of the training that calls it: the training
ends, and touches no memory but theirs.

What a callback changes is trained on from then on, or skipped where it can no longer
be; which of them is nobody's promise. The core's own copies and clamps are what keeps
the process alive, so each case runs over batches of every kind.
"""

import gc
import sys
import weakref

import numpy as np
import pytest
import twin
from scipy import sparse

from nnfast import _core

N, D = 60, 4
EXTREMES = [-(2**31), -1, D, 2**31 - 1]


class Training:
    """A training of CSR rows with labels and validation, by name of its arrays."""

    def __init__(self, batch_size, on_epoch, max_iter=3):
        self.net = _core.Net((D, 8, 3), ("relu", "softmax"), "log_loss")
        rng = np.random.default_rng(0)
        X = sparse.random_array((N, D), density=0.5, format="csr", rng=0)
        size = self.net.size
        self.arrays = {
            "parameters": rng.normal(size=size),
            "moments": np.zeros((2, size)),
            "values": X.data.copy(),
            "columns": X.indices.astype("i4"),
            "row_starts": X.indptr.astype("i8"),
            "y": rng.integers(3, size=N),
            "sample_weight": np.ones(N),
            "best_parameters": np.zeros(size),
        }
        self.generator = np.random.PCG64(1)
        self.on_epoch = on_epoch
        self.settings = twin.settings_of(
            max_iter=max_iter,
            score="accuracy",
            batch_size=batch_size,
            n_iter_no_change=100,
        )

    def __call__(self):
        a = self.arrays
        X = (a["values"], a["columns"], a["row_starts"])
        return self.net.train(
            a["parameters"],
            a["moments"],
            X,
            a["y"],
            a["sample_weight"],
            self.settings,
            {},
            (X, a["y"], a["sample_weight"]),
            a["best_parameters"],
            self.generator,
            self.on_epoch,
        )


BATCHES = pytest.mark.parametrize("batch_size", [1, 7, N])


@BATCHES
@pytest.mark.parametrize("number", EXTREMES)
@pytest.mark.parametrize("name", ["columns", "row_starts", "y"])
def test_indices_become_wrong(name, number, batch_size):
    def spoil(event):
        training.arrays[name][event["n_iter"] :: 2] = number

    training = Training(batch_size, spoil)
    assert len(training()["loss_curve"]) == 3
    assert np.isfinite(training.arrays["parameters"]).all()


@BATCHES
@pytest.mark.parametrize(
    "name", ["parameters", "moments", "values", "sample_weight", "best_parameters"]
)
def test_numbers_become_none(name, batch_size):
    def spoil(event):
        training.arrays[name][...] = np.nan

    training = Training(batch_size, spoil)
    assert training()["stop"] in ("max_iter", "not_finite")


@BATCHES
def test_everything_is_let_go(batch_size):
    """The call holds what it works on, and lets go of it when it ends."""
    known = []

    def let_go(event):
        known.extend(map(weakref.ref, training.arrays.values()))
        training.arrays.clear()
        training.generator = None
        gc.collect()
        assert all(reference() is not None for reference in known)

    training = Training(batch_size, let_go, max_iter=2)
    known_before = sys.getrefcount(let_go)
    training()
    assert len(known) == 8
    gc.collect()
    assert [reference() for reference in known] == [None] * 8
    assert sys.getrefcount(let_go) == known_before


@BATCHES
def test_the_same_training_inside_of_itself(batch_size):
    depth = []

    def again(event):
        if len(depth) < 5:
            depth.append(event["n_iter"])
            training()

    training = Training(batch_size, again)
    assert training()["stop"] == "max_iter"
    assert len(depth) == 5
    assert training.generator.lock.acquire(blocking=False)
    training.generator.lock.release()
    assert np.isfinite(training.arrays["parameters"]).all()


@BATCHES
@pytest.mark.parametrize("error", [ValueError, SystemExit, GeneratorExit, MemoryError])
def test_whatever_is_raised_comes_through(error, batch_size):
    def fail(event):
        raise error("by the callback")

    training = Training(batch_size, fail)
    with pytest.raises(error, match="by the callback"):
        training()
    training.on_epoch = None
    assert len(training()["loss_curve"]) == 3


class Liar(np.ndarray):
    """An array that says something else of itself than NumPy's C functions do."""

    shape = property(lambda self: (10**9, D))
    ndim = property(lambda self: 7)
    dtype = property(lambda self: np.dtype("O"))
    size = nbytes = property(lambda self: 2**62)
    __array_interface__ = property(lambda self: {"data": (1, False), "version": 3})

    def __len__(self):
        return 2**62


@pytest.mark.parametrize("name", ["parameters", "moments", "values", "y"])
def test_an_array_that_lies_is_what_numpy_knows_it_to_be(name):
    honest, lying = (Training(7, None) for _ in range(2))
    lying.arrays[name] = lying.arrays[name].view(Liar)
    assert lying() == honest()
    np.testing.assert_array_equal(
        lying.arrays["best_parameters"], honest.arrays["best_parameters"]
    )


def test_an_object_that_only_pretends_is_no_array():
    class Pretender:
        __array_interface__ = {  # noqa: RUF012 (what it would be of an array)
            "shape": (10**6, D),
            "typestr": "<f8",
            "data": (4096, False),
            "version": 3,
        }

        def __len__(self):
            return 10**6

    training = Training(7, None)
    training.arrays["values"] = Pretender()
    with pytest.raises(TypeError, match=r"must be a NumPy array, got Pretender"):
        training()
