# SPDX-License-Identifier: BSD-3-Clause
"""Random generators: one made of a seed, and those that fits draw from during a fork.

A fit holds the lock of its bit generator while it draws, and the generator may be the
caller's, or NumPy's own. A child that is forked then has the lock, but not the thread
that would give it back: without this file it waits for ever when it draws.
"""

import os
import threading
from numbers import Integral
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


class Draws:
    """What a fit draws from, as long as the block lasts.

    Of a seed it is made only where the fit draws: a ``partial_fit`` of one batch does
    not.
    """

    thread: int
    lock: Any

    def __init__(self, random_state: Any) -> None:
        self.random_state = random_state
        self.begun: np.random.RandomState | None = None

    def __enter__(self) -> "Draws":
        return self

    @property
    def are_seen(self) -> bool:
        """Whether the generator outlives the fit where the caller can draw from it."""
        return not isinstance(self.random_state, Integral)

    def begin(self) -> None:
        """Refuse what nothing can be drawn from; but for a seed, have the generator."""
        if self.are_seen or not 0 <= self.random_state < 2**32:
            self.generator()

    def generator(self) -> np.random.RandomState:
        """The generator, to whose lock a fork sees from now on."""
        if self.begun is None:
            begun = generator(self.random_state)
            self.thread = threading.get_ident()
            self.lock = begun._bit_generator.lock
            _in_use.append(self)
            self.begun = begun
        return self.begun

    def __exit__(self, *failure: object) -> None:
        if self in _in_use:  # not so where Ctrl-C came before
            _in_use.remove(self)


# Of all fits at work.
_in_use: list[Draws] = []


def _free_locks_of_other_threads() -> None:
    here = threading.get_ident()
    for used in _in_use:
        if used.thread != here:
            used.lock._at_fork_reinit()  # as the standard library does with its own
    _in_use[:] = [used for used in _in_use if used.thread == here]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_locks_of_other_threads)
