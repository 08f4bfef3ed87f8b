# SPDX-License-Identifier: BSD-3-Clause
"""The networks that are timed, and the arithmetic that one training step needs.

A step takes batch rows through every layer forward, then forms the gradient of every
weight and, except for the first layer, that of the layer's inputs. Each of these
three products takes inputs × outputs multiply-adds per row and layer. Everything else
(activations, loss, L2, Adam, gathering rows) is left out of the limit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

SEED = 0


@dataclass(frozen=True)
class Shape:
    """A classifier, its mini-batch, and how many of these make an epoch.

    One output is a logistic one for two classes; more are a softmax. With one step an
    epoch the batch is the whole set, and no library has to shuffle.
    """

    widths: tuple[int, ...]
    activation: str
    batch: int
    steps: int

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
        full = " (full batch)" if self.steps == 1 else ""
        return (
            f"{'-'.join((first, *hidden, last))} {self.activation}, {self.batch}{full}"
        )

    def multiply_adds(self) -> int:
        """Those of one training step."""
        products = [fan_in * fan_out for fan_in, fan_out in pairwise(self.widths)]
        return self.batch * (3 * sum(products) - products[0])

    def limit(self, flops: float) -> float:
        """Seconds of a step at so many operations (two a multiply-add) a second."""
        return 2 * self.multiply_adds() / flops

    def data(self, dtype: str, n: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """n rows, or an epoch's: normal inputs and random classes.

        What they are has no influence on the time.
        """
        rng = np.random.default_rng(SEED)
        n = n or self.rows
        X = rng.standard_normal((n, self.widths[0])).astype(dtype)
        return X, rng.integers(0, max(2, self.n_outputs), n)


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

# A row and many rows are predicted with this one.
PREDICTION = Shape((30, 100, 1), "relu", 200, 10)
BULK_ROWS = 100_000

# Powers of two, halfway between them, and a few that fill no vector.
WIDTHS = (8, 12, 16, 24, 32, 45, 48, 64, 96, 100, 128, 192, 256, 300, 384, 512)
WIDTHS += (768, 1024, 1536, 2048)
BATCHES = (1, 2, 5, 10, 17, 32, 64, 100, 200, 500, 1000, 2000, 5000, 10_000)
DEPTHS = tuple(range(1, 9))


def of_width(width: int) -> Shape:
    return Shape((64, width, width, 10), "relu", 200, 5)


def of_batch(batch: int) -> Shape:
    return Shape((64, 100, 10), "relu", batch, max(3, 2000 // batch))


def of_depth(depth: int) -> Shape:
    return Shape((64, *[64] * depth, 10), "relu", 128, 10)


THREADED = (TABLE[4], TABLE[8], TABLE[10])


@dataclass(frozen=True)
class Job:
    """One thing to time with every library.

    ``section`` is a row of SECTIONS; ``task`` is "train", "row" or "bulk" (predict
    one row, predict many).
    """

    section: str
    shape: Shape
    dtype: str = "float32"
    threads: int = 1
    task: str = "train"

    @property
    def units(self) -> int:
        """What one repetition consists of: steps of an epoch, rows of a prediction."""
        return {"train": self.shape.steps, "row": 1, "bulk": BULK_ROWS}[self.task]

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.section}: {self.shape}, {self.dtype}, {threads}"

    def shortened(self) -> "Job":
        """With a few steps an epoch, for --quick; rows enough to see every class."""
        steps = min(self.shape.steps, max(3, 256 // self.shape.batch))
        return replace(self, shape=replace(self.shape, steps=steps))


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


def _prediction(_: int, quick: bool) -> Iterable[Job]:
    return (Job("prediction", PREDICTION, task=task) for task in ("row", "bulk"))


SECTIONS = {
    "table": _table,
    "width": _width,
    "batch": _batch,
    "depth": _depth,
    "threads": _threads,
    "prediction": _prediction,
}


def jobs(sections: Iterable[str], n_cpus: int, quick: bool) -> list[Job]:
    """All of these sections."""
    full = [job for section in sections for job in SECTIONS[section](n_cpus, quick)]
    return [job.shortened() for job in full] if quick else full
