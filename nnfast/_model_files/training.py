# SPDX-License-Identifier: BSD-3-Clause
"""What training left behind in a model file: counters, curves and the optimizer.

A curve is its length, and a tensor; None and what is not there stay so.
"""

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any, BinaryIO

import numpy as np

from .. import _parameters
from .._mlp_regressor import MLPRegressor
from .._scikit_learn import validate_parameters
from .._stochastic import Optimizer
from .safetensors import Contents
from .values import count, document, encode, known, parsed, real

_COUNTS = ("n_iter_", "t_", "_no_improvement_count")
_NUMBERS = {
    "loss_": np.float64,
    "best_loss_": np.float64,
    "best_validation_score_": float,
}
# The tensors, and what makes the list of one.
_CURVES: dict[str, tuple[str, Callable[[np.ndarray], list[Any]]]] = {
    "loss_curve_": ("loss_curve", list),
    "validation_scores_": ("validation_scores", np.ndarray.tolist),
}


def training_of(estimator: Any, arrays: dict[str, np.ndarray]) -> str:
    """The text; curves are added to the arrays."""
    state, said = vars(estimator), {}
    for name in (*_COUNTS, *_NUMBERS):
        if name in state:
            said[name] = encode(state[name], name)
    for name, (tensor, _) in _CURVES.items():
        if state.get(name) is not None:
            arrays[tensor] = _curve(state[name], name)
            said[name] = arrays[tensor].size
        elif name in state:
            said[name] = None
    return document(said)


def _curve(values: Any, name: str) -> np.ndarray:
    try:
        return np.array(values, np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise ValueError(f"{name} holds something other than numbers") from None


def check_training(contents: Contents) -> dict[str, Any]:
    """The attributes; a curve is still its length."""
    found = parsed(contents, "training")
    known(found, (), "training", (*_COUNTS, *_NUMBERS, *_CURVES))
    for name, value in found.items():
        if name in _COUNTS:
            count(value, name)
        elif value is not None and name in _NUMBERS:
            found[name] = _NUMBERS[name](real(value, name))
        elif value is not None:
            tensor, _ = _CURVES[name]
            contents.claim(tensor, (count(value, name),), np.dtype(np.float64))
            # Each becomes a number of its own, in a list.
            contents.allowance.take(40 * value, name)
    return found


def read_training(
    file: BinaryIO, contents: Contents, attributes: dict[str, Any]
) -> None:
    """Put the curves into the attributes."""
    for name, (tensor, as_list) in _CURVES.items():
        if attributes.get(name) is not None:
            attributes[name] = as_list(contents.read(file, tensor))


# ---- the optimizer ----

# By the parameter that has the same range.
_SETTINGS = {
    "solver": "solver",
    "lr_schedule": "learning_rate",
    "learning_rate_init": "learning_rate_init",
    "power_t": "power_t",
    "momentum": "momentum",
    "nesterov": "nesterovs_momentum",
    "beta_1": "beta_1",
    "beta_2": "beta_2",
    "epsilon": "epsilon",
}
_STATE = ("learning_rate", "t", "dropout_seed")


def optimizer_of(
    estimator: Any, theta: np.ndarray, arrays: dict[str, np.ndarray]
) -> dict[str, str]:
    """The text, if there is an optimizer of these weights; moments join the arrays."""
    optimizer = getattr(estimator, "_optimizer", None)
    if not isinstance(optimizer, Optimizer) or not optimizer.belongs_to(theta):
        return {}
    arrays["moments"] = optimizer.moments.astype(theta.dtype, copy=False)
    _check_moments(arrays["moments"])
    said = {
        field.name: encode(getattr(optimizer, field.name), field.name)
        for field in fields(Optimizer)
        if field.name != "moments"
    }
    return {"optimizer": document(said)}


def check_optimizer(contents: Contents, widths: tuple[int, ...]) -> dict[str, Any]:
    """Its fields but for the moments, which are claimed."""
    found = parsed(contents, "optimizer")
    known(found, (*_SETTINGS, *_STATE), "optimizer")
    as_parameters: dict[str, Any] = {
        parameter: found[name] for name, parameter in _SETTINGS.items()
    }
    validate_parameters(MLPRegressor(**as_parameters))
    if found["solver"] == "lbfgs":
        raise ValueError("the solver of the optimizer must be sgd or adam")
    for field in fields(Optimizer):
        if field.type is float:
            real(found[field.name], field.name)
    if not 0 <= real(found["learning_rate"], "learning_rate") < math.inf:
        raise ValueError("the learning_rate of the optimizer is out of range")
    count(found["t"], "t")
    if found["dropout_seed"] is not None:
        count(found["dropout_seed"], "dropout_seed")
    shape = (2 if found["solver"] == "adam" else 1, _parameters.size(widths))
    contents.claim("moments", shape, contents.tensors["layers.0.weight"].dtype)
    return found


def read_optimizer(
    file: BinaryIO, contents: Contents, found: dict[str, Any]
) -> Optimizer:
    """The optimizer with its moments."""
    moments = contents.read(file, "moments")
    _check_moments(moments)
    return Optimizer(**found, moments=moments)


def _check_moments(moments: np.ndarray) -> None:
    """ValueError for NaN, and for a mean of squares (adam's second) below zero."""
    # Infinity is no flaw: a square overflows while the weights stay finite.
    if np.isnan(moments.min()) or moments[1:].min(initial=0) < 0:
        raise ValueError("moments contain NaN, or a mean of squares below zero")
