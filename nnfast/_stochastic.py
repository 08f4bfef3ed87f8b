# SPDX-License-Identifier: BSD-3-Clause
"""The sgd and adam solvers: one call of the core per fit, and what surrounds it.

The state of training lives where scikit-learn has it, in fitted attributes (``t_``,
``best_loss_`` ...) and in ``_optimizer``, so that there is one copy to save and to
go on from. Nothing here changes the estimator: the caller commits what is returned.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import assert_all_finite

from ._apart import Longer, like
from ._data import Data
from ._failure import NOT_FINITE
from ._generators import Draws
from ._late import late
from ._pieces import all_finite, by_rows, copy, required, zeros
from ._scikit_learn import NO_WEIGHT, warn


@dataclass
class Optimizer:
    """What the next partial_fit goes on from; names as scikit-learn's optimizers.

    Settings are those of the call that began it: scikit-learn's partial_fit does not
    look at the estimator's parameters again either.
    """

    solver: str
    lr_schedule: str
    learning_rate_init: float
    power_t: float
    momentum: float
    nesterov: bool
    beta_1: float
    beta_2: float
    epsilon: float
    learning_rate: float
    t: int  # updates made
    moments: np.ndarray  # (1, size): velocity; (2, size): first and second moment
    dropout_seed: int | None = None

    @classmethod
    def begin(cls, estimator: Any, theta: np.ndarray) -> "Optimizer":
        """Before the first update."""
        n_moments = 2 if estimator.solver == "adam" else 1
        return cls(
            solver=estimator.solver,
            lr_schedule=estimator.learning_rate,
            learning_rate_init=float(estimator.learning_rate_init),
            power_t=float(estimator.power_t),
            momentum=float(estimator.momentum),
            nesterov=bool(estimator.nesterovs_momentum),
            beta_1=float(estimator.beta_1),
            beta_2=float(estimator.beta_2),
            epsilon=float(estimator.epsilon),
            learning_rate=float(estimator.learning_rate_init),
            t=0,
            moments=zeros((n_moments, theta.size), theta.dtype),
        )

    def belongs_to(self, theta: np.ndarray) -> bool:
        """Whether the moments are of as many weights: others may have been assigned."""
        return self.moments.shape[1:] == theta.shape

    def copy(self, dtype: Any) -> "Optimizer":
        """One to train with, so that a failure leaves this one as it is."""
        moments = self.moments
        same = moments.dtype == dtype and moments.flags.c_contiguous
        begun: Optimizer = like(self, vars(self))
        if same:
            begun.moments = copy(moments)
        else:
            flat = required(moments.reshape(-1), dtype)
            begun.moments = flat.reshape(moments.shape)
        return begun

    def settings(self) -> dict[str, Any]:
        """The part of the core's settings that is the optimizer's."""
        return {
            "solver": self.solver,
            "learning_rate": self.lr_schedule,
            "learning_rate_init": self.learning_rate_init,
            "power_t": self.power_t,
            "momentum": self.momentum,
            "nesterovs_momentum": self.nesterov,
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "dropout_seed": self.dropout_seed or 0,
        }

    def state(self) -> dict[str, Any]:
        """The part of the core's state that is the optimizer's."""
        return {"learning_rate": self.learning_rate, "n_updates": self.t}

    def draw_dropout_seed(self, draws: Draws) -> None:
        """Once per optimizer: later calls go on counting in the same masks."""
        if self.dropout_seed is None:
            highest = np.iinfo(np.int64).max
            drawn = draws.generator().randint(highest, dtype=np.int64)
            self.dropout_seed = int(drawn)


def train(
    estimator: Any,
    net: Any,
    theta: np.ndarray,
    data: Data,
    *,
    score_weight: np.ndarray | None,
    dropout: tuple[float, ...] | None,
    draws: Draws,
    resume: bool,
    incremental: bool,
    count_threads: Callable[[int], int],
) -> tuple[np.ndarray, dict[str, Any]]:
    """Train θ in place.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Read, not changed.
    data : Data
        With the weights that training uses.
    score_weight : ndarray of shape (n_samples,) or None
        The weights of the validation score, which leaves class weights out.
    resume : bool
        Go on from the estimator's counters and curves.
    incremental : bool
        One epoch with the estimator's optimizer: partial_fit.
    count_threads : callable
        Number of threads for so many rows at a time.

    Returns
    -------
    theta : ndarray of shape (size,)
        θ, or that of the best epoch under early stopping.
    attributes : dict
        What the fit adds to the estimator.
    """
    if estimator.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    n_rows, split, best = data.n_rows, None, None
    if estimator.early_stopping:
        split = _split(estimator, data, score_weight, draws)
        n_rows, best = len(split[0]), copy(theta)

    before = _History.of(estimator if resume else None)
    optimizer = getattr(estimator, "_optimizer", None) if incremental else None
    if optimizer is None or not optimizer.belongs_to(theta):
        optimizer = Optimizer.begin(estimator, theta)
    else:
        optimizer = optimizer.copy(theta.dtype)
    if dropout is not None:
        optimizer.draw_dropout_seed(draws)

    batch_size = rows_at_once = _batch_size(estimator.batch_size, n_rows)
    if split is not None:
        rows_at_once = max(batch_size, len(split[1]))
        if batch_size == n_rows:
            split[0].sort()  # one batch has no order either
    # One batch of all rows needs no order, but scikit-learn draws it.
    shuffle = estimator.shuffle and (batch_size < n_rows or draws.are_seen)
    bit_generator = draws.generator()._bit_generator if shuffle else None
    result = net.train(
        theta,
        optimizer.moments,
        *data.arrays(),
        settings={
            **optimizer.settings(),
            "alpha": float(estimator.alpha),
            "batch_size": batch_size,
            "max_iter": 1 if incremental else int(min(estimator.max_iter, 2**62)),
            "tol": float(estimator.tol),
            "n_iter_no_change": float(min(estimator.n_iter_no_change, 2**62)),
            "dropout": dropout,
            "score": estimator._validation_score,
            "n_threads": count_threads(rows_at_once),
        },
        state={**optimizer.state(), **before.state()},
        split=split,
        best_parameters=best,
        bit_generator=bit_generator,
        on_epoch=_reporter(estimator) if estimator.verbose else None,
    )
    optimizer.learning_rate, optimizer.t = result["learning_rate"], result["n_updates"]
    _say_how_it_ended(estimator, result, incremental)
    attributes = {
        **before.attributes(result, estimator.early_stopping),
        "_optimizer": optimizer,
    }
    # A warm fit that beats no earlier score ends with its last weights: the best ones
    # are not kept from fit to fit (scikit-learn's are an alias of coefs_).
    beaten = result["best_score"] > before.best_score
    if best is not None and (beaten or not resume):
        theta = best
    # The core has looked at the last weights of each epoch that came to its end.
    seen = best is None and result["stop"] != "interrupted"
    if not (seen or all_finite(theta)):
        raise _diverged(result)
    return theta, attributes


def _is_curve(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_count(value: Any) -> bool:
    return isinstance(value, (int, Integral)) and 0 <= int(value) < 2**63


def _is_number(value: Any) -> bool:
    return isinstance(value, (float, Real))  # the first is quicker to see


# What a user can have assigned that no training leaves behind.
_EXPECTED = {
    _is_curve: "a list of numbers",
    _is_count: "a whole number, not negative",
    _is_number: "a number",
}


@dataclass
class _History:
    """What earlier fits saw, where one goes on from them."""

    t: int = 0
    no_improvement: int = 0
    best_loss: float = math.inf
    best_score: float = -math.inf
    losses: Sequence[float] = ()
    scores: Sequence[float] = ()

    @classmethod
    def of(cls, estimator: Any) -> "_History":
        """Of a fitted estimator, or of None; what it lacks begins afresh."""
        history = cls()
        for name, (attribute, fits) in _ATTRIBUTES.items():
            value = getattr(estimator, attribute, None)
            if value is None:
                continue
            if not fits(value):
                raise ValueError(
                    f"{attribute} must be {_EXPECTED[fits]}; got {value!r}."
                )
            setattr(history, name, value)
        return history

    def state(self) -> dict[str, Any]:
        """The part of the core's state that is not the optimizer's."""
        return {
            "n_seen": self.t,
            "no_improvement": self.no_improvement,
            "best_loss": self.best_loss,
            "best_score": self.best_score,
        }

    def attributes(
        self, result: dict[str, Any], early_stopping: bool
    ) -> dict[str, Any]:
        """Fitted attributes after the core's call."""
        # NumPy's numbers, as in scikit-learn: their methods are a user's to call.
        losses = result["loss_curve"]
        attributes = {
            "n_iter_": len(losses),
            "t_": result["n_seen"],
            "loss_curve_": Longer(self.losses, losses),
            "best_loss_": np.float64(result["best_loss"]),
            "validation_scores_": None,
            "best_validation_score_": None,
            "_no_improvement_count": result["no_improvement"],
        }
        if losses:  # not so when interrupted in the first epoch
            attributes["loss_"] = losses[-1]
        if early_stopping:
            attributes["best_loss_"] = None
            attributes["validation_scores_"] = Longer(self.scores, result["scores"])
            attributes["best_validation_score_"] = result["best_score"]
        return attributes


# Where an estimator has what a history is made of, and what it has to be.
_ATTRIBUTES = {
    "t": ("t_", _is_count),
    "no_improvement": ("_no_improvement_count", _is_count),
    "best_loss": ("best_loss_", _is_number),
    "best_score": ("best_validation_score_", _is_number),
    "losses": ("loss_curve_", _is_curve),
    "scores": ("validation_scores_", _is_curve),
}


def _diverged(result: dict[str, Any]) -> ValueError:
    # An epoch that was interrupted has not come to its end.
    epoch = result["first_bad_epoch"] or len(result["loss_curve"]) + 1
    return ValueError(
        f"{NOT_FINITE} The weights were first non-finite in epoch {epoch}."
    )


def _say_how_it_ended(
    estimator: Any, result: dict[str, Any], incremental: bool
) -> None:
    """Scikit-learn's error and warnings."""
    if result["stop"] == "not_finite":
        raise _diverged(result)
    if result["stop"] == "interrupted":
        warn("Training interrupted by user.")
    elif result["stop"] == "max_iter" and not incremental:
        warn(
            f"Stochastic Optimizer: Maximum iterations ({int(estimator.max_iter)})"
            " reached and the optimization hasn't converged yet.",
            ConvergenceWarning,
        )


def _split(
    estimator: Any, data: Data, score_weight: np.ndarray | None, draws: Draws
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Numbers of the rows to train on and to score, and the weights of the score."""
    training, held_out = late("sklearn.model_selection").train_test_split(
        np.arange(data.n_rows),
        random_state=draws.generator(),
        test_size=estimator.validation_fraction,
        stratify=estimator._stratify(data.y),
    )
    if len(held_out) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' "
            "or the size of your dataset."
        )
    scored, learnt = _of(score_weight, held_out), _of(data.weight, training)
    # No score can be computed: scikit-learn's metrics say so in these words.
    assert_all_finite(scored, input_name="sample_weight")
    if not (scored.any() and learnt.any()):
        raise ValueError(NO_WEIGHT)
    held_out.sort()  # a score has no order: that of memory is quickest
    return required(training, np.int64), required(held_out, np.int64), score_weight


def _of(weight: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    """The weights of those rows."""
    if weight is None:
        return np.ones(1)
    return by_rows(weight.__getitem__, rows, 1)


def _batch_size(batch_size: Any, n_rows: int) -> int:
    if batch_size == "auto":
        return min(200, n_rows)
    if batch_size > n_rows:
        warn(
            "Got `batch_size` less than 1 or larger than "
            "sample size. It is going to be clipped"
        )
    return int(min(batch_size, n_rows))


def _reporter(estimator: Any) -> Callable[[dict[str, Any]], None]:
    """Prints what scikit-learn prints under ``verbose``."""
    subject = "Validation score" if estimator.early_stopping else "Training loss"

    def report(epoch: dict[str, Any]) -> None:
        print(f"Iteration {epoch['n_iter']}, loss = {epoch['loss']:.8f}")
        if epoch["score"] is not None:
            print(f"Validation score: {epoch['score']:f}")
        if epoch["event"]:
            rate = epoch["learning_rate"]
            ending = {
                "stop": "Stopping.",
                "learning_rate_too_small": "Learning rate too small. Stopping.",
                "learning_rate_lowered": f"Setting learning rate to {rate:f}",
            }[epoch["event"]]
            print(
                f"{subject} did not improve more than tol={estimator.tol:f} for"
                f" {int(estimator.n_iter_no_change)} consecutive epochs. {ending}"
            )

    return report
