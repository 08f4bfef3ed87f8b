# SPDX-License-Identifier: BSD-3-Clause
"""The results as tables, for the terminal and as Markdown.

Tables of training have a row per shape: what every library takes, the limit (the step's
multiply-adds at the measured peak), nnfast's share of it, and how many times nnfast's
time each other library takes.
"""

from collections.abc import Iterable, Sequence

from lessons.report import Table, show

from .peers import OURS, is_peer
from .results import Results
from .shapes import SPARSE

MICRO, MEGA, GIGA = 1e-6, 1e6, 1e9

TITLES = {
    "table": "Microseconds per training step",
    "width": "Microseconds per training step, by width",
    "batch": "Microseconds per training step, by batch",
    "depth": "Microseconds per training step, by depth",
    "threads": "Microseconds per training step, by threads (medians)",
    "sparse": f"Microseconds per training step from CSR, {SPARSE.density:.1%} non-zero",
}
# What nnfast may take for all but the training step of a call, in microseconds, and how
# many times faster than scikit-learn it trains sparse data.
OVERHEADS = {"fit": 500, "partial_fit": 100}
SPARSE_AT_LEAST = 5


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
    libraries = [name for name in libraries if name == OURS or is_peer(name)]
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
        seconds = results.seconds(
            section=section, dtype=dtype, shape=shape, threads=threads
        )
        peak = results.peak(dtype, threads)
        limit = shape.limit(peak) if peak else None
        rows.append(
            [
                str(shape) if threads == 1 else f"{shape}, {threads} threads",
                *(micro(seconds.get(name)) for name in libraries),
                micro(limit),
                ratio(limit, seconds.get(OURS)),
                *(ratio(seconds.get(name), seconds.get(OURS)) for name in others),
            ]
        )
    return Table(f"{TITLES[section]}, {dtype}", columns, rows)


def micro(seconds: float | None) -> float | None:
    return ratio(seconds, MICRO)


def ratio(one: float | None, other: float | None) -> float | None:
    """None where one of the two is not known."""
    return None if one is None or other is None else one / other


def prediction_table(results: Results) -> Table | None:
    """Latency of one row and rows a second of many, or None if not measured."""
    chosen = results.select(section="prediction")
    if not chosen:
        return None
    few, many = sorted({m.shape for m in chosen}, key=lambda shape: shape.rows)
    row = results.seconds(section="prediction", shape=few)
    bulk = results.seconds(section="prediction", shape=many)
    columns = {
        "library": "text",
        "µs for one row": "microseconds",
        f"million rows a second, {many.rows:,} at once": "points",
    }
    rows = [
        [name, micro(row.get(name)), ratio(1 / MEGA, bulk.get(name))]
        for name in results.libraries()
        if name in row or name in bulk
    ]
    return Table(f"Prediction of probabilities, {few.network}, float32", columns, rows)


def overhead_table(results: Results) -> Table | None:
    """Calls less what their one training step takes, or None if not measured."""
    found = results.select(section="overhead")
    libraries = list(dict.fromkeys(m.library for m in found))
    calls = dict.fromkeys((m.task, m.shape) for m in found if m.task in OVERHEADS)
    if not calls:
        return None
    columns = {"call": "text", **dict.fromkeys(libraries, "microseconds")}
    others = [name for name in libraries if name != OURS]
    columns |= {f"{name} / nnfast": "times" for name in others}
    columns |= {"at most": "microseconds"}
    rows, missed = [], []
    for task, shape in calls:
        whole = results.seconds(section="overhead", task=task, shape=shape)
        step = results.seconds(section="overhead", task="train", shape=shape)
        rest = {name: whole[name] - step[name] for name in whole if name in step}
        rows.append(
            [
                f"{task} of {shape.batch} × {shape.widths[0]}, {shape.network}",
                *(micro(rest.get(name)) for name in libraries),
                *(ratio(rest.get(name), rest.get(OURS)) for name in others),
                OVERHEADS[task],
            ]
        )
        if MICRO * OVERHEADS[task] < rest.get(OURS, 0):
            missed.append(task)
    words = (
        f"Longer than it should take: {', '.join(missed) or 'none'}. This is Python: "
        "checks, and a copy of the estimator, by which a failed call changes nothing."
    )
    title = "Microseconds of a call besides its training step"
    return Table(title, columns, rows, [words])


def machine_table(results: Results) -> Table:
    """The peaks, by instruction set and type, for each number of threads."""
    peaks = results.machine["peak_flops"]
    counts = sorted({int(n) for isa in peaks.values() for t in isa.values() for n in t})
    columns = {
        "multiply-adds, GFLOP/s": "text",
        **{f"{n} thread{'s' if n > 1 else ''}": "count" for n in counts},
    }
    rows = [
        [f"{isa}, {dtype}", *(ratio(found.get(str(n)), GIGA) for n in counts)]
        for isa, types in peaks.items()
        for dtype, found in types.items()
    ]
    title = f"{results.environment['CPU']}, {results.environment['cores']} processors"
    return Table(title, columns, rows, [_bandwidths(results)])


def _bandwidths(results: Results) -> str:
    size = results.machine["bytes_of_a_stream"] // 2**20
    speeds = results.machine["bytes_per_second"].items()
    words = [f"{kind} {size} MiB: {speed / GIGA:.1f} GB/s" for kind, speed in speeds]
    return f"Memory, 1 thread: {', '.join(words)}."


def markdown(table: Table) -> str:
    """A table as Markdown: numbers to the right, text to the left."""
    kinds = list(table.columns.values())
    marks = ["---" if kind == "text" else "---:" for kind in kinds]
    cells = [[show(v, kind) for v, kind in zip(row, kinds)] for row in table.rows]
    lines = [_line(list(table.columns)), _line(marks), *map(_line, cells)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
