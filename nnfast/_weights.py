# SPDX-License-Identifier: BSD-3-Clause
"""The fitted weights of an estimator: θ, and what the user sees of it.

θ is ``_parameters``, one flat vector; ``coefs_`` and ``intercepts_`` are lists of
views of it. The lists belong to the user: whatever they hold at the next call is
what that call uses.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from . import _core, _parameters
from ._prepared import Model


class Weights(BaseEstimator):
    """An estimator as far as its weights go."""

    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    _model: Any  # another Model after each fit, a mark while it ends: see of_one_model

    def __sklearn_is_fitted__(self) -> bool:
        """Whether it is, by scikit-learn's own rule, which looks at every attribute."""
        names = vars(self)
        return "coefs_" in names or any(
            name.endswith("_") and not name.startswith("__") for name in list(names)
        )

    def _adopt(self, theta: np.ndarray, widths: tuple[int, ...]) -> None:
        """Take θ as the parameters and make the views of it."""
        self._learn(theta, widths)
        self.coefs_, self.intercepts_ = _parameters.views(theta, widths)

    def _learn(self, theta: np.ndarray, widths: tuple[int, ...]) -> None:
        """Take θ at the end of a fit, which hands it over with views of it or into
        the memory that the user's views look at."""
        self._parameters, self._widths = theta, widths
        self._model = Model()

    def _owns_views(self) -> bool:
        """Whether coefs_ and intercepts_ hold views of θ still, every one of them."""
        known = vars(self).get
        return _core.are_views(
            known("_parameters"), known("_widths"), self.coefs_, self.intercepts_
        )

    def _theta(self) -> tuple[np.ndarray, tuple[int, ...]]:
        """θ and its widths as coefs_ and intercepts_ have them now.

        Assigned arrays are copied in; they may be those of another network.
        """
        if self._owns_views():
            return self._parameters, self._widths
        if "_parameters" in vars(self):
            dtype = self._parameters.dtype
        else:
            types = {getattr(array, "dtype", None) for array in self.coefs_}
            dtype = np.dtype(np.float32 if types == {np.dtype("f4")} else np.float64)
        inputs = vars(self).get("n_features_in_")
        widths = _parameters.widths_of(self.coefs_, self.intercepts_, inputs)
        return _parameters.pack(self.coefs_, self.intercepts_, widths, dtype), widths
