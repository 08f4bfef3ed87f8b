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

# What is looked at, by its type: nothing of a user's own, and nothing that could become
# another while it stays the same object. (Of arrays and lists the core sees that.)
_VIEWS = {"_parameters": np.ndarray, "_widths": tuple, "coefs_": list}
_VIEWS |= {"intercepts_": list}
_OTHERS = {"activation": str, "out_activation_": str, "n_features_in_": int}

# With it, an X without names has to be warned of.
_ABSENT = "feature_names_in_"

# Other threads wait meanwhile: so few rows, and of all of them so many multiply-adds.
# The activation of a unit takes the time of some.
_ROWS, _WORK, _OF_A_UNIT = 64, 3e5, 32


class Model:
    """What a fit leaves behind: another object after each."""

    __slots__ = ("is_asked", "prepared")

    def __init__(self) -> None:
        self.is_asked = False
        self.prepared: Any = None

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
    """After every second prediction of an X that can be, prepare for the next."""
    theta, model = map(vars(estimator).get, ("_parameters", "_model"))
    if (
        type(model) is not Model
        or type(X) is not np.ndarray
        or type(theta) is not np.ndarray
        or X.dtype != theta.dtype
        or len(X) > _ROWS
    ):
        return
    model.is_asked = not model.is_asked
    if model.is_asked:
        return
    one = like(estimator, vars(estimator).copy())  # of one moment
    state, looked_at = vars(one), _VIEWS | _OTHERS
    if (
        state.get("_model") is not model
        or any(type(state.get(name)) is not kind for name, kind in looked_at.items())
        or any(hasattr(type(one), name) for name in looked_at)  # a property, say
        or "n_jobs" not in state
        or _ABSENT in state
        or not one._owns_views()
    ):
        return
    widths = state["_widths"]
    work = products_of(widths) + _OF_A_UNIT * sum(widths)
    attributes = {name: state[name] for name in (*looked_at, "n_jobs")}
    theta, widths, coefs, intercepts = (state[name] for name in _VIEWS)
    try:
        net = one._predicting_network(widths, one._output)
    except ValueError:  # set to something unknown since the prediction
        return
    model.prepared = _core.Prepared(
        net,
        (theta, widths, coefs, intercepts),
        attributes,
        _ABSENT,
        min(_ROWS, int(_WORK // work)),
    )
