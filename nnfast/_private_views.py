# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's private names that others read, and what stands behind them here.

They are no part of nnfast's interface. Kept as ordinary attributes, because nnfast
needs the same thing: ``_label_binarizer`` (skl2onnx reads it), ``_optimizer`` with
``learning_rate``, ``_no_improvement_count``, ``_random_state``. The one that nnfast
itself has no use for is below.
"""

from typing import Any

import numpy as np

from . import _parameters


class PrivateViews:
    """Mixin with the loss-gradient function that scikit-learn's own tests call."""

    def _loss_grad_lbfgs(
        self: Any, packed: Any, X: Any, y: Any, sample_weight: Any, *buffers: Any
    ) -> tuple[float, np.ndarray]:
        """Objective and gradient where all weights come before all biases."""
        widths = self._widths
        theta = np.empty(len(packed), np.float64)
        gradient = np.empty_like(theta)
        if self.out_activation_ == "softmax":
            y = np.argmax(y, axis=1)
        else:
            y = np.asarray(y, np.float64).reshape(len(X), -1)
        start = 0
        for group in _parameters.views(theta, widths):
            for view in group:
                view[...] = packed[start : start + view.size].reshape(view.shape)
                start += view.size
        X = np.require(X, np.float64, ["C", "A"])
        net = self._network(widths, self.out_activation_, *self._network_loss())
        loss = net.gradient(theta, X, y, sample_weight, float(self.alpha), gradient)
        coefs, intercepts = _parameters.views(gradient, widths)
        return loss, np.concatenate([view.ravel() for view in coefs + intercepts])
