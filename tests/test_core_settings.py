# SPDX-License-Identifier: BSD-3-Clause
"""What the binding refuses of a training's settings, its state and what else it takes.

Refusals are as in test_core_input.py.
"""

import ctypes
import math
import sys
import threading

import numpy as np
import pytest
import twin
from core_call import Call, N, full_state, other_layouts

BAD_SETTINGS = {
    "solver": ["lbfgs", "", "adam\0", 3, None, b"adam"],
    "learning_rate": ["linear", "", "constant\0", 3, None],
    "learning_rate_init": [0.0, -1.0, math.nan, math.inf, "1", None, 10**400],
    "power_t": [-1.0, math.nan, math.inf, "1", None],
    "momentum": [-0.1, 1.1, math.nan, math.inf, "1", None],
    "nesterovs_momentum": [0, 1.0, "1", None],
    "beta_1": [-0.1, 1.0, math.nan, "1", None],
    "beta_2": [-0.1, 1.0, math.nan, "1", None],
    "epsilon": [0.0, -1e-8, math.nan, math.inf, "1", None],
    "alpha": [-1.0, math.nan, math.inf, "1", None],
    "batch_size": [0, -1, 1.5, "1", None, 2**80, math.nan],
    "max_iter": [0, -1, 1.5, "1", None, 2**80],
    "tol": [math.nan, "1", None],
    "n_iter_no_change": [0, -1, math.nan, -math.inf, "1", None],
    "dropout": [
        0.5,
        (),
        (0.5, 0.5),
        (1.0,),
        (-0.1,),
        (math.nan,),
        ("a",),
        (None,),
        "a",
    ],
    "dropout_seed": [-1, 2**64, 1.5, "1", None],
    "score": ["f1", "", "r2\0", 3, None],
    "n_threads": [0, -1, 1.5, "1", None, 2**80],
}


@pytest.mark.parametrize(
    ("key", "value"),
    [(key, value) for key, values in BAD_SETTINGS.items() for value in values],
)
def test_bad_setting(key, value):
    call = Call("train")
    call.arguments["settings"][key] = value
    if key in ("momentum", "power_t", "learning_rate"):  # read by sgd
        call.arguments["settings"]["solver"] = "sgd"
        call.arguments["moments"] = np.zeros((1, call.net.size))
    call.refuses((TypeError, ValueError), key)


class Raising:
    """A number that raises what is no refusal."""

    def __float__(self):
        raise LookupError("of its own")


@pytest.mark.parametrize("key", ["alpha", "learning_rate_init", "tol"])
def test_what_a_number_raises_comes_through(key):
    call = Call("train")
    call.arguments["settings"][key] = Raising()
    with pytest.raises(LookupError, match="of its own"):
        call()


@pytest.mark.parametrize("key", twin.settings_of())
def test_missing_setting(key):
    call = Call("train")
    del call.arguments["settings"][key]
    call.refuses((TypeError, ValueError), key)


def test_unknown_setting_or_state():
    for name in ("settings", "state"):
        call = Call("train")
        if name == "state":
            call.arguments[name] = full_state()
        call.arguments[name]["weight_decay"] = 0.1
        call.refuses((TypeError, ValueError), "weight_decay")


def test_settings_or_state_that_are_no_dicts():
    for name in ("settings", "state"):
        for value in (None, [], 3, "x"):
            call = Call("train")
            call.arguments[name] = value
            call.refuses(TypeError, rf"{name}|argument")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("learning_rate", v) for v in ("1", None, math.nan, math.inf, -1.0)),
        *(
            (k, v)
            for k in ("n_updates", "n_seen", "no_improvement")
            for v in (-1, 1.5, "1", None, 2**80)
        ),
        *((k, v) for k in ("best_loss", "best_score") for v in ("1", None)),
    ],
)
def test_bad_state(key, value):
    call = Call("train")
    call.arguments["state"] = full_state(**{key: value})
    call.refuses((TypeError, ValueError), key)


@pytest.mark.parametrize("key", full_state())
def test_missing_state(key):
    call = Call("train")
    call.arguments["state"] = full_state()
    del call.arguments["state"][key]
    call.refuses((TypeError, ValueError), key)


def test_state_at_the_ends():
    call = Call("train")
    top = 2**63 - 1
    call.arguments["state"] = full_state(
        n_updates=top // 2, n_seen=top // 2, best_loss=math.inf
    )
    result = call()
    assert result["n_updates"] == top // 2 + 2
    assert result["n_seen"] == top // 2 + 2 * (N - 2)  # but for those held out


@pytest.mark.parametrize("spoilt", [(), (1, 2), (1, 2, 3), [1, 2, 3], "abc", 3])
def test_split_that_is_none(spoilt):
    call = Call("train")
    call.arguments["split"] = spoilt
    call.refuses((TypeError, ValueError), "split")


@pytest.mark.parametrize("part", [0, 1, 2])
def test_bad_array_in_a_split(part):
    array = Call("train").arguments["split"][part]
    for spoil in (
        *other_layouts(array),
        lambda a: a[:0] if part < 2 else a[:-1].copy(),
        lambda a: a.reshape(-1, 1),
        lambda a: a.astype("f4"),
        lambda a: a.astype("i4"),
        lambda a: a.tolist(),
    ):
        call = Call("train")
        split = list(call.arguments["split"])
        split[part] = spoil(split[part])
        call.arguments["split"] = tuple(split)
        call.refuses((TypeError, ValueError), rf"split\[{part}\]")


@pytest.mark.parametrize("number", [-1, N, 2**63 - 1, -(2**63)])
@pytest.mark.parametrize("part", [0, 1])
def test_number_of_no_row_in_a_split(part, number):
    for position in (0, N - 3):
        call = Call("train")
        call.arguments["split"][part][position] = number
        call.refuses(ValueError, rf"split\[{part}\].*number must be that of a row")


def test_split_and_best_parameters_come_together():
    call = Call("train")
    call.arguments["best_parameters"] = None
    call.refuses((TypeError, ValueError), "best_parameters")
    call = Call("train")
    call.arguments["split"] = None
    call()  # best_parameters is then not written
    assert not call.arguments["best_parameters"].any()


def test_score_that_does_not_fit_the_targets():
    call = Call("train", labels=True)
    call.arguments["settings"]["score"] = "r2"
    call.refuses(ValueError, "score|r2")


def test_moments_of_the_other_solver():
    for solver, rows in (("sgd", 2), ("adam", 1), ("sgd", 0), ("adam", 3)):
        call = Call("train")
        call.arguments["settings"]["solver"] = solver
        call.arguments["moments"] = np.zeros((rows, call.net.size))
        call.refuses(ValueError, "moments")


class Pretender:
    """Has every attribute of a bit generator, and none of its substance."""

    lock = threading.Lock()
    capsule = None


@pytest.mark.parametrize(
    "pretender",
    [
        3,
        "PCG64",
        Pretender(),
        np.random.default_rng(1),
        np.random.RandomState(1),
        np.random.PCG64,
    ],
)
def test_bit_generator_that_is_none(pretender):
    call = Call("train")
    call.arguments["settings"]["batch_size"] = 2
    call.arguments["bit_generator"] = pretender
    call.refuses((TypeError, ValueError), "bit_generator")


def test_foreign_capsule_is_refused():
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = (
        ctypes.py_object,
        [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p],
    )
    pretender = Pretender()
    name = b"Something"
    pretender.capsule = new(1, name, None)
    call = Call("train")
    call.arguments["bit_generator"] = pretender
    call.refuses((TypeError, ValueError), "bit_generator")


def test_bit_generator_is_locked_while_used_and_free_afterwards():
    call = Call("train")
    bits, seen = call.arguments["bit_generator"], []
    call.arguments["settings"]["batch_size"] = 2

    def on_epoch(event):
        # Python code runs with the lock free, or it could not use the generator.
        seen.append(bits.lock.acquire(blocking=False))
        bits.lock.release()
        np.random.Generator(bits).random()

    call.arguments["on_epoch"] = on_epoch
    call()
    assert seen == [True, True]
    assert bits.lock.acquire(blocking=False)
    bits.lock.release()

    def fail(event):
        raise LookupError

    call.arguments["on_epoch"] = fail
    with pytest.raises(LookupError):
        call()
    assert bits.lock.acquire(blocking=False)
    bits.lock.release()


def test_a_generator_is_let_go():
    class Generator:
        source, lock = np.random.PCG64(1), threading.Lock()
        capsule = source.capsule

    call = Call("train")
    call.arguments["bit_generator"] = Generator
    held = Generator.capsule, Generator.lock
    before = [sys.getrefcount(thing) for thing in held]
    for _ in range(5):
        call()
    assert [sys.getrefcount(thing) for thing in held] == before


class StickyLock:
    """A lock that says that it cannot be given back."""

    def __init__(self):
        self.taken = 0

    def acquire(self):
        self.taken += 1

    def release(self):
        raise LookupError("it sticks")


def test_a_lock_that_cannot_be_given_back_is_told_and_ends_nothing(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    call = Call("train")
    call.arguments["settings"]["batch_size"] = 2
    call()
    assert told == []

    class Generator:
        source = np.random.PCG64(1)
        capsule, lock = source.capsule, StickyLock()

    call.arguments["bit_generator"] = Generator
    assert len(call()["loss_curve"]) == 2
    assert Generator.lock.taken == len(told) == 2
    assert {str(unraisable.exc_value) for unraisable in told} == {"it sticks"}


@pytest.mark.parametrize("on_epoch", [3, "x", ()])
def test_callback_that_cannot_be_called(on_epoch):
    call = Call("train")
    call.arguments["on_epoch"] = on_epoch
    call.refuses(TypeError, "on_epoch")
