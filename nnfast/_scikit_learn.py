# SPDX-License-Identifier: BSD-3-Clause
"""The one file that knows scikit-learn's private helpers and its versions.

A release that moves one of them is answered here and nowhere else. What
``sklearn.base`` has not loaded by itself is imported in the function that uses it,
so that ``import nnfast`` stays cheap.
"""

import sys
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _check_sample_weight,
    check_X_y,
    validate_data,
)

from ._late import late

__all__ = [
    "NO_WEIGHT",
    "Interval",
    "Options",
    "StrOptions",
    "check_partial_fit_first_call",
    "check_sample_weight",
    "fit_context",
    "mlp_optimizers",
    "validate_data",
    "validate_numbers",
    "validate_parameters",
    "warn",
]

NO_WEIGHT = "Sample weights must contain at least one non-zero number."


def fit_context(method: Callable[..., Any]) -> Callable[..., Any]:
    """Validate parameters before the method runs, as scikit-learn does.

    It does not before a ``partial_fit`` after the first; then this goes past what it
    sets up for the validation of nested estimators, of which there are none.
    """
    validated = _fit_context(prefer_skip_nested_validation=True)(method)
    if method.__name__ != "partial_fit":
        return validated

    @wraps(method)
    def partial_fit(self: Any, *args: Any, **more: Any) -> Any:
        known = "coefs_" in vars(self)
        return (method if known else validated)(self, *args, **more)

    return partial_fit


def check_sample_weight(sample_weight: Any, X: Any) -> Any:
    """The weights as an array of one real type, one for each row of X."""
    weight = _check_sample_weight(sample_weight, X)
    if not weight.any():  # 1.9 has said so itself; 1.7 and 1.8 have no such check
        raise ValueError(NO_WEIGHT)
    return weight


def validate_numbers(
    estimator: Any, X: Any, numbers: Any, y: Any, *, reset: bool, **how: Any
) -> tuple[Any, Any]:
    """``validate_data`` of an X whose finite numbers are in an array already."""
    _check_feature_names(estimator, X, reset=reset)
    how |= {"estimator": estimator, "ensure_all_finite": False}
    numbers, y = check_X_y(numbers, y, **how)
    _check_n_features(estimator, X, reset=reset)
    return numbers, y


def validate_parameters(estimator: Any) -> None:
    """InvalidParameterError for a parameter outside of its constraints."""
    estimator._validate_params()


def check_partial_fit_first_call(estimator: Any, classes: Any) -> bool:
    """True on the first call, which sets ``classes_``."""
    multiclass = late("sklearn.utils.multiclass")
    return multiclass._check_partial_fit_first_call(estimator, classes)


def mlp_optimizers() -> tuple[Any, Any]:
    """The classes that keep the state of adam and of sgd."""
    from sklearn.neural_network._stochastic_optimizers import (
        AdamOptimizer,
        SGDOptimizer,
    )

    return AdamOptimizer, SGDOptimizer


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn where scikit-learn's MLP does, for filters that name its module.

    ``filterwarnings("ignore", module="sklearn")`` is what scikit-learn's own examples
    silence convergence warnings with. The place that is shown is the caller's. Nothing
    is remembered: a loop of fits warns in each, as scikit-learn's does.
    """
    caller = sys._getframe(1)
    warnings.warn_explicit(
        message,
        category,
        filename=caller.f_code.co_filename,
        lineno=caller.f_lineno,
        module="sklearn.neural_network._multilayer_perceptron",
        registry={},
    )
