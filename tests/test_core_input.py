# SPDX-License-Identifier: BSD-3-Clause
"""What the binding refuses of arrays, plain arguments and networks, and how it says so.

A refusal is a TypeError or ValueError that names the argument, before anything has been
written: every array and dict is compared with a copy afterwards.
"""

import math
import re

import numpy as np
import pytest
import twin
from core_call import ACTIVATIONS, WIDTHS, Call, N, other_layouts

from nnfast import _core

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


@pytest.mark.parametrize(("method", "name"), REAL_ARRAYS)
def test_another_layout(method, name):
    for spoil in other_layouts(Call(method).arguments[name]):
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


@pytest.mark.parametrize(
    ("name", "spoilt", "words"),
    [
        (
            "parameters",
            np.zeros(3),
            "float32 or float64 array of shape (26,), got float64 of shape (3,)",
        ),
        (
            "X",
            np.zeros((6, 3), ">f8"),
            "float64 array of shape (any, 3), got byte-swapped >f8 of shape (6, 3)",
        ),
        (
            "y",
            np.zeros((6, 3)),
            "float64 array of shape (6, 2), got float64 of shape (6, 3)",
        ),
        (
            "gradient",
            np.zeros(26, "i4"),
            "float64 array of shape (26,), got int32 of shape (26,)",
        ),
    ],
)
def test_the_words_of_a_refusal(name, spoilt, words):
    call = Call("gradient")
    call.arguments[name] = spoilt
    what = "C-contiguous, writable" if name == "gradient" else "C-contiguous"
    sentence = re.escape(f"{name} must be a {what} {words}")
    call.refuses((TypeError, ValueError), f"^{sentence}$")


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


@pytest.mark.parametrize("written_first", [False, True])
def test_neighbours_in_memory_share_none(written_first):
    call = Call("predict")
    theta, out = call.arguments["parameters"], call.arguments["out"]
    call()
    block = np.zeros(theta.size + out.size)
    if written_first:
        other, again = np.split(block, [out.size])
    else:
        again, other = np.split(block, [theta.size])
    again[:] = theta
    call.arguments |= {"parameters": again, "out": other.reshape(out.shape)}
    call()
    np.testing.assert_array_equal(other, out.ravel())


def test_a_split_may_not_share_memory_with_what_is_written():
    for i in range(3):
        call = Call("train")
        split = list(call.arguments["split"])
        size = call.net.size
        room = np.zeros(size + split[i].size)
        call.arguments["best_parameters"] = room[:size]
        split[i] = room[size - 1 : size - 1 + split[i].size].view(split[i].dtype)
        call.arguments["split"] = tuple(split)
        call.refuses(ValueError, r"split|best_parameters")


@pytest.mark.parametrize("method", ["predict", "gradient", "train"])
def test_inputs_may_share_memory_with_each_other(method):
    call = Call(method)
    if method == "train":
        rows = call.arguments["split"][0]
        call.arguments["split"] = rows, rows, call.arguments["sample_weight"]
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
    if method == "train":
        call.arguments["split"] = None
    call.refuses(ValueError, r"\bX\b")


def test_no_rows_to_predict():
    call = Call("predict")
    call.arguments["X"], call.arguments["out"] = np.zeros((0, 3)), np.zeros((0, 2))
    assert call() is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_a_single_output_and_its_complement(n, dtype):
    net = _core.Net((3, 1), ("logistic",), "log_loss", 1.0)
    theta = np.array([1.0, -2.0, 0.5, 0.1], dtype)
    X = np.random.RandomState(0).rand(n, 3).astype(dtype)
    alone, both = np.full((n, 1), np.nan, dtype), np.full((2, n), np.nan, dtype)
    net.predict(theta, X, alone)
    net.predict(theta, X, both)
    assert np.array_equal(both[1], alone[:, 0])
    assert np.array_equal(both[0], 1 - alone[:, 0])
    with pytest.raises(ValueError, match=rf"out must be a .* of shape \({n}, 1\)"):
        net.predict(theta, X, np.empty((2, n + 1), dtype))


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


def test_everything_says_what_it_is_for():
    names = ["size", "predict", "gradient", "train"]
    things = [_core, _core.is_plain, _core.are_views, _core.class_numbers]
    things += [_core.changes, _core.hand_over, _core.force_threads]
    things += [_core.Net, _core.Prepared]
    things += [getattr(_core.Net, name) for name in names]
    assert all(thing.__doc__ for thing in things)


def test_names():
    assert _core.activations == twin.activations
    assert _core.losses == twin.losses
