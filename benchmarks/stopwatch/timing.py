# SPDX-License-Identifier: BSD-3-Clause
"""Takes the libraries in turns, so that what slows the machine slows them all.

Each library runs in worker processes, several one after the other. A visit runs a job
once with one repetition and once with many; the time per repetition is the difference
of the two over the difference of their numbers, so that whatever a fit does once
(validation, first weights, labels) drops out. "Median" is that of the differences of
each visit; "least" is the least of the long runs minus the least of the short ones,
over all visits of all processes, or the median where the short ones were luckier than
that.

One thread is measured in CPU seconds, which is what the clock shows on an idle machine,
since the worker is pinned to one processor. Where numbers of threads are compared, all
of them are measured by the clock, in visits that follow each other, and what is shown
are medians: of several threads the least is the luck of the moment in which no other
program used any processor.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from operator import sub
from pathlib import Path
from statistics import mean, median
from typing import Any

from .peers import can, environment
from .results import Measurement
from .shapes import Job

WALL, CPU = 0, 1  # in the pairs that a worker answers
UNDISTURBED = 0.95  # a worker's share of its processor on an idle machine, at least


@dataclass(frozen=True)
class Effort:
    """How often, and for about how many seconds at a time.

    ``pairs`` and ``pair_budget`` are the visits and seconds of jobs that are paired.
    """

    processes: int
    visits: int
    budget: float
    pairs: int
    pair_budget: float


FULL = Effort(processes=3, visits=3, budget=0.05, pairs=7, pair_budget=0.1)
QUICK = Effort(processes=1, visits=2, budget=0.02, pairs=2, pair_budget=0.02)


@dataclass
class Samples:
    """What the visits of one library to one job took."""

    repetitions: int | None = None
    short: list[float] = field(default_factory=list)
    long: list[float] = field(default_factory=list)

    def measurement(self, job: Job, library: str) -> Measurement:
        assert self.repetitions is not None
        per_unit = 1 / ((self.repetitions - 1) * job.units)
        middle = median(map(sub, self.long, self.short))
        return Measurement(
            section=job.section,
            shape=job.shape,
            dtype=job.dtype,
            threads=job.threads,
            task=job.task,
            library=library,
            least=per_unit * min(min(self.long) - min(self.short), middle),
            median=per_unit * middle,
            samples=len(self.long),
        )


def clock_of(job: Job) -> int:
    return WALL if job.paired or job.threads > 1 else CPU


class Failed(Exception):
    """A worker said why it could not."""


class Process:
    """A worker, as the one who tells it what to do sees it."""

    def __init__(self, library: str, threads: int) -> None:
        self.library, self.threads = library, threads
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stopwatch.worker", library, str(threads)],
            cwd=Path(__file__).parents[1],
            env=environment(library, threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the one who tells
            text=True,
        )

    def ask(self, what: str, **more: Any) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        try:
            print(json.dumps({"do": what, **more}), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line or '{"error": "its process ended"}')
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def open(self, job: Job, samples: Samples, effort: Effort) -> None:
        answer = self.ask(
            "open",
            shape=asdict(job.shape),
            dtype=job.dtype,
            task=job.task,
            repetitions=samples.repetitions,
            budget=effort.pair_budget if job.paired else effort.budget,
            clock=clock_of(job),
        )
        samples.repetitions = answer["repetitions"]

    def visit(self, job: Job, samples: Samples) -> tuple[float, float]:
        """Add a sample; the seconds of its long run, by the clock and the processor."""
        answer = self.ask("time", repetitions=samples.repetitions)
        clock = clock_of(job)
        samples.short.append(answer["short"][clock])
        samples.long.append(answer["long"][clock])
        wall, cpu = answer["long"]
        return wall, cpu

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


class Turns:
    """All visits of all libraries to all jobs."""

    def __init__(self, libraries: Sequence[str], effort: Effort) -> None:
        self.libraries, self.effort = libraries, effort
        self.samples: dict[tuple[Job, str], Samples] = {}
        self.failures: dict[tuple[Job, str], str] = {}
        self.processes: dict[tuple[str, int], Process] = {}
        self.shares: list[float] = []  # of its processor that a worker got

    def process(self, library: str, threads: int) -> Process:
        key = library, threads
        if key not in self.processes:
            self.processes[key] = Process(library, threads)
        return self.processes[key]

    def take(self, jobs: Sequence[Job]) -> None:
        """A few visits of every library to each of these jobs, in turn."""
        opened = []
        for library in self.libraries:
            opened += [
                (process, job, self.samples[job, library])
                for job in jobs
                if can(library, job) and (process := self.opened(library, job))
            ]
        effort = self.effort
        for _ in range(effort.pairs if jobs[0].paired else effort.visits):
            for process, job, samples in opened:
                wall, cpu = process.visit(job, samples)
                if job.threads == 1:
                    self.shares.append(min(1.0, cpu / wall))

    def opened(self, library: str, job: Job) -> Process | None:
        """The process that is ready for this job, or None if it cannot do it."""
        key = job, library
        samples = self.samples.setdefault(key, Samples())
        if key in self.failures:
            return None
        process = self.process(library, job.threads)
        try:
            process.open(job, samples, self.effort)
        except Failed as failure:
            self.failures[key] = str(failure)
            self.forget(process)
            return None
        return process

    def forget(self, process: Process) -> None:
        """Begin afresh next time: the process may have ended."""
        process.close()
        del self.processes[process.library, process.threads]

    def close(self) -> None:
        """End this generation of processes."""
        for process in list(self.processes.values()):
            self.forget(process)

    def warning(self) -> str | None:
        """If other programs took so much that several threads cannot be compared."""
        share = mean(self.shares) if self.shares else 1.0
        if share > UNDISTURBED:
            return None
        return (
            f"Other programs took {1 - share:.0%} of the processor. Times of one "
            "thread leave that out; those of several are by the clock, and say little."
        )

    def measurements(self) -> Iterable[Measurement]:
        """Of all that succeeded.

        With several threads on a busy machine many epochs can seem to take less time
        than one: that is a failure too.
        """
        for (job, library), samples in self.samples.items():
            if samples.long:
                found = samples.measurement(job, library)
                if min(found.least, found.median) > 0:
                    yield found
                else:
                    self.failures[job, library] = "the machine was too busy to tell"
