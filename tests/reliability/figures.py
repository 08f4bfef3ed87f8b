# SPDX-License-Identifier: BSD-3-Clause
"""The table of figures: what each promises, and how it is measured."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from . import allocations, growth, peak


class Found(NamedTuple):
    """What was measured, in words, and whether it is what is promised."""

    text: str
    met: bool


class Figure(NamedTuple):
    """A row of docs/reliability.md."""

    title: str
    target: str
    measure: Callable[[bool], Found]  # told whether to be quick


def _allocations(quick: bool) -> Found:
    names = [*allocations.CORE, *([] if quick else allocations.ESTIMATORS)]
    ends: Counter[str] = Counter()
    changed = leaking = 0
    for counts in allocations.measure(names).values():
        ends.update(counts["ends"])
        changed += counts["changed"]
        leaking += counts["leaking"]
    others = sum(ends.values()) - ends["MemoryError"]
    return Found(
        f"{sum(ends.values())} points in {len(names)} calls: {ends['MemoryError']}"
        f" `MemoryError`, {others} another error (of NumPy's), {leaking} leaks,"
        f" {changed} estimators changed",
        changed == leaking == 0 and ends.keys() <= {"MemoryError", "SystemError"},
    )


def _fits(quick: bool) -> Found:
    found = growth.measure("fits", 2_000 if quick else 100_000)
    return Found(
        f"{found['fits']:,} fits: {found['blocks']:+,} blocks in all,"
        f" {found['bytes']:+,} bytes",
        found["blocks"] < found["fits"],
    )


def _soak(quick: bool) -> Found:
    found = growth.measure("soak", 20.0 if quick else 1800.0)
    minutes = found["seconds"] / 60 * found["apart"] / found["rounds"]
    return Found(
        f"{found['seconds'] / 60:g} minutes, {found['rounds']:,} rounds of 80 or more"
        f" calls: {found['bytes'] / minutes:+,.0f} bytes per minute,"
        f" {found['blocks'] / found['apart']:+.2f} blocks per round",
        found["blocks"] < found["apart"],
    )


def _peak(quick: bool) -> Found:
    names = [*peak.CASES][::3] if quick else [*peak.ALL]
    shares = {
        name: found["measured"] / peak.bound(peak.ALL[name], found)
        for name, found in peak.measure(names).items()
    }
    worst = max(shares, key=lambda name: shares[name])
    return Found(
        f"{len(shares)} fits: at most {shares[worst]:.0%} of the bound ({worst})",
        shares[worst] <= 1,
    )


FIGURES: dict[str, Figure] = {
    "allocations": Figure(
        "injected allocation failures",
        "every point: 0 crashes, 0 bytes leaked, estimator usable",
        _allocations,
    ),
    "fits": Figure("growth over small fits", "100,000 fits: none", _fits),
    "peak": Figure("peak memory of a fit", "the bound below", _peak),
    "soak": Figure(
        "soak", "30 minutes of mixed fits and predicts: memory slope 0", _soak
    ),
}
