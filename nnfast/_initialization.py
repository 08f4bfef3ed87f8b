# SPDX-License-Identifier: BSD-3-Clause
"""Where training starts: the table behind the ``init`` parameter.

Draws follow scikit-learn: layer by layer, W before b, in float64, then cast to the
dtype of the network. Only ``"auto"`` draws biases; they are zero otherwise.

Glorot & Bengio 2010 (glorot), He et al. 2015 (he), LeCun et al. 1998 (lecun).
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from . import _parameters
from ._generators import Draws
from ._pieces import all_finite, fill

# Standard deviation of a layer's weights from its numbers of inputs and outputs.
# Uniform draws reach to sqrt(3) standard deviations.
_DEVIATIONS: dict[str, Callable[[int, int], float]] = {
    "glorot": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),
    "he": lambda fan_in, fan_out: math.sqrt(2 / fan_in),
    "lecun": lambda fan_in, fan_out: math.sqrt(1 / fan_in),
}

SCHEMES = {
    "auto",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_normal",
    "normal",
    "zeros",
}


def initialize(
    init: Any,
    init_scale: float,
    widths: tuple[int, ...],
    activations: Sequence[str],
    draws: Draws,
    dtype: Any,
) -> np.ndarray:
    """The first θ.

    Parameters
    ----------
    init : str or pair of lists of arrays
        A scheme, or (coefs, intercepts) to start from.
    init_scale : float
        Standard deviation for ``"normal"``.
    widths : tuple of int
        Inputs, hidden widths, outputs.
    activations : sequence of str
        For ``"auto"``, the activation that each layer is scaled for.
    draws : Draws
        Of the fit; none where arrays are given.
    dtype : float32 or float64

    Returns
    -------
    ndarray of shape (size,)
    """
    if not isinstance(init, str):
        names = ("init[0]", "init[1]")
        return _parameters.pack(init[0], init[1], widths, dtype, names)

    theta = _parameters.zeros(widths, dtype)
    random_state = draws.generator()
    coefs, intercepts = _parameters.views(theta, widths)
    scheme, _, distribution = init.partition("_")
    for layer, (fan_in, fan_out) in enumerate(pairwise(widths)):
        if init == "auto":
            factor = 2.0 if activations[layer] == "logistic" else 6.0
            bound = np.sqrt(factor / (fan_in + fan_out))
            fill(coefs[layer], partial(random_state.uniform, -bound, bound))
            intercepts[layer][:] = random_state.uniform(-bound, bound, fan_out)
        elif init == "normal":
            with np.errstate(over="ignore"):  # said below, with its reason
                fill(coefs[layer], partial(random_state.normal, 0.0, init_scale))
        elif distribution == "normal":
            deviation = _DEVIATIONS[scheme](fan_in, fan_out)
            fill(coefs[layer], partial(random_state.normal, 0.0, deviation))
        elif distribution == "uniform":
            bound = math.sqrt(3) * _DEVIATIONS[scheme](fan_in, fan_out)
            fill(coefs[layer], partial(random_state.uniform, -bound, bound))
    if not all_finite(theta):
        raise ValueError(
            f"init_scale={init_scale} draws weights too large for {theta.dtype}."
        )
    return theta
