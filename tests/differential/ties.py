# SPDX-License-Identifier: BSD-3-Clause
"""Decisions that rounding makes: when is a label or a stop a toss-up?

Only where scikit-learn's own number lies within its allowance of the threshold.
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
    samples.move_layers()
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
