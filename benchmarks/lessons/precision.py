# SPDX-License-Identifier: BSD-3-Clause
"""The tutorials' loss curves in float32 beside those in float64.

While rounding errors add up, they are bounded: a step in float32 rounds each of the
terms that an output is made of by at most 2^-24 of it, and the errors of steps add.
Where the rate of gradient descent is too large for the loss's curvature, a step also
multiplies them, and so it does with any others: what float64 makes of errors of the
same size says whether float32 is to blame for where it ends.
"""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

import nnfast

from . import compare, t1, t2, t3, t4, t5
from .weather import tables

FIRST_EPOCHS = 20
HALF_ULP = 2.0**-24  # of 1, in float32
LARGEST_END = 0.01  # difference at the end, relative
DRAWS = 10  # fits with perturbed weights


class Task(NamedTuple):
    network: str
    model: Any  # fitted in float64
    X: np.ndarray
    y: np.ndarray

    @property
    def double(self) -> np.ndarray:
        return np.array(self.model.loss_curve_)

    @compare.quiet()
    def single(self) -> np.ndarray:
        """Losses of the same fit in float32."""
        model = clone(self.model).fit(self.X.astype(np.float32), self.y)
        return np.array(model.loss_curve_)

    @compare.quiet()
    def perturbed(self, seed: int, by: float = HALF_ULP) -> np.ndarray:
        """Losses in float64, each weight moved by up to so much of it in each epoch.

        Each epoch is a ``partial_fit``, which puts rows of batches in another order.
        """
        rng = np.random.default_rng(seed)
        model = clone(self.model).set_params(max_iter=1).fit(self.X, self.y)
        for _ in self.double[1:]:
            for weights in (*model.coefs_, *model.intercepts_):
                weights *= 1 + by * rng.uniform(-1, 1, weights.shape)
            model.partial_fit(self.X, self.y)
        return np.array(model.loss_curve_)

    @property
    def bound(self) -> float:
        """Of float32's differences in the first epochs, while errors only add up."""
        steps_per_epoch = -(-len(self.X) // self.model.batch_size)
        # Of all sums on the way from the inputs to an output.
        n_terms = sum(len(W) + 1 for W in self.model.coefs_)
        return FIRST_EPOCHS * steps_per_epoch * n_terms * HALF_ULP


@compare.quiet()
def tasks() -> dict[str, Task]:
    """The network of each tutorial, and the digits of T5."""
    _, cancer, benign = t1.data()
    weather, _ = tables()
    X, digit = t5.digits_data()
    digits = nnfast.MLPClassifier(**t5.digits_settings())
    return {
        "T1": Task("30-4-1 logistic", t1.trained(), cancer, benign),
        "T2": Task("3-4-1 logistic", t2.trained(), t2.X, t2.Y),
        "T3": shallow(t3.HIDDEN),
        "T4": Task("2-3-1 logistic", t4.trained(), t4.X, t4.Y),
        "T5": Task("3-16-16-16-1 relu", t5.trained(), weather.X, weather.rain),
        "T5, digits": Task("64-100-10 relu", digits.fit(X, digit), X, digit),
    }


@compare.quiet()
def shallow(n_hidden: int) -> Task:
    """T3 with so many hidden units."""
    return Task(f"2-{n_hidden}-1 tanh", t3.trained(n_hidden), *t3.data())


def first_difference(curve: np.ndarray, exact: np.ndarray) -> float:
    """The largest of the first epochs, relative."""
    return float(np.abs(curve / exact - 1)[:FIRST_EPOCHS].max())


def last_difference(curve: np.ndarray, exact: np.ndarray) -> float:
    return float(abs(curve[-1] / exact[-1] - 1))


def perturbed_ends(task: Task) -> list[float]:
    """How far apart float64 ends when its weights are perturbed."""
    exact = task.perturbed(0, by=0.0)
    return [last_difference(task.perturbed(seed), exact) for seed in range(DRAWS)]
