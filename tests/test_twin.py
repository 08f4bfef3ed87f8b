# SPDX-License-Identifier: BSD-3-Clause
"""The twin, which the core is held to, trains as scikit-learn does."""

import itertools
import math
import warnings

import numpy as np
import pytest
import twin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from trainings import same


def sklearn_problem(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(103, 5))
    y = X[:, 0] ** 2 + X[:, 1]
    return (
        X,
        {
            "binary": y > 0.7,
            "multi-class": np.digitize(y, [0, 1]),
            "multi-label": np.c_[y > 0.7, X[:, 2] > 0].astype(int),
            "squared": y,
            "squared-2": np.c_[y, X[:, 3]],
            "poisson": abs(y),
        }[kind],
        rng.uniform(0.1, 3, size=103),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"solver": "adam"},
        {"solver": "adam", "batch_size": 17, "early_stopping": True, "max_iter": 12},
        {"solver": "sgd", "batch_size": 17, "learning_rate": "invscaling"},
        {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.05},
        {
            "solver": "sgd",
            "learning_rate": "adaptive",
            "max_iter": 40,
            "tol": 1e-2,
            "n_iter_no_change": 2,
        },
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "kind", ["binary", "multi-class", "multi-label", "squared", "squared-2", "poisson"]
)
def test_twin_is_scikit_learn(kind, weighted, changes):
    """Same seed, same weights, same curves, same generator afterwards.

    1e-12: sums in another order (BLAS), a few epochs, as for TOLERANCE above.
    """
    X, y, weight = sklearn_problem(kind)
    weight = weight if weighted else None
    classify = kind.startswith(("binary", "multi"))
    cls, loss = (
        (MLPClassifier, {}) if classify else (MLPRegressor, {"loss": "squared_error"})
    )
    if kind == "poisson":
        loss = {"loss": "poisson"}
    theirs, ours = (np.random.RandomState(7) for _ in range(2))
    model = cls(
        hidden_layer_sizes=(7, 4),
        activation="tanh",
        alpha=0.01,
        random_state=theirs,
        **{"max_iter": 3} | loss | changes,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y, sample_weight=weight)

    # The weights and the split as scikit-learn draws them, then the twin.
    widths = (5, 7, 4, model.n_outputs_)
    theta = np.concatenate(
        [
            ours.uniform(-bound, bound, size)
            for d, h in itertools.pairwise(widths)
            for bound in [math.sqrt(6 / (d + h))]
            for size in (d * h, h)
        ]
    )
    target = y if kind == "multi-class" else y.reshape(103, -1).astype(float)
    split = best = None
    if model.early_stopping:
        stratify = y if kind == "binary" else None
        parts = train_test_split(
            np.arange(103), random_state=ours, test_size=0.1, stratify=stratify
        )
        split = (*parts, weight)
        best = theta.copy()
    settings = twin.settings_of(
        score="accuracy" if classify else "r2",
        batch_size=200 if model.batch_size == "auto" else model.batch_size,
        **{
            key: value
            for key, value in model.get_params().items()
            if key in twin.settings_of() and key != "batch_size"
        },
    )
    net = twin.Net(
        widths,
        ("tanh", "tanh", model.out_activation_),
        "log_loss" if classify else model.loss,
    )
    moments = np.zeros((2, net.size))[: 2 if model.solver == "adam" else 1]
    result = net.train(
        theta,
        moments,
        X,
        target,
        weight,
        settings,
        {},
        split,
        best,
        ours._bit_generator,
    )
    theta = theta if best is None else best
    expected = [
        a.ravel()
        for pair in zip(model.coefs_, model.intercepts_, strict=True)
        for a in pair
    ]
    same(theta, np.concatenate(expected), 1e-12)
    assert result["loss_curve"] == pytest.approx(model.loss_curve_, rel=1e-12)
    assert result["scores"] == pytest.approx(model.validation_scores_ or [], rel=1e-12)
    assert result["n_seen"] == model.t_
    assert result["no_improvement"] == model._no_improvement_count
    assert result["learning_rate"] == pytest.approx(
        model._optimizer.learning_rate, rel=1e-14
    )
    assert ours.randint(2**31) == theirs.randint(2**31)
