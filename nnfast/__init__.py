# SPDX-License-Identifier: BSD-3-Clause
"""Feed-forward neural networks trained in C behind scikit-learn's interface."""

from importlib.metadata import version

from ._classifier import MLPClassifier
from ._regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "__version__"]
__version__ = version("nnfast")
