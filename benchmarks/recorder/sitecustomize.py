# SPDX-License-Identifier: BSD-3-Clause
"""Watches a program from inside: Python imports this module first if it is on its path.

``published_examples.py`` puts it there and says in the environment which class's
``fit`` and ``score`` to watch and which folder to leave the record in. The program
itself is not changed, except that NumPy's global generator starts from a fixed seed.
What watching takes is left out of the times.
"""

import atexit
import functools
import importlib
import json
import os
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np


class Record:
    """What the program's networks did, and how long it took."""

    def __init__(self):
        self.fit_seconds = 0.0
        self.fits = []
        self.scores = []
        self.watching = np.zeros(2)  # seconds by the clock, and of the processors
        self.busy = False  # within a fit, or at work here

    def watch_fit(self, fit):
        @functools.wraps(fit)
        def watched(estimator, X, y, *args, **more):
            start = time.perf_counter()
            result = fit(estimator, X, y, *args, **more)
            self.fit_seconds += time.perf_counter() - start
            before = now()
            self.busy = True
            self.fits.append([float(estimator.loss_), float(estimator.score(X, y))])
            self.busy = False
            self.watching += now() - before
            return result

        return watched

    def watch_score(self, score):
        @functools.wraps(score)
        def watched(estimator, *args, **more):
            value = score(estimator, *args, **more)
            if not self.busy:
                self.scores.append(float(value))
            return value

        return watched

    def leave(self, folder):
        clock, processors = now() - self.watching
        record = {
            "end": clock,
            "cpu_seconds": processors,
            "fit_seconds": self.fit_seconds,
            "fits": self.fits,
            "scores": self.scores,
        }
        (folder / "record.json").write_text(json.dumps(record))
        save_figures(folder)


def now():
    """The clock that other processes share, and the processors' time so far."""
    return np.array([time.monotonic(), time.process_time()])


def save_figures(folder):
    """The pixels of every figure that is open, if the program can draw any."""
    if find_spec("matplotlib") is None:
        return
    from matplotlib import pyplot

    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        figure.canvas.draw()
        np.save(folder / f"figure{number}.npy", figure.canvas.buffer_rgba())


def watch(classes, folder):
    """Record what the classes, as module:name, do in this process."""
    record = Record()
    for module, _, name in (each.partition(":") for each in classes.split(",")):
        watched = getattr(importlib.import_module(module), name)
        watched.fit = record.watch_fit(watched.fit)
        watched.score = record.watch_score(watched.score)
    if find_spec("matplotlib"):
        # It closes all figures at the exit, and what is registered last runs first.
        importlib.import_module("matplotlib.pyplot")
    np.random.seed(0)  # noqa: NPY002 (the generator that programs without a seed use)
    atexit.register(record.leave, folder)


if "WATCHED_CLASSES" in os.environ:
    # Processes that the program starts are not watched.
    watch(os.environ.pop("WATCHED_CLASSES"), Path(os.environ["WATCHED_FOLDER"]))
