# SPDX-License-Identifier: BSD-3-Clause
"""How accurate the kernels are, and whether float32 trains as float64 does.

Builds tests/c/accuracy.c, which measures values and derivatives of all activations and
the logarithm against long double, and fits the networks of the tutorials in both types.
Needs a C compiler. The default takes about a minute; --every, which adds every float32
from 2^-14 to 2^7 in size, most of an hour.

    python benchmarks/accuracy.py
    python benchmarks/accuracy.py --points 10000000 --docs
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from command_line import parser_of
from lessons import compare, precision, t3
from lessons.report import FORMATS, Table
from stopwatch.machine import cpu_model
from stopwatch.tables import markdown

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "accuracy.md"
BOUND = 4

INTRODUCTION = """\
# Accuracy

How far the compiled functions are from the truth, and how far float32 training is from
float64's. This page is written by

```sh
pip install ".[bench]" && python benchmarks/accuracy.py {options}--docs
```

on {machine}, with the instruction sets {isas}.
"""

FUNCTIONS = """\
## Functions

Errors are in ulp, units of the last place of the exact result. Each is the worst of all
instruction sets at {points:,} random arguments{every}, for which the truth was computed
in long double. No error may exceed {bound} ulp; the tests measure it at some 30,000
arguments for each function.

A result that would be below the smallest normal number is zero. The softmax is of ten
numbers; log is the logarithm as the log loss takes it, of a clipped probability.
Coefficients of all polynomials are minimax fits of our own.
"""

DERIVATIVES = """\
## Derivatives

As functions of what the backward pass is given: the stored output, or for gelu, silu
and mish the input. Errors are in ulp of the derivative's largest magnitude, the place
is the input. The derivative of exp is its value.
"""

TRAINING = """\
## Training

Loss curves of the five tutorials' networks (`benchmarks/tutorials.py`) in float32, as
relative differences from those in float64. In the first {epochs} epochs the largest
has to be within what roundings add up to: in every step one of 2^-24 for each term of
the sums between the inputs and an output. At the end it has to be within {end:.0%}.

To tell float32's part in the end from the training's own, float64 is perturbed: in each
epoch every weight by a random part of it, up to 2^-24, the most that storing it in
float32 changes. The last column has the least and the largest difference at the end
among {draws} such fits. Float32 rounds all that it computes in every step as well, so
it may end further away. Rises are epochs whose loss is above that of the epoch before.
"""

SIZES = """\
## Other sizes of T3

T3 also trains other sizes of its hidden layer, at the same rate. Further apart than
{end:.0%} at the end: {apart}. In the first {epochs} epochs all agree.

In full-batch gradient descent the loss rises only where the rate is too large for its
curvature, and there a step multiplies errors instead of shrinking them, however small
they are: when the loss leaps, and what it comes down to, hangs on roundings. Where the
loss of float64 never rises, float32 ends within {steady:.0e} of it.
"""


class Worst(NamedTuple):
    """One line of the program: a function's largest error with one instruction set."""

    kind: str  # value or slope
    function: str
    dtype: str
    isa: str
    error: float
    where: float


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__)
    add = parser.add_argument
    add(
        "--points",
        type=int,
        default=1_000_000,
        help="random arguments of each function (default: %(default)s)",
    )
    add("--every", action="store_true", help="also every float32 from 2^-14 to 2^7")
    add("--docs", action="store_true", help="also write docs/accuracy.md")
    return parser.parse_args(arguments)


def measure(points: int, every: bool) -> list[Worst]:
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, ROOT / "tests" / "c" / "build.py", folder]
        subprocess.run([*build, "tests/c/accuracy.c"], check=True)
        command = [Path(folder) / "accuracy", str(points), *["every"] * every]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):  # 1: an error is above the bound
        sys.exit(f"tests/c/accuracy.c ends with {done.returncode}")
    return list(read(done.stdout.splitlines()))


def read(lines: Iterable[str]) -> Iterable[Worst]:
    for line in lines:
        if line.startswith(("value", "slope")):
            kind, function, dtype, isa, error, _, where = line.split()
            yield Worst(kind, function, dtype, isa, float(error), float(where))


def error_table(found: Sequence[Worst], kind: str) -> Table:
    """A row per function: the worst of all instruction sets, and where it is."""
    dtypes = list(dict.fromkeys(w.dtype for w in found))
    rows = []
    for function in dict.fromkeys(w.function for w in found if w.kind == kind):
        row = [function]
        for dtype in dtypes:
            same = [w for w in found if w[:3] == (kind, function, dtype)]
            worst = max(same, key=lambda w: w.error)
            row += [worst.error, worst.where if worst.error else None]
        rows.append(row)
    columns = {"function": "text"}
    for dtype in dtypes:
        columns |= {f"{dtype}: ulp": "points", f"{dtype}: at": "number"}
    return Table("Values" if kind == "value" else "Derivatives", columns, rows)


class Training(NamedTuple):
    """How one network trains in float32, beside float64."""

    name: str
    network: str
    epochs: int
    rises: tuple[int, int]  # float64, float32
    first: float
    bound: float  # of first
    end: float
    perturbed: list[float]  # of float64

    def begins_alike(self) -> bool:
        return self.first <= self.bound

    def holds(self) -> bool:
        return self.begins_alike() and self.end <= precision.LARGEST_END

    def row(self) -> list[str]:
        least, largest = min(self.perturbed), max(self.perturbed)
        return [
            *(self.name, self.network, FORMATS["count"](self.epochs)),
            *map(FORMATS["count"], self.rises),
            *(f"{value:.1e}" for value in (self.first, self.bound, self.end)),
            f"{least:.1e} to {largest:.1e}",
        ]


def train(name: str, task: precision.Task) -> Training:
    single, double = task.single(), task.double
    return Training(
        name,
        task.network,
        len(double),
        (compare.rises(double), compare.rises(single)),
        precision.first_difference(single, double),
        task.bound,
        precision.last_difference(single, double),
        precision.perturbed_ends(task),
    )


def training_table(title: str, found: Iterable[Training]) -> Table:
    headings = [
        *("tutorial", "network", "epochs", "rises, float64", "rises, float32"),
        *(f"first {precision.FIRST_EPOCHS} epochs", "roundings add up to"),
        *("at the end", "float64, perturbed"),
    ]
    return Table(title, dict.fromkeys(headings, "text"), [t.row() for t in found])


def page(
    options: argparse.Namespace,
    found: list[Worst],
    trained: list[Training],
    sizes: list[Training],
) -> str:
    values, slopes, training, others = map(markdown, tables_of(found, trained, sizes))
    every = ", and every float32 from 2^-14 to 2^7 in size" if options.every else ""
    points = f"--points {options.points} " + "--every " * options.every
    isas = ", ".join(dict.fromkeys(w.isa for w in found))
    epochs, end = precision.FIRST_EPOCHS, precision.LARGEST_END
    steady = max(t.end for t in [*trained, *sizes] if t.rises[0] == 0)
    apart = ", ".join(t.network for t in sizes if t.end > end) or "none"
    parts = [
        INTRODUCTION.format(options=points, machine=cpu_model(), isas=isas),
        FUNCTIONS.format(points=options.points, every=every, bound=BOUND),
        values,
        DERIVATIVES,
        slopes,
        TRAINING.format(epochs=epochs, end=end, draws=precision.DRAWS),
        training,
        SIZES.format(epochs=epochs, end=end, apart=apart, steady=steady),
        others,
    ]
    return "\n".join(parts)


def tables_of(
    found: list[Worst], trained: list[Training], sizes: list[Training]
) -> list[Table]:
    return [
        error_table(found, "value"),
        error_table(found, "slope"),
        training_table("Training in float32", trained),
        training_table("Other sizes of T3", sizes),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    found = measure(options.points, options.every)
    trained = [train(name, task) for name, task in precision.tasks().items()]
    sizes = [train("T3", precision.shallow(size)) for size in t3.SIZES]
    for table in tables_of(found, trained, sizes):
        print("\n".join([*table.lines(), ""]))
    if options.docs:
        PAGE.write_text(page(options, found, trained, sizes), encoding="utf-8")
        print(f"{PAGE} is written")
    held = [w.error <= BOUND for w in found] + [t.holds() for t in trained]
    held += [t.begins_alike() for t in sizes]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
