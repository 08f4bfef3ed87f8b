# SPDX-License-Identifier: BSD-3-Clause
"""Whether the numbers of a call agree, within what scikit-learn's own movement allows.

A result cannot be known more precisely than it is rounded, so the movement counts as
one unit in the last place of the largest entry at least: FACTOR times that, 2e-14 of
it, is what is allowed where scikit-learn does not move at all. For weights it is the
largest of the network where the movement of X alone does not explain a difference.
"""

from dataclasses import dataclass, field

import numpy as np

from . import deviations, ties
from .movement import FACTOR, Samples, distance
from .record import Outcome

EPS = np.finfo(float).eps
TINY = np.finfo(float).tiny
WEIGHTS = ("coefs_", "intercepts_")


@dataclass
class Agreement:
    """What comparing the numbers of a call came to."""

    overflows: bool
    differences: list[str] = field(default_factory=list)
    deviations: set[str] = field(default_factory=set)
    largest_ratio: float = 0.0  # of a difference to what is allowed
    labels_tied: bool = False

    def hold(
        self, name: str, theirs: np.ndarray, ours: np.ndarray, allowed: np.ndarray
    ) -> None:
        """Note whether two arrays are as near as allowed, entry by entry."""
        apart = distance(theirs, ours)
        with np.errstate(invalid="ignore", divide="ignore"):
            free = (apart == 0) | np.isinf(allowed)
            if self.overflows:  # into infinity or NaN, by the order of a sum
                free |= ~np.isfinite(theirs) & ~np.isfinite(ours)
            ratio = np.where(free, 0, apart / allowed)
        largest = float(ratio.max(initial=0))
        if largest <= 1:
            self.largest_ratio = max(self.largest_ratio, largest)
            return
        at = int(np.argmax(ratio))
        self.differences.append(
            f"{name}: {largest:.3g} times what is allowed:"
            f" scikit-learn {theirs.flat[at]!r}, nnfast {ours.flat[at]!r}"
        )


def agree(samples: Samples, number: int, ours: Outcome) -> Agreement:
    """Compare all numbers of a call, and the labels that are predicted from them."""
    theirs = samples.theirs[number]
    agreement = Agreement(ties.may_overflow(samples, number))
    if theirs.labels is not None and ours.labels is not None:
        _labels(samples, number, ours, agreement)
    one_column = deviations.one_column(theirs, ours)
    for kind in ("numbers", "curves"):
        for name, a in getattr(theirs, kind).items():
            b = getattr(ours, kind).get(name)
            if one_column and name.startswith("predict_"):
                agreement.deviations.add(deviations.ONE_COLUMN)
            elif b is None or a.shape != b.shape:
                agreement.differences.append(f"{name}: another shape, or none")
            elif name == "predict_log_proba":
                _log_proba(samples, number, b, agreement)
            elif not (name == "score" and agreement.labels_tied):
                agreement.hold(name, a, b, _allowed(samples, number, kind, name))
    return agreement


def _allowed(samples: Samples, number: int, kind: str, name: str) -> np.ndarray:
    base = getattr(samples.theirs[number], kind)[name]
    least = EPS * np.abs(np.where(np.isfinite(base), base, 0))
    if samples.widened and name.startswith(WEIGHTS):
        # One that is small now may have been as large as the others before.
        least = np.fmax(least, EPS * _largest_weight(samples.theirs[number]))
    movement = np.fmax(samples.movement(number, kind, name), least)
    if kind == "curves":  # rounding grows along it, so no later epoch has less
        return FACTOR * np.maximum.accumulate(movement)
    return np.full(base.shape, FACTOR * movement.max(initial=0))


def _largest_weight(theirs: Outcome) -> float:
    weights = [a for name, a in theirs.numbers.items() if name.startswith(WEIGHTS)]
    return max(float(np.nan_to_num(np.abs(a)).max()) for a in weights)


def _labels(samples: Samples, number: int, ours: Outcome, agreement: Agreement) -> None:
    theirs = samples.theirs[number]
    if theirs.labels.shape != ours.labels.shape:
        agreement.differences.append("predict: another shape")
        return
    differ = theirs.labels != ours.labels
    if differ.any():
        p = theirs.numbers["predict_proba"]
        allowed = _allowed(samples, number, "numbers", "predict_proba")
        tied = ties.labels(p, allowed, multilabel=differ.ndim == 2)
        agreement.labels_tied = not (differ & ~tied).any()
        if not agreement.labels_tied:
            agreement.differences.append("predict: other labels without a tie")


def _log_proba(
    samples: Samples, number: int, ours: np.ndarray, agreement: Agreement
) -> None:
    """Logarithms are finite here where the probability rounds to zero."""
    theirs = samples.theirs[number]
    p, log_p = (theirs.numbers[f"predict{x}_proba"] for x in ("", "_log"))
    of_p = _allowed(samples, number, "numbers", "predict_proba")
    zero = p < TINY
    if zero.any():
        agreement.deviations.add(deviations.FINITE_LOG)
        # p is zero: less than a unit in the last place of 1, and than it may be here.
        largest = np.log(np.maximum(EPS, of_p))
        if not (np.isfinite(ours) & (ours <= largest))[zero].all():
            agreement.differences.append("predict_log_proba: of zero, not finite")
    known = np.where(zero, 0, log_p)
    movement = samples.movement(number, "numbers", "predict_log_proba")
    movement = np.where(zero, 0, movement)
    allowed = FACTOR * max(movement.max(initial=0), EPS * np.abs(known).max(initial=0))
    if theirs.exact["out_activation_"] == "logistic":
        # 1 - p is rounded to a unit in the last place of 1: log moves by that over it.
        allowed = allowed + of_p / np.where(zero, 1, p)
    ours = np.where(zero, 0, ours)
    agreement.hold("predict_log_proba", known, ours, np.broadcast_to(allowed, p.shape))
