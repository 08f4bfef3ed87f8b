# SPDX-License-Identifier: BSD-3-Clause
"""Signals that come while a call is at work: again and again, or before it begins."""

import ctypes
import operator
import signal
import time

import pytest

needs_timer = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="the system has no interval timer"
)


class Alarm:
    """A handler that an interval timer calls, whenever Python looks for signals.

    Not within itself: where the action takes longer than the interval, on a slow
    machine or traced, there would be no end of it.
    """

    def __init__(self, action=lambda: None):
        self.action, self.count, self.acts = action, 0, False

    def __enter__(self):
        self.before = signal.signal(signal.SIGALRM, self.handle)
        signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)
        return self

    def handle(self, signum, frame):
        self.count += 1
        if not self.acts:
            self.acts = True
            try:
                self.action()
            finally:
                self.acts = False

    def __exit__(self, *exc):
        signal.setitimer(signal.ITIMER_REAL, 0)
        time.sleep(0.01)  # a last tick may be on its way
        signal.signal(signal.SIGALRM, self.before)


def with_pending_interrupt(*calls):
    """What the last of the calls returns, where Ctrl-C came before the first.

    map() runs all of them from C: no handler runs before one of them lets it.
    """
    trip = ctypes.pythonapi.PyErr_SetInterrupt
    trip.argtypes, trip.restype = [], None
    return list(map(operator.call, (trip, *calls)))[-1]
