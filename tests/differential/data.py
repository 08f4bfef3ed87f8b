# SPDX-License-Identifier: BSD-3-Clause
"""The arrays of a configuration."""

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from .configuration import Configuration


class Arrays(NamedTuple):
    """X is a plain float64 array here; ``contain`` gives it the container."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None
    classes: np.ndarray | None


def arrays(configuration: Configuration) -> Arrays:
    """Everything that the seed of a configuration makes."""
    rng = np.random.RandomState(configuration.seed)
    X = _inputs(configuration, rng)
    y = _targets(configuration, X, rng)
    classes = None
    if configuration.target == "multilabel":
        classes = np.arange(y.shape[1])
    elif configuration.estimator == "MLPClassifier":
        classes = np.unique(y)
    return Arrays(X, y, _weights(configuration, rng), classes)


def _inputs(configuration: Configuration, rng: np.random.RandomState) -> np.ndarray:
    shape = (configuration.n_rows, configuration.n_features)
    X = rng.normal(size=shape)
    match configuration.content:
        case "integers":
            X = rng.randint(-3, 4, size=shape).astype(float)
        case "constant columns":
            X[:, rng.rand(shape[1]) < 0.5] = rng.choice([0.0, 1.0, -2.5])
        case "duplicates":
            X = X[rng.randint(0, max(1, shape[0] // 4), size=shape[0])]
        case "zeros":
            X[rng.rand(*shape) < 0.8] = 0.0
        case "scales":
            X *= 10.0 ** rng.randint(-6, 4, size=shape[1])
    if configuration.container == "integer":
        X = np.rint(2 * X).clip(-1e6, 1e6)
    return X


def _targets(
    configuration: Configuration, X: np.ndarray, rng: np.random.RandomState
) -> np.ndarray:
    n = configuration.n_rows
    signal = X @ rng.normal(size=X.shape[1]) / (1 + np.abs(X).max())
    signal = signal + 0.3 * rng.normal(size=n)
    match configuration.target:
        case "single":
            return signal
        case "column":
            return signal[:, np.newaxis]
        case "multi-output":
            return np.column_stack([signal, signal**2, rng.normal(size=n)])
        case "poisson":
            return rng.poisson(np.exp(signal.clip(-3, 2))).astype(float)
        case "poisson multi-output":
            return rng.poisson(2.0, size=(n, 2)).astype(float)
        case "poisson negative":
            return rng.poisson(2.0, size=n) - 1.0
        case "multilabel":
            return rng.randint(0, 2, size=(n, rng.choice([2, 3, 5])))
    number = {"binary": 2, "one class": 1}.get(configuration.target)
    number = number or rng.choice([3, 4, 7])
    edges = np.quantile(signal, np.linspace(0, 1, number + 1)[1:-1])
    return _labels(configuration.labels, np.digitize(signal, edges))


def _labels(kind: str, numbers: np.ndarray) -> np.ndarray:
    match kind:
        case "str":
            return np.array([f"class {'cabdefg'[i]}" for i in numbers])
        case "bool" if numbers.max() < 2:
            return numbers.astype(bool)
        case "float":
            return numbers * 2.0 - 1.0
        case "negative":
            return numbers * 3 - 4
        case "column":
            return numbers[:, np.newaxis]
    return numbers


def _weights(
    configuration: Configuration, rng: np.random.RandomState
) -> np.ndarray | None:
    n = configuration.n_rows
    match configuration.weight:
        case None:
            return None
        case "integers":
            return rng.randint(1, 4, size=n)
        case "zeros":
            return rng.uniform(0.1, 3, size=n) * (rng.rand(n) < 0.7)
        case "negative":
            return rng.uniform(-0.2, 2, size=n)
    return rng.uniform(0.1, 3, size=n)


def contain(X: np.ndarray, container: str) -> Any:
    """X in the container that both libraries are given."""
    match container:
        case "F":
            return np.asfortranarray(X)
        case "list":
            return X.tolist()
        case "integer" if (np.rint(X) == X).all():
            return X.astype(np.int64)
        case "frame":
            import pandas

            names = [f"x{i}" for i in range(X.shape[1])]
            return pandas.DataFrame(X, columns=names)
        case "csr_matrix" | "csr_array" | "csc_matrix" | "csc_array":
            return getattr(sparse, container)(X)
    return X
