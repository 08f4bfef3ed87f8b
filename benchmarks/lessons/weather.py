# SPDX-License-Identifier: BSD-3-Clause
"""A table of weather readings whose best possible accuracy is known.

Temperature in degrees Celsius, relative humidity in per cent, pressure in hectopascal;
drawn independently. It rains at a front or in a shower, whichever is likelier::

    front  = (humidity - 72) / 4     - (pressure - 1009) / 3
    shower = (temperature - 22) / 1.5 + (humidity - 60) / 5
    P(rain) = 1 / (1 + exp(-max(front, shower) / NOISE))

With NOISE at 1 about one reading in ten goes against the rule. Nobody can do better
than to say rain where P(rain) > 1/2; that is right in a share max(P, 1 - P) of cases.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

NOISE = 1.0
N_TRAIN, N_HELD_OUT = 2000, 20_000
TRAIN_SEED, HELD_OUT_SEED = 0, 1


class Readings(NamedTuple):
    """Columns as measured, whether it rained, and how likely that was."""

    X: np.ndarray
    rain: np.ndarray
    probability: np.ndarray


def draw(n_rows: int, seed: int) -> Readings:
    """Rows that follow the rule above."""
    rng = np.random.default_rng(seed)
    temperature = rng.normal(15, 8, n_rows)
    humidity = 100 * rng.beta(5, 2.5, n_rows)
    pressure = rng.normal(1013, 9, n_rows)
    front = (humidity - 72) / 4 - (pressure - 1009) / 3
    shower = (temperature - 22) / 1.5 + (humidity - 60) / 5
    probability = 1 / (1 + np.exp(-np.maximum(front, shower) / NOISE))
    rain = (rng.random(n_rows) < probability).astype(int)
    return Readings(
        np.column_stack([temperature, humidity, pressure]), rain, probability
    )


@cache
def tables() -> tuple[Readings, Readings]:
    """Training and held-out rows, both standardised by the training columns."""
    train, held_out = draw(N_TRAIN, TRAIN_SEED), draw(N_HELD_OUT, HELD_OUT_SEED)
    scaler = StandardScaler().fit(train.X)
    return (
        train._replace(X=scaler.transform(train.X)),
        held_out._replace(X=scaler.transform(held_out.X)),
    )


def best_accuracy() -> dict[str, float]:
    """What the rule itself gets right: in expectation, and of the held-out rows."""
    probability = draw(1_000_000, 2).probability
    _, held_out = tables()
    hits = (held_out.probability > 0.5) == held_out.rain
    return {
        "expected": float(np.mean(np.maximum(probability, 1 - probability))),
        "held_out": float(np.mean(hits)),
    }


def best_loss() -> float:
    """Log loss of the rule's own probabilities on the held-out rows."""
    _, held_out = tables()
    return float(log_loss(held_out.rain, held_out.probability))
