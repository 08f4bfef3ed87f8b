# SPDX-License-Identifier: BSD-3-Clause
"""T1: two layers of sigmoids and squared error on the breast cancer data."""

from functools import cache, partial
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import nnfast

from . import compare
from .numpy_loops import train_two_layers
from .report import Progress, Report, Table, Target

TITLE = "Two layers on breast cancer: 30-4-1, squared error, 1000 epochs"
EPOCHS, RATE, HIDDEN = 1000, 2.0, 4

TARGETS = (
    Target("train_accuracy", "training accuracy", ">=", 0.98, "percent"),
    Target("epochs", "epochs run", "==", EPOCHS, "count"),
)


@cache
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The 569 rows as measured, standardised, and their classes (1: benign)."""
    raw, y = load_breast_cancer(return_X_y=True)
    return raw, StandardScaler().fit_transform(raw), y


def settings(n_rows: int) -> dict[str, Any]:
    return {
        "hidden_layer_sizes": (HIDDEN,),
        "activation": "logistic",
        **compare.gradient_descent(n_rows, EPOCHS, RATE),
    }


@cache
def trained() -> nnfast.MLPClassifier:
    _, X, y = data()
    model = nnfast.MLPClassifier(**settings(len(X)), loss="squared_error")
    return model.fit(X, y)


def ten_rows() -> list[tuple[int, float, int]]:
    """Row number, predicted probability and true value of ten rows drawn at random."""
    _, X, y = data()
    rows = np.sort(np.random.default_rng(compare.SEED).choice(len(X), 10, False))
    probabilities = trained().predict_proba(X[rows])[:, 1]
    return [
        (int(row), float(p), int(value))
        for row, p, value in zip(rows, probabilities, y[rows])
    ]


@compare.quiet()
def figures(quick: bool = False) -> dict[str, Any]:
    """The facts of this tutorial; ``quick`` leaves out the ten folds."""
    raw, X, y = data()
    model = trained()
    facts = {
        "train_accuracy": model.score(X, y),
        "loss": model.loss_,
        "epochs": model.n_iter_,
        "ten_rows": ten_rows(),
    }
    if not quick:
        facts["held_out_accuracy"] = compare.held_out_accuracy(
            model, raw, y, standardise=True
        )
    return facts


def run(progress: Progress) -> Report:
    raw, X, y = data()
    loop = partial(
        train_two_layers,
        n_hidden=HIDDEN,
        epochs=EPOCHS,
        learning_rate=RATE,
        seed=compare.SEED,
    )
    log_loss = "log loss instead: it has no squared error for classes"
    ours = nnfast.MLPClassifier(**settings(len(X)), loss="squared_error", n_jobs=1)
    peers = [
        compare.Peer(compare.LOGISTIC, LogisticRegressionCV()),
        compare.Peer(compare.SKLEARN, MLPClassifier(**settings(len(X))), log_loss),
        compare.Peer(compare.LOOP, compare.LoopClassifier(loop)),
        *compare.in_both_types(ours),
    ]
    seconds, models = compare.fit_in_turns(peers, X, y, progress)
    training = {name: model.score(X, y) for name, model in models.items()}
    held_out = compare.held_out_accuracies(peers, raw, y, progress, standardise=True)
    facts = figures(quick=True) | compare.speed_figures(seconds)
    facts["held_out_accuracy"] = held_out[compare.NNFAST]
    table = compare.comparison(
        "569 rows, 30 standardised columns, full-batch gradient descent",
        peers,
        seconds,
        {
            "train accuracy": ("percent", training),
            "held-out accuracy": ("percent", held_out),
        },
    )
    rows = Table(
        "Ten rows drawn at random",
        {"row": "count", "predicted": "loss", "true": "count"},
        facts["ten_rows"],
    )
    curve = trained().loss_curve_
    return Report(
        "T1", TITLE, facts, TARGETS, (table, rows), {"T1": seconds}, {"T1": curve}
    )
