# SPDX-License-Identifier: BSD-3-Clause
"""The results as tables, for the terminal and as Markdown.

Each table has a row per shape: what every library takes, the limit (the step's
multiply-adds at the measured peak), nnfast's share of it, and how many times nnfast's
time each other library takes.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from lessons.report import Table, show

from .peers import OURS
from .results import Measurement, Results
from .shapes import BULK_ROWS

MICRO, MEGA, GIGA = 1e6, 1e-6, 1e-9

TITLES = {
    "table": "Microseconds per training step",
    "width": "Microseconds per training step, by width",
    "batch": "Microseconds per training step, by batch",
    "depth": "Microseconds per training step, by depth",
    "threads": "Microseconds per training step, by threads",
}
# What the time of nnfast may do from one width to the next.
LARGEST_DROP, LARGEST_JUMP = 0.10, 1.35


def training_tables(
    results: Results, sections: Iterable[str] = tuple(TITLES)
) -> list[Table]:
    """One table for each of these sections, and each type, that was measured."""
    found = dict.fromkeys(
        (m.section, m.dtype) for m in results.measurements if m.section in sections
    )
    return [_training_table(results, *kind) for kind in found]


def _training_table(results: Results, section: str, dtype: str) -> Table:
    chosen = results.select(section=section, dtype=dtype)
    libraries = list(dict.fromkeys(m.library for m in chosen))
    others = [name for name in libraries if name != OURS]
    columns = {
        "network, batch": "text",
        **dict.fromkeys(libraries, "microseconds"),
        "limit": "microseconds",
        "nnfast reaches": "percent",
        **{f"{name} / nnfast": "times" for name in others},
    }
    rows = []
    for shape, threads in dict.fromkeys((m.shape, m.threads) for m in chosen):
        least = results.least(
            section=section, dtype=dtype, shape=shape, threads=threads
        )
        peak = results.peak(dtype, threads)
        limit = shape.limit(peak) if peak else None
        rows.append(
            [
                str(shape) if threads == 1 else f"{shape}, {threads} threads",
                *(micro(least.get(name)) for name in libraries),
                micro(limit),
                ratio(limit, least.get(OURS)),
                *(ratio(least.get(name), least.get(OURS)) for name in others),
            ]
        )
    return Table(f"{TITLES[section]}, {dtype}", columns, rows)


def micro(seconds: float | None) -> float | None:
    return None if seconds is None else MICRO * seconds


def ratio(one: float | None, other: float | None) -> float | None:
    """None where one of the two is not known."""
    return None if one is None or other is None else one / other


def prediction_table(results: Results) -> Table | None:
    """Latency of one row and rows a second of many, or None if not measured."""
    row = results.least(section="prediction", task="row")
    bulk = results.least(section="prediction", task="bulk")
    if not row:
        return None
    shape = results.select(section="prediction")[0].shape
    title = f"Prediction of probabilities, {'-'.join(map(str, shape.widths))}, float32"
    columns = {
        "library": "text",
        "µs for one row": "microseconds",
        f"million rows a second, {BULK_ROWS:,} at once": "points",
    }
    rows = [
        [name, MICRO * row[name], MEGA / bulk[name] if name in bulk else None]
        for name in row
    ]
    return Table(title, columns, rows)


def cliffs(results: Results) -> list[str]:
    """Where nnfast takes too much less, or too much more, for a wider network."""
    sweep = results.select(section="width", library=OURS)
    sweep.sort(key=lambda m: m.shape.multiply_adds())
    return [words for a, b in pairwise(sweep) for words in _cliff(a, b)]


def _cliff(narrow: Measurement, wide: Measurement) -> Iterable[str]:
    growth = wide.least / narrow.least
    work = wide.shape.multiply_adds() / narrow.shape.multiply_adds()
    step = f"from width {narrow.shape.hidden[0]} to {wide.shape.hidden[0]}"
    if growth < 1 - LARGEST_DROP:
        yield f"{step} the time falls to {growth:.2f} of what it was"
    if growth > LARGEST_JUMP * work:
        yield f"{step} the time grows {growth / work:.2f} times as much as the work"


def machine_lines(results: Results) -> list[str]:
    """What was measured of the machine, in words."""
    machine, about = results.machine, results.environment
    lines = [f"{about['CPU']}, {about['cores']} processors"]
    for dtype, peaks in machine["peak_flops"].items():
        for threads, peak in peaks.items():
            lines.append(
                f"{dtype} multiply-adds, {machine['instruction_set']}, {threads} "
                f"thread{'s' if threads != '1' else ''}: {GIGA * peak:.0f} GFLOP/s"
            )
    for kind, speed in machine["bytes_per_second"].items():
        size = machine["bytes_of_a_stream"] // 2**20
        lines.append(f"{kind} {size} MiB, 1 thread: {GIGA * speed:.1f} GB/s")
    return lines


def markdown(table: Table) -> str:
    """A table as Markdown: numbers to the right, text to the left."""
    kinds = list(table.columns.values())
    marks = ["---" if kind == "text" else "---:" for kind in kinds]
    cells = [[show(v, kind) for v, kind in zip(row, kinds)] for row in table.rows]
    lines = [_line(list(table.columns)), _line(marks), *map(_line, cells)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
