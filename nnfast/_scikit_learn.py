# SPDX-License-Identifier: BSD-3-Clause
"""The one file that imports scikit-learn's private helpers.

A release that moves one of them is answered here and nowhere else. What
``sklearn.base`` has not loaded by itself is imported in the function that uses it,
so that ``import nnfast`` stays cheap.
"""

from typing import Any

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, validate_data

__all__ = [
    "Interval",
    "Options",
    "StrOptions",
    "check_optimize_result",
    "check_partial_fit_first_call",
    "check_sample_weight",
    "fit_context",
    "validate_data",
]

check_sample_weight = _check_sample_weight

# Parameters are validated before the method runs; nested estimators need not be.
fit_context = _fit_context(prefer_skip_nested_validation=True)


def check_partial_fit_first_call(estimator: Any, classes: Any) -> bool:
    """True on the first call, which sets ``classes_``."""
    from sklearn.utils.multiclass import _check_partial_fit_first_call

    return _check_partial_fit_first_call(estimator, classes)


def check_optimize_result(result: Any, max_iter: int) -> int:
    """Number of iterations; warns where lbfgs did not converge."""
    from sklearn.utils.optimize import _check_optimize_result

    return _check_optimize_result("lbfgs", result, max_iter)
