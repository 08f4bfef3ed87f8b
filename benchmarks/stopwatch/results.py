# SPDX-License-Identifier: BSD-3-Clause
"""The numbers of a run, and the JSON file they are kept in."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from .shapes import PAIRED, Shape


@dataclass(frozen=True)
class Measurement:
    """Seconds per unit of the task: see ``shapes.UNITS``."""

    section: str
    shape: Shape
    dtype: str
    threads: int
    task: str
    library: str
    least: float
    median: float
    samples: int

    @property
    def seconds(self) -> float:
        """What is shown: the least, or the median where threads are compared."""
        return self.median if self.section in PAIRED else self.least

    def key(self) -> tuple[Any, ...]:
        """What was measured."""
        return (
            *(self.section, self.shape, self.dtype),
            *(self.threads, self.task, self.library),
        )


@dataclass
class Results:
    """A run: what it ran on, what the machine can do, what each library took.

    ``environment`` holds versions and the processor, ``machine`` the facts of
    ``machine.Machine``, ``notes`` what was left out and why.
    """

    environment: dict[str, Any]
    machine: dict[str, Any]
    measurements: Sequence[Measurement]
    notes: Sequence[str] = field(default_factory=list)

    def keep(self, sections: Sequence[str], libraries: Sequence[str]) -> None:
        """Forget all others."""
        self.measurements = [
            m
            for m in self.measurements
            if m.section in sections and m.library in libraries
        ]

    def forget_impossible(self) -> None:
        """Forget steps that seem faster than the processor, and note that.

        Each is a difference of two fits: where a few epochs take as long as noise does,
        nothing of it may be left.
        """
        possible = []
        for m in self.measurements:
            peak = self.peak(m.dtype, m.threads) if m.task == "train" else None
            if peak and min(m.least, m.median) < m.shape.limit(peak):
                self.notes = [*self.notes, f"{m.library}: {m.shape}: too noisy to tell"]
            else:
                possible.append(m)
        self.measurements = possible

    def select(self, **wanted: Any) -> list[Measurement]:
        """Those whose attributes are as said."""
        return [
            m
            for m in self.measurements
            if all(getattr(m, name) == value for name, value in wanted.items())
        ]

    def seconds(self, **wanted: Any) -> dict[str, float]:
        """Those of each library in what was selected."""
        return {m.library: m.seconds for m in self.select(**wanted)}

    def libraries(self) -> list[str]:
        return list(dict.fromkeys(m.library for m in self.measurements))

    def peak(
        self, dtype: str, threads: int = 1, isa: str | None = None
    ) -> float | None:
        """Operations a second, or None where that was not measured.

        Of an instruction set, or of the one that nnfast uses.
        """
        peaks = self.machine["peak_flops"].get(isa or self.machine["instruction_set"])
        return peaks[dtype].get(str(threads)) if peaks else None

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Results":
        data = json.loads(path.read_text())
        measurements = []
        for record in data.pop("measurements"):
            shape = record.pop("shape")
            shape["widths"] = tuple(shape["widths"])
            measurements.append(Measurement(shape=Shape(**shape), **record))
        return cls(measurements=measurements, **data)


def merged(runs: Sequence[Results]) -> Results:
    """Several runs on one machine as one: the least times, the highest peaks.

    Medians are those of the runs' medians. ValueError if the runs differ in versions,
    processor or instruction set.
    """
    first = runs[0]
    found: dict[tuple[Any, ...], list[Measurement]] = {}
    for run in runs:
        if run.environment != first.environment:
            raise ValueError("the runs differ in versions or processor")
        for m in run.measurements:
            found.setdefault(m.key(), []).append(m)
    return Results(
        environment=first.environment,
        machine=_best([run.machine for run in runs]),
        measurements=[
            replace(
                same[0],
                least=min(m.least for m in same),
                median=median(m.median for m in same),
                samples=sum(m.samples for m in same),
            )
            for same in found.values()
        ],
        notes=list(dict.fromkeys(note for run in runs for note in run.notes)),
    )


def _best(facts: Sequence[Any]) -> Any:
    """Of numbers the largest; of dicts, by key; all else must be equal."""
    if isinstance(facts[0], dict):
        keys = dict.fromkeys(key for fact in facts for key in fact)
        return {
            key: _best([fact[key] for fact in facts if key in fact]) for key in keys
        }
    if isinstance(facts[0], float):
        return max(facts)
    if any(fact != facts[0] for fact in facts):
        raise ValueError(f"the runs differ: {facts}")
    return facts[0]
