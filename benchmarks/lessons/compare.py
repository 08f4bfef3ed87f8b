# SPDX-License-Identifier: BSD-3-Clause
"""nnfast beside its peers on one data set: seconds, a figure of merit, speed ratios."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .numpy_loops import Predict
from .report import Progress, Table

SEED = 0
ROUNDS = 7  # fits of each peer, taken in turns ...
BUDGET = 2.0  # ... as long as those of one peer have not taken this many seconds

LOGISTIC = "LogisticRegressionCV"
SKLEARN = "scikit-learn MLP"
SKLEARN32 = "scikit-learn MLP, float32"
LOOP = "NumPy loop"
NNFAST = "nnfast, float64"
NNFAST32 = "nnfast, float32"


def gradient_descent(n_rows: int, epochs: int, learning_rate: float) -> dict[str, Any]:
    """Full-batch gradient descent, as the tutorials mean it: all epochs, no extras."""
    return {
        "solver": "sgd",
        "momentum": 0.0,
        "learning_rate_init": learning_rate,
        "batch_size": n_rows,
        "alpha": 0.0,
        "random_state": SEED,
        **every_epoch(epochs),
    }


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings that are meant here; a decorator too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # every epoch is wanted
        warnings.filterwarnings("ignore", "Got `batch_size`")  # folds are smaller
        warnings.simplefilter("ignore", FutureWarning)  # LogisticRegressionCV's
        yield


def every_epoch(epochs: int) -> dict[str, Any]:
    """Settings under which scikit-learn's stopping rule never acts."""
    return {"max_iter": epochs, "tol": 0.0, "n_iter_no_change": epochs}


def rises(curve: Sequence[float], rounding: float = 0.0) -> int:
    """Epochs whose loss is above that of the epoch before."""
    return int(np.sum(np.diff(curve) > rounding))


class Loop(BaseEstimator):
    """A NumPy loop of ``numpy_loops`` as a scikit-learn estimator."""

    def __init__(self, train: Callable[..., Predict]) -> None:
        self.train = train

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Loop":
        self.classes_ = np.unique(y)
        self.outputs_ = self.train(X, y)
        return self


class LoopRegressor(RegressorMixin, Loop):
    """The output is the prediction."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.outputs_(X)


class LoopClassifier(ClassifierMixin, Loop):
    """The output is the probability of class 1, as against class 0."""

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        p = self.outputs_(X)
        return np.stack([1 - p, p], axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (self.outputs_(X) > 0.5).astype(int)


@dataclass(frozen=True)
class Peer:
    """One row of a comparison; without an estimator, ``remark`` says why."""

    name: str
    estimator: BaseEstimator | None
    remark: str = ""
    dtype: type = np.float64


def in_both_types(estimator: BaseEstimator) -> list[Peer]:
    """nnfast's two rows: the same estimator given float64 and float32."""
    return [Peer(NNFAST, estimator), Peer(NNFAST32, estimator, dtype=np.float32)]


def timed_fit(peer: Peer, X: np.ndarray, y: np.ndarray) -> tuple[float, Any]:
    """CPU seconds of one fit, and the model.

    CPU time is what the clock shows on an idle machine, since every fit runs in one
    thread. On a busy one the clock would count long fits, the peers', as even longer.
    """
    model = clone(peer.estimator)
    start = time.process_time()
    model.fit(X, y)
    return time.process_time() - start, model


def fit_in_turns(
    peers: Sequence[Peer], X: np.ndarray, y: np.ndarray, progress: Progress
) -> tuple[dict[str, float], dict[str, Any]]:
    """Least seconds of several fits of each peer, and its last fitted model."""
    able = [peer for peer in peers if peer.estimator is not None]
    inputs = {peer.name: X.astype(peer.dtype) for peer in able}
    seconds: dict[str, list[float]] = {peer.name: [] for peer in able}
    models = {}
    progress("fitting the models in turns")
    for i in range(ROUNDS):
        for peer in able:
            if sum(seconds[peer.name]) < BUDGET:
                progress.detail(f"fit {i + 1} of up to {ROUNDS}: {peer.name}")
                took, models[peer.name] = timed_fit(peer, inputs[peer.name], y)
                seconds[peer.name].append(took)
    return {name: min(values) for name, values in seconds.items()}, models


def held_out_accuracy(
    estimator: BaseEstimator, X: np.ndarray, y: np.ndarray, standardise: bool = False
) -> float:
    """Mean accuracy of ten stratified folds; columns are standardised in each."""
    model = make_pipeline(StandardScaler(), estimator) if standardise else estimator
    folds = StratifiedKFold(10, shuffle=True, random_state=SEED)
    return float(np.mean(cross_val_score(model, X, y, cv=folds, error_score="raise")))


def held_out_accuracies(
    peers: Sequence[Peer],
    X: np.ndarray,
    y: np.ndarray,
    progress: Progress,
    standardise: bool = False,
) -> dict[str, float]:
    """Held-out accuracy of every peer that can do the task."""
    accuracies = {}
    progress("ten folds of each model")
    for peer in peers:
        if peer.estimator is not None:
            progress.detail(f"ten folds: {peer.name}")
            accuracies[peer.name] = held_out_accuracy(
                peer.estimator, X.astype(peer.dtype), y, standardise
            )
    return accuracies


def comparison(
    title: str,
    peers: Sequence[Peer],
    seconds: dict[str, float],
    merits: dict[str, tuple[str, dict[str, float]]],
) -> Table:
    """The table of one data set.

    ``merits`` maps the heading of a column to its kind of number and to the number
    of each peer.
    """
    remarks = list(dict.fromkeys(peer.remark for peer in peers if peer.remark))
    rows = []
    for peer in peers:
        mark = f" [{remarks.index(peer.remark) + 1}]" if peer.remark else ""
        took = seconds.get(peer.name)
        ratios = [took and took / seconds[ours] for ours in (NNFAST, NNFAST32)]
        values = [merit.get(peer.name) for _, merit in merits.values()]
        rows.append([peer.name + mark, took or "cannot", *values, *ratios])
    columns = {
        "model": "text",
        "seconds": "seconds",
        **{heading: kind for heading, (kind, _) in merits.items()},
        "time / float64": "times",
        "time / float32": "times",
    }
    notes = [f"[{i}] {remark}" for i, remark in enumerate(remarks, start=1)]
    return Table(title, columns, rows, notes)


def speed_figures(seconds: dict[str, float]) -> dict[str, float]:
    """How many times faster nnfast (float64) is than each peer that was timed."""
    keys = {SKLEARN: "sklearn", LOOP: "numpy_loop", LOGISTIC: "logistic_regression"}
    return {
        f"speed_vs_{key}": seconds[name] / seconds[NNFAST]
        for name, key in keys.items()
        if name in seconds
    }
