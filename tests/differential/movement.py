# SPDX-License-Identifier: BSD-3-Clause
"""How far scikit-learn's own results move under changes that rounding makes too.

The measure is one unit in the last place of every entry of X: each sample moves them
all, up or down at random. That covers the rounding of the first layer only where X
matters to it, and nothing of what is rounded later: the 1 - p of a log loss loses
every bit of a p that is almost 1, whatever X does, and so does the slope h (1 - h) of
a saturated unit; of a unit that is never active, X does not move the weights at all,
but weight decay and adam's quotient do. So where a difference remains, what every
layer puts out, which is the X of the next, and the initial weights are moved by one
unit in the last place as well; ``widened`` says so.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
from sklearn import neural_network
from sklearn.neural_network._base import ACTIVATIONS
from sklearn.neural_network._multilayer_perceptron import BaseMultilayerPerceptron

from .configuration import Configuration
from .data import Arrays, arrays
from .record import Outcome, record

FACTOR = 100  # nnfast may differ by so many movements
AMPLIFIED = 1e-6  # of a result's size
FEW, MORE, MANY = 2, 12, 100  # samples: at first, and before a difference counts


class Samples:
    """scikit-learn's own record of a configuration, and those with X moved."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.data: Arrays = arrays(configuration)
        self.widened = False
        self._rng = np.random.RandomState(configuration.seed ^ 1)
        self.theirs = self._record(self.data.X)
        self.moved = [self._sample() for _ in range(FEW)]

    def _record(self, X: np.ndarray) -> list[Outcome]:
        return record(neural_network, self.configuration, self.data, X)

    def _sample(self) -> list[Outcome]:
        return self._record(_moved(self.data.X, self._rng))

    def move_more(self) -> None:
        """Sample what X does more often."""
        while len(self.moved) < MORE:
            self.moved.append(self._sample())

    def widen(self, most: int = 2 * MORE) -> None:
        """Sample what X, the initial weights and all layers' outputs do."""
        self.widened = True
        with _all_moved(self._rng):
            while len(self.moved) < most:
                self.moved.append(self._sample())

    def widen_more(self) -> None:
        """Sample that more often: the largest of some movements is itself a draw."""
        self.widen(MANY)

    def movement(self, number: int, kind: str, name: str) -> np.ndarray:
        """How far each entry of a result of a call moved at most.

        Without bound where a sample ends in an error instead. One in which a decision
        fell otherwise may have the result in another shape, or not at all: it does not
        count here; ``amplified`` tells of it.
        """
        base = getattr(self.theirs[number], kind)[name]
        movement = np.zeros(base.shape)
        for sample in self.moved:
            if number >= len(sample) or sample[number].error is not None:
                movement[...] = np.inf
            else:
                other = getattr(sample[number], kind).get(name)
                if other is not None and other.shape == base.shape:
                    movement = np.fmax(movement, distance(base, other))
        return movement

    def amplified(self) -> bool:
        """Whether a change of X in the last place moves any result by AMPLIFIED."""
        for sample in self.moved:
            if len(sample) != len(self.theirs):
                return True
            for a, b in zip(self.theirs, sample):
                if a.error != b.error or a.exact != b.exact:
                    return True
        for number, outcome in enumerate(self.theirs):
            for kind in ("numbers", "curves"):
                for name, value in getattr(outcome, kind).items():
                    movement = self.movement(number, kind, name)
                    if (movement > AMPLIFIED * _size(value)).any():
                        return True
        return False


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Entry by entry; zero where both are the same infinity or both no number."""
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(a - b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0, np.where(np.isnan(apart), np.inf, apart))


def _size(array: np.ndarray) -> float:
    """The largest finite entry."""
    return float(np.abs(np.where(np.isfinite(array), array, 0)).max(initial=0))


def _moved(array: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Every entry one unit in its last place up or down; zeros stay zeros.

    The neighbour of zero is 5e-324, too small to change anything.
    """
    direction = np.where(rng.rand(*array.shape) < 0.5, -np.inf, np.inf)
    return np.where(array == 0, array, np.nextafter(array, direction))


@contextmanager
def _all_moved(rng: np.random.RandomState) -> Iterator[None]:
    """Let scikit-learn's activations and initial weights end with the move.

    No activation leaves [-1, 1] by it.
    """
    draw_weights = BaseMultilayerPerceptron._init_coef

    def begin(*arguments: Any) -> tuple[np.ndarray, ...]:
        return tuple(_moved(array, rng) for array in draw_weights(*arguments))

    def activate(function: Any, Z: np.ndarray) -> None:
        function(Z)
        with np.errstate(over="ignore"):
            Z[...] = np.where(np.abs(Z) == 1, np.nextafter(Z, 0), _moved(Z, rng))

    table = {name: partial(activate, f) for name, f in ACTIVATIONS.items()}
    with (
        mock.patch.dict(ACTIVATIONS, table),
        mock.patch.object(BaseMultilayerPerceptron, "_init_coef", begin),
    ):
        yield
