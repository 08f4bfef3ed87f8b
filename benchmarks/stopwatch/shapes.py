# SPDX-License-Identifier: BSD-3-Clause
"""The networks that are timed, and the arithmetic that one training step needs.

A step takes batch rows through every layer forward, then forms the gradient of every
weight and, except for the first layer, that of the layer's inputs. Each of these
three products takes inputs × outputs multiply-adds per row and layer, in the first
layer of sparse data only those with inputs that are not zero. Everything else
(activations, loss, L2, Adam, gathering rows) is left out of the limit.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from scipy import sparse

SEED = 0


@dataclass(frozen=True)
class Shape:
    """A classifier, its mini-batch, and how many of these make an epoch.

    One output is a logistic one for two classes; more are a softmax. With one step an
    epoch the batch is the whole set, and no library has to shuffle. ``density`` is the
    share of inputs that are not zero: below 1 the data is a CSR matrix.
    """

    widths: tuple[int, ...]
    activation: str
    batch: int
    steps: int
    density: float = 1.0

    @property
    def rows(self) -> int:
        return self.batch * self.steps

    @property
    def hidden(self) -> tuple[int, ...]:
        return self.widths[1:-1]

    @property
    def n_outputs(self) -> int:
        return self.widths[-1]

    def __str__(self) -> str:
        """Such as ``28-300×5-1 tanh, 100``: runs of equal hidden widths are counted."""
        first, *hidden, last = map(str, self.widths)
        if len(hidden) > 3 and len(set(hidden)) == 1:
            hidden = [f"{hidden[0]}×{len(hidden)}"]
        network = "-".join((first, *hidden, last))
        full = " (full batch)" if self.steps == 1 else ""
        return f"{network} {self.activation}, {self.batch}{full}"

    @property
    def network(self) -> str:
        """Such as ``30-100-1``."""
        return "-".join(map(str, self.widths))

    def multiply_adds(self) -> int:
        """Those of one training step."""
        first, *others = (d * h for d, h in pairwise(self.widths))
        return round(self.batch * (2 * first * self.density + 3 * sum(others)))

    def limit(self, flops: float) -> float:
        """Seconds of a step at so many operations (two a multiply-add) a second."""
        return 2 * self.multiply_adds() / flops

    def data(self, dtype: str) -> tuple[Any, np.ndarray]:
        """An epoch's rows: normal inputs and random classes.

        What they are has no influence on the time. Sparse rows have as many values
        each, one at random in each of as many equal parts of the row.
        """
        rng = np.random.default_rng(SEED)
        width, n = self.widths[0], self.rows
        labels = rng.integers(0, max(2, self.n_outputs), n)
        if self.density == 1:
            return rng.standard_normal((n, width)).astype(dtype), labels
        filled = round(width * self.density)
        part = width // filled
        columns = part * np.arange(filled) + rng.integers(0, part, (n, filled))
        values = rng.standard_normal(n * filled).astype(dtype)
        starts = filled * np.arange(n + 1)
        return sparse.csr_array((values, columns.ravel(), starts), (n, width)), labels

    def to_fit(self) -> "Shape":
        """The same network with rows enough to see every class."""
        return replace(self, batch=200, steps=10)


TABLE = (
    Shape((2, 4, 1), "tanh", 200, 1),
    Shape((30, 4, 1), "logistic", 569, 1),
    Shape((30, 100, 1), "relu", 200, 10),
    Shape((64, 100, 10), "relu", 32, 56),
    Shape((64, 100, 10), "relu", 200, 10),
    Shape((100, 64, 64, 64, 10), "relu", 128, 20),
    Shape((4, 32, 16, 4), "tanh", 10_000, 1),
    Shape((784, 100, 10), "relu", 200, 15),
    Shape((784, 256, 128, 10), "relu", 128, 20),
    Shape((28, *[300] * 5, 1), "tanh", 100, 20),
    Shape((1024, 1024, 1024, 1024, 10), "relu", 256, 4),
)

# One row and many: a batch is what is predicted at once.
PREDICTIONS = tuple(Shape((30, 100, 1), "relu", rows, 1) for rows in (1, 100_000))

SPARSE = Shape((10_000, 100, 1), "relu", 200, 100, density=0.005)

# Powers of two, halfway between them, and a few that fill no vector.
WIDTHS = (8, 12, 16, 24, 32, 45, 48, 64, 96, 100, 128, 192, 256, 300, 384, 512)
WIDTHS += (768, 1024, 1536, 2048, 2560, 3072, 3584, 4096)
BATCHES = (1, 2, 5, 10, 17, 32, 64, 100, 200, 500, 1000, 2000, 5000, 10_000)
DEPTHS = tuple(range(1, 9))


def of_width(width: int) -> Shape:
    return Shape((64, width, width, 10), "relu", 200, 5 if width <= 1024 else 2)


def of_batch(batch: int) -> Shape:
    return Shape((64, 100, 10), "relu", batch, max(3, 2000 // batch))


def of_depth(depth: int) -> Shape:
    return Shape((64, *[64] * depth, 10), "relu", 128, 10)


THREADED = (TABLE[4], TABLE[8], TABLE[10])


@dataclass(frozen=True)
class Job:
    """One thing to time with every library.

    ``section`` is a row of SECTIONS, ``task`` one of UNITS.
    """

    section: str
    shape: Shape
    dtype: str = "float32"
    threads: int = 1
    task: str = "train"

    @property
    def units(self) -> int:
        """What the time of a repetition is divided by."""
        return UNITS[self.task](self.shape)

    @property
    def paired(self) -> bool:
        """Whether numbers of threads are compared: by the clock, all in turn."""
        return self.section in PAIRED

    @property
    def what(self) -> str:
        """The shape, and what is done with it unless that is training."""
        if self.task == "predict":
            rows = f"{self.shape.rows:,} row{'s' if self.shape.rows > 1 else ''}"
            return f"{self.shape.network}, prediction of {rows}"
        return str(self.shape) if self.task == "train" else f"{self.task}: {self.shape}"

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.section}: {self.what}, {self.dtype}, {threads}"

    def shortened(self) -> "Job":
        """With a few steps an epoch, for --quick; rows enough to see every class."""
        steps = min(self.shape.steps, max(3, 256 // self.shape.batch))
        return replace(self, shape=replace(self.shape, steps=steps))


# Seconds are those of a step of an epoch, of a row predicted, or of a call.
UNITS: dict[str, Callable[[Shape], int]] = {
    "train": lambda shape: shape.steps,
    "predict": lambda shape: shape.rows,
    "fit": lambda shape: 1,
    "partial_fit": lambda shape: 1,
}


def thread_counts(n_cpus: int) -> list[int]:
    """1, 2, 4 and so on, and all."""
    return sorted({n_cpus, *(2**i for i in range(n_cpus.bit_length()))})


def _table(_: int, quick: bool) -> Iterable[Job]:
    for dtype in ("float32",) if quick else ("float32", "float64"):
        yield from (Job("table", shape, dtype) for shape in TABLE)


def _width(_: int, quick: bool) -> Iterable[Job]:
    values = (8, 45, 256, 1024) if quick else WIDTHS
    return (Job("width", of_width(width)) for width in values)


def _batch(_: int, quick: bool) -> Iterable[Job]:
    values = (1, 17, 1000) if quick else BATCHES
    return (Job("batch", of_batch(batch)) for batch in values)


def _depth(_: int, quick: bool) -> Iterable[Job]:
    values = (1, 4, 8) if quick else DEPTHS
    return (Job("depth", of_depth(depth)) for depth in values)


def _threads(n_cpus: int, quick: bool) -> Iterable[Job]:
    shapes = THREADED[1:2] if quick else THREADED
    return (
        Job("threads", shape, threads=n)
        for shape in shapes
        for n in thread_counts(n_cpus)
    )


def _sparse(_: int, quick: bool) -> Iterable[Job]:
    return [Job("sparse", SPARSE)]


def _overhead(_: int, quick: bool) -> Iterable[Job]:
    """Calls that train for one step, and what the step alone takes."""
    for task, shape in (("fit", TABLE[0]), ("partial_fit", TABLE[3])):
        for what in (task, "train"):
            yield Job("overhead", shape, "float64", task=what)


def _prediction(_: int, quick: bool) -> Iterable[Job]:
    return (Job("prediction", shape, task="predict") for shape in PREDICTIONS)


SECTIONS = {
    "table": _table,
    "width": _width,
    "batch": _batch,
    "depth": _depth,
    "threads": _threads,
    "sparse": _sparse,
    "overhead": _overhead,
    "prediction": _prediction,
}
PAIRED = ("threads",)


def jobs(sections: Iterable[str], n_cpus: int, quick: bool) -> list[list[Job]]:
    """All of these sections; together what differs in the number of threads only."""
    found = [job for section in sections for job in SECTIONS[section](n_cpus, quick)]
    if quick:
        found = [job.shortened() for job in found]
    groups = groupby(found, lambda job: replace(job, threads=1))
    return [list(group) for _, group in groups]
