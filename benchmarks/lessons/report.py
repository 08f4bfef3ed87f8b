# SPDX-License-Identifier: BSD-3-Clause
"""What a tutorial reports, how it is printed and how it goes into the JSON file."""

import operator
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "in": lambda value, limits: limits[0] <= value <= limits[1],
}


def show_seconds(value: float) -> str:
    """Three significant digits, never in powers of ten."""
    decimals = 2 if value >= 1 else 3 if value >= 0.1 else 4 if value >= 0.01 else 5
    return f"{value:.{decimals}f}"


def show_microseconds(value: float) -> str:
    """Three significant digits, and all of a large number's."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


FORMATS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "count": lambda value: f"{value:,.0f}",
    "seconds": show_seconds,
    "microseconds": show_microseconds,
    "percent": lambda value: f"{100 * value:.1f} %",
    "times": lambda value: f"{value:.1f} x" if value < 10 else f"{value:,.0f} x",
    "loss": lambda value: f"{value:.4f}" if value >= 0.001 else f"{value:.1e}",
    "number": lambda value: f"{value:.4g}",
    "points": lambda value: f"{value:.2f}",
}


def show(value: Any, kind: str) -> str:
    """A cell as text: words stay words, None is a cell that has no meaning."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else FORMATS[kind](value)


@dataclass(frozen=True)
class Table:
    """Rows under columns; ``columns`` maps each heading to a kind of FORMATS."""

    title: str
    columns: dict[str, str]
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str] = ()

    def lines(self) -> Iterable[str]:
        kinds = list(self.columns.values())
        cells = [[show(v, kind) for v, kind in zip(row, kinds)] for row in self.rows]
        lines = [list(self.columns), *cells]
        widths = [max(len(line[i]) for line in lines) for i in range(len(kinds))]
        left = [kind == "text" for kind in kinds]
        yield self.title
        for i, line in enumerate(lines):
            padded = (
                cell.ljust(width) if is_left else cell.rjust(width)
                for cell, width, is_left in zip(line, widths, left)
            )
            yield "  " + "  ".join(padded).rstrip()
            if i == 0:
                yield "  " + "  ".join("-" * width for width in widths)
        for note in self.notes:
            yield textwrap.fill(note, 88, initial_indent="  ", subsequent_indent="  ")

    def as_json(self) -> dict[str, Any]:
        rows = [dict(zip(self.columns, row)) for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": list(self.notes)}


@dataclass(frozen=True)
class Target:
    """What the figure named ``key`` must reach."""

    key: str
    meaning: str
    relation: str
    bound: float | tuple[float, float]
    kind: str = "number"
    timing: bool = False

    def reached(self, figures: dict[str, Any]) -> bool:
        return bool(RELATIONS[self.relation](figures[self.key], self.bound))

    def __str__(self) -> str:
        if isinstance(self.bound, tuple):
            return " to ".join(show(limit, self.kind) for limit in self.bound)
        return f"{self.relation} {show(self.bound, self.kind)}"


@dataclass
class Report:
    """All that one tutorial has to say."""

    name: str
    title: str
    figures: dict[str, Any]
    targets: Sequence[Target]
    tables: Sequence[Table]
    seconds: dict[str, dict[str, float]]
    curves: dict[str, Sequence[float]]
    pictures: dict[str, Callable[[], Any]] = field(default_factory=dict)

    def target_table(self) -> Table:
        rows = []
        for target in self.targets:
            figure = show(self.figures[target.key], target.kind)
            word = "reached" if target.reached(self.figures) else "MISSED"
            rows.append((target.meaning, figure, str(target), word))
        columns = ("figure", "measured", "target", "")
        return Table("Targets", dict.fromkeys(columns, "text"), rows)

    def missed(self, timing: bool) -> list[Target]:
        """Targets that were not reached, of the kind asked for."""
        return [
            target
            for target in self.targets
            if target.timing == timing and not target.reached(self.figures)
        ]

    def print(self) -> None:
        heading = f"{self.name}  {self.title}"
        print(f"\n{heading}\n{'=' * len(heading)}")
        for table in (*self.tables, self.target_table()):
            print()
            print("\n".join(table.lines()))
        sys.stdout.flush()

    def as_json(self) -> dict[str, Any]:
        targets = [
            {
                "figure": target.key,
                "meaning": target.meaning,
                "target": str(target),
                "measured": self.figures[target.key],
                "reached": target.reached(self.figures),
            }
            for target in self.targets
        ]
        return {
            "title": self.title,
            "figures": self.figures,
            "targets": targets,
            "tables": [table.as_json() for table in self.tables],
            "seconds": self.seconds,
        }


class Progress:
    """What is being done, on one line that is rewritten; plain lines off a terminal."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self.stream = stream
        self.start = time.perf_counter()
        self.prefix = ""

    def __call__(self, doing: str) -> None:
        elapsed = time.perf_counter() - self.start
        line = f"[{elapsed:5.1f} s] {self.prefix}{doing}"
        end = "" if self.stream.isatty() else "\n"
        self.clear()
        print(line[:79], end=end, file=self.stream, flush=True)

    def detail(self, doing: str) -> None:
        """A step too small for a line of its own: shown on a terminal only."""
        if self.stream.isatty():
            self(doing)

    def clear(self) -> None:
        """Make room for what is printed next."""
        if self.stream.isatty():
            print("\r\033[K", end="", file=self.stream, flush=True)
