# SPDX-License-Identifier: BSD-3-Clause
"""The numbers of a run, and the JSON file they are kept in."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .shapes import Shape


@dataclass(frozen=True)
class Measurement:
    """Seconds per training step, per prediction of a row, or per row of a bulk."""

    section: str
    shape: Shape
    dtype: str
    threads: int
    task: str
    library: str
    least: float
    median: float
    samples: int


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

    def select(self, **wanted: Any) -> list[Measurement]:
        """Those whose attributes are as said."""
        return [
            m
            for m in self.measurements
            if all(getattr(m, name) == value for name, value in wanted.items())
        ]

    def least(self, **wanted: Any) -> dict[str, float]:
        """Least seconds of each library in what was selected."""
        return {m.library: m.least for m in self.select(**wanted)}

    def libraries(self) -> list[str]:
        return list(dict.fromkeys(m.library for m in self.measurements))

    def peak(self, dtype: str, threads: int = 1) -> float | None:
        """Operations a second, or None where there was no compiler."""
        return self.machine["peak_flops"][dtype].get(str(threads))

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
