# SPDX-License-Identifier: BSD-3-Clause
"""Trainings of the core and of the twin, which are the same to rounding.

Core and twin do the same operations in float64 and differ by the order of sums and the
last bits of exp and its like: 1e-15 of the largest gradient in a step. Some twenty
steps of training multiply that by what the network's own dynamics do to a disturbance
(a factor of a few per step at these learning rates would already diverge), and Adam by
g / sqrt(v) where a gradient nearly cancels. TOLERANCE, relative to the largest value of
an array, is five orders above the rounding and six below one wrong step.
"""

import numpy as np
import pytest
import twin

from nnfast import _core

TOLERANCE = 1e-10


def _scattered(problem, held_out):
    """X, y and weights with the rows of both in no order, and the split of them.

    Weights that nobody has any business with are NaN.
    """
    n, m = len(problem[0]), len(held_out[0])
    places = np.random.default_rng(0).permutation(n + m)

    def filled(array, rows, like):
        result = np.full((n + m, *like.shape[1:]), np.nan if rows.size < n + m else 0)
        result = result.astype(like.dtype)
        result[rows] = array
        return result

    def joined(ours, theirs):
        return filled(np.concatenate([ours, theirs]), places, ours)

    def alone(weight, rows):
        return None if weight is None else filled(weight, rows, weight)

    X, y = (joined(a, b) for a, b in zip(problem[:2], held_out[:2], strict=True))
    training, scored = np.split(places, [n])
    split = (training, scored, alone(held_out[2], scored))
    return (X, y, alone(problem[2], training)), split


class Fit:
    """One training: copies of its arrays, and what came out.

    ``held_out`` are the X, y and weights of rows to score.
    """

    def __init__(self, module, net, problem, settings, *, held_out=None, bits=None):
        theta, self.X, self.y, self.weight = problem
        self.net = module.Net(*net)
        self.settings = settings
        self.theta = theta.copy()
        self.best = np.full_like(theta, 7) if held_out else None
        rows = 2 if settings["solver"] == "adam" else 1
        self.moments = np.zeros((rows, len(theta)), theta.dtype)
        self.rows, self.split = (self.X, self.y, self.weight), None
        if held_out:
            self.rows, self.split = _scattered(self.rows, held_out)
        self.bits = bits
        self.state, self.events = {}, []

    def run(self, **changes):
        with np.errstate(all="ignore"):  # the twin's arithmetic may overflow
            self.result = self.net.train(
                self.theta,
                self.moments,
                *self.rows,
                self.settings | changes,
                self.state,
                self.split,
                self.best,
                self.bits,
                self.events.append,
            )
        self.state = twin.state_of(self.result)
        return self


def same(a, b, tolerance=TOLERANCE):
    scale = np.abs(b[np.isfinite(b)]).max(initial=np.finfo(b.dtype).tiny)
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


def check_same(core, expected, tolerance=TOLERANCE):
    same(core.theta, expected.theta, tolerance)
    same(core.moments, expected.moments, tolerance)
    if expected.best is not None:
        same(core.best, expected.best, tolerance)
    assert core.result.keys() == expected.result.keys()
    for key, value in expected.result.items():
        if isinstance(value, float | list):
            assert core.result[key] == pytest.approx(
                value, rel=tolerance, nan_ok=True
            ), key
        else:
            assert core.result[key] == value, key
    assert len(core.events) == len(expected.events)
    for a, b in zip(core.events, expected.events, strict=True):
        assert a.keys() == b.keys()
        assert (a["n_iter"], a["event"]) == (b["n_iter"], b["event"])
        for key in ("loss", "learning_rate", "score"):
            if b[key] is None:
                assert a[key] is None
            else:
                assert a[key] == pytest.approx(b[key], rel=tolerance, nan_ok=True)


def both(net, problem, settings, *, held_out=None, seed=None, tolerance=TOLERANCE):
    fits = [
        Fit(
            module,
            net,
            problem,
            settings,
            held_out=held_out,
            bits=None if seed is None else np.random.PCG64(seed),
        ).run()
        for module in (_core, twin)
    ]
    check_same(*fits, tolerance)
    if seed is not None:
        assert fits[0].bits.state == fits[1].bits.state
    return fits[0]


NETS = {
    "multi-class": ((6, 9, 4), ("relu", "softmax"), "log_loss"),
    "binary": ((5, 4, 3, 1), ("tanh", "silu", "logistic"), "log_loss"),
    "multi-label": ((7, 3), ("logistic",), "log_loss"),
    "squared": (
        (6, 5, 7, 4, 2),
        ("elu", "logistic", "mish", "identity"),
        "squared_error",
    ),
    "poisson": ((3, 8, 2), ("softplus", "exp"), "poisson"),
    "huber": ((20, 33, 1), ("gelu", "tanh"), "huber", 0.3),
    "brier": ((4, 17, 3), ("selu", "softmax"), "brier"),
}
SOLVERS = {
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "adam-odd": {"solver": "adam", "beta_1": 0.0, "beta_2": 0.5, "epsilon": 1e-3},
    "adam-ignores": {"solver": "adam", "learning_rate": "invscaling", "momentum": 0.1},
    "sgd": {"solver": "sgd", "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.01},
    "plain": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.01},
    "invscaling": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "learning_rate_init": 0.1,
        "power_t": 0.3,
    },
}
ROWS = 53


def problem_for(net, n=ROWS, dtype=np.float64, weighted=False, seed=0):
    theta, X, y, weight = twin.problem_of(net[0], net[1][-1], n, dtype, seed)
    return theta, X, y, weight if weighted else None
