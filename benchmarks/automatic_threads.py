# SPDX-License-Identifier: BSD-3-Clause
"""What n_jobs=None gains over one thread, and what it costs where it gains nothing.

Fits of each network with n_jobs=1 and with n_jobs=None are timed by the clock in
turn, so that whatever else happens on the machine happens to both. The ratio is that
of the medians; above 1 all the processors were slower than one.

    python benchmarks/automatic_threads.py              # on an idle machine
    python benchmarks/automatic_threads.py --busy 1     # with one processor kept busy
"""

import multiprocessing
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from command_line import parser_of
from sklearn.exceptions import ConvergenceWarning
from stopwatch.shapes import TABLE, Shape

from nnfast import MLPClassifier

IDLE, BUSY = 1.1, 1.25  # the slowest that is good enough


def spin() -> None:
    """Keep a processor busy."""
    while True:
        pass


@contextmanager
def busy(n: int) -> Iterator[None]:
    """Keep so many processors busy meanwhile, with processes of their own."""
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=spin, daemon=True) for _ in range(n)]
    for process in processes:
        process.start()
    time.sleep(1 if n else 0)  # until they spin
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def seconds(shape: Shape, n_jobs: int | None, epochs: int) -> float:
    """Seconds of a fit."""
    X, y = shape.data("float32")
    model = MLPClassifier(
        shape.hidden,
        activation=shape.activation,
        batch_size=shape.batch,
        max_iter=epochs,
        n_iter_no_change=np.inf,
        random_state=0,
        n_jobs=n_jobs,
    )
    start = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - start


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--pairs", type=int, default=20, help="of fits (default: 20)")
    parser.add_argument("--busy", type=int, default=0, help="processors kept busy")
    parser.add_argument(
        "--seconds", type=float, default=0.25, help="of a fit, about (default: 0.25)"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    most = BUSY if options.busy else IDLE
    print(f"{os.cpu_count()} processors, {options.busy} kept busy; float32")
    print(f"{'network, batch':40} {'1 thread':>10} {'automatic':>10} {'ratio':>7}")
    with busy(options.busy):
        for shape in TABLE:
            few = seconds(shape, 1, 2) / 2
            epochs = max(2, round(options.seconds / few))
            pairs = [
                [seconds(shape, n_jobs, epochs) for n_jobs in (1, None)]
                for _ in range(options.pairs)
            ]
            one, automatic = np.median(pairs, axis=0) / (epochs * shape.steps) * 1e6
            verdict = "" if automatic <= most * one else "   TOO SLOW"
            print(
                f"{shape!s:40} {one:7.1f} µs {automatic:7.1f} µs"
                f" {automatic / one:7.2f}{verdict}",
                flush=True,
            )


if __name__ == "__main__":
    main()
