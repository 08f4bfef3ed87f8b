# SPDX-License-Identifier: BSD-3-Clause
"""Whether nnfast's time changes suddenly from one width of the sweep to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .peers import OURS
from .results import Measurement, Results

# What the time may do from one width to the next: fall by that share of it, and grow so
# many times as much as the work.
LARGEST_DROP, LARGEST_JUMP = 0.10, 1.35


@dataclass(frozen=True)
class Step:
    """From one width to the next."""

    narrow: Measurement
    wide: Measurement

    @property
    def growth(self) -> float:
        """Of the time, as a factor."""
        return self.wide.seconds / self.narrow.seconds

    @property
    def jump(self) -> float:
        """That factor over the one of the work."""
        work = [m.shape.multiply_adds() for m in (self.narrow, self.wide)]
        return self.growth * work[0] / work[1]

    def __str__(self) -> str:
        narrow, wide = (m.shape.hidden[0] for m in (self.narrow, self.wide))
        return f"from width {narrow} to {wide}"


def steps(results: Results) -> Sequence[Step]:
    """All of the sweep, from narrow to wide."""
    sweep = results.select(section="width", library=OURS)
    sweep.sort(key=lambda m: m.shape.multiply_adds())
    return [Step(*pair) for pair in pairwise(sweep)]


def cliffs(results: Results) -> list[str]:
    """Where nnfast takes too much less, or too much more, for a wider network."""
    found = []
    for step in steps(results):
        if step.growth < 1 - LARGEST_DROP:
            found.append(f"{step} the time falls to {step.growth:.2f} of what it was")
        if step.jump > LARGEST_JUMP:
            found.append(
                f"{step} the time grows {step.jump:.2f} times as much as the work"
            )
    return found


def extremes(results: Results) -> list[str]:
    """The largest drop and the largest jump, in words; none without a sweep."""
    sweep = steps(results)
    if not sweep:
        return []
    least, most = min(sweep, key=lambda s: s.growth), max(sweep, key=lambda s: s.jump)
    return [
        f"{least} it grows least, to {least.growth:.2f} of what it was",
        f"against the work it grows most {most}, by {most.jump:.2f} times as much",
    ]
