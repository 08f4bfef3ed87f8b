# SPDX-License-Identifier: BSD-3-Clause
"""Feed-forward neural networks trained in C behind scikit-learn's interface."""

from importlib.metadata import version
from importlib.util import find_spec

if find_spec("nnfast._core") is None:
    raise ImportError(
        f"{__path__[0]} has no compiled _core: it is nnfast's source folder, found"
        " before an installed nnfast. Run Python from another folder, or install"
        " with 'pip install -e .' to use it where it lies."
    )

from ._mlp_classifier import MLPClassifier
from ._mlp_regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "__version__"]
__version__ = version("nnfast")
