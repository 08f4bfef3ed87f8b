# SPDX-License-Identifier: BSD-3-Clause
"""T5's next steps on the weather table: initialisations, L2, dropout, optimisers."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import log_loss

import nnfast

from . import compare
from .report import Table
from .weather import N_TRAIN, best_loss, tables

HIDDEN, EPOCHS, RATE = (16, 16, 16), 500, 0.2


def settings() -> dict[str, Any]:
    """The tutorial's training: full-batch gradient descent on ReLU layers."""
    return {
        "hidden_layer_sizes": HIDDEN,
        "activation": "relu",
        **compare.gradient_descent(N_TRAIN, EPOCHS, RATE),
    }


class Score(NamedTuple):
    train_loss: float
    held_out_loss: float
    train_accuracy: float
    held_out_accuracy: float


SCORE_COLUMNS = {
    "train loss": "loss",
    "held-out loss": "loss",
    "train accuracy": "percent",
    "held-out accuracy": "percent",
}


def score(model: nnfast.MLPClassifier, n_train: int | None = None) -> Score:
    """Log loss without L2 term, and accuracy, after training on ``n_train`` rows."""
    train, held_out = tables()
    sets = [(train.X[:n_train], train.rain[:n_train]), (held_out.X, held_out.rain)]
    losses = [float(log_loss(y, model.predict_proba(X)[:, 1])) for X, y in sets]
    return Score(*losses, *(float(model.score(X, y)) for X, y in sets))


# ---- initialisations -----------------------------------------------------------------

INITIALISATIONS = {
    "zeros": {"init": "zeros"},
    "small random (sd 0.01)": {"init": "normal", "init_scale": 0.01},
    "Xavier (Glorot)": {"init": "glorot_normal"},
    "He": {"init": "he_normal"},
}

ZEROS_NOTE = (
    "zeros FAILS: all units of a layer are alike and their weights get no gradient; "
    "only the last bias learns, so every row is given the commoner class. Weights that "
    "are too small stay near that point for long."
)


@cache
def initialised(name: str) -> nnfast.MLPClassifier:
    train, _ = tables()
    model = nnfast.MLPClassifier(**settings(), **INITIALISATIONS[name])
    return model.fit(train.X, train.rain)


def initialisation_figures() -> dict[str, float]:
    zeros = initialised("zeros")
    rain = tables()[0].rain.mean()
    return {
        "zeros_largest_weight": float(max(np.abs(W).max() for W in zeros.coefs_)),
        "zeros_accuracy": score(zeros).train_accuracy,
        "majority_share": float(max(rain, 1 - rain)),
        "he_accuracy": score(initialised("He")).train_accuracy,
    }


def initialisation_table() -> Table:
    rows = []
    for name in INITIALISATIONS:
        model = initialised(name)
        rows.append((name, model.loss_curve_[99], *score(model)))
    return Table(
        f"Initialisations, {EPOCHS} epochs of full-batch gradient descent",
        {"initial weights": "text", "loss at 100": "loss", **SCORE_COLUMNS},
        rows,
        [ZEROS_NOTE],
    )


# ---- L2 and dropout ------------------------------------------------------------------

FEW_ROWS, WIDE, FEW_EPOCHS, STRIDE = 200, (64, 64), 300, 5

REGULARISATIONS = {
    "neither": {},
    "L2, alpha=0.3": {"alpha": 0.3},
    "L2, alpha=1": {"alpha": 1.0},
    "dropout 0.3": {"dropout": 0.3},
    "dropout 0.5": {"dropout": 0.5},
    "dropout 0.3 and L2, alpha=0.1": {"dropout": 0.3, "alpha": 0.1},
}
SHOWN = ("neither", "L2, alpha=0.3", "dropout 0.5")
STRENGTHS = (
    f"The targets take {' and '.join(SHOWN[1:])}, the better of two strengths each "
    "by held-out loss."
)


def wide_network(name: str, **other: Any) -> nnfast.MLPClassifier:
    """A network large enough to learn 200 rows by heart."""
    options: dict[str, Any] = {
        "hidden_layer_sizes": WIDE,
        "solver": "adam",
        "learning_rate_init": 0.003,
        "batch_size": 32,
        "alpha": 0.0,
        "random_state": compare.SEED,
        **compare.every_epoch(FEW_EPOCHS),
        **REGULARISATIONS[name],
        **other,
    }
    return nnfast.MLPClassifier(**options)


@cache
def regularised(name: str) -> Score:
    train, _ = tables()
    model = wide_network(name).fit(train.X[:FEW_ROWS], train.rain[:FEW_ROWS])
    return score(model, FEW_ROWS)


def regularisation_figures() -> dict[str, float]:
    losses = {name: regularised(name).held_out_loss for name in SHOWN}
    without, l2, dropout = losses.values()
    return {"l2_gain": without / l2, "dropout_gain": without / dropout}


def regularisation_table() -> Table:
    rows = [(name, *regularised(name)) for name in REGULARISATIONS]
    return Table(
        f"L2 and dropout: {FEW_ROWS} rows, 3-64-64-1, Adam, {FEW_EPOCHS} epochs",
        {"with": "text", **SCORE_COLUMNS},
        rows,
        [f"Best possible held-out loss, the rule's own: {best_loss():.4f}.", STRENGTHS],
    )


@cache
def learning_curve(name: str) -> tuple[list[int], list[float], list[float]]:
    """Epochs, training loss and held-out loss while a wide network trains."""
    train, held_out = tables()
    X, y = train.X[:FEW_ROWS], train.rain[:FEW_ROWS]
    X_test, y_test = held_out.X[:5000], held_out.rain[:5000]
    model = wide_network(name, random_state=np.random.RandomState(compare.SEED))
    epochs, losses, test_losses = [], [], []
    for epoch in range(1, FEW_EPOCHS + 1):
        model.partial_fit(X, y, classes=[0, 1])
        if epoch % STRIDE == 0:
            epochs.append(epoch)
            losses.append(log_loss(y, model.predict_proba(X)[:, 1]))
            test_losses.append(log_loss(y_test, model.predict_proba(X_test)[:, 1]))
    return epochs, losses, test_losses


# ---- optimisers ----------------------------------------------------------------------

GIVEN_LOSS, RACE_EPOCHS, BATCH = 0.25, 300, 50

SGD_RATES, ADAM_RATES = (0.03, 0.1, 0.3), (0.003, 0.01, 0.03)

HEAVY_BALL = {"momentum": 0.9, "nesterovs_momentum": False}
NESTEROV = {"momentum": 0.9, "nesterovs_momentum": True}
ADAM = {"solver": "adam"}
MINI = {"batch_size": BATCH}

RACE_NOTE = (
    f"Each at its best rate: gradient descent of {SGD_RATES}, Adam of {ADAM_RATES}. "
    f"Momentum is 0.9. An epoch makes one step with the full batch, and "
    f"{N_TRAIN // BATCH} with mini-batches of {BATCH} rows. A rate of 1 is left out: "
    "plain gradient descent gets there in 127 epochs under it, but the loss leaps to "
    "above its start on the way."
)

PLAIN = "gradient descent, full batch"
OPTIMISERS = {
    PLAIN: {},
    "+ momentum": HEAVY_BALL,
    "+ Nesterov's momentum": NESTEROV,
    "+ mini-batches": MINI,
    "+ mini-batches, momentum": MINI | HEAVY_BALL,
    "Adam, full batch": ADAM,
    "Adam, mini-batches": ADAM | MINI,
}


class Race(NamedTuple):
    """How one optimiser did at the best of its learning rates."""

    rate: float
    epochs: int | None  # to the given loss; None: not within RACE_EPOCHS
    model: nnfast.MLPClassifier


def epochs_to(curve: list[float], loss: float) -> int | None:
    """The first epoch (from 1) whose loss is at most the given one."""
    below = np.flatnonzero(np.asarray(curve) <= loss)
    return int(below[0]) + 1 if below.size else None


@cache
def race(name: str) -> Race:
    train, _ = tables()
    options = {**settings(), **compare.every_epoch(RACE_EPOCHS), **OPTIMISERS[name]}
    rates = ADAM_RATES if options["solver"] == "adam" else SGD_RATES
    races = []
    for rate in rates:
        options["learning_rate_init"] = rate
        model = nnfast.MLPClassifier(**options).fit(train.X, train.rain)
        races.append(Race(rate, epochs_to(model.loss_curve_, GIVEN_LOSS), model))
    return min(races, key=lambda r: r.epochs or RACE_EPOCHS + 1)


@cache
def after_few_epochs(name: str, epochs: int = 30) -> Score:
    train, _ = tables()
    options = race(name).model.get_params() | compare.every_epoch(epochs)
    return score(nnfast.MLPClassifier(**options).fit(train.X, train.rain))


def optimiser_figures() -> dict[str, Any]:
    """How many times fewer epochs than plain gradient descent each step needs."""
    epochs = {name: race(name).epochs for name in OPTIMISERS}
    gains = {
        "momentum_gain": "+ momentum",
        "mini_batch_gain": "+ mini-batches",
        "adam_gain": "Adam, full batch",
    }
    plain = epochs[PLAIN] or RACE_EPOCHS
    return {
        "epochs_to_given_loss": epochs,
        **{k: plain / (epochs[name] or np.inf) for k, name in gains.items()},
    }


def optimiser_table() -> Table:
    rows = []
    for name in OPTIMISERS:
        best = race(name)
        epochs = best.epochs or f"over {RACE_EPOCHS}"
        rows.append((name, best.rate, epochs, *after_few_epochs(name)[:2]))
    return Table(
        f"Optimisers: epochs to a training loss of {GIVEN_LOSS}, then losses at 30",
        {
            "optimiser": "text",
            "learning rate": "number",
            "epochs": "count",
            "train loss at 30": "loss",
            "held-out loss at 30": "loss",
        },
        rows,
        [RACE_NOTE],
    )
