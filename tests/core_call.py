# SPDX-License-Identifier: BSD-3-Clause
"""Calls of the core whose arguments are valid, until a test spoils one of them."""

import math

import numpy as np
import pytest
import twin
from layouts import LAYOUTS

from nnfast import _core

WIDTHS, N = (3, 4, 2), 6
ACTIVATIONS = ("relu", "identity")


class Call:
    """Valid arguments of one method, by name, of which a test spoils one."""

    def __init__(self, method, dtype=np.float64, labels=False):
        self.method = method
        activations = ("relu", "softmax") if labels else ACTIVATIONS
        loss = "log_loss" if labels else "squared_error"
        self.net = _core.Net(WIDTHS, activations, loss)
        theta, X, y, weight = twin.problem_of(WIDTHS, activations[-1], N, dtype)
        size = self.net.size
        rows = {"X": X, "y": y, "sample_weight": weight}
        arguments = {
            "predict": {"X": X, "out": np.zeros((N, 2), dtype)},
            "gradient": rows | {"alpha": 0.1, "gradient": np.zeros(size, dtype)},
            "train": rows
            | {
                "moments": np.zeros((2, size), dtype),
                "settings": twin.settings_of(
                    max_iter=2, score="accuracy" if labels else "r2"
                ),
                "state": {},
                "split": (np.arange(N - 2), np.arange(2, N), weight.copy()),
                "best_parameters": np.zeros(size, dtype),
                "bit_generator": np.random.PCG64(1),
                "on_epoch": lambda event: None,
            },
        }[method]
        self.arguments = {"parameters": theta} | arguments | {"isa": None}
        if method != "train":
            self.arguments["n_threads"] = 1

    def __call__(self):
        return getattr(self.net, self.method)(**self.arguments)

    def snapshot(self):
        """Everything that could be changed, as bytes and text."""

        def freeze(value):
            if isinstance(value, np.ndarray):
                # Of the base, so that a spoilt view is compared too.
                return value.tobytes(), repr(value.shape)
            if isinstance(value, tuple):
                return [freeze(item) for item in value]
            return repr(getattr(value, "state", value))

        return {name: freeze(value) for name, value in self.arguments.items()}

    def refuses(self, kind, match):
        before = self.snapshot()
        with pytest.raises(kind, match=match) as caught:
            self()
        assert caught.type in (TypeError, ValueError)
        assert self.snapshot() == before


def full_state(**changes):
    """What a training may go on from."""
    return {
        "learning_rate": 0.001,
        "n_updates": 3,
        "n_seen": 18,
        "no_improvement": 0,
        "best_loss": 1.0,
        "best_score": -math.inf,
    } | changes


def other_layouts(array):
    """The ways to lay out an array of that many dimensions that the core refuses."""
    return [
        layout
        for name, layout in LAYOUTS.items()
        if array.ndim == 2 or name != "Fortran"  # the same in other dimensions
    ]
