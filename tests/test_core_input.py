# SPDX-License-Identifier: BSD-3-Clause
"""What the binding refuses, how it says so, and what Ctrl-C does.

A refusal is a TypeError or ValueError that names the argument, before anything has been
written: every array and dict is compared with a copy afterwards.
"""

import copy
import ctypes
import functools
import math
import operator
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
import twin
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnfast import _core

WIDTHS, N = (3, 4, 2), 6
ACTIVATIONS = ("relu", "identity")


class Call:
    """Valid arguments of one method, by name, of which a test spoils one."""

    def __init__(self, method, dtype=np.float64, labels=False):
        self.method = method
        activations = ("relu", "softmax") if labels else ACTIVATIONS
        loss = "log_loss" if labels else "squared_error"
        self.net = _core.Net(WIDTHS, activations, loss)
        theta, X, y, weight = twin.problem_of(WIDTHS, activations[-1], N, dtype)
        size = self.net.size
        rows = {"X": X, "y": y, "sample_weight": weight}
        arguments = {
            "predict": {"X": X, "out": np.zeros((N, 2), dtype)},
            "gradient": rows | {"alpha": 0.1, "gradient": np.zeros(size, dtype)},
            "train": rows
            | {
                "moments": np.zeros((2, size), dtype),
                "settings": twin.settings_of(
                    max_iter=2, score="accuracy" if labels else "r2"
                ),
                "state": {},
                "validation": (X.copy(), y.copy(), weight.copy()),
                "best_parameters": np.zeros(size, dtype),
                "bit_generator": np.random.PCG64(1),
                "on_epoch": lambda event: None,
            },
        }[method]
        self.arguments = {"parameters": theta} | arguments | {"isa": None}
        if method != "train":
            self.arguments["n_threads"] = 1

    def __call__(self):
        return getattr(self.net, self.method)(**self.arguments)

    def snapshot(self):
        """Everything that could be changed, as bytes and text."""

        def freeze(value):
            if isinstance(value, np.ndarray):
                # Of the base, so that a spoilt view is compared too.
                return value.tobytes(), repr(value.shape)
            if isinstance(value, tuple):
                return [freeze(item) for item in value]
            return repr(getattr(value, "state", value))

        return {name: freeze(value) for name, value in self.arguments.items()}

    def refuses(self, kind, match):
        before = self.snapshot()
        with pytest.raises(kind, match=match) as caught:
            self()
        assert caught.type in (TypeError, ValueError)
        assert self.snapshot() == before


REAL_ARRAYS = [
    (method, name)
    for method, names in {
        "predict": ["parameters", "X", "out"],
        "gradient": ["parameters", "X", "y", "sample_weight", "gradient"],
        "train": [
            "parameters",
            "moments",
            "X",
            "y",
            "sample_weight",
            "best_parameters",
        ],
    }.items()
    for name in names
]
WRITTEN = {"out", "gradient", "moments", "best_parameters"}


def is_written(method, name):
    return name in WRITTEN or (method == "train" and name == "parameters")


def test_the_calls_below_are_valid_until_spoilt():
    for method in ("predict", "gradient", "train"):
        for dtype in (np.float32, np.float64):
            for labels in (False, True):
                Call(method, dtype, labels)()


# ---- arrays ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("method", "name"), REAL_ARRAYS)
def test_another_type(method, name, dtype):
    others = [np.float32, np.float64, np.float16, np.longdouble, np.complex128]
    others += [np.int64, np.int32, np.bool_, object, "S8", "M8[s]"]
    for other in others:
        if np.dtype(other) == dtype:
            continue
        call = Call(method, dtype)
        array = call.arguments[name]
        call.arguments[name] = np.zeros(array.shape, other)
        # A wrong `parameters` of a right type makes every other array wrong.
        match = (
            r"(?i)x\b|moments|gradient|out" if name == "parameters" else rf"\b{name}\b"
        )
        if name == "parameters" and other not in (np.float32, np.float64):
            match = r"\bparameters\b"
        call.refuses(TypeError, match)


@pytest.mark.parametrize(("method", "name"), REAL_ARRAYS)
def test_no_array_at_all(method, name):
    for spoilt in (None, 0, 1.5, "x", [[1.0]], (1.0,), memoryview(b"12345678")):
        call = Call(method)
        call.arguments[name] = spoilt
        if spoilt is None and name == "sample_weight":
            call()  # no weights
        else:
            call.refuses(TypeError, rf"\b{name}\b")


def not_contiguous(array):
    return np.repeat(array, 2, axis=-1)[..., ::2]


def fortran(array):
    return np.asfortranarray(array)


def misaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)
    moved = raw[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


def swapped(array):
    return array.astype(array.dtype.newbyteorder())


def reversed_(array):
    return array[::-1].copy()[::-1]


def broadcast(array):
    return np.broadcast_to(array.dtype.type(0), array.shape)


def layouts(array):
    """The ways to spoil an array of that many dimensions."""
    some = [not_contiguous, misaligned, swapped, reversed_, broadcast]
    return some + [fortran] if array.ndim == 2 else some


@pytest.mark.parametrize(("method", "name"), REAL_ARRAYS)
def test_another_layout(method, name):
    for spoil in layouts(Call(method).arguments[name]):
        call = Call(method)
        call.arguments[name] = spoil(call.arguments[name])
        call.refuses((TypeError, ValueError), rf"\b{name}\b")


@pytest.mark.parametrize(("method", "name"), REAL_ARRAYS)
def test_another_shape(method, name):
    array = Call(method).arguments[name]
    shapes = {
        (),
        (array.size,),
        (1, *array.shape),
        (*array.shape, 1),
        (array.size + 1,),
        array.shape[::-1],
        *(
            (*array.shape[:i], array.shape[i] + d, *array.shape[i + 1 :])
            for i in range(array.ndim)
            for d in (-1, 1)
        ),
        (0,) * array.ndim,
        (1,) * 8,
    } - {array.shape}
    for shape in sorted(shapes):
        call = Call(method)
        call.arguments[name] = np.zeros(shape)
        # Another number of rows of X is a wrong y (or out), to the one who is told.
        match = r"\b(X|y|out)\b" if name == "X" else rf"\b{name}\b"
        call.refuses(ValueError, match)


@pytest.mark.parametrize(("method", "name"), REAL_ARRAYS)
def test_read_only(method, name):
    call = Call(method)
    array = call.arguments[name]
    array.flags.writeable = False
    if is_written(method, name):
        call.refuses(ValueError, rf"\b{name}\b.*read-only|read-only.*\b{name}\b")
    else:
        before = array.tobytes()
        call()
        assert array.tobytes() == before


@pytest.mark.parametrize(("method", "name"), REAL_ARRAYS)
def test_memory_shared_with_a_written_array(method, name):
    """Every other array laid over this one, exactly and by one element."""
    others = [other for _, other in REAL_ARRAYS if other in Call(method).arguments]
    for other in set(others) - {name}:
        if not (is_written(method, name) or is_written(method, other)):
            continue
        for shift in (0, 1):
            call = Call(method)
            array, second = call.arguments[name], call.arguments[other]
            room = np.zeros(array.size + second.size)
            call.arguments[name] = room[: array.size].reshape(array.shape)
            start = shift * (array.size - 1)
            laid = room[start : start + second.size].reshape(second.shape)
            call.arguments[other] = laid
            call.refuses(ValueError, rf"\b({name}|{other})\b")


def test_validation_may_not_share_memory_with_what_is_written():
    for i in range(3):
        call = Call("train")
        held_out = list(call.arguments["validation"])
        size = call.net.size
        room = np.zeros(size + held_out[i].size)
        call.arguments["best_parameters"] = room[:size]
        held_out[i] = room[size - 1 : size - 1 + held_out[i].size].reshape(
            held_out[i].shape
        )
        call.arguments["validation"] = tuple(held_out)
        call.refuses(ValueError, "validation|best_parameters")


@pytest.mark.parametrize("method", ["predict", "gradient", "train"])
def test_inputs_may_share_memory_with_each_other(method):
    call = Call(method)
    if method == "train":
        X, y, weight = (call.arguments[name] for name in ("X", "y", "sample_weight"))
        call.arguments["validation"] = X, y, weight
    if method == "gradient":
        call.arguments["sample_weight"] = call.arguments["X"].ravel()[:N]
    call()


@pytest.mark.parametrize("method", ["gradient", "train"])
@pytest.mark.parametrize("label", [-1, 2, 2**31, 2**63 - 1, -(2**63)])
def test_label_out_of_range(method, label):
    for position in (0, N - 1):
        call = Call(method, labels=True)
        call.arguments["y"][position] = label
        call.refuses(ValueError, r"\by\b")
    if method == "train":
        call = Call(method, labels=True)
        call.arguments["validation"][1][3] = label
        call.refuses(ValueError, "validation")


@pytest.mark.parametrize("method", ["gradient", "train"])
def test_labels_of_another_type_or_shape(method):
    for dtype in (np.int32, np.uint64, np.int16, np.float64, np.bool_, object):
        call = Call(method, labels=True)
        call.arguments["y"] = call.arguments["y"].astype(dtype)
        call.refuses(TypeError, r"\by\b")
    for y in (np.zeros(N - 1, int), np.zeros((N, 1)), np.zeros(2 * N, int)[::2]):
        call = Call(method, labels=True)
        call.arguments["y"] = y
        call.refuses(ValueError, r"\by\b")
    # Labels are for a softmax output only.
    call = Call(method)
    call.arguments["y"] = np.zeros(N, np.int64)
    call.refuses((TypeError, ValueError), r"\by\b")


def test_labels_are_one_hot_targets():
    a, b = Call("gradient", labels=True), Call("gradient", labels=True)
    b.arguments["y"] = np.eye(2)[b.arguments["y"]]
    assert a() == b()
    assert np.array_equal(a.arguments["gradient"], b.arguments["gradient"])


@pytest.mark.parametrize("method", ["gradient", "train"])
def test_no_rows(method):
    call = Call(method)
    for name in ("X", "y", "sample_weight"):
        call.arguments[name] = call.arguments[name][:0]
    call.refuses(ValueError, r"\bX\b")
    if method == "train":
        call = Call(method)
        call.arguments["validation"] = tuple(
            a[:0] for a in call.arguments["validation"]
        )
        call.refuses(ValueError, "validation")


def test_no_rows_to_predict():
    call = Call("predict")
    call.arguments["X"], call.arguments["out"] = np.zeros((0, 3)), np.zeros((0, 2))
    assert call() is None


@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_a_single_output_and_its_complement(n):
    net = _core.Net((3, 1), ("logistic",), "log_loss", 1.0)
    theta, X = np.array([1.0, -2.0, 0.5, 0.1]), np.random.RandomState(0).rand(n, 3)
    alone, both = np.empty((n, 1)), np.empty((2, n))
    net.predict(theta, X, alone)
    net.predict(theta, X, both)
    assert np.array_equal(both[1], alone[:, 0])
    assert np.array_equal(both[0], 1 - alone[:, 0])
    with pytest.raises(ValueError, match=rf"out must be a .* of shape \({n}, 1\)"):
        net.predict(theta, X, np.empty((2, n + 1)))


# ---- plain arguments ----


@pytest.mark.parametrize("method", ["predict", "gradient", "train"])
@pytest.mark.parametrize(
    "isa", ["", "sse9", "BASE", "base\0", "base ", 3, b"base", ("base",)]
)
def test_unknown_isa(method, isa):
    call = Call(method)
    call.arguments["isa"] = isa
    call.refuses((TypeError, ValueError), "isa")


@pytest.mark.parametrize("method", ["predict", "gradient"])
@pytest.mark.parametrize("n_threads", [0, -1, -(2**62), 2**80, 1.0, "1", None])
def test_bad_number_of_threads(method, n_threads):
    call = Call(method)
    call.arguments["n_threads"] = n_threads
    call.refuses((TypeError, ValueError), "n_threads")


@pytest.mark.parametrize("method", ["predict", "gradient"])
def test_absurd_number_of_threads_is_only_a_limit(method):
    outs = []
    for n_threads in (1, 2**62):
        call = Call(method)
        call.arguments["n_threads"] = n_threads
        call()
        outs.append(
            call.arguments["out" if method == "predict" else "gradient"].tobytes()
        )
    assert outs[0] == outs[1]


@pytest.mark.parametrize("alpha", [math.nan, math.inf, -1.0, "1", None, 1j])
def test_bad_alpha(alpha):
    call = Call("gradient")
    call.arguments["alpha"] = alpha
    call.refuses((TypeError, ValueError), "alpha")


@pytest.mark.parametrize("method", ["predict", "gradient", "train"])
def test_missing_and_unknown_arguments(method):
    call = Call(method)
    del call.arguments["isa"]  # as many as there may be, but not those
    call.arguments["surprise"] = 1
    call.refuses(TypeError, "surprise")
    for name in ("parameters", "X"):
        call = Call(method)
        del call.arguments[name]
        call.refuses(TypeError, name)


@pytest.mark.parametrize(
    ("changes", "kind", "match"),
    [
        ({"widths": [3, 2]}, TypeError, "widths|argument 1"),
        ({"widths": ()}, ValueError, "widths"),
        ({"widths": (3,)}, ValueError, "widths"),
        ({"widths": (3, 4, 2, 2)}, ValueError, "widths"),
        ({"widths": (3, 0, 2)}, ValueError, "width"),
        ({"widths": (0, 4, 2)}, ValueError, "width"),
        ({"widths": (3, -4, 2)}, ValueError, "widths"),
        ({"widths": (3, 2**63, 2)}, ValueError, "width|weights"),
        ({"widths": (3, 2**64, 2)}, ValueError, "widths"),
        ({"widths": (3, 2**200, 2)}, ValueError, "widths"),
        ({"widths": (2**32, 2**32, 2)}, ValueError, "width|weights"),
        ({"widths": (2**31, 2**31, 2)}, ValueError, "width|weights"),
        ({"widths": (2**64 - 1,) * 3}, ValueError, "width|weights"),
        ({"widths": (2**60, 1, 1)}, ValueError, "width|weights"),
        ({"widths": (3.0, 4, 2)}, TypeError, "widths"),
        ({"widths": ("3", 4, 2)}, TypeError, "widths"),
        ({"widths": (None, 4, 2)}, TypeError, "widths"),
        ({"activations": ["relu", "identity"]}, TypeError, "activations|argument 2"),
        ({"activations": "relu"}, TypeError, "activations|argument 2"),
        ({"activations": ()}, ValueError, "activations"),
        ({"activations": ("relu",)}, ValueError, "activations"),
        ({"activations": ("ReLU", "identity")}, ValueError, "activations.*ReLU"),
        ({"activations": ("relu\0", "identity")}, ValueError, "activations"),
        ({"activations": ("\ud800", "identity")}, ValueError, "surrogates|activations"),
        ({"activations": ("", "identity")}, ValueError, "activations"),
        ({"activations": (b"relu", "identity")}, TypeError, "activations"),
        ({"activations": (None, "identity")}, TypeError, "activations"),
        ({"activations": ("exp", "identity")}, ValueError, "exp"),
        ({"activations": ("softmax", "identity")}, ValueError, "softmax"),
        ({"loss": "hinge"}, ValueError, "loss"),
        ({"loss": "huber\0"}, ValueError, "null|loss"),
        ({"loss": None}, TypeError, "loss|argument 3"),
        ({"loss": "log_loss"}, ValueError, "log_loss"),
        ({"loss": "brier"}, ValueError, "brier"),
        ({"loss": "poisson"}, ValueError, "poisson"),
        ({"activations": ("relu", "softmax")}, ValueError, "softmax"),
        (
            {"activations": ("relu", "softmax"), "loss": "poisson"},
            ValueError,
            "poisson",
        ),
        ({"loss": "huber", "huber_delta": 0.0}, ValueError, "huber_delta"),
        ({"loss": "huber", "huber_delta": -1.0}, ValueError, "huber_delta"),
        ({"loss": "huber", "huber_delta": math.nan}, ValueError, "huber_delta"),
        ({"loss": "huber", "huber_delta": math.inf}, ValueError, "huber_delta"),
        ({"loss": "huber", "huber_delta": "1"}, TypeError, "number|huber"),
    ],
)
def test_net_that_cannot_be(changes, kind, match):
    arguments = {"widths": WIDTHS, "activations": ACTIVATIONS, "loss": "squared_error"}
    with pytest.raises(kind, match=match):
        _core.Net(**arguments | changes)


def test_net_without_layers():
    with pytest.raises(ValueError, match="layer"):
        _core.Net((3,), (), "squared_error")


def test_net_is_an_immutable_value():
    net = _core.Net(WIDTHS, ACTIVATIONS, "squared_error")
    assert net.size == 4 * 4 + 5 * 2
    with pytest.raises(AttributeError):
        net.size = 3
    with pytest.raises(AttributeError):
        net.other = 3
    with pytest.raises(TypeError):
        type("Sub", (_core.Net,), {})
    with pytest.raises(TypeError):
        _core.Net.size = 3


def test_names():
    assert _core.activations == twin.activations
    assert _core.losses == twin.losses


# ---- settings, state, and what else train takes ----

BAD_SETTINGS = {
    "solver": ["lbfgs", "", "adam\0", 3, None, b"adam"],
    "learning_rate": ["linear", "", "constant\0", 3, None],
    "learning_rate_init": [0.0, -1.0, math.nan, math.inf, "1", None, 10**400],
    "power_t": [-1.0, math.nan, math.inf, "1", None],
    "momentum": [-0.1, 1.1, math.nan, math.inf, "1", None],
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


def full_state(**changes):
    return {
        "learning_rate": 0.001,
        "n_updates": 3,
        "n_seen": 18,
        "no_improvement": 0,
        "best_loss": 1.0,
        "best_score": -math.inf,
    } | changes


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
    assert result["n_seen"] == top // 2 + 2 * N


@pytest.mark.parametrize(
    ("spoilt", "match"),
    [
        ((), "validation"),
        ((1, 2), "validation"),
        ((1, 2, 3), "validation"),
        ([1, 2, 3], "validation"),
        ("abc", "validation"),
        (3, "validation"),
    ],
)
def test_validation_that_is_none(spoilt, match):
    call = Call("train")
    call.arguments["validation"] = spoilt
    call.refuses((TypeError, ValueError), match)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_bad_array_in_validation(part):
    array = Call("train").arguments["validation"][part]
    for spoil in (
        *layouts(array),
        lambda a: a[:-1].copy(),
        lambda a: a.astype("f4"),
        lambda a: a.tolist(),
    ):
        call = Call("train")
        held_out = list(call.arguments["validation"])
        held_out[part] = spoil(held_out[part])
        call.arguments["validation"] = tuple(held_out)
        call.refuses((TypeError, ValueError), "validation")


def test_validation_and_best_parameters_come_together():
    call = Call("train")
    call.arguments["best_parameters"] = None
    call.refuses((TypeError, ValueError), "best_parameters")
    call = Call("train")
    call.arguments["validation"] = None
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


@pytest.mark.parametrize("on_epoch", [3, "x", ()])
def test_callback_that_cannot_be_called(on_epoch):
    call = Call("train")
    call.arguments["on_epoch"] = on_epoch
    call.refuses(TypeError, "on_epoch")


# ---- any junk at all ----

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.sampled_from(["adam", "sgd", "relu", "softmax", "huber", "adaptive", "base"]),
)
ARRAYS = st.builds(
    lambda shape, dtype, order: np.zeros(shape, dtype, order),
    st.lists(st.integers(0, 9), max_size=3).map(tuple),
    st.sampled_from(
        ["f4", "f8", ">f8", "i8", "u1", "O", "c16", "f2", "M8[s]", "U3", "i4,f8"]
    ),
    st.sampled_from("CF"),
)
JUNK = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=4).map(tuple)
        | st.lists(inner, max_size=3)
        | st.dictionaries(SCALARS.filter(lambda v: v == v), inner, max_size=3)
    ),
    max_leaves=6,
)
RELAXED = settings(
    max_examples=300,
    deadline=None,  # machines differ, and so do the sizes of nets
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# What may be thrown at a caller who passes anything; never SystemError, never a crash.
ALLOWED = (TypeError, ValueError)


@RELAXED
@given(st.data())
def test_junk_in_any_argument(data):
    call = Call(data.draw(st.sampled_from(["predict", "gradient", "train"])))
    name = data.draw(st.sampled_from(sorted(call.arguments)))
    call.arguments[name] = data.draw(JUNK)
    before = call.snapshot()
    try:
        call()
    except ALLOWED:
        assert call.snapshot() == before


@RELAXED
@given(st.sampled_from(sorted(twin.settings_of())), JUNK)
def test_junk_in_any_setting(key, value):
    if key == "max_iter" and isinstance(value, int):
        value = min(value, 3)  # a long fit is no refusal
    call = Call("train")
    call.arguments["settings"][key] = value
    before = call.snapshot()
    try:
        call()
    except ALLOWED:
        assert call.snapshot() == before


@RELAXED
@given(st.sampled_from(sorted(full_state())), JUNK)
def test_junk_in_any_state(key, value):
    call = Call("train")
    call.arguments["state"] = full_state(**{key: value})
    before = call.snapshot()
    try:
        call()
    except ALLOWED:
        assert call.snapshot() == before


@RELAXED
@given(JUNK, JUNK, JUNK, JUNK)
def test_junk_for_a_net(widths, activations, loss, huber_delta):
    for arguments in (
        (widths, activations, loss, huber_delta),
        (widths, ACTIVATIONS, "squared_error"),
        (WIDTHS, activations, "squared_error"),
        (WIDTHS, ACTIVATIONS, loss),
        (WIDTHS, ACTIVATIONS, "huber", huber_delta),
    ):
        try:
            net = _core.Net(*arguments)
        except ALLOWED:
            continue
        assert net.size > 0


SIZES = st.one_of(
    st.integers(1, 40), st.integers(2**15, 2**70), st.sampled_from([2**31, 2**32])
)


@RELAXED
@given(st.lists(SIZES, min_size=2, max_size=5).map(tuple))
def test_sizes_never_wrap_around(widths):
    """Either refused, or exactly the size that Python computes."""
    size = sum((d + 1) * h for d, h in zip(widths, widths[1:], strict=False))
    try:
        net = _core.Net(widths, ("identity",) * (len(widths) - 1), "squared_error")
    except ValueError:
        assert size * 8 > 2**48  # more than any machine holds
        return
    assert net.size == size < 2**63 / 8
    if size > 10**6:
        tiny = np.zeros(1)
        with pytest.raises(ValueError, match="parameters"):
            net.predict(tiny, np.zeros((1, 1)), tiny.reshape(1, 1))


@RELAXED
@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=5).map(tuple),
    st.integers(1, 30),
    st.data(),
)
def test_numbers_of_every_kind_crash_nothing(widths, n, data):
    """NaN, infinities, huge and subnormal numbers in every array."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    wild = np.array(
        [0, -0.0, 1, np.nan, np.inf, -np.inf, 1e-45, 3e38, -3e38, 1e-300], dtype
    )
    hidden = tuple(
        data.draw(st.sampled_from(_core.activations)) for _ in range(len(widths) - 2)
    )
    output, loss = data.draw(
        st.sampled_from(
            [
                ("softmax", "log_loss"),
                ("identity", "log_cosh"),
                ("exp", "poisson"),
                ("logistic", "brier"),
                ("tanh", "huber"),
            ]
        )
    )
    net = _core.Net(widths, (*hidden, output), loss)
    theta, X, y, weight = (
        rng.choice(wild, shape)
        for shape in (net.size, (n, widths[0]), (n, widths[-1]), n)
    )
    out, slope = np.zeros((n, widths[-1]), dtype), np.zeros(net.size, dtype)
    moments, best = np.zeros((2, net.size), dtype), theta.copy()
    net.predict(theta, X, out)
    net.gradient(theta, X, y, weight, 0.1, slope)
    changes = twin.settings_of(
        max_iter=2,
        batch_size=data.draw(st.integers(1, 40)),
        n_threads=data.draw(st.integers(1, 3)),
        dropout=(0.5,) * len(hidden),
    )
    net.train(
        theta,
        moments,
        X,
        y,
        weight,
        changes,
        {},
        (X, y, None),
        best,
        np.random.PCG64(0),
    )


# ---- Python code that runs in the middle of a call ----

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
    dropout_seed=0, score="accuracy", n_threads=1, advance_generator=False,
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
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(code)],
        env={"PYTHONMALLOC": "debug"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


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


# ---- Ctrl-C ----
#
# A pending signal is planted without any Python code between it and the call: map()
# runs both from C, so that no handler runs before the core's first poll.

# No core does this many multiply-adds in 50 ms: it would be 200 G/s.
WORK_PER_POLL = 1e10


def with_pending_interrupt(call):
    trip = ctypes.pythonapi.PyErr_SetInterrupt
    trip.argtypes, trip.restype = [], None
    return list(map(operator.call, (trip, call)))[1]


HUGE = {"widths": (64, 1024, 1024, 8), "n": 24_000}


def big_fit(batch_size, widths=(64, 256, 256, 8), n=2000):
    """Something to interrupt; HUGE makes one step over all rows 8e10 of work."""
    net = _core.Net(widths, ("relu", "relu", "identity"), "squared_error")
    theta, X, y, _ = twin.problem_of(widths, "identity", n, np.float32)
    moments = np.zeros((2, net.size), np.float32)
    changes = twin.settings_of(
        max_iter=10**6, batch_size=batch_size, tol=0, n_iter_no_change=math.inf
    )
    return net, theta, moments, X, y, changes


@pytest.mark.parametrize("batch_size", [50, 2000])
@pytest.mark.parametrize("threads", [1, 2])
def test_interrupted_training_is_bounded_by_work(batch_size, threads):
    """Where the pending Ctrl-C stops it, less than a poll's worth of work is done."""
    net, theta, moments, X, y, changes = big_fit(batch_size)
    changes["n_threads"] = threads
    start = theta.copy()
    fit = functools.partial(net.train, theta, moments, X, y, None, changes, {})
    result = with_pending_interrupt(fit)
    assert result["stop"] == "interrupted"
    work = result["n_updates"] * 3 * net.size * batch_size
    assert work <= WORK_PER_POLL * threads
    # Parameters and moments are those after that many whole steps.
    again, again_moments = start.copy(), np.zeros_like(moments)
    steps, per_epoch = result["n_updates"], len(X) // batch_size
    state = {}
    if steps >= per_epoch:
        changes["max_iter"] = steps // per_epoch
        net.train(again, again_moments, X, y, None, changes, {})
        state = {key: result[key] for key in full_state()} | {
            "n_updates": steps // per_epoch * per_epoch
        }
    rest = steps % per_epoch * batch_size
    if rest:
        changes["max_iter"] = 1
        net.train(again, again_moments, X[:rest], y[:rest], None, changes, state)
    assert len(result["loss_curve"]) == steps // per_epoch
    assert theta.tobytes() == again.tobytes()
    assert moments.tobytes() == again_moments.tobytes()
    assert (steps == 0) == np.array_equal(theta, start)


def test_interrupt_inside_one_huge_step():
    """One full-batch step of 8e10 multiply-adds: stopped within, nothing moved."""
    net, theta, moments, X, y, changes = big_fit(10**6, **HUGE)
    start = theta.copy()
    result = with_pending_interrupt(
        functools.partial(net.train, theta, moments, X, y, None, changes, {})
    )
    assert result["stop"] == "interrupted"
    assert result["n_updates"] == 0
    assert result["loss_curve"] == []
    assert theta.tobytes() == start.tobytes()
    assert not moments.any()


def test_interrupt_inside_the_score():
    net, theta, moments, X_held, y_held, changes = big_fit(50, **HUGE)
    X, y = X_held[:50].copy(), y_held[:50].copy()
    best = theta.copy()
    result = with_pending_interrupt(
        functools.partial(
            net.train,
            theta,
            moments,
            X,
            y,
            None,
            changes,
            {},
            (X_held, y_held, None),
            best,
        )
    )
    assert result["stop"] == "interrupted"
    assert len(result["loss_curve"]) == len(result["scores"])
    assert result["n_updates"] <= 1


@pytest.mark.parametrize("method", ["predict", "gradient"])
def test_interrupt_in_prediction_and_gradient(method):
    net, theta, _, X, y, _ = big_fit(50, **HUGE)
    out, slope = np.zeros((len(X), 8), np.float32), np.zeros(net.size, np.float32)
    calls = {
        "predict": functools.partial(net.predict, theta, X, out),
        "gradient": functools.partial(net.gradient, theta, X, y, None, 0.1, slope),
    }
    with pytest.raises(KeyboardInterrupt):
        with_pending_interrupt(calls[method])
    if method == "predict":
        # Far more work than a poll's: the last rows were never reached.
        assert not out[-1000:].any()
    # And the next call is none the worse.
    net.predict(theta, X[:10], out[:10])
    assert out[:10].any()


class Alarm:
    """A signal handler called by every poll: a timer that is faster than polls are."""

    def __init__(self):
        self.count, self.action = 0, lambda: None

    def __enter__(self):
        self.before = signal.signal(signal.SIGALRM, self.handle)
        signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)
        return self

    def handle(self, signum, frame):
        self.count += 1
        self.action()

    def __exit__(self, *exc):
        signal.setitimer(signal.ITIMER_REAL, 0)
        time.sleep(0.01)  # a last tick may be on its way
        signal.signal(signal.SIGALRM, self.before)


@pytest.mark.parametrize("size", [{"n": 50}, HUGE])
def test_polls_come_as_often_as_work_does(size):
    """In small steps and in one huge step alike.

    Polls that come faster than the timer are not counted, which cannot make the count
    too small: a fit of this much work takes hundreds of milliseconds on any core.
    """
    net, theta, moments, X, y, changes = big_fit(10**6, **size)
    per_epoch = 3 * net.size * len(X)
    changes["max_iter"] = math.ceil(8e10 / per_epoch)
    with Alarm() as alarm:
        net.train(theta, moments, X, y, None, changes, {})
        polls = alarm.count
    assert polls >= changes["max_iter"] * per_epoch / WORK_PER_POLL - 1


@pytest.mark.parametrize("method", ["predict", "gradient", "train"])
def test_exception_of_a_handler_is_raised(method):
    net, theta, moments, X, y, changes = big_fit(50, **HUGE)
    out, slope = np.zeros((len(X), 8), np.float32), np.zeros(net.size, np.float32)
    calls = {
        "predict": functools.partial(net.predict, theta, X, out),
        "gradient": functools.partial(net.gradient, theta, X, y, None, 0.1, slope),
        "train": functools.partial(net.train, theta, moments, X, y, None, changes, {}),
    }

    def handle(signum, frame):
        raise LookupError("from the handler")

    before = signal.signal(signal.SIGINT, handle)
    try:
        with pytest.raises(LookupError, match="from the handler"):
            with_pending_interrupt(calls[method])
    finally:
        signal.signal(signal.SIGINT, before)


def test_handler_may_use_the_generator_and_the_core():
    net, theta, moments, X, y, changes = big_fit(50, n=20_000)
    bits = np.random.PCG64(1)
    own = Call("train")
    own.arguments["bit_generator"] = bits
    changes["max_iter"] = 4
    with Alarm() as alarm:
        alarm.action = own
        net.train(theta, moments, X, y, None, changes, {}, None, None, bits)
        assert alarm.count > 0
    assert np.isfinite(theta).all()


class CountingLock:
    """A generator's lock that is counted when it is taken."""

    def __init__(self, capacity=10):
        self.taken, self.held, self.capacity = 0, False, capacity

    def acquire(self):
        assert not self.held
        if self.taken == self.capacity:
            raise LookupError("not again")
        self.taken, self.held = self.taken + 1, True

    def release(self):
        assert self.held
        self.held = False


def test_the_generator_is_held_only_while_orders_are_drawn():
    """Not from poll to poll: other threads draw from it, or fit with it, meanwhile."""
    net, theta, moments, X, y, changes = big_fit(12_000, **HUGE)
    changes["max_iter"] = 2
    start = theta.copy()
    for capacity, epochs in ((10, 2), (1, 1)):
        theta[:], moments[:] = start, 0

        class Generator:
            source = np.random.PCG64(1)
            capsule, lock = source.capsule, CountingLock(capacity)

        def train(generator=Generator):
            net.train(theta, moments, X, y, None, changes, {}, None, None, generator)

        if capacity == 1:
            with pytest.raises(LookupError, match="not again"):
                train()
        else:
            train()
        # An epoch is polled several times: 8e10 of work.
        assert Generator.lock.taken == epochs
        assert not Generator.lock.held


def test_ctrl_c_from_another_thread():
    """The whole way: raise_signal elsewhere, in the middle of a long fit."""
    net, theta, moments, X, y, changes = big_fit(50)
    started = threading.Event()

    def on_epoch(event):
        started.set()

    def interrupt():
        started.wait(60)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    result = net.train(theta, moments, X, y, None, changes, {}, on_epoch=on_epoch)
    thread.join()
    assert result["stop"] == "interrupted"
    assert 1 <= len(result["loss_curve"]) < changes["max_iter"]


def test_training_in_another_thread_is_not_interrupted():
    """Signals are the main thread's; a fit elsewhere goes on, beside another fit."""
    calls = [Call("train") for _ in range(4)]
    for call in calls:
        call.arguments["settings"]["max_iter"] = 200
    alone = copy.deepcopy(calls[0].arguments["parameters"])
    call = Call("train")
    call.arguments["settings"]["max_iter"] = 200
    call()
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = call.arguments["parameters"]
    assert not np.array_equal(expected, alone)
    for other in calls:
        assert other.arguments["parameters"].tobytes() == expected.tobytes()


def test_the_gil_is_released():
    # The other thread can only end the fit if it runs while the fit does.
    net, theta, moments, X, y, changes = big_fit(2000)
    ended = []

    def on_epoch(event):
        if ended:
            raise StopIteration

    changes["max_iter"] = 20_000
    thread = threading.Thread(target=ended.append, args=(1,))
    thread.start()
    with pytest.raises(StopIteration):
        net.train(theta, moments, X, y, None, changes, {}, on_epoch=on_epoch)
    thread.join()
