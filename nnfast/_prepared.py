# SPDX-License-Identifier: BSD-3-Clause
"""Predictions of few plain rows, prepared: what they depend on is looked at once.

A row takes a microsecond through a small network; to look at an estimator, at what is
assigned to it and at its network, takes Python several. So a prediction of few rows
leaves behind what was looked at, and the next one sees in the core that it is there
still: the same objects, and arrays that view θ.
"""

from typing import Any

import numpy as np

from . import _core
from ._apart import like
from ._threads import products_of

# What the outputs depend on, and what is checked before them. Where a new attribute
# comes into a prediction, it comes in here.
_ATTRIBUTES = (
    *("_parameters", "_widths", "coefs_", "intercepts_"),
    "activation",
    "out_activation_",
    "n_features_in_",
    "n_jobs",
    "classes_",
    "_label_binarizer",
)

# With it, an X without names has to be warned of.
_FORBIDDEN = "feature_names_in_"

# Multiply-adds that take so little time that other threads can wait for them.
_LITTLE = 3e5


class Model:
    """What a fit leaves behind: another object after each."""

    __slots__ = ("prepared",)
    prepared: Any

    def __init__(self) -> None:
        self.prepared = None

    def __reduce__(self) -> tuple[type["Model"], tuple[()]]:
        return Model, ()


def outputs(estimator: Any, X: Any, both: bool = False) -> Any:
    """Those of X as ``_outputs`` has them, or None: where X is not plain and small, or
    the estimator is no more what it was when it was prepared."""
    state = vars(estimator)
    model = state.get("_model")
    if type(model) is not Model or model.prepared is None:
        return None
    return model.prepared.predict(state, X, both)


def prepare(estimator: Any, X: Any) -> None:
    """After a prediction of X, prepare the estimator as it is for the next."""
    one = like(estimator, vars(estimator).copy())  # of one moment
    state = vars(one)
    most_rows = int(_LITTLE // products_of(state["_widths"]))
    if (
        type(state.get("_model")) is Model
        and type(X) is np.ndarray
        and len(X) <= most_rows
        and type(state["activation"]) is str  # a list can be written into
        and _FORBIDDEN not in state
        and len(state.get("classes_", "ab")) > 1  # one is certain, whatever the outputs
        and one._owns_views()
    ):
        attributes = {name: state[name] for name in _ATTRIBUTES if name in state}
        theta, widths, coefs, intercepts = (state[name] for name in _ATTRIBUTES[:4])
        net = one._predicting_network(one._widths, one._output)
        state["_model"].prepared = _core.Prepared(
            net, (theta, widths, coefs, intercepts), attributes, _FORBIDDEN, most_rows
        )
