# SPDX-License-Identifier: BSD-3-Clause
"""The table's networks with AVX2, and in float64, beside float32 at its best.

Each has a peak of its own. A kernel that comes as near to AVX2's as to AVX-512's takes
longer by the ratio of the two, whatever is asked of it; so what it would have to reach
of its peak to meet the target stands beside what it does reach.
"""

from typing import NamedTuple

from lessons.report import Table

from .peers import LIBRARIES, OURS
from .results import Results
from .shapes import TABLE, Shape
from .tables import micro, ratio

KINDS = ("text", "microseconds", "percent")
KINDS_OF_A_VARIANT = ("microseconds", "points", "percent", "percent")

# The targets hold from 30-100-1 up.
TARGETED = TABLE[2:]


class Variant(NamedTuple):
    """A way to run the same networks, and how many times as long it may take."""

    name: str
    library: str
    dtype: str
    at_most: float


VARIANTS = (
    Variant("AVX2", "nnfast avx2", "float32", 1.75),
    Variant("float64", OURS, "float64", 2.5),
)


def measured(results: Results) -> list[Variant]:
    """Those that there are times of, beside those in float32."""
    if not _times(results, OURS, "float32"):
        return []
    return [v for v in VARIANTS if _times(results, v.library, v.dtype)]


def _times(results: Results, library: str, dtype: str) -> dict[Shape, float]:
    chosen = results.select(section="table", library=library, dtype=dtype)
    return {m.shape: m.seconds for m in chosen}


def _peak(results: Results, variant: Variant) -> float | None:
    return results.peak(variant.dtype, isa=LIBRARIES[variant.library].isa)


def _limit(shape: Shape, peak: float | None) -> float | None:
    return shape.limit(peak) if peak else None


def table(results: Results) -> Table | None:
    """A row for each network; None if there is nothing to compare."""
    variants = measured(results)
    if not variants:
        return None
    best, peak = _times(results, OURS, "float32"), results.peak("float32")
    columns = dict(zip(("network, batch", "float32", "reaches"), KINDS))
    rows = [[str(s), micro(best[s]), ratio(_limit(s, peak), best[s])] for s in best]
    for variant in variants:
        name, at_most = variant.name, variant.at_most
        headings = name, f"{name} / float32", f"{name} reaches", f"{at_most} x needs"
        columns |= dict(zip(headings, KINDS_OF_A_VARIANT))
        times = _times(results, variant.library, variant.dtype)
        for row, shape in zip(rows, best):
            limit = _limit(shape, _peak(results, variant))
            seconds = times.get(shape)
            row += [micro(seconds), ratio(seconds, best[shape]), ratio(limit, seconds)]
            needed = ratio(limit, at_most * best[shape])
            row.append(needed if shape in TARGETED else None)
    return Table("AVX2 and float64 beside float32", columns, rows)


def verdicts(results: Results) -> list[str]:
    """For each variant: the target, which networks miss it, the ratio of the peaks."""
    return [_verdict(results, variant) for variant in measured(results)]


def _verdict(results: Results, variant: Variant) -> str:
    best = _times(results, OURS, "float32")
    times = _times(results, variant.library, variant.dtype)
    missed = [
        f"{shape} ({times[shape] / best[shape]:.2f})"
        for shape in TARGETED
        if shape in times and times[shape] > variant.at_most * best[shape]
    ]
    words = (
        f"{variant.name} should take at most {variant.at_most} times as long, from "
        f"{TARGETED[0].network} up. "
    )
    words += f"It takes longer on {'; '.join(missed)}." if missed else "It does."
    peaks = results.peak("float32"), _peak(results, variant)
    if all(peaks):
        lower = round(peaks[0] / peaks[1], 2)
        words += (
            f" Its peak is {lower:.2f} times lower: a network that comes as near to it "
            "takes so many times as long."
            if lower > 1
            else " Its peak is as high here, so that says little: where it is half as "
            "high, a network that comes as near to it takes twice as long."
        )
    return words
