# SPDX-License-Identifier: BSD-3-Clause
"""Real data, small networks of either library for it, and when their results agree.

Real numbers differ by rounding, which a hundred small steps amplify by a few powers of
ten: 1e-9 of the largest leaves room for that and for nothing else.
"""

import functools

import numpy as np
from sklearn import datasets
from sklearn.preprocessing import scale

RTOL = 1e-9


@functools.cache
def load(name, scaled=True):
    """A data set that comes with scikit-learn: X (standardised) and y."""
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return (scale(X) if scaled else X), y


def classifier(library, **parameters):
    settings = {"hidden_layer_sizes": (8,), "max_iter": 15, "random_state": 0}
    settings |= {"learning_rate_init": 0.02, "batch_size": 50}
    return library.MLPClassifier(**{**settings, **parameters})


def regressor(library, **parameters):
    settings = {"hidden_layer_sizes": (8,), "max_iter": 15, "random_state": 0}
    settings |= {"learning_rate_init": 0.02, "batch_size": 50}
    return library.MLPRegressor(**{**settings, **parameters})


def same(ours, theirs):
    """The same labels, and real numbers to rounding."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.dtype == theirs.dtype
    if theirs.dtype.kind == "f":
        largest = np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=RTOL, atol=RTOL * largest)
    else:
        np.testing.assert_array_equal(ours, theirs)
