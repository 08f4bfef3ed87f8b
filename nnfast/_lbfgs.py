# SPDX-License-Identifier: BSD-3-Clause
"""The lbfgs solver: SciPy steps in float64, the core evaluates in θ's own type."""

from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._data import Data
from ._failure import NOT_FINITE
from ._late import late
from ._pieces import all_finite
from ._scikit_learn import warn


def _verbosity(verbose: Any) -> dict[str, int]:
    """The option that makes lbfgs print; from SciPy 1.15 on it has none."""
    from scipy import __version__

    if tuple(int(part) for part in __version__.split(".")[:2]) >= (1, 15):
        return {}
    return {"iprint": 1 if verbose >= 1 else -1}


def minimize(
    estimator: Any, net: Any, theta: np.ndarray, data: Data, n_threads: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """Minimise the objective over all rows, starting from θ, which is left alone.

    Returns
    -------
    theta : ndarray of shape (size,)
        The solution, in the dtype of the θ given.
    attributes : dict
        What the fit adds to the estimator.
    """
    minimize = late("scipy.optimize").minimize
    gradient = np.empty_like(theta)
    X, y, sample_weight = data.arrays()

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        value = net.gradient(
            np.ascontiguousarray(point, dtype=theta.dtype),
            X,
            y,
            sample_weight,
            float(estimator.alpha),
            gradient,
            n_threads=n_threads,
        )
        return value, gradient.astype(np.float64)

    result = minimize(
        objective,
        theta.astype(np.float64),
        method="L-BFGS-B",
        jac=True,
        options={
            "maxfun": estimator.max_fun,
            "maxiter": estimator.max_iter,
            "gtol": estimator.tol,
            **_verbosity(estimator.verbose),
        },
    )
    n_iter = min(result.nit, estimator.max_iter)
    if result.status != 0:
        _warn_of_failure(result, n_iter, estimator.max_iter)
    with np.errstate(over="ignore"):  # reported just below
        solution = result.x.astype(theta.dtype)
    if not all_finite(solution):
        raise ValueError(
            f"{NOT_FINITE} They were so at the end of iteration {int(result.nit)}."
        )
    return solution, {"n_iter_": n_iter, "loss_": np.float64(result.fun)}


def _warn_of_failure(result: Any, n_iter: int, max_iter: int) -> None:
    """In scikit-learn's words."""
    more = ""
    if n_iter == max_iter:
        more = (
            "\nIncrease the number of iterations to improve the convergence"
            f" (max_iter={max_iter})."
        )
    warn(
        f"lbfgs failed to converge after {n_iter} iteration(s)"
        f" (status={result.status}):\n{result.message}\n{more}"
        "\nYou might also want to scale the data as shown in:\n"
        "    https://scikit-learn.org/stable/modules/preprocessing.html",
        ConvergenceWarning,
    )
