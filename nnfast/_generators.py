# SPDX-License-Identifier: BSD-3-Clause
"""Random generators: one made of a seed, and those that fits draw from during a fork.

A fit holds the lock of its bit generator while it draws, and the generator may be the
caller's, or NumPy's own. A child that is forked then has the lock, but not the thread
that would give it back: without this file it waits for ever when it draws.
"""

import os
import threading
from typing import Any

import numpy as np
from sklearn.utils import check_random_state


class _Zeros(np.random.SeedSequence):
    """What a bit generator begins with that is seeded at once; a list is quickest."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        return [0] * n_words


_ZEROS = _Zeros(0)


def generator(random_state: Any) -> np.random.RandomState:
    """What ``check_random_state`` gives, in less time for an int.

    ``RandomState(seed)`` makes a bit generator first that is seeded by the system: that
    takes a hundred times as long as the seed itself, and longer than a small fit.
    """
    if type(random_state) is not int:
        return check_random_state(random_state)
    try:
        made = np.random.RandomState(np.random.MT19937(_ZEROS))
    except TypeError:  # a NumPy that wants an array
        return check_random_state(random_state)
    made.seed(random_state)
    return made


# The thread of each fit at work, and the lock that it may hold.
_in_use: list[tuple[int, Any]] = []


class InUse:
    """For the rest of the block one may be drawn from, with its lock held."""

    entry = None

    def __enter__(self) -> "InUse":
        return self

    def begin(self, bit_generator: Any) -> None:
        self.entry = threading.get_ident(), bit_generator.lock
        _in_use.append(self.entry)

    def __exit__(self, *failure: object) -> None:
        if self.entry in _in_use:  # not so where Ctrl-C came as it began
            _in_use.remove(self.entry)


def _free_locks_of_other_threads() -> None:
    for thread, lock in _in_use:
        if thread != threading.get_ident():
            lock._at_fork_reinit()  # as the standard library does with its own
    _in_use[:] = [entry for entry in _in_use if entry[0] == threading.get_ident()]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_locks_of_other_threads)
