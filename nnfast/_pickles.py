# SPDX-License-Identifier: BSD-3-Clause
"""What pickle, joblib and copy see of an estimator: a plain dict with a schema number.

Weights are in it once, as θ. What later versions may define otherwise is in it as
numbers, texts and arrays: the optimizer, and the LabelBinarizer, whose own pickle
would be bound to the version of scikit-learn. ``_random_state``, which the next fit
sets again, is left out. Every later version reads the states of all earlier ones.
"""

from dataclasses import fields
from typing import Any

import numpy as np

from . import _labels, _parameters
from ._apart import copy_of_one_model
from ._stochastic import Optimizer
from ._weights import Weights

SCHEMA = 1
_KEY = "nnfast_schema"
_OPTIMIZER = [field.name for field in fields(Optimizer)]
_LABELS = {"classes_": "classes", "y_type_": "y_type", "sparse_input_": "sparse_input"}


class Pickles(Weights):
    """An estimator as far as it is saved as a Python object."""

    def __getstate__(self) -> dict[str, Any]:
        """The attributes, made plain: of one model, into which no later fit writes."""
        return copy_of_one_model(self)._plain_state()

    def _plain_state(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "coefs_" in state:
            if self._owns_views():
                del state["coefs_"], state["intercepts_"]
            else:
                state.pop("_parameters", None)
        state.pop("_model", None)
        state.pop("_random_state", None)
        for name, (as_plain, _) in _CONVERSIONS.items():
            if name in state:
                state[name] = as_plain(state[name])
        return {_KEY: SCHEMA, **state}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Check everything, then become it; ValueError leaves the estimator alone."""
        state = _migrated(state)
        for name, (_, from_plain) in _CONVERSIONS.items():
            if isinstance(state.get(name), dict):
                state[name] = from_plain(state[name])
        if "_parameters" in state:
            theta, state["_widths"] = _checked(
                state["_parameters"], state.get("_widths")
            )
            state["_parameters"] = theta
        super().__setstate__(state)
        if "_parameters" in state:
            self._adopt(self._parameters, self._widths)


def _migrated(state: dict[str, Any]) -> dict[str, Any]:
    """A copy of a state of any schema in the form of the latest."""
    # Before there was a number, what is plain now was objects: they are still read.
    schema = state.get(_KEY, 0)
    if schema not in (0, SCHEMA):
        raise ValueError(
            f"this pickle has schema {schema!r}, and this nnfast reads schemas up to"
            f" {SCHEMA}: a later version made it"
        )
    return {name: value for name, value in state.items() if name != _KEY}


def _checked(theta: Any, widths: Any) -> tuple[np.ndarray, tuple[int, ...]]:
    """θ and its widths; ValueError where they are not those of a network."""
    if not (
        isinstance(widths, tuple)
        and len(widths) > 1
        and all(isinstance(width, int) and width > 0 for width in widths)
    ):
        raise ValueError(f"this pickle has no widths of a network: {widths!r:.200}")
    _check_array(theta, (_parameters.size(widths),), "weights")
    return np.require(theta, theta.dtype.newbyteorder("="), ["C", "A"]), widths


def _check_array(array: Any, shape: tuple[int, ...], what: str) -> None:
    if (
        not isinstance(array, np.ndarray)
        or array.shape != shape
        or (array.dtype.kind, array.dtype.itemsize) not in {("f", 4), ("f", 8)}
    ):
        raise ValueError(f"this pickle has {what} that are not floats of shape {shape}")


# ---- what is plain in a state: forward and backward ----


def _optimizer(optimizer: Any) -> Any:
    if type(optimizer) is not Optimizer:
        return optimizer
    return {name: getattr(optimizer, name) for name in _OPTIMIZER}


def _from_optimizer(plain: dict[str, Any]) -> Optimizer:
    if plain.keys() != set(_OPTIMIZER):
        raise ValueError(f"this pickle has an optimizer of {sorted(plain)}")
    moments = plain["moments"]
    n_moments = 2 if plain["solver"] == "adam" else 1
    shape = (n_moments, *np.shape(moments)[1:2])
    _check_array(moments, shape, "moments")
    return Optimizer(**plain)


def _labels_of(labels: Any) -> Any:
    usual = _labels.made_of(np.empty(0), "", False)
    if (
        type(labels) is not type(usual)
        or vars(labels).keys() != vars(usual).keys()
        or labels.get_params() != usual.get_params()
    ):
        return labels  # assigned by the user, in a form of their own
    return {plain: getattr(labels, name) for name, plain in _LABELS.items()}


def _from_labels(plain: dict[str, Any]) -> Any:
    if plain.keys() != set(_LABELS.values()) or not isinstance(
        plain["classes"], np.ndarray
    ):
        raise ValueError(f"this pickle has labels of {sorted(plain)}")
    return _labels.made_of(**plain)


_CONVERSIONS = {
    "_optimizer": (_optimizer, _from_optimizer),
    "_label_binarizer": (_labels_of, _from_labels),
}
