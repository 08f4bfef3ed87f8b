# SPDX-License-Identifier: BSD-3-Clause
"""X, y and sample weights as they enter: scikit-learn's validation, and a way past it.

Validation takes longer than a small network does. What is *plain* goes past it: an
ndarray that validation would hand through unchanged and without a word. Everything
else, whatever is wrong first of all, gets scikit-learn's own answer.
"""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted

from . import _core
from ._data import cast, cast_inputs
from ._frames import numbers_of
from ._scikit_learn import (
    check_sample_weight,
    validate_data,
    validate_numbers,
    warn,
)
from ._sparse import check_sparse

_SPARSE = ("csr", "csc")


def validate_training(
    estimator: Any, X: Any, y: Any, dtype: Any
) -> tuple[Any, np.ndarray]:
    """X and y of a fit.

    Parameters
    ----------
    dtype : dtype or None
        The type of the network to go on with. None is a new network, whose type and
        number of features are those of X.
    """
    if not _is_plain_training(estimator, X, y, dtype):
        check_sparse(X, "X")
        check_sparse(y, "y")
        how: dict[str, Any] = {
            "accept_sparse": _SPARSE,
            "multi_output": True,
            "y_numeric": isinstance(estimator, RegressorMixin),
            "dtype": (np.float64, np.float32) if dtype is None else dtype,
            "order": "C",
            "reset": dtype is None,
        }
        numbers = None if y is None else numbers_of(X, how["dtype"])
        if numbers is None:
            X, y = validate_data(estimator, X, y, **how)
        else:
            X, y = validate_numbers(estimator, X, numbers, y, **how)
        X = cast_inputs(X, X.dtype.newbyteorder("="))
    elif dtype is None:
        estimator.n_features_in_ = X.shape[1]
        vars(estimator).pop("feature_names_in_", None)
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y)
        warn(
            "A column-vector y was passed when a 1d array was expected. Please"
            " change the shape of y to (n_samples, ), for example using ravel().",
            DataConversionWarning,
        )
    return X, y


def validate_weight(sample_weight: Any, X: Any) -> np.ndarray | None:
    """The weights of the rows of X, in its type."""
    if sample_weight is None:
        return None
    return cast(check_sample_weight(sample_weight, X), X.dtype, "sample_weight")


def validate_inputs(estimator: Any, X: Any) -> Any:
    """X of a prediction, in its own type."""
    if "coefs_" in vars(estimator) and _is_plain_inputs(estimator, X):
        return X
    check_is_fitted(estimator)
    check_sparse(X, "X")
    X = validate_data(estimator, X, accept_sparse=_SPARSE, order="C", reset=False)
    if X.dtype.kind in "mM":
        raise ValueError(f"X must hold real numbers; got dtype {X.dtype}.")
    return X


def _is_plain_inputs(estimator: Any, X: Any) -> bool:
    """Whether X is plain, and has the features of the fit, which had no names."""
    return (
        _core.is_plain(X, 2)
        and X.shape[1] == vars(estimator).get("n_features_in_")
        and "feature_names_in_" not in vars(estimator)
    )


def _is_plain_training(estimator: Any, X: Any, y: Any, dtype: Any) -> bool:
    if dtype is None:
        plain = _core.is_plain(X, 2)
    else:
        plain = _is_plain_inputs(estimator, X) and X.dtype == dtype
    return (
        plain
        and type(y) is np.ndarray
        and y.shape == X.shape[:1]
        and (y.dtype.kind in "iub" or _core.is_plain(y, 1))
    )
