# SPDX-License-Identifier: BSD-3-Clause
"""The parameters of an estimator in a model file.

All but two are values. An ``init`` of arrays is the widths of a network, and tensors; a
generator given as ``random_state`` is where it stands, and a tensor of its words.
"""

from functools import cache
from inspect import signature
from numbers import Real
from typing import Any, BinaryIO

import numpy as np

from .. import _core, _parameters
from .._constraints import hidden_activations, hidden_widths
from .._conversion import own_parameters
from .._scikit_learn import validate_parameters
from .network import check_widths, claim_layers, layers, read_layers
from .safetensors import Contents
from .values import count, decode, document, encode, known, parsed

_Arrays = dict[str, np.ndarray]
_N_WORDS = 624  # of MT19937's state


def parameters_of(estimator: Any, made: Any, arrays: _Arrays) -> str:
    """The text, for an estimator of the class ``made``; arrays are added to those."""
    # Of a class in scikit-learn's place, nnfast's own are at their defaults.
    values = {**own_parameters(made), **estimator.get_params(deep=False)}
    encoded = {}
    for name in _names(made):
        value = values[name]
        if name == "random_state" and isinstance(value, np.random.RandomState):
            encoded[name] = _generator(value, arrays)
        elif name == "init" and not isinstance(value, str):
            encoded[name] = _initial(value, arrays)
        else:
            encoded[name] = encode(value, name)
    return document(encoded)


def check_parameters(
    contents: Contents, made: Any, activations: tuple[str, ...]
) -> Any:
    """An estimator of the class; ValueError where a fit would refuse a parameter."""
    found = parsed(contents, "parameters")
    known(found, _names(made), "parameters")
    values = {}
    for name, value in found.items():
        if name == "random_state" and isinstance(value, dict):
            values[name] = _check_generator(contents, value)
        elif name == "init" and not isinstance(value, str):
            values[name] = _check_initial(contents, value)
        else:
            values[name] = decode(value, name)
    estimator = made(**values)
    validate_parameters(estimator)
    try:
        n_hidden = len(hidden_widths(estimator.hidden_layer_sizes))
        estimator._check_combination(n_hidden, False)
    except TypeError as error:
        raise ValueError(str(error)) from error
    hidden = hidden_activations(estimator.activation, len(activations) - 1)
    if hidden != activations[:-1]:
        raise ValueError("activation is not what the network has")
    _check_own(estimator, activations[-1])
    return estimator


@cache
def _names(made: Any) -> list[str]:
    return list(signature(made).parameters)


def _check_own(estimator: Any, output: str) -> None:
    """What the tables leave to the fit, of the one class or of the other."""
    if hasattr(estimator, "output_activation"):
        if output not in {*_core.activations, "exp"}:
            raise ValueError(f"the output of a regressor cannot be {output}")
    elif isinstance(estimator.class_weight, dict):
        for weight in estimator.class_weight.values():
            if not (isinstance(weight, Real) and np.isfinite(float(weight))):
                raise ValueError("class_weight must hold finite numbers")


def read_parameters(file: BinaryIO, contents: Contents, estimator: Any) -> None:
    """Give the estimator those of its parameters that are arrays."""
    if not isinstance(estimator.init, str):
        widths = estimator.init[0]
        initial = read_layers(file, contents, "init", widths)
        estimator.init = _parameters.views(initial, widths)
    if isinstance(estimator.random_state, np.random.RandomState):
        state = estimator.random_state.get_state(legacy=False)
        state["state"]["key"] = contents.read(file, "random_state")
        estimator.random_state.set_state(state)


# ---- initial weights ----


def _initial(pair: Any, arrays: _Arrays) -> dict[str, Any]:
    coefs, intercepts = pair
    widths = _parameters.widths_of(coefs, intercepts, None)
    types = {np.asarray(array).dtype for array in (*coefs, *intercepts)}
    dtype = np.float32 if types == {np.dtype(np.float32)} else np.float64
    names = ("init[0]", "init[1]")
    initial = _parameters.pack(coefs, intercepts, widths, dtype, names)
    arrays.update(layers(initial, widths, "init"))
    return {"widths": list(map(int, widths))}


def _check_initial(contents: Contents, found: Any) -> tuple[Any, Any]:
    """The pair that ``init`` is until its arrays are read: the widths, and nothing."""
    if not isinstance(found, dict):
        raise ValueError("init must be a text or an object")
    known(found, ("widths",), "init")
    widths = check_widths(found["widths"], "init")
    claim_layers(contents, "init", widths)
    return widths, ()


# ---- random generators ----


def _generator(generator: Any, arrays: _Arrays) -> dict[str, Any]:
    state = generator.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        raise ValueError(
            f"random_state is a RandomState of {state['bit_generator']}, which cannot"
            " be stored in a model file: one of MT19937, the usual, can"
        )
    arrays["random_state"] = state["state"]["key"].astype(np.uint32)
    return {
        "position": int(state["state"]["pos"]),
        "has_gauss": int(state["has_gauss"]),
        "gauss": float(state["gauss"]),
    }


def _check_generator(contents: Contents, found: dict[str, Any]) -> Any:
    """A generator that still lacks its words."""
    known(found, ("position", "has_gauss", "gauss"), "random_state")
    position = count(found["position"], "position")
    has_gauss = count(found["has_gauss"], "has_gauss")
    # NumPy would read past the words.
    if position > _N_WORDS or has_gauss > 1 or type(found["gauss"]) is not float:
        raise ValueError("random_state is not the state of a generator")
    contents.claim("random_state", (_N_WORDS,), np.dtype(np.uint32))
    generator = np.random.RandomState(0)
    state = generator.get_state(legacy=False)
    state["state"]["pos"] = position
    generator.set_state(state | {"has_gauss": has_gauss, "gauss": found["gauss"]})
    return generator
