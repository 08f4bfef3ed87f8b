# SPDX-License-Identifier: BSD-3-Clause
"""Where nnfast differs on purpose: each by the exact condition that it happens under.

The names are those of the rows in docs/differences.md.

``FAILURES`` are told by a call's errors and end a comparison there; the others leave
all the rest to be compared, and ``compare`` names them where it makes the exception.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .configuration import Configuration, hidden_widths
from .data import Arrays
from .record import Outcome

ARITHMETIC_WARNINGS = "arithmetic-warnings"
FINITE_LOG = "saturated-log-probabilities"
ONE_COLUMN = "one-class"
SUBNORMAL = "subnormal-numbers"
WEIGHTLESS_ROW = "weightless-row"

NOT_FINITE = "Solver produced non-finite parameter weights"
SUM_OF_ZERO = (ZeroDivisionError, "Weights sum to zero, can't be normalized")


class Case(NamedTuple):
    """A call in which the libraries did not both succeed or fail alike."""

    configuration: Configuration
    number: int
    data: Arrays
    theirs: tuple[type, str] | None
    ours: tuple[type, str] | None

    @property
    def parameters(self) -> dict[str, Any]:
        return self.configuration.parameters_at(self.number)

    @property
    def weight(self) -> np.ndarray | None:
        call = self.configuration.calls[self.number]
        weight = self.data.weight
        return None if weight is None else weight[call.start : call.stop]

    @property
    def y(self) -> np.ndarray:
        call = self.configuration.calls[self.number]
        return self.data.y[call.start : call.stop]

    @property
    def has_weightless_rows(self) -> bool:
        return self.weight is not None and self.weight.min() == 0

    def changed(self, name: str, default: Any) -> bool:
        """Whether an earlier call ran with another value of a parameter."""
        values = [
            self.configuration.parameters_at(i).get(name, default)
            for i in range(self.number + 1)
        ]
        return any(value != values[-1] for value in values)


def _weightless_batch(case: Case) -> bool:
    """What is trained without the batch may fail for a reason of its own."""
    goes_on = case.ours is None or case.ours[1].startswith(NOT_FINITE)
    return case.theirs == SUM_OF_ZERO and goes_on and case.has_weightless_rows


def _cancelling_weights(case: Case) -> bool:
    return (
        case.weight is not None
        and case.weight.min() < 0
        and case.theirs in (SUM_OF_ZERO, None)
        and _refuses(case, "sample_weight")
        and "sum to zero" in case.ours[1]
    )


def _negative_poisson(case: Case) -> bool:
    return (
        case.parameters.get("loss") == "poisson"
        and case.y.min() < 0
        and _refuses(case, "y must not be negative with loss='poisson'")
    )


def _another_depth(case: Case) -> bool:
    widths = {
        i: hidden_widths(case.configuration.parameters_at(i))
        for i in range(case.number + 1)
    }
    now = widths.pop(case.number)
    lbfgs = case.parameters.get("solver") == "lbfgs"
    return any(
        len(before) != len(now) or (lbfgs and before != now)
        for before in widths.values()
    ) and _refuses(case, "hidden_layer_sizes=")


def _another_way(case: Case) -> bool:
    switched = case.changed("early_stopping", False) or case.changed("solver", "adam")
    missing = case.theirs is not None and case.theirs[0] in (AttributeError, TypeError)
    return switched and missing and case.ours is None


def _not_finite(case: Case) -> bool:
    if case.theirs is None or case.ours is None:
        return False
    more = r" The weights were first non-finite in epoch \d+\."
    return (
        case.theirs[0] is case.ours[0] is ValueError
        and case.theirs[1].startswith(NOT_FINITE)
        and re.fullmatch(re.escape(case.theirs[1]) + more, case.ours[1]) is not None
    )


def _weightless_row(case: Case) -> bool:
    return (
        case.has_weightless_rows
        and case.theirs is not None
        and case.theirs[1].startswith(NOT_FINITE)
    )


def _refuses(case: Case, beginning: str) -> bool:
    return (
        case.ours is not None
        and case.ours[0] is ValueError
        and case.ours[1].startswith(beginning)
    )


FAILURES: dict[str, Callable[[Case], bool]] = {
    "weightless-batch": _weightless_batch,
    "cancelling-weights": _cancelling_weights,
    "negative-poisson-targets": _negative_poisson,
    "another-depth": _another_depth,
    "another-way-to-train": _another_way,
    "non-finite-weights": _not_finite,
    WEIGHTLESS_ROW: _weightless_row,
}


def of_failure(case: Case) -> str | None:
    """The name of the deviation, if it is one."""
    return next((name for name, holds in FAILURES.items() if holds(case)), None)


def one_column(theirs: Outcome, ours: Outcome) -> bool:
    """Whether the only class has two columns there and one here."""
    a, b = (o.numbers.get("predict_proba") for o in (theirs, ours))
    return (
        a is not None
        and b is not None
        and len(theirs.exact["classes_"][1]) == 1
        and a.shape == (len(b), 2)
        and b.shape == (len(b), 1)
    )


def has_subnormal_outputs(theirs: Outcome) -> bool:
    """Whether an output is so small that it is zero in nnfast: y / 0 is infinite."""
    output = np.abs(theirs.numbers.get("predict", np.zeros(1)))
    return bool(((output > 0) & (output < np.finfo(float).tiny)).any())


def spoilt_by_weightless_row(case: Case, theirs: Outcome, ours: Outcome) -> bool:
    """Whether an infinite loss times weight zero is NaN there, without an error."""
    if "loss_" not in theirs.numbers or "loss_" not in ours.numbers:
        return False
    spoilt = np.isnan(theirs.numbers["loss_"]).all()
    return (
        case.has_weightless_rows
        and bool(spoilt)
        and not np.isnan(ours.numbers["loss_"]).any()
    )
