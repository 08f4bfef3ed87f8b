# SPDX-License-Identifier: BSD-3-Clause
"""T5: a network of any depth on weather readings, and 64-100-10 on the digits."""

from functools import cache, partial
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegressionCV
from sklearn.neural_network import MLPClassifier

import nnfast

from . import compare, studies
from .numpy_loops import train_deep
from .report import Progress, Report, Table, Target
from .studies import EPOCHS, HIDDEN, RATE
from .weather import N_HELD_OUT, N_TRAIN, TRAIN_SEED, best_accuracy, draw, tables

TITLE = "A network of any depth on weather: 3-16-16-16-1 ReLU, 500 epochs"
DIGITS_EPOCHS = 50

TARGETS = (
    Target("points_short", "points short of the best possible", "<=", 1.0, "points"),
    Target("zeros_largest_weight", "zeros: largest weight afterwards", "==", 0.0),
    Target("zeros_gain", "zeros: accuracy above majority", "<=", 0.001, "percent"),
    Target("l2_gain", "held-out loss, without / with L2", ">=", 1.2),
    Target("dropout_gain", "held-out loss, without / with dropout", ">=", 1.2),
    Target("mini_batch_gain", "epochs, without / with mini-batches", ">=", 1.2),
    Target("momentum_gain", "epochs, without / with momentum", ">=", 1.2),
    Target("adam_gain", "epochs, gradient descent / Adam", ">=", 1.2),
)
PEER_TARGETS = (
    Target("loss_difference", "loss curve, relative to scikit-learn's", "<=", 1e-6),
    Target(
        "digits_speed", "digits vs scikit-learn, both float32", ">=", 5, "times", True
    ),
)


@cache
def trained() -> nnfast.MLPClassifier:
    train, _ = tables()
    return nnfast.MLPClassifier(**studies.settings()).fit(train.X, train.rain)


@compare.quiet()
def figures(quick: bool = False) -> dict[str, Any]:
    """The facts of this tutorial; ``quick`` leaves out the ten folds."""
    best = best_accuracy()
    scores = studies.score(trained())
    facts = {
        "best_accuracy_expected": best["expected"],
        "best_accuracy_held_out": best["held_out"],
        "train_accuracy": scores.train_accuracy,
        "held_out_accuracy": scores.held_out_accuracy,
        "points_short": 100 * (best["held_out"] - scores.held_out_accuracy),
        **studies.initialisation_figures(),
        **studies.regularisation_figures(),
        **studies.optimiser_figures(),
    }
    facts["zeros_gain"] = facts["zeros_accuracy"] - facts["majority_share"]
    if not quick:
        raw = draw(N_TRAIN, TRAIN_SEED)
        facts["ten_fold_accuracy"] = compare.held_out_accuracy(
            trained(), raw.X, raw.rain, standardise=True
        )
    return facts


def peers() -> list[compare.Peer]:
    settings = studies.settings()
    loop = partial(
        train_deep,
        hidden=HIDDEN,
        epochs=EPOCHS,
        learning_rate=RATE,
        seed=compare.SEED,
    )
    return [
        compare.Peer(compare.LOGISTIC, LogisticRegressionCV()),
        compare.Peer(compare.SKLEARN, MLPClassifier(**settings)),
        compare.Peer(compare.LOOP, compare.LoopClassifier(loop)),
        *compare.in_both_types(nnfast.MLPClassifier(**settings, n_jobs=1)),
    ]


def loss_difference(models: dict[str, Any]) -> float:
    """Largest relative difference of nnfast's loss curve from scikit-learn's."""
    ours, theirs = (
        np.array(models[name].loss_curve_) for name in (compare.NNFAST, compare.SKLEARN)
    )
    return float(np.max(np.abs(ours / theirs - 1)))


def digits_data() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def digits_settings() -> dict[str, Any]:
    """64-100-10 with batches of 200, Adam."""
    return {
        "hidden_layer_sizes": (100,),
        "batch_size": 200,
        "random_state": compare.SEED,
        **compare.every_epoch(DIGITS_EPOCHS),
    }


def digits(progress: Progress) -> tuple[Table, dict[str, float]]:
    """Speed on the digits."""
    X, y = digits_data()
    options = digits_settings()
    peer = MLPClassifier(**options)
    rows = [
        compare.Peer(compare.SKLEARN, peer),
        compare.Peer(compare.SKLEARN32, peer, dtype=np.float32),
        *compare.in_both_types(nnfast.MLPClassifier(**options, n_jobs=1)),
    ]
    seconds, models = compare.fit_in_turns(rows, X, y, progress)
    accuracies = {name: model.score(X, y) for name, model in models.items()}
    losses = {name: model.loss_ for name, model in models.items()}
    table = compare.comparison(
        f"Digits, 1797 rows, 64-100-10, batch 200, Adam, {DIGITS_EPOCHS} epochs",
        rows,
        seconds,
        {"train loss": ("loss", losses), "train accuracy": ("percent", accuracies)},
    )
    return table, seconds


def initialisations() -> Any:
    """Picture: training loss from each initialisation."""
    from . import style

    figure, (ax,) = style.panels(1, 1, 7, 4)
    epochs = range(1, EPOCHS + 1)
    lines = {
        name: (epochs, studies.initialised(name).loss_curve_)
        for name in studies.INITIALISATIONS
    }
    style.draw_lines(ax, lines)
    ax.set(xlabel="epoch", ylabel="training log loss", ylim=(0.2, 0.85))
    ax.set_title("T5: the loss from each initialisation")
    ax.legend()
    return figure


def regularisation() -> Any:
    """Picture: training and held-out loss with neither, L2 and dropout."""
    from . import style

    figure, axes = style.panels(1, 2, 9, 3.8)
    curves = {name: studies.learning_curve(name) for name in studies.SHOWN}
    titles = ("training loss", "held-out loss")
    for ax, title, i in zip(axes, titles, (1, 2)):
        style.draw_lines(ax, {name: (c[0], c[i]) for name, c in curves.items()})
        ax.set(xlabel="epoch", ylim=(0, 1.2))
        ax.set_title(f"T5: {title}, trained on {studies.FEW_ROWS} rows")
    best = studies.best_loss()
    axes[1].axhline(best, color=style.BLACK, linewidth=1)
    axes[1].annotate(
        "best possible",
        (studies.FEW_EPOCHS, best - 0.02),
        ha="right",
        va="top",
        fontsize=9,
    )
    axes[0].set_ylabel("log loss")
    axes[0].legend()
    return figure


def optimisers() -> Any:
    """Picture: training loss under each optimiser at its best rate."""
    from . import style

    figure, (ax,) = style.panels(1, 1, 7.5, 4.2)
    lines = {}
    for name in studies.OPTIMISERS:
        best = studies.race(name)
        curve = best.model.loss_curve_
        lines[f"{name} (rate {best.rate:g})"] = (range(1, len(curve) + 1), curve)
    style.draw_lines(ax, lines)
    ax.axhline(studies.GIVEN_LOSS, color=style.BLACK, linewidth=1)
    ax.annotate("the given loss", (1, studies.GIVEN_LOSS - 0.01), va="top", fontsize=9)
    ax.set(xscale="log", xlabel="epoch", ylabel="training log loss")
    ax.set(xlim=(0.9, 200), ylim=(0.2, 0.75))
    style.plain_numbers(ax.xaxis)
    ax.set_title("T5: the loss under each optimiser")
    ax.legend(fontsize=9)
    return figure


def run(progress: Progress) -> Report:
    train, held_out = tables()
    raw = draw(N_TRAIN, TRAIN_SEED)
    rows = peers()
    seconds, models = compare.fit_in_turns(rows, train.X, train.rain, progress)
    scores = {
        "train accuracy": {n: m.score(train.X, train.rain) for n, m in models.items()},
        "held-out, ten folds": compare.held_out_accuracies(
            rows, raw.X, raw.rain, progress, standardise=True
        ),
        "held-out, 20,000 rows": {
            n: m.score(held_out.X, held_out.rain) for n, m in models.items()
        },
    }
    digits_table, digits_seconds = digits(progress)
    progress("initialisations, L2, dropout, optimisers")
    facts = figures(quick=True) | compare.speed_figures(seconds)
    facts["ten_fold_accuracy"] = scores["held-out, ten folds"][compare.NNFAST]
    facts["loss_difference"] = loss_difference(models)
    facts["digits_speed"] = (
        digits_seconds[compare.SKLEARN32] / digits_seconds[compare.NNFAST32]
    )
    table = compare.comparison(
        f"{N_TRAIN} rows, 3 standardised columns, full-batch gradient descent",
        rows,
        seconds,
        {heading: ("percent", values) for heading, values in scores.items()},
    )
    best = Table(
        "Best possible accuracy, by the rule that made the table",
        {"of": "text", "right": "percent"},
        [
            ("the rule, in expectation", facts["best_accuracy_expected"]),
            (f"the rule, {N_HELD_OUT:,} rows", facts["best_accuracy_held_out"]),
            (f"nnfast, the same {N_HELD_OUT:,} rows", facts["held_out_accuracy"]),
        ],
    )
    return Report(
        "T5",
        TITLE,
        facts,
        TARGETS + PEER_TARGETS,
        (
            table,
            best,
            studies.initialisation_table(),
            studies.regularisation_table(),
            studies.optimiser_table(),
            digits_table,
        ),
        {"T5": seconds, "digits": digits_seconds},
        {"T5": trained().loss_curve_},
        {
            "initialisations.png": initialisations,
            "l2_and_dropout.png": regularisation,
            "optimisers.png": optimisers,
        },
    )
