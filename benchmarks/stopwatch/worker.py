# SPDX-License-Identifier: BSD-3-Clause
"""One library in a process of its own, told by lines of JSON what to do.

    python -m stopwatch.worker NAME THREADS

It pins itself to the last THREADS processors before it imports anything heavy, and
answers each line with one: ``open`` prepares a job and says how many repetitions fill
the time, ``time`` runs the job once short and once long.
"""

import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from .machine import cpus, pin

Run = Callable[[int], Any]


def prepare(library: Any, task: str, shape: Any, dtype: str) -> Run:
    """The job as a function of how often it is repeated: epochs, or calls."""
    from .peers import METHODS

    prepared = getattr(library, METHODS[task])(shape, dtype)
    if task == "train":
        return prepared

    def repeat(times: int) -> None:
        for _ in range(times):
            prepared()

    return repeat


def seconds(run: Run, times: int) -> tuple[float, float]:
    """By the clock, and of the processors: see WALL and CPU of ``timing``."""
    cpu, wall = time.process_time(), time.perf_counter()
    run(times)
    return time.perf_counter() - wall, time.process_time() - cpu


def calibrate(run: Run, budget: float, clock: int) -> int:
    """So many repetitions take about as many seconds longer than one does."""
    run(1)  # compiles what is compiled on first use
    one, times = seconds(run, 1)[clock], 1
    while True:
        times *= 2
        more = seconds(run, times)[clock]
        if more - one >= budget / 4:
            return max(3, 1 + math.ceil(budget * (times - 1) / (more - one)))


class Worker:
    """Answers requests; holds the job that was opened last."""

    def __init__(self, name: str, threads: int) -> None:
        from .peers import LIBRARIES

        self.library = LIBRARIES[name].adapter(threads)
        self.run: Run | None = None

    def open(self, request: dict[str, Any]) -> dict[str, Any]:
        from .shapes import Shape

        shape = Shape(**{**request["shape"], "widths": (*request["shape"]["widths"],)})
        self.run = None  # the memory of the job before
        self.run = prepare(self.library, request["task"], shape, request["dtype"])
        repetitions = request["repetitions"]
        if repetitions is None:
            repetitions = calibrate(self.run, request["budget"], request["clock"])
        else:
            self.run(1)
        return {"repetitions": repetitions}

    def time(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.run is not None
        return {
            "short": seconds(self.run, 1),
            "long": seconds(self.run, request["repetitions"]),
        }


def serve(name: str, threads: int) -> None:
    # The answers have standard output to themselves: what is printed goes elsewhere.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    pin(cpus()[-threads:])
    warnings.simplefilter("ignore")
    worker: Worker | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            worker = worker or Worker(name, threads)
            answer = getattr(worker, request["do"])(request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
