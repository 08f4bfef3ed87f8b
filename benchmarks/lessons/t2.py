# SPDX-License-Identifier: BSD-3-Clause
"""T2: feedforward and backprop on four rows, then a family of activations and costs."""

from functools import cache, partial
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

import nnfast

from . import compare
from .numpy_loops import train_class
from .report import Progress, Report, Table, Target

TITLE = "Feedforward and backprop on XOR: 3-4-1, squared error, 2500 epochs"
EPOCHS, HIDDEN = 2500, 4

# The tutorial adds the gradient of the sum of four squared errors, which is eight
# times that of nnfast's loss, half their mean.
RATE = 8.0

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
Y = np.array([0, 1, 1, 0], dtype=float)

TARGETS = (
    Target("n_losses", "losses recorded", "==", EPOCHS, "count"),
    Target("rises", "times the loss rises", "==", 0, "count"),
    Target("largest_error", "largest error of a prediction", "<=", 0.1, "loss"),
)

FAMILY_HIDDEN, FAMILY_RATE = 8, 2.0
ROUNDING = 1e-15  # of a loss near 1: smaller rises are not counted in the tables

ACTIVATIONS = (
    *("identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu"),
    *("silu", "mish", "softplus", "softsign", "hard_sigmoid"),
)

# hard_sigmoid is a straight line between -3 and 3: it must start with wider weights.
WIDER = {"hard_sigmoid": {"init": "normal", "init_scale": 2.0}}

FAMILY_NOTE = (
    "identity leaves a linear model, which cannot do XOR: 0.5 is all it can say. "
    "hard_sigmoid is linear between -3 and 3, so it starts with wider weights. "
    "rises: epochs whose loss is above the one before; the rate, one for all, is too "
    "large for some."
)

# Cost, estimator, output and learning rate: the output that suits the cost, and the
# rate that suits its slope. Absolute error has a slope of one up to its very
# minimum, so there the steps must shrink.
COSTS = (
    ("squared_error", "MLPRegressor", "logistic", 2.0, "constant"),
    ("squared_error", "MLPRegressor", "identity", 0.1, "constant"),
    ("absolute_error", "MLPRegressor", "identity", 0.5, "invscaling"),
    ("huber", "MLPRegressor", "identity", 0.1, "constant"),
    ("log_cosh", "MLPRegressor", "identity", 0.1, "constant"),
    ("poisson", "MLPRegressor", "exp", 0.1, "constant"),
    ("log_loss", "MLPClassifier", "logistic", 0.1, "constant"),
    ("squared_error", "MLPClassifier", "logistic", 2.0, "constant"),
)


def settings(rate: float = RATE, n_hidden: int = HIDDEN) -> dict[str, Any]:
    return {
        "hidden_layer_sizes": (n_hidden,),
        "activation": "logistic",
        **compare.gradient_descent(len(X), EPOCHS, rate),
    }


@cache
def trained() -> nnfast.MLPRegressor:
    return nnfast.MLPRegressor(**settings(), output_activation="logistic").fit(X, Y)


def outputs(model: Any) -> np.ndarray:
    """What the network answers for the four rows, class or value."""
    is_classifier = hasattr(model, "predict_proba")
    return model.predict_proba(X)[:, 1] if is_classifier else model.predict(X)


def largest_error(model: Any) -> float:
    return float(np.abs(outputs(model) - Y).max())


def activation_rows() -> list[tuple[str, str, float, float, int]]:
    """Every activation in the hidden layer: start, final loss, largest error, rises."""
    rows = []
    for activation in ACTIVATIONS:
        wider = WIDER.get(activation, {})
        start = "normal, sd 2" if wider else "auto"
        options = settings(FAMILY_RATE, FAMILY_HIDDEN) | wider
        options |= {"activation": activation, "output_activation": "logistic"}
        model = nnfast.MLPRegressor(**options).fit(X, Y)
        errors = largest_error(model), compare.rises(model.loss_curve_, ROUNDING)
        rows.append((activation, start, model.loss_, *errors))
    return rows


def cost_rows() -> list[tuple[str, str, str, float, float, int]]:
    """Every cost on its output: estimator, rate, largest error, rises of the loss."""
    rows = []
    for loss, estimator, output, rate, schedule in COSTS:
        options = settings(rate, FAMILY_HIDDEN) | {"activation": "tanh", "loss": loss}
        options["learning_rate"] = schedule
        if output == "logistic" and estimator == "MLPRegressor":
            options["output_activation"] = output
        model = getattr(nnfast, estimator)(**options).fit(X, Y)
        errors = largest_error(model), compare.rises(model.loss_curve_, ROUNDING)
        rows.append((loss, estimator, output, rate, *errors))
    return rows


@compare.quiet()
def figures(quick: bool = False) -> dict[str, Any]:
    """The facts of this tutorial; ``quick`` leaves out the families."""
    model = trained()
    facts = {
        "n_losses": len(model.loss_curve_),
        "rises": compare.rises(model.loss_curve_),
        "loss": model.loss_,
        "predictions": outputs(model).tolist(),
        "largest_error": largest_error(model),
    }
    if not quick:
        facts["activations"] = {row[0]: row[3] for row in activation_rows()}
        facts["costs"] = {" ".join(row[:3]): row[4] for row in cost_rows()}
    return facts


def family_tables() -> list[Table]:
    activations = Table(
        f"Each activation, {FAMILY_HIDDEN} units, logistic output, rate {FAMILY_RATE}",
        {
            "activation": "text",
            "initial weights": "text",
            "final loss": "loss",
            "largest error": "loss",
            "rises": "count",
        },
        activation_rows(),
        [FAMILY_NOTE],
    )
    costs = Table(
        f"Each cost on the output that suits it, {FAMILY_HIDDEN} tanh units",
        {
            "cost": "text",
            "estimator": "text",
            "output": "text",
            "learning rate": "number",
            "largest error": "loss",
            "rises": "count",
        },
        cost_rows(),
        ["absolute_error takes shrinking steps: learning_rate='invscaling'."],
    )
    return [activations, costs]


def run(progress: Progress) -> Report:
    loop = partial(train_class, n_hidden=HIDDEN, epochs=EPOCHS, seed=compare.SEED)
    few = "four rows, two of a class, are too few for its five folds"
    log_loss = "log loss instead: it has no squared error on a logistic output"
    ours = nnfast.MLPRegressor(**settings(), output_activation="logistic", n_jobs=1)
    peers = [
        compare.Peer(compare.LOGISTIC, None, few),
        compare.Peer(compare.SKLEARN, MLPClassifier(**settings()), log_loss),
        compare.Peer(compare.LOOP, compare.LoopClassifier(loop)),
        *compare.in_both_types(ours),
    ]
    seconds, models = compare.fit_in_turns(peers, X, Y, progress)
    errors = {name: largest_error(model) for name, model in models.items()}
    progress("every activation, every cost")
    facts = figures() | compare.speed_figures(seconds)
    table = compare.comparison(
        "4 rows, full-batch gradient descent",
        peers,
        seconds,
        {"largest error": ("loss", errors)},
    )
    predictions = Table(
        "Predictions",
        {"x": "text", "predicted": "loss", "true": "count"},
        [
            (str(x.astype(int).tolist()), p, t)
            for x, p, t in zip(X, facts["predictions"], Y)
        ],
    )
    return Report(
        "T2",
        TITLE,
        facts,
        TARGETS,
        (table, predictions, *family_tables()),
        {"T2": seconds},
        {"T2": trained().loss_curve_},
    )
