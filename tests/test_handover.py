# SPDX-License-Identifier: BSD-3-Clause
"""What a fit has learnt becomes the estimator's all at once, or not at all; whatever it
is called with, the core refuses or does it. Whole fits are in test_fits_apart.py.
"""

import contextlib
import itertools
import sys
import threading
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_core_junk import ALLOWED, JUNK, RELAXED

from nnfast import _core

EMPTY = []
OLD = {"_model": 0, "kept": 1, "changed": 2, "gone": 3}


class Lock:
    """Notes what is done with it."""

    def __init__(self, state):
        self.state, self.seen = state, []

    def acquire(self):
        self.seen.append(("acquired", self.state.copy()))

    def release(self):
        self.seen.append(("released", self.state.copy()))


class Name:
    """Equal hashes, and an action when one of them is compared."""

    def __init__(self, action, like="_model"):
        self.action, self.like = action, like

    def __hash__(self):
        return hash(self.like)

    def __eq__(self, other):
        self.action()
        return False


def arguments(**others):
    """Of a hand-over in which everything that can happen does."""
    state = OLD.copy()
    usual = {
        "lock": Lock(state),
        "state": state,
        "begun": 4,
        "ended": 5,
        "grown": [([1.0], [2.0, 3.0]), ([], [4.0])],
        "learnt": {"changed": 6, "new": 7},
        "gone": ["gone", "never there"],
        "memory": (np.zeros(3), np.arange(3.0)),
    }
    return usual | others


def hand_over(given):
    _core.hand_over(*given.values())


def test_changes():
    one, other = object(), 1.5
    before = {"same": one, "other": other, "gone": one, "none": None}
    after = {"new": one, "none": None, "other": float("1.5"), "same": one}
    learnt, gone = _core.changes(before, after)
    assert learnt == {"new": one, "other": 1.5}
    assert learnt["other"] is after["other"]
    assert gone == ["gone"]
    assert _core.changes(before, before) == ({}, [])


def test_names_that_are_no_strings_may_do_anything_when_they_are_compared():
    before, after = {}, {}
    for others in (before, after):
        others |= {Name(others.clear): i for i in range(9)}
    names = [*before, *after]
    learnt, gone = _core.changes(before, after)
    assert set(map(id, learnt)) == set(map(id, names[9:]))
    assert list(map(id, gone)) == list(map(id, names[:9]))
    assert not before
    assert not after


def test_everything_is_handed_over():
    given = arguments()
    hand_over(given)
    new = {"_model": 5, "kept": 1, "changed": 6, "new": 7}
    assert given["state"] == new
    assert given["lock"].seen == [("acquired", OLD), ("released", new)]
    assert [held for held, _ in given["grown"]] == [[1.0, 2.0, 3.0], [4.0]]
    assert np.array_equal(*given["memory"])


def test_what_goes_sees_that_all_is_done():
    looks = []

    class Last:
        def __del__(self):
            looks.append(given["state"]["_model"])

    given = arguments(lock=threading.RLock())
    given["state"]["changed"] = Last()
    hand_over(given)
    assert looks == [5]


def test_comparisons_may_do_anything_to_what_is_given():
    given = arguments(lock=threading.RLock())
    kept = [given[name] for name in ("gone", "grown", "learnt")]

    def clear():
        for each in kept:
            each.clear()

    state = {Name(clear): i for i in range(6)}
    given["state"] = state
    hand_over(given)
    assert state["_model"] == 5
    assert kept == [[], [], {}]


def test_a_failed_deletion_is_told(monkeypatch):
    def fail():
        raise OverflowError("compared")

    hidden = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: hidden.append(told[1]))
    name = Name(lambda: None, "gone")
    given = arguments(lock=threading.RLock(), state={name: 0, "gone": 1})
    name.action = fail
    hand_over(given)
    assert list(map(repr, hidden)) == ["OverflowError('compared')"]
    name.action = lambda: None
    assert given["state"]["_model"] == 5


@pytest.mark.parametrize("nth", range(1, 9))
def test_comparisons_that_fail(nth, monkeypatch):
    """Before all is done nothing is; then it is told beside."""
    count = itertools.count(1)

    def fail():
        if next(count) >= nth:
            raise OverflowError

    hidden = []
    monkeypatch.setattr(sys, "unraisablehook", hidden.append)
    given = arguments(lock=threading.RLock())
    given["state"] = {Name(lambda: None): 0}
    given["state"] |= {"kept": 1}
    next(iter(given["state"])).action = fail
    with contextlib.suppress(OverflowError):
        hand_over(given)
    assert not given["lock"]._is_owned()
    names = {name for name in given["state"] if type(name) is str}
    if "new" not in names:
        assert [held for held, _ in given["grown"]] == [[1.0], []]


@pytest.mark.parametrize("model", [{}, {"_model": 0}])
@pytest.mark.parametrize(
    ("others", "error", "words"),
    [
        ({"state": []}, TypeError, "argument 2 must be dict, not list"),
        ({"grown": ()}, TypeError, "argument 5 must be list, not tuple"),
        (
            {"grown": [([1.0], [2.0]), ([1], 2)]},
            TypeError,
            "grown must be pairs of two lists, got",
        ),
        (
            {"grown": [([1.0], [2.0]), 3]},
            TypeError,
            "grown must be pairs of two lists, g",
        ),
        ({"grown": [(EMPTY, EMPTY)]}, TypeError, "grown must be pairs of two lists, g"),
        ({"learnt": []}, TypeError, "argument 6 must be dict, not list"),
        ({"gone": ()}, TypeError, "argument 7 must be list, not tuple"),
        ({"gone": ["gone", []]}, TypeError, "unhashable type: 'list'"),
        ({"memory": 1}, TypeError, "memory must be None or a pair of arrays, got 1"),
        ({"memory": (1, 2)}, TypeError, "a bytes-like object is required, not 'int'"),
        ({"memory": (b"12", b"34")}, BufferError, "Object is not writable"),
        (
            {"memory": (np.zeros(3), np.zeros(2))},
            ValueError,
            "memory must be a pair of one size, got 24 and 16 bytes",
        ),
        ({"lock": 1}, AttributeError, "'int' object has no attribute 'release'"),
    ],
)
def test_nothing_is_changed_by_a_failure(model, others, error, words):
    state = {"kept": 1, **model}
    given = arguments(**({"state": state, "lock": threading.RLock()} | others))
    before = repr(given)
    with pytest.raises(error, match=words):
        hand_over(given)
    assert repr(given) == before
    if "lock" not in others:
        assert not given["lock"]._is_owned()


def test_a_lack_of_memory_changes_nothing():
    """Wherever it comes, and whatever size a dict has when it has to grow."""
    api = pytest.importorskip("_testcapi")
    failures = 0
    for size, n_new, nth in itertools.product(range(1, 50), (1, 9, 20), range(12)):
        state = {str(i): i for i in range(size)}
        learnt = {f"new {i}": i for i in range(n_new)} | {"0": -1}
        lists = ([0.0] * 50, [1.0] * 20), ([2.0] * 50, [3.0] * 20)
        given = arguments(
            state=state, lock=threading.RLock(), learnt=learnt, grown=[*lists]
        )
        before = state.copy()
        api.set_nomemory(nth, nth + 1)
        try:
            hand_over(given)
        except MemoryError:
            failed = True
        else:
            failed = False
        finally:
            api.remove_mem_hooks()
        assert (state == before) is failed
        assert [len(held) for held, _ in lists] == ([50] * 2 if failed else [70] * 2)
        assert not given["lock"]._is_owned()
        failures += failed
    assert failures > 100


def test_what_the_lock_raises_comes_through():
    class Refusing(Lock):
        def acquire(self):
            raise KeyboardInterrupt

    given = arguments(lock=Refusing({}))
    with pytest.raises(KeyboardInterrupt):
        hand_over(given)
    assert given["state"] == OLD


def test_a_lock_that_cannot_be_released_hides_nothing(monkeypatch):
    class Kept(Lock):
        def release(self):
            raise OSError("kept")

    def fail():
        raise OverflowError

    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda hidden: seen.append(hidden[1]))
    given = arguments(lock=Kept({}))
    hand_over(given)
    assert given["state"]["_model"] == 5
    with pytest.raises(OverflowError):
        hand_over(arguments(lock=Kept({}), state={Name(fail): 0}))
    assert list(map(repr, seen)) == ["OSError('kept')"] * 2


@RELAXED
@given(
    st.lists(JUNK, max_size=8),
    st.dictionaries(st.sampled_from(list(arguments())), JUNK),
)
def test_junk(junk, others):
    for call in (
        partial(_core.changes, *junk[:3]),
        partial(_core.hand_over, *junk),
        partial(hand_over, arguments(**others)),
    ):
        try:
            call()
        except (*ALLOWED, AttributeError, BufferError):
            pass
