# SPDX-License-Identifier: BSD-3-Clause
"""Kernels flush subnormal numbers to zero, and nobody else notices: each call ends with
the caller's floating-point environment, however it ends, and so does the import.
"""

import ctypes
import platform
import signal
import sys
import warnings
from functools import partial

import numpy as np
import pytest
import twin
from shell import run
from sklearn.exceptions import ConvergenceWarning

from nnfast import MLPClassifier, MLPRegressor, _core

pytestmark = [
    pytest.mark.usefixtures("split_work"),
    pytest.mark.skipif(
        platform.machine() != "x86_64" or platform.system() != "Linux",
        reason="reads MXCSR",
    ),
]

FLUSH, UPWARD, FLAGS = 0x8040, 0x4000, 0x3F  # of MXCSR
MODES = {"usual": 0, "flushing": FLUSH, "rounding up": UPWARD}


class State(ctypes.Structure):
    """What fegetenv stores: the environment of the x87, and MXCSR."""

    _fields_ = (("x87", ctypes.c_uint32 * 7), ("mxcsr", ctypes.c_uint32))

    @classmethod
    def now(cls):
        state = cls()
        assert libm().fegetenv(ctypes.byref(state)) == 0
        return state

    def set(self):
        assert libm().fesetenv(ctypes.byref(self)) == 0

    def control(self):
        """All but the flags that say what has happened."""
        return self.x87[0] & 0xFFFF, self.mxcsr & ~FLAGS


def libm():
    return ctypes.CDLL("libm.so.6")


@pytest.fixture(params=MODES.values(), ids=MODES)
def expected(request):
    """Each environment that a caller may have, as the call is to leave it."""
    before = State.now()
    changed = State.now()
    changed.mxcsr |= request.param
    changed.set()
    yield State.now().control()
    before.set()


def test_the_modes_are_told_apart(expected):
    assert State.now().control() == expected
    tiny = np.full(8, 5e-324)
    assert bool((tiny * 1.0 > 0).all()) == (expected[1] & FLUSH == 0)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("isa", _core.isas)
def test_the_core_gives_it_back(isa, threads, expected):
    """To Python code that it calls in between, too."""
    widths, n = (5, 9, 3), 50
    net = _core.Net(widths, ("gelu", "identity"), "squared_error")
    theta, X, y, weight = twin.problem_of(widths, "identity", n)
    seen = []
    settings = twin.settings_of(max_iter=2, n_threads=threads)
    out, slope, moments = np.empty((n, 3)), np.empty(net.size), np.zeros((2, net.size))

    def on_epoch(event):
        seen.append(State.now().control())

    net.predict(theta, X, out, n_threads=threads, isa=isa)
    seen.append(State.now().control())
    net.gradient(theta, X, y, weight, 0.1, slope, n_threads=threads, isa=isa)
    seen.append(State.now().control())
    net.train(theta, moments, X, y, weight, settings, {}, on_epoch=on_epoch, isa=isa)
    seen.append(State.now().control())
    assert seen == [expected] * 5


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_estimators_give_it_back(kind, solver, expected):
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = (X[:, 0] > 0).astype(float)
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = kind(
            hidden_layer_sizes=4, solver=solver, max_iter=3, random_state=0
        ).fit(X, y)
    seen.append(State.now().control())
    if solver != "lbfgs":
        model.partial_fit(X, y)
        seen.append(State.now().control())
    model.predict(X)
    seen.append(State.now().control())
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X * np.nan, y)
    seen.append(State.now().control())
    assert seen == [expected] * len(seen)


class Stopped(Exception):
    """What ends the calls below."""


@pytest.fixture
def alarm():
    """Starts a timer whose signal raises Stopped in whatever call it finds then."""

    def handle(number, frame):
        raise Stopped

    before = signal.signal(signal.SIGALRM, handle)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def again(call, begin):
    """Begin, and call it until it raises."""
    begin()
    while True:
        call()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("call", ["train", "gradient", "predict"])
def test_a_signal_that_stops_a_call(call, threads, alarm, expected):
    widths, n = (300, 300, 300), 2000  # a step is some 500 million products
    net = _core.Net(widths, ("relu", "identity"), "squared_error")
    theta, X, y, _ = twin.problem_of(widths, "identity", n)
    moments, out = np.zeros((2, net.size)), np.empty((n, 300))
    settings = twin.settings_of(max_iter=10**9, batch_size=n, n_threads=threads)
    calls = {
        "train": lambda: net.train(theta, moments, X, y, None, settings, {}),
        "gradient": lambda: net.gradient(
            theta, X, y, None, 0.1, moments[0], n_threads=threads
        ),
        "predict": lambda: net.predict(theta, X, out, n_threads=threads),
    }
    with pytest.raises(Stopped):
        again(calls[call], begin=partial(alarm, 0.02))
    assert State.now().control() == expected


def test_an_exception_in_a_callback(expected):
    widths, n = (5, 9, 3), 50
    net = _core.Net(widths, ("gelu", "identity"), "squared_error")
    theta, X, y, _ = twin.problem_of(widths, "identity", n)

    def on_epoch(event):
        raise Stopped

    with pytest.raises(Stopped):
        net.train(
            *(theta, np.zeros((2, net.size)), X, y, None, twin.settings_of(), {}),
            on_epoch=on_epoch,
        )
    assert State.now().control() == expected


def test_ctrl_c_in_a_fit(alarm, expected):
    """Which the solver makes a warning of: the estimator is used on."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = MLPRegressor(hidden_layer_sizes=4, max_iter=10**9, n_iter_no_change=np.inf)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    alarm(0.2)  # when checks and weights are done with
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, X[:, 0])
    assert State.now().control() == expected


def test_importing_leaves_it_as_it_was():
    """A library linked with -ffast-math sets it for the whole process when loaded."""
    program = """if True:
        import ctypes
        import numpy, scipy.optimize, sklearn.base, joblib
        def mxcsr():
            state = (ctypes.c_uint32 * 8)()
            ctypes.CDLL("libm.so.6").fegetenv(state)
            return state[7] & ~0x3F
        before = mxcsr()
        import nnfast
        nnfast.MLPRegressor(hidden_layer_sizes=2).partial_fit([[0.0], [1.0]], [0, 1])
        print(before == mxcsr() == 0x1F80)
    """
    assert run(sys.executable, "-c", program) == "True\n"
