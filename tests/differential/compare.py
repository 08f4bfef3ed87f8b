# SPDX-License-Identifier: BSD-3-Clause
"""Whether nnfast does what scikit-learn does, configuration by configuration.

Errors, warnings, printed text, labels, counters and the state of the generator must
be equal, numbers as near as ``numbers`` demands. Only a decision that rounding makes
(``ties``) and a documented deviation (``deviations``) may end a comparison early; all
the work before it is compared. Work that amplifies the movement of X too much is
compared over its first three iterations only, or its first, if three do so too.
"""

from dataclasses import dataclass, field

import nnfast

from . import deviations, ties
from .configuration import Configuration
from .movement import Samples
from .numbers import agree
from .record import Outcome, record

BEGINNINGS = (3, 1)  # iterations that are compared of work that amplifies rounding


@dataclass
class Verdict:
    """What comparing a configuration came to."""

    amplified: bool = False  # so that only three iterations were compared
    amplified_at_once: bool = False  # or only one
    failed: bool = False  # a call raised
    widened: bool = False  # the movement of X alone did not allow it
    deviations: set[str] = field(default_factory=set)
    ties: set[str] = field(default_factory=set)
    largest_ratio: float = 0.0  # of a difference to what is allowed
    differences: list[str] = field(default_factory=list)

    def and_of_the_beginning(self, other: "Verdict") -> None:
        """Add what comparing the beginning of the same work came to."""
        self.widened |= other.widened
        self.deviations |= other.deviations
        self.ties |= other.ties
        self.largest_ratio = max(self.largest_ratio, other.largest_ratio)
        self.differences += other.differences


def compare(configuration: Configuration) -> Verdict:
    """Run both libraries and hold their records against each other."""
    samples, verdict = Samples(configuration), Verdict()
    if configuration.iterations > BEGINNINGS[0] and samples.amplified():
        return _compare_beginning(configuration, BEGINNINGS[0])
    records = record(nnfast, configuration, samples.data, samples.data.X)
    for number, ours in enumerate(records):
        ends_at = _compare_call(samples, number, ours, verdict)
        if ends_at is not None:
            beginning = configuration.of_iterations(ends_at)
            if beginning.calls:
                verdict.and_of_the_beginning(compare(beginning))
            break
        if verdict.failed or verdict.differences:
            break
    if verdict.differences and samples.widened and samples.amplified():
        for iterations in BEGINNINGS:
            if iterations < configuration.iterations:
                return _compare_beginning(configuration, iterations)
    return verdict


def _compare_beginning(configuration: Configuration, iterations: int) -> Verdict:
    """Of work whose result amplifies rounding."""
    verdict = compare(configuration.of_iterations(iterations))
    verdict.amplified = True
    verdict.amplified_at_once |= iterations == BEGINNINGS[-1]
    return verdict


def _compare_call(
    samples: Samples, number: int, ours: Outcome, verdict: Verdict
) -> int | None:
    """Add to the verdict; how many iterations can be compared, where not all."""
    theirs, configuration = samples.theirs[number], samples.configuration
    if theirs.arithmetic and not ours.arithmetic:
        verdict.deviations.add(deviations.ARITHMETIC_WARNINGS)
    verdict.failed = theirs.error is not None or ours.error is not None
    case = deviations.Case(
        configuration, number, samples.data, theirs.error, ours.error
    )
    if theirs.error != ours.error:
        name = deviations.of_failure(case)
        if name is not None:
            verdict.deviations.add(name)
        elif ties.overflow_refused(samples, number, ours):
            verdict.ties.add("infinity or NaN")
        else:
            verdict.differences.append(_words(number, "error", theirs, ours))
        return None
    overflow = ties.overflow(samples, number, ours)
    if overflow is not None:
        verdict.ties.add("infinity or NaN")
        return overflow
    if deviations.spoilt_by_weightless_row(case, theirs, ours):
        verdict.deviations.add(deviations.WEIGHTLESS_ROW)
        return configuration.iterations_before(number)
    agreement = agree(samples, number, ours)
    for look_closer in (samples.move_more, samples.widen, samples.widen_more):
        if agreement.differences:
            look_closer()
            agreement = agree(samples, number, ours)
    verdict.widened |= samples.widened
    if agreement.differences and deviations.has_subnormal_outputs(theirs):
        verdict.deviations.add(deviations.SUBNORMAL)
        return configuration.iterations_before(number)
    exact = _exact(number, theirs, ours)
    if exact:
        tie = ties.stopping(samples, number, ours)
        if tie is not None:
            verdict.ties.add("when to stop")
            return tie
    verdict.deviations |= agreement.deviations
    verdict.largest_ratio = max(verdict.largest_ratio, agreement.largest_ratio)
    if agreement.labels_tied:
        verdict.ties.add("a label")
    verdict.differences += exact
    verdict.differences += [f"call {number}: {one}" for one in agreement.differences]
    return None


def _exact(number: int, theirs: Outcome, ours: Outcome) -> list[str]:
    """Differences of what must be equal."""
    names = ("error", "arithmetic", "warnings", "printed", "generator")
    if theirs.arithmetic:  # said to be a deviation
        names = tuple(name for name in names if name != "arithmetic")
    found = [
        _words(number, name, theirs, ours)
        for name in names
        if getattr(theirs, name) != getattr(ours, name)
    ]
    for name in sorted(theirs.exact | ours.exact):
        a, b = theirs.exact.get(name), ours.exact.get(name)
        if a != b:
            found.append(f"call {number}: {name}: scikit-learn {a!r}, nnfast {b!r}")
    return found


def _words(number: int, name: str, theirs: Outcome, ours: Outcome) -> str:
    a, b = getattr(theirs, name), getattr(ours, name)
    if name == "generator":
        return f"call {number}: the generator ends elsewhere"
    return f"call {number}: {name}: scikit-learn {a!r}, nnfast {b!r}"
