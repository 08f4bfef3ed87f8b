# SPDX-License-Identifier: BSD-3-Clause
"""Ctrl-C and signal handlers while the core is at work: it looks for them whenever it
has done some of it, stops where they say so, and holds no lock meanwhile.
"""

import copy
import functools
import math
import signal
import threading

import numpy as np
import pytest
import twin
from core_call import Call
from interrupts import Alarm, needs_timer, with_pending_interrupt

from nnfast import _core

# No core does this many multiply-adds in 50 ms: it would be 200 G/s.
WORK_PER_POLL = 1e10


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
        state = twin.state_of(result) | {"n_updates": steps // per_epoch * per_epoch}
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
    net, theta, moments, X, y, changes = big_fit(50, **HUGE)
    split, best = (np.arange(50), np.arange(len(X)), None), theta.copy()
    result = with_pending_interrupt(
        functools.partial(
            net.train, theta, moments, X, y, None, changes, {}, split, best
        )
    )
    assert result["stop"] == "interrupted"
    assert len(result["loss_curve"]) == len(result["scores"])
    assert result["n_updates"] <= 1


def long_calls():
    """One of each method that is polled several times, and what they work on."""
    net, theta, moments, X, y, changes = big_fit(50, **HUGE)
    out, slope = np.zeros((len(X), 8), np.float32), np.zeros(net.size, np.float32)
    calls = {
        "predict": functools.partial(net.predict, theta, X, out),
        "gradient": functools.partial(net.gradient, theta, X, y, None, 0.1, slope),
        "train": functools.partial(net.train, theta, moments, X, y, None, changes, {}),
    }
    return calls, net, theta, X, out


@pytest.mark.parametrize("method", ["predict", "gradient"])
def test_interrupt_in_prediction_and_gradient(method):
    calls, net, theta, X, out = long_calls()
    with pytest.raises(KeyboardInterrupt):
        with_pending_interrupt(calls[method])
    if method == "predict":
        # Far more work than a poll's: the last rows were never reached.
        assert not out[-1000:].any()
    # And the next call is none the worse.
    net.predict(theta, X[:10], out[:10])
    assert out[:10].any()


@needs_timer
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
    calls, *_ = long_calls()

    def handle(signum, frame):
        raise LookupError("from the handler")

    before = signal.signal(signal.SIGINT, handle)
    try:
        with pytest.raises(LookupError, match="from the handler"):
            with_pending_interrupt(calls[method])
    finally:
        signal.signal(signal.SIGINT, before)


@needs_timer
def test_handler_may_use_the_generator_and_the_core():
    net, theta, moments, X, y, changes = big_fit(50, n=20_000)
    bits = np.random.PCG64(1)
    own = Call("train")
    own.arguments["bit_generator"] = bits
    changes["max_iter"] = 4
    with Alarm(own) as alarm:
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
