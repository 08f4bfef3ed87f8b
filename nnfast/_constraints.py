# SPDX-License-Identifier: BSD-3-Clause
"""What a parameter may be: tables for scikit-learn's validation, then the rest.

The tables speak of one parameter each. What depends on several, or on the number of
hidden layers, is checked by the functions, which return the parameter in the form
that the core wants: a tuple with one entry per hidden layer.
"""

from numbers import Integral, Real
from typing import Any

import numpy as np

from . import _core
from ._initialization import SCHEMES
from ._scikit_learn import Interval, Options, StrOptions

_ACTIVATIONS = set(_core.activations)
OUTPUT_ACTIVATIONS = _ACTIVATIONS | {"exp", "softmax"}
_POSITIVE_OUTPUTS = {"exp", "logistic", "softplus"}

COMMON: dict[str, list[Any]] = {
    "hidden_layer_sizes": [
        "array-like",
        Interval(Integral, 1, None, closed="left"),
    ],
    "activation": [StrOptions(_ACTIVATIONS), list, tuple, np.ndarray],
    "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [
        StrOptions({"auto"}),
        Interval(Integral, 1, None, closed="left"),
    ],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "init": [StrOptions(SCHEMES), tuple, list],
    "init_scale": [Interval(Real, 0, None, closed="neither")],
    "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple, np.ndarray],
    "n_jobs": [
        Interval(Integral, None, -1, closed="right"),
        Interval(Integral, 1, None, closed="left"),
        None,
    ],
}

CLASSIFIER: dict[str, list[Any]] = {
    **COMMON,
    "loss": [StrOptions({"log_loss", "squared_error"})],
    "class_weight": [dict, StrOptions({"balanced"}), None],
}

REGRESSOR: dict[str, list[Any]] = {
    **COMMON,
    "loss": [
        StrOptions(
            {
                "squared_error",
                "absolute_error",
                "huber",
                "log_cosh",
                "poisson",
            }
        )
    ],
    "huber_delta": [Interval(Real, 0, None, closed="neither")],
    "output_activation": [StrOptions({"auto", "exp"} | _ACTIVATIONS)],
}


def hidden_widths(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """One width per hidden layer."""
    if not hasattr(hidden_layer_sizes, "__iter__"):
        hidden_layer_sizes = [hidden_layer_sizes]
    sizes = list(hidden_layer_sizes)
    if all(type(width) is int and width > 0 for width in sizes):
        return tuple(sizes)  # as nearly always
    for width in sizes:
        if not isinstance(width, (int, Integral)) or isinstance(width, bool):
            raise TypeError(
                f"hidden_layer_sizes must hold integers, got {sizes}, where"
                f" {width!r} is of type {type(width).__name__}."
            )
    if any(width <= 0 for width in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return tuple(int(width) for width in sizes)


def hidden_activations(activation: Any, n_hidden: int) -> tuple[str, ...]:
    """One name per hidden layer."""
    if isinstance(activation, str):
        if activation not in _ACTIVATIONS:
            raise ValueError(
                f"activation must be a str among {sorted(_ACTIVATIONS)}."
                f" Got {activation!r} instead."
            )
        return (activation,) * n_hidden
    _check_count("activation", activation, n_hidden)
    names = tuple(activation)
    for i, name in enumerate(names):
        if not isinstance(name, str) or name not in _ACTIVATIONS:
            raise ValueError(
                f"activation[{i}] must be a str among {sorted(_ACTIVATIONS)}."
                f" Got {name!r} instead."
            )
    return names


def dropout_rates(dropout: Any, n_hidden: int) -> tuple[float, ...] | None:
    """One rate per hidden layer; None where nothing is dropped."""
    if isinstance(dropout, (float, Real)):
        rates = (float(dropout),) * n_hidden
        if float(dropout) > 0 and n_hidden == 0:
            raise ValueError(f"dropout={dropout} cannot act: there is no hidden layer.")
    else:
        _check_count("dropout", dropout, n_hidden)
        for i, rate in enumerate(dropout):
            if not isinstance(rate, Real) or not 0 <= float(rate) < 1:
                raise ValueError(
                    f"dropout[{i}] must be a float in the range [0.0, 1.0)."
                    f" Got {rate!r} instead."
                )
        rates = tuple(float(rate) for rate in dropout)
    return rates if any(rates) else None


def _check_count(name: str, values: Any, n_hidden: int) -> None:
    # An array without dimensions has no length.
    count = values.size if isinstance(values, np.ndarray) else len(values)
    if count != n_hidden or getattr(values, "ndim", 1) != 1:
        raise ValueError(
            f"{name} must have one entry per hidden layer, {n_hidden} in all;"
            f" got {count}: {values!r}."
        )


def check_combination(estimator: Any, n_hidden: int) -> None:
    """ValueError for an option that cannot act together with the others.

    What scikit-learn ignores in silence (``learning_rate`` with adam, say) stays
    ignored; the options that only nnfast has are never ignored.
    """
    hidden_activations(estimator.activation, n_hidden)
    rates = dropout_rates(estimator.dropout, n_hidden)
    if rates is not None and estimator.solver == "lbfgs":
        raise ValueError(
            f"dropout={estimator.dropout!r} cannot act with solver='lbfgs', which"
            " needs the same objective at every evaluation. Use 'sgd' or 'adam'."
        )
    if not isinstance(estimator.init, str) and len(estimator.init) != 2:
        raise ValueError(
            "init must be a scheme or a pair (coefs, intercepts); got a"
            f" {type(estimator.init).__name__} of length {len(estimator.init)}."
        )
    if estimator.init_scale != 0.01 and not _is(estimator.init, "normal"):
        raise ValueError(
            f"init_scale={estimator.init_scale} acts with init='normal' only."
        )


def check_regressor_combination(estimator: Any) -> None:
    """ValueError for a loss and an option of the loss that do not go together."""
    if estimator.huber_delta != 1.0 and estimator.loss != "huber":
        raise ValueError(
            f"huber_delta={estimator.huber_delta} acts with loss='huber' only; got"
            f" loss={estimator.loss!r}."
        )
    output = estimator.output_activation
    if estimator.loss == "poisson" and output not in _POSITIVE_OUTPUTS | {"auto"}:
        raise ValueError(
            f"output_activation={output!r} can be zero or negative, where"
            " loss='poisson' is not defined. Use 'auto' or one of"
            f" {sorted(_POSITIVE_OUTPUTS)}."
        )


def _is(value: Any, name: str) -> bool:
    return isinstance(value, str) and value == name
