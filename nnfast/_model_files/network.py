# SPDX-License-Identifier: BSD-3-Clause
"""The network of a model file: widths, activations, and a tensor for each array."""

from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np

from .. import _core, _parameters
from .._constraints import hidden_activations
from .._pieces import pieces
from .safetensors import Contents
from .values import count, document, known, parsed

MAX_LAYERS = 1000
_TYPES: tuple[np.dtype[Any], ...] = (np.dtype(np.float32), np.dtype(np.float64))


def network_of(
    estimator: Any,
    theta: np.ndarray,
    widths: tuple[int, ...],
    arrays: dict[str, np.ndarray],
) -> str:
    """The text; the views of θ are added to the arrays."""
    hidden = hidden_activations(estimator.activation, len(widths) - 2)
    activations = [*hidden, estimator.out_activation_]
    for name, view in layers(theta, widths, "layers").items():
        check_finite(view, name)
        arrays[name] = view
    return document({"widths": list(map(int, widths)), "activations": activations})


def check_network(contents: Contents) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Widths and activations; the tensors of the layers are claimed."""
    found = parsed(contents, "network")
    known(found, ("widths", "activations"), "network")
    widths, activations = check_widths(found["widths"], "widths"), found["activations"]
    possible = {*_core.activations, "exp", "softmax"}
    if not (
        isinstance(activations, list)
        and len(activations) == len(widths) - 1
        and all(isinstance(name, str) and name in possible for name in activations)
    ):
        raise ValueError(
            f"activations must be one of {sorted(possible)} for each layer"
        )
    claim_layers(contents, "layers", widths)
    return widths, tuple(activations)


# ---- any network's arrays ----


def layers(
    theta: np.ndarray, widths: tuple[int, ...], prefix: str
) -> dict[str, np.ndarray]:
    """The views of θ by the names of their tensors, in its order."""
    named = {}
    for i, (weight, bias) in enumerate(zip(*_parameters.views(theta, widths))):
        named[f"{prefix}.{i}.weight"], named[f"{prefix}.{i}.bias"] = weight, bias
    return named


def check_widths(found: Any, name: str) -> tuple[int, ...]:
    """The widths that a list of JSON's gives."""
    if not isinstance(found, list) or not 2 <= len(found) <= MAX_LAYERS + 1:
        raise ValueError(f"{name} must be a list of 2 to {MAX_LAYERS + 1} numbers")
    widths = tuple(count(width, name) for width in found)
    if 0 in widths:
        raise ValueError(f"{name} must be at least 1")
    return widths


def claim_layers(contents: Contents, prefix: str, widths: tuple[int, ...]) -> None:
    """Claim the tensors of a network, all of one type."""
    types = _TYPES
    for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
        types = (contents.claim(f"{prefix}.{i}.weight", (fan_in, fan_out), *types),)
        contents.claim(f"{prefix}.{i}.bias", (fan_out,), *types)


def read_layers(
    file: BinaryIO, contents: Contents, prefix: str, widths: tuple[int, ...]
) -> np.ndarray:
    """The tensors that were claimed, as one vector."""
    theta = _parameters.zeros(widths, contents.tensors[f"{prefix}.0.weight"].dtype)
    for name, view in layers(theta, widths, prefix).items():
        check_finite(contents.read(file, name, view), name)
    return theta


def check_finite(array: np.ndarray, name: str) -> None:
    """ValueError for NaN or infinity; least and most are NaN where one entry is."""
    flat = array.reshape(-1)
    for part in pieces(flat.size):
        if not (np.isfinite(flat[part].min()) and np.isfinite(flat[part].max())):
            raise ValueError(f"{name} contains NaN or infinity")
