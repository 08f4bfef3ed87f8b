# SPDX-License-Identifier: BSD-3-Clause
"""T3: a shallow tanh network against logistic regression on concentric classes."""

from functools import cache, partial
from typing import Any

import numpy as np
from sklearn.datasets import make_gaussian_quantiles
from sklearn.linear_model import LogisticRegressionCV
from sklearn.neural_network import MLPClassifier

import nnfast

from . import compare
from .numpy_loops import train_shallow
from .report import Progress, Report, Table, Target

TITLE = "A shallow network against logistic regression: 2-4-1 tanh, 5000 epochs"
EPOCHS, RATE, HIDDEN = 5000, 1.2, 4
SIZES = (1, 2, 3, 4, 5, 20, 50)

# The tutorial names no seed. This one was searched for among 0 to 599: logistic
# regression finds the tutorial's 53 %, and 4 units learn from each of four initial
# weights; 7 seeds passed. Under most others the rate of 1.2 is too large: the cost
# leaps up now and then, and what it is after 5000 epochs hangs on the last bit of the
# arithmetic. The table says so too, lest the figures pass for those of any such data.
DATA_SEED = 530

TARGETS = (
    Target("logistic_accuracy", "logistic regression", "in", (0.52, 0.54), "percent"),
    Target("train_accuracy", "4 units", ">=", 0.93, "percent"),
    Target("first_cost", "cost at the start", "in", (0.685, 0.695), "loss"),
    Target("last_cost", "cost at epoch 5000", "<=", 0.12, "loss"),
    Target("accuracy_50", "50 units", ">=", 0.995, "percent"),
    Target("speed_vs_sklearn", "vs scikit-learn's MLP", ">=", 100, "times", True),
    Target("speed_vs_numpy_loop", "vs the NumPy loop", ">=", 20, "times", True),
    Target(
        key="speed_vs_logistic_regression",
        meaning="vs LogisticRegressionCV",
        relation=">=",
        bound=1,
        kind="times",
        timing=True,
    ),
)

SEED_NOTE = (
    f"The data's seed, {DATA_SEED}, is one of 7 among 600 under which logistic "
    "regression is right for about 53 % and 4 units train smoothly from each of four "
    "initial weights: under other seeds a rate of 1.2 can be too large."
)

OURS = {"init": "normal", "init_scale": 0.01}


@cache
def data() -> tuple[np.ndarray, np.ndarray]:
    return make_gaussian_quantiles(
        n_samples=200, n_features=2, n_classes=2, cov=0.7, random_state=DATA_SEED
    )


def settings(n_hidden: int = HIDDEN) -> dict[str, Any]:
    X, _ = data()
    return {
        "hidden_layer_sizes": (n_hidden,),
        "activation": "tanh",
        **compare.gradient_descent(len(X), EPOCHS, RATE),
    }


def network(n_hidden: int = HIDDEN) -> nnfast.MLPClassifier:
    return nnfast.MLPClassifier(**settings(n_hidden), **OURS, n_jobs=1)


@cache
def trained(n_hidden: int = HIDDEN) -> nnfast.MLPClassifier:
    return network(n_hidden).fit(*data())


@cache
def logistic() -> LogisticRegressionCV:
    return LogisticRegressionCV().fit(*data())


@cache
def held_out(n_hidden: int) -> float:
    """Ten-fold accuracy of a hidden size; of logistic regression for 0."""
    model = network(n_hidden) if n_hidden else LogisticRegressionCV()
    return compare.held_out_accuracy(model, *data())


@compare.quiet()
def figures(quick: bool = False) -> dict[str, Any]:
    """The facts of this tutorial; ``quick`` leaves out the ten folds."""
    curve = trained().loss_curve_
    facts = {
        "logistic_accuracy": logistic().score(*data()),
        "train_accuracy": trained().score(*data()),
        "epochs": len(curve),
        "first_cost": curve[0],
        "last_cost": curve[-1],
        "costs": {epoch: curve[epoch] for epoch in range(0, EPOCHS, 1000)},
        **{f"accuracy_{size}": trained(size).score(*data()) for size in SIZES},
    }
    if not quick:
        facts |= {f"held_out_{size}": held_out(size) for size in SIZES}
    return facts


def peers() -> list[compare.Peer]:
    loop = partial(
        train_shallow,
        n_hidden=HIDDEN,
        epochs=EPOCHS,
        learning_rate=RATE,
        seed=compare.SEED,
    )
    glorot = "Glorot initialisation instead: it has no normal weights of sd 0.01"
    peer = MLPClassifier(**settings())
    return [
        compare.Peer(compare.LOGISTIC, LogisticRegressionCV()),
        compare.Peer(compare.SKLEARN, peer, glorot),
        compare.Peer(compare.SKLEARN32, peer, glorot, np.float32),
        compare.Peer(compare.LOOP, compare.LoopClassifier(loop)),
        *compare.in_both_types(network()),
    ]


def size_table(facts: dict[str, Any]) -> Table:
    columns = {
        "hidden units": "text",
        "cost at 5000": "loss",
        "train accuracy": "percent",
        "held-out accuracy": "percent",
    }
    rows = [
        (
            str(size),
            trained(size).loss_,
            facts[f"accuracy_{size}"],
            facts[f"held_out_{size}"],
        )
        for size in SIZES
    ]
    return Table("nnfast by hidden size, float64", columns, rows)


def cost_table(facts: dict[str, Any]) -> Table:
    rows = [*facts["costs"].items(), (EPOCHS, facts["last_cost"])]
    columns = {"epochs done": "count", "cost": "loss"}
    return Table("Cost, 4 units", columns, rows, [SEED_NOTE])


def boundaries() -> Any:
    """Picture: the decision boundary of logistic regression and of each hidden size."""
    from matplotlib.colors import LinearSegmentedColormap
    from sklearn.inspection import DecisionBoundaryDisplay

    from . import style

    X, y = data()
    models = {"logistic regression": logistic()}
    names = {size: f"{size} unit{'s' if size > 1 else ''}" for size in SIZES}
    models |= {names[size]: trained(size) for size in SIZES}
    figure, axes = style.panels(2, 4, 11, 5.9)
    pale = LinearSegmentedColormap.from_list("pale", ("#FBE3D2", "#FFFFFF", "#CFE4F1"))
    for ax, size, (name, model) in zip(axes, (0, *SIZES), models.items()):
        DecisionBoundaryDisplay.from_estimator(
            model,
            X,
            ax=ax,
            response_method="predict_proba",
            plot_method="pcolormesh",
            grid_resolution=200,
            eps=0.4,
            cmap=pale,
            vmin=0,
            vmax=1,
            rasterized=True,
        )
        DecisionBoundaryDisplay.from_estimator(
            model,
            X,
            ax=ax,
            response_method="predict_proba",
            plot_method="contour",
            grid_resolution=200,
            eps=0.4,
            levels=[0.5],
            colors=style.BLACK,
        )
        for label, colour, marker in ((0, style.VERMILION, "s"), (1, style.BLUE, "o")):
            ax.scatter(
                *X[y == label].T,
                s=16,
                c=colour,
                marker=marker,
                edgecolors="white",
                linewidths=0.4,
                label=f"class {label}",
            )
        train, test = model.score(X, y), held_out(size)
        ax.set_title(f"{name}\ntrain {100 * train:.1f} %, held out {100 * test:.1f} %")
        ax.set(xticks=[], yticks=[], xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, markerscale=1.6)
    return figure


def run(progress: Progress) -> Report:
    X, y = data()
    rows = peers()
    seconds, models = compare.fit_in_turns(rows, X, y, progress)
    training = {name: model.score(X, y) for name, model in models.items()}
    held_outs = compare.held_out_accuracies(
        [row for row in rows if row.name != compare.SKLEARN32],  # to save time
        X,
        y,
        progress,
    )
    progress("hidden sizes, ten folds each")
    facts = figures() | compare.speed_figures(seconds)
    table = compare.comparison(
        "200 rows, 2 columns, full-batch gradient descent",
        rows,
        seconds,
        {
            "train accuracy": ("percent", training),
            "held-out accuracy": ("percent", held_outs),
        },
    )
    return Report(
        "T3",
        TITLE,
        facts,
        TARGETS,
        (table, cost_table(facts), size_table(facts)),
        {"T3": seconds},
        {"T3": trained().loss_curve_},
        {"decision_boundaries.png": boundaries},
    )
