# SPDX-License-Identifier: BSD-3-Clause
"""Any junk in any argument is refused or taken, sizes never wrap around, and numbers of
every kind crash nothing.
"""

import numpy as np
import pytest
import twin
from core_call import ACTIVATIONS, WIDTHS, Call, N, full_state
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnfast import _core, _parameters

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


def takes_it_or_refuses(call):
    """A refusal has changed nothing."""
    before = call.snapshot()
    try:
        call()
    except ALLOWED:
        assert call.snapshot() == before


@RELAXED
@given(st.data())
def test_junk_in_any_argument(data):
    call = Call(data.draw(st.sampled_from(["predict", "gradient", "train"])))
    name = data.draw(st.sampled_from(sorted(call.arguments)))
    call.arguments[name] = data.draw(JUNK)
    takes_it_or_refuses(call)


@RELAXED
@given(st.sampled_from(sorted(twin.settings_of())), JUNK)
def test_junk_in_any_setting(key, value):
    if key == "max_iter" and isinstance(value, int):
        value = min(value, 3)  # a long fit is no refusal
    call = Call("train")
    call.arguments["settings"][key] = value
    takes_it_or_refuses(call)


@RELAXED
@given(st.sampled_from(sorted(full_state())), JUNK)
def test_junk_in_any_state(key, value):
    call = Call("train")
    call.arguments["state"] = full_state(**{key: value})
    takes_it_or_refuses(call)


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


@RELAXED
@given(st.data())
def test_junk_for_what_is_prepared(data):
    """Of a prediction, one argument of the maker or of the call."""
    net = _core.Net(WIDTHS, ACTIVATIONS, "squared_error")
    theta = np.zeros(net.size)
    views = theta, WIDTHS, *_parameters.views(theta, WIDTHS)
    making = {"net": net, "views": views, "attributes": {"name": 1}}
    making |= {"absent": "other", "most_rows": N}
    asking = {"state": {"name": 1}, "X": np.zeros((N, WIDTHS[0])), "both": True}
    name = data.draw(st.sampled_from([*making, "a view", *asking]))
    if name == "a view":
        i = data.draw(st.integers(0, 3))
        making["views"] = *views[:i], data.draw(JUNK), *views[i + 1 :]
    else:
        (making if name in making else asking)[name] = data.draw(JUNK)
    try:
        found = _core.Prepared(**making).predict(*asking.values())
    except ALLOWED:
        return
    assert found is None or found.shape == (N, WIDTHS[-1])


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
        (np.arange(n), np.arange(n), None),
        best,
        np.random.PCG64(0),
    )
