# SPDX-License-Identifier: BSD-3-Clause
"""Decisions that rounding makes: when is a label or a stop a toss-up?

Only where scikit-learn's own number lies within its allowance of the threshold; and
where a sum overflows, whether it is infinite or NaN goes by the order of its terms.
"""

import numpy as np

from .movement import FACTOR, Samples, distance
from .record import Outcome


def labels(p: np.ndarray, allowed: np.ndarray, multilabel: bool) -> np.ndarray:
    """Where the class with the highest probability is undecided."""
    if multilabel:
        return np.abs(p - 0.5) <= allowed
    ordered = np.sort(p, axis=1)
    return ordered[:, -1] - ordered[:, -2] <= 2 * allowed.max(axis=1)


def stopping(samples: Samples, number: int, ours: Outcome) -> int | None:
    """How many iterations came before a decision to stop that rounding made.

    None if no decision was so near, or if the curves differ before it: then the
    difference has another reason.
    """
    before = samples.configuration.iterations_before(number)
    theirs = samples.theirs[number]
    if samples.configuration.parameters_at(number).get("solver") == "lbfgs":
        at = _stop_of_lbfgs(samples, number, ours)
    else:
        at = _improvement(samples, number, theirs, ours)
    return None if at is None else before + at


def _stop_of_lbfgs(samples: Samples, number: int, ours: Outcome) -> int | None:
    """The thresholds are within SciPy: scikit-learn itself must end otherwise."""
    samples.move_more()
    samples.widen()
    numbers = {samples.theirs[number].exact["n_iter_"]}
    for sample in samples.moved:
        if number < len(sample) and "n_iter_" in sample[number].exact:
            numbers.add(sample[number].exact["n_iter_"])
    if len(numbers) == 1 or "n_iter_" not in ours.exact:
        return None
    return min(*numbers, ours.exact["n_iter_"]) - 1


def _improvement(
    samples: Samples, number: int, theirs: Outcome, ours: Outcome
) -> int | None:
    """The first epoch whose loss or score was an improvement by rounding.

    The movement has no floor here: a curve that does not move at all when X does is
    computed alike by both libraries, and so are its decisions.
    """
    by_score = "best_validation_score_" in theirs.numbers
    name, sign = ("validation_scores_", -1) if by_score else ("loss_curve_", 1)
    if name not in theirs.curves or name not in ours.curves:
        return None
    a, b = sign * theirs.curves[name], sign * ours.curves[name]
    common = min(len(a), len(b))
    movement = np.zeros(common)
    for sample in samples.moved:
        if number < len(sample) and name in sample[number].curves:
            other = sign * sample[number].curves[name]
            n = min(common, len(other))
            movement[:n] = np.fmax(movement[:n], distance(a[:n], other[:n]))
    allowed = FACTOR * np.maximum.accumulate(movement)
    tol = samples.configuration.parameters_at(number).get("tol", 1e-4)
    start = len(a) - theirs.exact["n_iter_"]  # of this call in the curve
    best = a[:start].min(initial=np.inf)
    for i in range(start, common):
        if abs(a[i] - b[i]) > allowed[i]:
            return None
        # Both numbers of the comparison may be off.
        if allowed[i] > 0 and abs(a[i] - (best - tol)) <= 2 * allowed[i]:
            return i - start
        best = min(best, a[i])
    return None


def may_overflow(samples: Samples, number: int) -> bool:
    """Whether sums overflow, of which NumPy warns.

    Not with a Poisson loss: its exponential overflows before any sum, in both alike.
    """
    loss = samples.configuration.parameters_at(number).get("loss")
    return samples.theirs[number].arithmetic and loss != "poisson"


def overflow(samples: Samples, number: int, ours: Outcome) -> int | None:
    """How many iterations came before one is infinite here and no number there."""
    theirs = samples.theirs[number]
    if not may_overflow(samples, number) or "n_iter_" not in theirs.exact:
        return None
    first = []
    for name, a in theirs.curves.items():
        b = ours.curves.get(name, np.empty(0))
        n = min(len(a), len(b))
        both = ~np.isfinite(a[:n]) & ~np.isfinite(b[:n])
        at = np.flatnonzero(both & (distance(a[:n], b[:n]) > 0))
        start = len(a) - theirs.exact["n_iter_"]  # of this call in the curve
        first += [i - start for i in at[:1] if i >= start]
    if not first:
        return None
    return samples.configuration.iterations_before(number) + int(min(first))


def overflow_refused(samples: Samples, number: int, ours: Outcome) -> bool:
    """Whether scikit-learn's metrics refuse what overflowed, in one and other words."""
    words = ("Input contains NaN", "Input contains infinity")
    return may_overflow(samples, number) and all(
        error is not None and error[0] is ValueError and error[1].startswith(words)
        for error in (samples.theirs[number].error, ours.error)
    )
