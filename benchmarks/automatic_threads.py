# SPDX-License-Identifier: BSD-3-Clause
"""What n_jobs=None gains over one thread, and what it costs where it gains nothing.

Times training steps of each network of speed.py's table and of small batches, and
predictions of few and many rows, as the threads section of speed.py does: by the clock,
with one thread and with as many as nnfast chooses in turn, each in a process pinned to
as many processors as it may use. The ratio is that of the medians; above 1 several
threads were slower than one. Exits with 1 if any ratio is above 1.1, or 1.25 while
processors are kept busy: the first ones, so that the one thread has its own.

    python benchmarks/automatic_threads.py              # on an idle machine
    python benchmarks/automatic_threads.py --busy 1     # with one processor kept busy
"""

import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from command_line import parser_of
from stopwatch.machine import cpus, pin
from stopwatch.peers import OURS
from stopwatch.shapes import TABLE, Job, Shape
from stopwatch.timing import FULL, Turns

IDLE, BUSY = 1.1, 1.25  # the slowest that is good enough


def in_batches(shape: Shape, batch: int) -> Shape:
    """The same network in smaller batches, of rows enough to see every class."""
    return replace(shape, batch=batch, steps=max(20, 200 // batch))


def all_at_once(shape: Shape, rows: int) -> Shape:
    """The same network, to predict so many rows at once."""
    return replace(shape, batch=rows, steps=1)


SMALL, MEDIUM, LARGE = TABLE[2], TABLE[8], TABLE[10]
TRAINED = (
    *TABLE,
    *(in_batches(SMALL, rows) for rows in (1, 8, 32)),
    *(in_batches(MEDIUM, rows) for rows in (1, 8, 32)),
    in_batches(LARGE, 8),
)
PREDICTED = (
    *(all_at_once(SMALL, rows) for rows in (1, 1000, 100_000)),
    *(all_at_once(MEDIUM, rows) for rows in (1, 32, 1000, 20_000)),
    *(all_at_once(LARGE, rows) for rows in (1, 1000)),
)
JOBS = (
    *(Job("threads", shape) for shape in TRAINED),
    *(Job("threads", shape, task="predict") for shape in PREDICTED),
)


def spin(processor: int) -> None:
    """Keep a processor busy."""
    pin([processor])
    while True:
        pass


@contextmanager
def busy(n: int) -> Iterator[None]:
    """Keep so many processors busy meanwhile, with processes of their own."""
    spawn = multiprocessing.get_context("spawn")
    processes = [
        spawn.Process(target=spin, args=(processor,), daemon=True)
        for processor in cpus()[:n]
    ]
    for process in processes:
        process.start()
    time.sleep(1 if n else 0)  # until they spin
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def microseconds(job: Job, turns: Turns) -> tuple[float, float]:
    """Of a step or a prediction with one thread and with all, medians of the pairs."""
    jobs = [replace(job, threads=n) for n in (1, len(cpus()))]
    turns.take(jobs)
    for words in turns.failures.values():
        sys.exit(f"{job}: {words}")
    calls = job.units if job.task == "predict" else 1  # those of a row are its share
    one, automatic = (turns.samples[job, OURS].measurement(job, OURS) for job in jobs)
    return 1e6 * calls * one.median, 1e6 * calls * automatic.median


def main() -> int:
    """Print a line for each job; 1 if any is too slow."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--pairs", type=int, default=20, help="of samples (default: 20)")
    add("--busy", type=int, default=0, help="processors kept busy")
    add(
        "--seconds",
        type=float,
        default=FULL.pair_budget,
        help="of a sample, about (default: %(default)s)",
    )
    add("--only", default="", metavar="TEXT", help="lines that hold it, as 30-100-1")
    options = parser.parse_args()
    jobs = [job for job in JOBS if options.only in job.what]
    budget = {"pairs": options.pairs, "pair_budget": options.seconds}
    turns = Turns([OURS], replace(FULL, processes=1, **budget))
    most, failed = BUSY if options.busy else IDLE, 0
    print(f"{len(cpus())} processors, {options.busy} kept busy; float32")
    print(f"{'microseconds of a step or a prediction':48} 1 thread automatic ratio")
    with busy(options.busy), closing(turns):
        for job in jobs:
            one, automatic = microseconds(job, turns)
            fits = 0 < automatic <= most * one  # on a busy machine, anything can be
            failed += not fits
            print(
                f"{job.what:48} {one:8.1f} {automatic:9.1f} {automatic / one:5.2f}"
                f"{'' if fits else '   TOO SLOW'}",
                flush=True,
            )
    print(f"More than {most} times as slow as one thread: {failed} of {len(jobs)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
