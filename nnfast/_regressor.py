# SPDX-License-Identifier: BSD-3-Clause
"""The regressor: real targets, one output each."""

from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import RegressorMixin

from . import _prepared
from ._apart import apart, of_one_model
from ._base import BaseMLP
from ._constraints import check_regressor_combination
from ._data import cast
from ._scikit_learn import fit_context
from ._validation import validate_inputs


class Regressor(RegressorMixin, BaseMLP):
    """What MLPRegressor does."""

    @property
    def _validation_score(self) -> str:
        return "r2"

    # ---- fitting ----

    # Not hidden for lbfgs, where it goes on from the weights there are: so it is in
    # scikit-learn.
    @fit_context
    @apart
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch over the given rows; lbfgs goes on to its end.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data, trained on in the type of the first call.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None is one for each.

        Returns
        -------
        self : object
            The model, one epoch on.

        Raises
        ------
        ValueError, TypeError
            When an argument or parameter is not as documented, with early stopping,
            or when weights are no longer finite. The estimator is then as it was
            before.

        Examples
        --------
        >>> from nnfast import MLPRegressor
        >>> model = MLPRegressor(random_state=0)
        >>> for rows, targets in [([[0.0], [3.0]], [0, 6]), ([[1.0], [2.0]], [2, 4])]:
        ...     model = model.partial_fit(rows, targets)
        >>> model.t_
        4
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def _check_combination(self, n_hidden: int, incremental: bool) -> None:
        super()._check_combination(n_hidden, incremental)
        check_regressor_combination(self)

    def _network_loss(self) -> tuple[str, float]:
        return self.loss, float(self.huber_delta)

    def _encode(
        self, y: Any, dtype: Any, incremental: bool
    ) -> tuple[np.ndarray, int, str]:
        if issparse(y):
            y = y.toarray()
        if y.dtype.kind not in "fiub":
            raise ValueError(f"y must hold real numbers; got dtype {y.dtype}.")
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(
                "y must not be negative with loss='poisson'; its smallest value is"
                f" {y.min()}."
            )
        y = cast(y.reshape(len(y), -1), dtype, "y")
        output = self.output_activation
        if output == "auto":
            output = "exp" if self.loss == "poisson" else "identity"
        return y, y.shape[1], output

    # ---- predicting ----

    @of_one_model
    def predict(self, X: Any) -> np.ndarray:
        """Predict the targets of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted values.

        Raises
        ------
        NotFittedError
            Before the first fit.
        ValueError
            When X, or what was assigned to ``coefs_``, does not fit the model.

        Examples
        --------
        >>> from nnfast import MLPRegressor
        >>> model = MLPRegressor(solver="lbfgs", random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0]], [1, 3, 5]).predict([[1.0]]).round(1)
        array([3.])
        """
        outputs = _prepared.outputs(self, X)
        if outputs is None:
            outputs = self._outputs(validate_inputs(self, X))
            _prepared.prepare(self, X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs
