# SPDX-License-Identifier: BSD-3-Clause
"""A server that forks its workers: it fits and predicts, and so does each of them.

    python -m reliability.forks 10000

Half of the forks happen while another thread of the server is in a fit or a prediction.
"""

import faulthandler
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np

from nnfast import MLPClassifier, _core, _threads

AT_ONCE = 4  # workers
PATIENCE = 300  # seconds until a worker counts as hanging, on a machine that is busy

rng = np.random.RandomState(0)
X = rng.normal(size=(300, 8))
y = rng.randint(0, 3, 300)


def fitted(**settings) -> MLPClassifier:
    model = MLPClassifier((20, 9), max_iter=2, random_state=0, **settings)
    return model.fit(X, y)


def bits(n_jobs: int, solver: str = "adam") -> bytes:
    """What a fit and a prediction with so many threads give."""
    return fitted(n_jobs=n_jobs, solver=solver).predict_proba(X).tobytes()


@contextmanager
def shared_among(n_threads: int) -> Iterator[None]:
    """All work is shared, however little it is and whatever CPUs there are.

    Warnings are silenced for all threads: fits are short, and Python dislikes forks.
    """
    available, _threads.available = _threads.available, lambda: n_threads
    _core.force_threads(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _core.force_threads(False)
        _threads.available = available


@contextmanager
def in_another_thread(work) -> Iterator[None]:
    """Work that goes on, again and again, while the block does."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.is_set():
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def fork(work) -> int:
    """Fork a worker that does its work and ends; its number."""
    pid = os.fork()
    if pid == 0:
        faulthandler.register(signal.SIGALRM, chain=True)  # says where it hangs
        signal.alarm(PATIENCE)
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)
    return pid


def serve(count: int) -> tuple[int, int]:
    """Fork so many workers; how many of them hung, and how many went wrong."""
    model = fitted(n_jobs=2)
    expected = model.predict_proba(X).tobytes()
    hung = wrong = 0

    def work(number: int) -> bool:
        if model.predict_proba(X).tobytes() != expected:
            return False
        # Some workers learn as well, the first of them with the model that they found.
        return (
            number % 8 > 0
            or bits(2) == expected == model.fit(X, y).predict_proba(X).tobytes()
        )

    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        pids = [fork(lambda number=number: work(number)) for number in numbers]
        wrong += model.predict_proba(X).tobytes() != expected
        for pid in pids:
            status = os.waitpid(pid, 0)[1]
            hung += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
            wrong += status != 0
    return hung, wrong - hung


def forks(count: int = 10_000) -> str:
    """What the table of figures says of so many forks."""
    with shared_among(4):
        hung, wrong = serve(count // 2)
        with in_another_thread(partial(bits, 3)):
            more = serve(count - count // 2)
    return f"{count:,} forks: {hung + more[0]} hangs, {wrong + more[1]} wrong results"


if __name__ == "__main__":
    print(forks(int(sys.argv[1])))
