# SPDX-License-Identifier: BSD-3-Clause
"""Python code that runs in the middle of a call may do its worst to what the call works
on: the call ends, and touches no memory but that.

What a callback changes is trained on from then on, or skipped where it can no longer
be; which of them is nobody's promise. The core's own copies and clamps are what keeps
the process alive, so each case runs over batches of every kind.
"""

import gc
import sys
import textwrap
import weakref

import numpy as np
import pytest
import twin
from interrupts import Alarm, needs_timer
from scipy import sparse
from shell import run

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
            "training": rng.permutation(N)[: N // 2],
            "held_out": rng.permutation(N)[: N // 3],
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
            (a["training"], a["held_out"], a["sample_weight"]),
            a["best_parameters"],
            self.generator,
            self.on_epoch,
        )


@needs_timer
def test_curves_of_many_epochs_are_what_a_callback_saw():
    """They become lists at polls, of which only handlers of signals tell."""
    n_epochs = 100_000  # several times from one poll to the next
    seen = []

    def on_epoch(epoch):
        seen.append((epoch["loss"], epoch["score"]))

    def training(on_epoch):
        made = Training(N, on_epoch, max_iter=n_epochs)
        made.settings |= {"n_iter_no_change": 1e9, "tol": 0.0}
        return made

    training(on_epoch)()
    silent = training(None)
    with Alarm() as alarm:
        before = alarm.count
        result = silent()
        n_polls = alarm.count - before
    assert n_polls > 2  # one may come before the core begins, and one after its end
    assert len(seen) == n_epochs
    assert [*zip(result["loss_curve"], result["scores"], strict=True)] == seen
    assert {*map(type, result["loss_curve"])} == {np.float64}
    assert {*map(type, result["scores"])} == {float}


BATCHES = pytest.mark.parametrize("batch_size", [1, 7, N])


@BATCHES
@pytest.mark.parametrize("number", EXTREMES)
@pytest.mark.parametrize("name", ["columns", "row_starts", "y", "training", "held_out"])
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
    assert len(known) == 10
    gc.collect()
    assert [reference() for reference in known] == [None] * 10
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


# ---- arguments with code of their own ----

PREAMBLE = """
import math
import numpy as np
from nnfast import _core

net = _core.Net((3, 4, 2), ("relu", "softmax"), "log_loss")
rng = np.random.default_rng(0)
theta, moments = rng.normal(size=net.size), np.zeros((2, net.size))
X, y = rng.normal(size=(6, 3)), rng.integers(2, size=6)
settings = dict(
    solver="adam", learning_rate="constant", learning_rate_init=0.001, power_t=0.5,
    momentum=0.9, nesterovs_momentum=True, beta_1=0.9, beta_2=0.999, epsilon=1e-8,
    alpha=1e-4, batch_size=2, max_iter=3, tol=1e-4, n_iter_no_change=10, dropout=None,
    dropout_seed=0, score="accuracy", n_threads=1,
)
state = dict(
    learning_rate=0.001, n_updates=0, n_seen=0, no_improvement=0, best_loss=math.inf,
    best_score=-math.inf,
)

def train(on_epoch=None, y=y, generator=None):
    try:
        return net.train(
            theta, moments, X, y, None, settings, state, None, None, generator, on_epoch
        )
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        return error
"""


def survives(code):
    """Run in a process of its own, under the allocator that poisons what is freed."""
    program = PREAMBLE + textwrap.dedent(code)
    run(sys.executable, "-c", program, PYTHONMALLOC="debug")


@pytest.mark.parametrize("name", ["settings", "state"])
@pytest.mark.parametrize("fails", [False, True])
def test_number_that_empties_the_dict_it_is_in(name, fails):
    survives(f"""
        class Evil:
            def __float__(self):
                {name}.clear()
                if {fails}:
                    raise TypeError
                return 0.5
            def __repr__(self):
                return "evil" * 100
        for key, value in list({name}.items()):
            if isinstance(value, float):
                saved = dict({name})
                {name}[key] = Evil()
                error = train()
                last = key == list(saved)[-1]  # read, and then it may vanish
                assert isinstance(error, (TypeError, ValueError)) or last, error
                {name}.update(saved)
    """)


def test_rate_that_drops_the_tuple_it_is_in():
    survives("""
        class Evil:
            def __float__(self):
                settings["dropout"] = None
                [tuple(range(i, i + 2)) for i in range(1000)]
                return 0.5
        net = _core.Net((3, 4, 4, 2), ("relu", "relu", "softmax"), "log_loss")
        theta, moments = rng.normal(size=net.size), np.zeros((2, net.size))
        settings["dropout"] = (Evil(), Evil())
        train()
    """)


def test_labels_that_change_under_the_core():
    # Nobody should, but a callback or another thread can.
    survives("""
        def on_epoch(event):
            y[:] = [2**62, -2**62, 2**40, -1, 2, 10**6]
        for batch_size in (2, 4, 6):
            settings["batch_size"], y[:] = batch_size, 0
            train(on_epoch)
    """)


def test_bit_generator_whose_attributes_raise():
    survives("""
        class Evil:
            @property
            def capsule(self):
                raise LookupError("evil")
        assert isinstance(train(generator=Evil()), (TypeError, LookupError))
        class Late:
            capsule = np.random.PCG64(1).capsule  # whose owner has gone
            lock = 3
        assert isinstance(train(generator=Late()), (TypeError, AttributeError))
    """)
