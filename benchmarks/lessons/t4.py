# SPDX-License-Identifier: BSD-3-Clause
"""T4: hours of study and sleep to a test score, with a sigmoid at the output."""

from functools import cache, partial
from typing import Any

import numpy as np
from sklearn.neural_network import MLPRegressor

import nnfast

from . import compare
from .numpy_loops import train_study
from .report import Progress, Report, Table, Target

TITLE = "Hours of study and sleep to a score: 2-3-1, squared error, 5000 epochs"
EPOCHS, HIDDEN = 5000, 3

# The tutorial adds the gradient of half the sum of three squared errors: three times
# that of nnfast's loss, half their mean.
RATE = 3.0

HOURS = np.array([[2, 9], [1, 5], [3, 6]], dtype=float)
POINTS = np.array([92, 86, 89], dtype=float)
NEW_STUDENT = np.array([[4, 8]], dtype=float)

X, Y = HOURS / HOURS.max(axis=0), POINTS / 100

TARGETS = (
    Target("loss", "mean squared error in training", "<", 1e-4, "loss"),
    Target("predicted_points", "points for (4, 8)", "in", (85, 100), "points"),
)

OURS = {"output_activation": "logistic", "init": "normal", "init_scale": 1.0}


def settings() -> dict[str, Any]:
    return {
        "hidden_layer_sizes": (HIDDEN,),
        "activation": "logistic",
        **compare.gradient_descent(len(X), EPOCHS, RATE),
    }


@cache
def trained() -> nnfast.MLPRegressor:
    return nnfast.MLPRegressor(**settings(), **OURS).fit(X, Y)


def mean_squared_error(model: Any) -> float:
    return float(np.mean((model.predict(X) - Y) ** 2))


def predicted_points(model: Any) -> float:
    """The score of the new student, scaled as the training rows are."""
    return float(100 * model.predict(NEW_STUDENT / HOURS.max(axis=0))[0])


@compare.quiet()
def figures(quick: bool = False) -> dict[str, Any]:
    """The facts of this tutorial, all of them quick."""
    model = trained()
    return {
        "loss": mean_squared_error(model),
        "predicted_points": predicted_points(model),
        "points": (100 * model.predict(X)).tolist(),
    }


def run(progress: Progress) -> Report:
    loop = partial(train_study, n_hidden=HIDDEN, epochs=EPOCHS, seed=compare.SEED)
    peers = [
        compare.Peer(compare.LOGISTIC, None, "three rows of a number, not of a class"),
        compare.Peer(
            compare.SKLEARN,
            MLPRegressor(**settings() | {"learning_rate_init": 0.1}),
            "identity output and Glorot initialisation instead, and a learning rate "
            "that suits them (0.1): it has no logistic output",
        ),
        compare.Peer(compare.LOOP, compare.LoopRegressor(loop)),
        *compare.in_both_types(nnfast.MLPRegressor(**settings(), **OURS, n_jobs=1)),
    ]
    seconds, models = compare.fit_in_turns(peers, X, Y, progress)
    losses = {name: mean_squared_error(model) for name, model in models.items()}
    points = {name: predicted_points(model) for name, model in models.items()}
    facts = figures() | compare.speed_figures(seconds)
    table = compare.comparison(
        "3 rows, full-batch gradient descent",
        peers,
        seconds,
        {
            "mean squared error": ("loss", losses),
            "points for (4, 8)": ("points", points),
        },
    )
    predictions = Table(
        "Points",
        {"study, sleep": "text", "predicted": "points", "true": "points"},
        [
            (f"{study:g} h, {sleep:g} h", p, t)
            for (study, sleep), p, t in zip(
                (*HOURS, NEW_STUDENT[0]),
                (*facts["points"], facts["predicted_points"]),
                (*POINTS, None),
            )
        ],
    )
    return Report(
        "T4",
        TITLE,
        facts,
        TARGETS,
        (table, predictions),
        {"T4": seconds},
        {"T4": trained().loss_curve_},
    )
