# SPDX-License-Identifier: BSD-3-Clause
"""What nnfast._core computes, in plain NumPy: the same interface, the same numbers.

This is the readable statement of the library's arithmetic and the oracle of its tests.
It follows scikit-learn's MLP to the letter where both can do a task, and checks nothing
of what it is given. Shapes: n rows, d in, h out of a layer; theta is the flat vector of
parameters, layer by layer ``[W (d x h, C order) | b (h)]``.

Two agreements of the library run through all of it: single numbers are computed in the
type of the data; losses, sample weights and |W|^2 are added up in double. (The core
rounds the sum of a row's losses, over outputs, to that type before it adds up rows.)
"""

import math
from itertools import pairwise

import numpy as np
from scipy.special import expit, ndtr, xlogy

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

# ---- activations: value f(z), derivative f'(z) given z and the value a ----
# Definitions and default constants are PyTorch's; at a kink, the derivative is too.


def softplus(z):
    return np.logaddexp(0, z)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def gelu_slope(z, a):
    return ndtr(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def mish_slope(z, a):
    t = np.tanh(softplus(z))
    return t + z * expit(z) * (1 - t * t)


def elu(z, alpha=1.0, scale=1.0):
    return scale * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


ACTIVATIONS = {
    "identity": (lambda z: z, lambda z, a: np.ones_like(z)),
    "logistic": (expit, lambda z, a: a * (1 - a)),
    "tanh": (np.tanh, lambda z, a: 1 - a * a),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: np.where(z > 0, 1, 0)),
    "leaky_relu": (
        lambda z: np.where(z > 0, z, 0.01 * z),
        lambda z, a: np.where(z > 0, 1, 0.01),
    ),
    "elu": (elu, lambda z, a: np.where(z > 0, 1, a + 1)),
    "selu": (
        lambda z: elu(z, SELU_ALPHA, SELU_SCALE),
        lambda z, a: np.where(z > 0, SELU_SCALE, a + SELU_SCALE * SELU_ALPHA),
    ),
    "gelu": (lambda z: z * ndtr(z), gelu_slope),
    "silu": (lambda z: z * expit(z), lambda z, a: expit(z) * (1 + z * expit(-z))),
    "mish": (lambda z: z * np.tanh(softplus(z)), mish_slope),
    "softplus": (softplus, lambda z, a: expit(z)),
    "softsign": (lambda z: z / (1 + abs(z)), lambda z, a: 1 / (1 + abs(z)) ** 2),
    "hard_sigmoid": (
        lambda z: np.clip(z / 6 + 0.5, 0, 1),
        lambda z, a: np.where(abs(z) < 3, 1 / 6, 0),
    ),
    # Output layer only; softmax is no elementwise function: see Net._delta.
    "exp": (np.exp, lambda z, a: a),
    "softmax": (softmax, None),
}


def slope(name, z, a):
    return ACTIVATIONS[name][1](z, a).astype(z.dtype)


# ---- losses: l(p, y) and dl/dp, elementwise; a row's loss is their sum ----


def clip(p, eps):
    return np.clip(p, eps, 1 - eps)


def huber(r, d):
    return np.where(r <= d, r * r / 2, d * (r - d / 2))


# Log loss needs a logistic or softmax output, so it is always matched: see below. Its
# value clips p at the epsilon of the data's type: see Net._row_losses.
LOSSES = {
    "log_loss": (lambda p, y, d: -xlogy(y, p) - xlogy(1 - y, 1 - p), None),
    "squared_error": (lambda p, y, d: (p - y) ** 2 / 2, lambda p, y, d: p - y),
    "brier": (lambda p, y, d: (p - y) ** 2 / 2, lambda p, y, d: p - y),
    "absolute_error": (lambda p, y, d: abs(p - y), lambda p, y, d: np.sign(p - y)),
    "huber": (
        lambda p, y, d: huber(abs(p - y), d),
        lambda p, y, d: np.clip(p - y, -d, d),
    ),
    "log_cosh": (
        lambda p, y, d: abs(p - y) + np.log1p(np.exp(-2 * abs(p - y))) - math.log(2),
        lambda p, y, d: np.tanh(p - y),
    ),
    "poisson": (lambda p, y, d: xlogy(y, y / p) - y + p, lambda p, y, d: 1 - y / p),
}

# Where output and loss match, the derivative by the output's input z is p - y, exactly.
MATCHED = {
    ("softmax", "log_loss"),
    ("logistic", "log_loss"),
    ("identity", "squared_error"),
    ("exp", "poisson"),
}

activations = tuple(name for name in ACTIVATIONS if name not in ("exp", "softmax"))
losses = tuple(LOSSES)
isas = ("base",)
isa = "base"

# ---- dropout: which units are kept ----


def threefry2x32(key, counter):
    """Threefry-2x32-20 (Salmon et al., SC 2011): two random words for each counter."""
    k0, k1 = (np.uint32(k) for k in key)
    keys = (k0, k1, k0 ^ k1 ^ np.uint32(0x1BD11BDA))
    with np.errstate(over="ignore"):
        x0 = np.asarray(counter[0], np.uint32) + k0
        x1 = np.asarray(counter[1], np.uint32) + k1
        for i in range(20):
            turn = np.uint32((13, 15, 26, 6, 17, 29, 16, 24)[i % 8])
            x0 = x0 + x1
            x1 = x0 ^ (x1 << turn | x1 >> (np.uint32(32) - turn))
            if i % 4 == 3:
                r = i // 4 + 1
                x0 = x0 + keys[r % 3]
                x1 = x1 + (keys[(r + 1) % 3] + np.uint32(r))
    return x0, x1


def dropout_keep(seed, step, layer, n, h, rate):
    """True where a unit is kept: a function of (seed, step, layer, row, unit) alone."""
    key = threefry2x32((seed & 0xFFFFFFFF, seed >> 32), (step & 0xFFFFFFFF, layer))
    rows, pairs = np.meshgrid(np.arange(n), np.arange((h + 1) // 2), indexing="ij")
    words = np.stack(threefry2x32(key, (rows, pairs)), axis=2).reshape(n, -1)[:, :h]
    return words >= math.floor(rate * 2**32)


# ---- scores, as sklearn.metrics computes them ----


def score_of(name, p, y, weight):
    weight = np.ones(len(p)) if weight is None else weight.astype(float)
    if name == "accuracy":  # of whole rows, where there are several labels
        right = p.argmax(axis=1) == y if y.ndim == 1 else ((p > 0.5) == y).all(axis=1)
        return float(np.average(right, weights=weight))
    if not np.isfinite(p).all():
        return math.nan
    p, y = p.astype(float), y.astype(float)
    error = weight @ (y - p) ** 2
    spread = weight @ (y - np.average(y, axis=0, weights=weight)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = np.where(spread == 0, np.where(error == 0, 1.0, 0.0), 1 - error / spread)
    return float(r2.mean())


class Net:
    def __init__(self, widths, activations, loss, huber_delta=1.0):
        self.widths, self.activations = tuple(widths), tuple(activations)
        self.loss, self.huber_delta = loss, huber_delta

    @property
    def size(self):
        return sum((d + 1) * h for d, h in pairwise(self.widths))

    def layers(self, theta):
        """Views (W, b) of every layer."""
        start = 0
        for d, h in pairwise(self.widths):
            yield theta[start : start + d * h].reshape(d, h), theta[start + d * h :][:h]
            start += (d + 1) * h

    # ---- one pass ----

    def _forward(self, theta, X, masks=None):
        """Every layer's input to its activation and, X first, every layer's output."""
        zs, outs = [], [X]
        for i, (W, b) in enumerate(self.layers(theta)):
            zs.append(outs[-1] @ W + b)
            a = ACTIVATIONS[self.activations[i]][0](zs[i])
            if masks is not None and masks[i] is not None:
                a = a * masks[i]
            outs.append(a)
        return zs, outs

    def _row_losses(self, p, y):
        if self.loss == "log_loss":
            p = clip(p, np.finfo(p.dtype).eps)
        if self.loss == "log_loss" and self.activations[-1] == "softmax":
            return -xlogy(y, p).sum(axis=1, dtype=float)
        values = LOSSES[self.loss][0](p, y, self.huber_delta).astype(float)
        if self.loss == "squared_error":
            return values.mean(axis=1)
        return values.sum(axis=1)

    def _delta(self, z, p, y):
        """Derivative of a row's loss by z, the input of the output's activation."""
        if (self.activations[-1], self.loss) in MATCHED:
            return p - y
        loss_slope = LOSSES[self.loss][1](p, y, self.huber_delta)
        if self.activations[-1] == "softmax":
            return p * (loss_slope - (loss_slope * p).sum(axis=1, keepdims=True))
        return loss_slope * slope(self.activations[-1], z, p)

    def _gradient(self, theta, X, y, weight, alpha, masks=None):
        """Objective and gradient; every row counts as its weight, the L2 term once."""
        zs, outs = self._forward(theta, X, masks)
        if y.ndim == 1:
            y = np.eye(self.widths[-1], dtype=X.dtype)[y]
        row_weights = np.ones(len(X)) if weight is None else weight.astype(float)
        total = row_weights.sum()
        W_squared = sum(np.sum(W.astype(float) ** 2) for W, _ in self.layers(theta))
        loss = row_weights @ self._row_losses(outs[-1], y)
        objective = (loss + alpha / 2 * W_squared) / total

        gradient = np.empty_like(theta)
        delta = self._delta(zs[-1], outs[-1], y)
        if weight is not None:
            delta = delta * weight[:, None]
        layers, layer_grads = list(self.layers(theta)), list(self.layers(gradient))
        for i in reversed(range(len(zs))):
            W, (W_grad, b_grad) = layers[i][0], layer_grads[i]
            W_grad[...] = (outs[i].T @ delta + alpha * W) / float(total)
            b_grad[...] = delta.sum(axis=0) / float(total)
            if i > 0:
                delta = delta @ W.T
                if masks is not None and masks[i - 1] is not None:
                    delta = delta * masks[i - 1]
                a = ACTIVATIONS[self.activations[i - 1]][0](zs[i - 1])
                delta = delta * slope(self.activations[i - 1], zs[i - 1], a)
        return float(objective), gradient

    def predict(self, parameters, X, out, n_threads=1, isa=None):
        out[...] = self._forward(parameters, X)[1][-1]

    def gradient(
        self, parameters, X, y, sample_weight, alpha, gradient, n_threads=1, isa=None
    ):
        objective, gradient[...] = self._gradient(
            parameters, X, y, sample_weight, alpha
        )
        return objective

    # ---- one step ----

    def _masks(self, settings, step, X):
        """Per layer what its outputs are multiplied by: 0 or 1 / (1 - rate)."""
        if settings["dropout"] is None:
            return None
        masks = []
        for i, (rate, h) in enumerate(
            zip(settings["dropout"], self.widths[1:-1], strict=True)
        ):
            keep = dropout_keep(settings["dropout_seed"], step, i, len(X), h, rate)
            masks.append(keep * X.dtype.type(1 / (1 - rate)) if rate > 0 else None)
        return [*masks, None]

    @staticmethod
    def _update(theta, moments, gradient, s, state):
        """One step of scikit-learn's solver, in place."""
        if s["solver"] == "sgd":
            rate = state["learning_rate"]
            moments[0] = s["momentum"] * moments[0] - rate * gradient
            if s["nesterovs_momentum"]:
                theta += s["momentum"] * moments[0] - rate * gradient
            else:
                theta += moments[0]
        else:
            t = state["n_updates"] + 1
            unbias = math.sqrt(1 - s["beta_2"] ** t) / (1 - s["beta_1"] ** t)
            rate = s["learning_rate_init"] * unbias
            moments[0] = s["beta_1"] * moments[0] + (1 - s["beta_1"]) * gradient
            moments[1] = s["beta_2"] * moments[1] + (1 - s["beta_2"]) * gradient**2
            theta -= rate * moments[0] / (np.sqrt(moments[1]) + s["epsilon"])
            state["learning_rate"] = rate
        state["n_updates"] += 1

    # ---- a whole fit ----

    def train(
        self,
        parameters,
        moments,
        X,
        y,
        sample_weight,
        settings,
        state,
        split=None,
        best_parameters=None,
        bit_generator=None,
        on_epoch=None,
        isa=None,
    ):
        s = settings
        first = np.arange(len(X)) if split is None else split[0]
        n = len(first)
        state = {
            "learning_rate": s["learning_rate_init"],
            "n_updates": 0,
            "n_seen": 0,
            "no_improvement": 0,
            "best_loss": math.inf,
            "best_score": -math.inf,
            **state,
        }
        loss_curve, scores, stop, first_bad_epoch = [], [], "max_iter", 0
        shuffle = bit_generator and np.random.RandomState(bit_generator).shuffle
        full_batch = s["batch_size"] >= n
        order = first

        try:
            for epoch in range(1, s["max_iter"] + 1):
                # The order of an epoch is a shuffle of the order of the epoch before.
                if shuffle:
                    permutation = np.arange(n)
                    shuffle(permutation)
                    if not full_batch:
                        order = order[permutation]

                loss_sum, rows_counted = 0.0, 0
                for start in range(0, n, s["batch_size"]):
                    rows = order[start : start + s["batch_size"]]
                    weight = None if sample_weight is None else sample_weight[rows]
                    if weight is not None and weight.astype(float).sum() == 0:
                        continue
                    masks = self._masks(s, state["n_updates"], X[rows])
                    loss, gradient = self._gradient(
                        parameters, X[rows], y[rows], weight, s["alpha"], masks
                    )
                    self._update(parameters, moments, gradient, s, state)
                    loss_sum += loss * len(rows)
                    rows_counted += len(rows)

                loss_curve.append(loss_sum / rows_counted)
                state["n_seen"] += n
                if not first_bad_epoch and not np.isfinite(parameters).all():
                    first_bad_epoch = epoch
                if split is not None:
                    _, held_out, weights = split
                    p = self._forward(parameters, X[held_out])[1][-1]
                    weight = None if weights is None else weights[held_out]
                    scores.append(score_of(s["score"], p, y[held_out], weight))
                    if scores[-1] > state["best_score"]:
                        best_parameters[...] = parameters
                event = self._end_of_epoch(s, state, loss_curve, scores)
                if on_epoch is not None:
                    on_epoch(
                        {
                            "n_iter": epoch,
                            "loss": loss_curve[-1],
                            "score": scores[-1] if scores else None,
                            "learning_rate": state["learning_rate"],
                            "event": event,
                        }
                    )
                # Scikit-learn goes on for as long as the validation score allows.
                if first_bad_epoch and split is None:
                    stop = "not_finite"
                    break
                if event in ("stop", "learning_rate_too_small"):
                    stop = "no_improvement"
                    break
        except KeyboardInterrupt:
            stop = "interrupted"
        return {
            **state,
            "loss_curve": loss_curve,
            "scores": scores,
            "stop": stop,
            "first_bad_epoch": first_bad_epoch,
        }

    @staticmethod
    def _end_of_epoch(s, state, loss_curve, scores):
        """Scikit-learn's rules: the best epoch, the learning rate, when to stop."""
        if (
            scores
        ):  # a NaN is not worse, so patience begins anew: as scikit-learn has it
            worse = scores[-1] < state["best_score"] + s["tol"]
            if scores[-1] > state["best_score"]:
                state["best_score"] = scores[-1]
        else:
            worse = loss_curve[-1] > state["best_loss"] - s["tol"]
            if loss_curve[-1] < state["best_loss"]:
                state["best_loss"] = loss_curve[-1]
        state["no_improvement"] = state["no_improvement"] + 1 if worse else 0

        schedule = s["learning_rate"] if s["solver"] == "sgd" else "constant"
        if schedule == "invscaling":
            scaling = (state["n_seen"] + 1) ** s["power_t"]
            state["learning_rate"] = s["learning_rate_init"] / scaling
        if state["no_improvement"] <= s["n_iter_no_change"]:
            return ""
        if schedule != "adaptive":
            return "stop"
        if state["learning_rate"] <= 1e-6:
            return "learning_rate_too_small"
        state["learning_rate"] /= 5
        state["no_improvement"] = 0
        return "learning_rate_lowered"


# ---- what the tests feed to both ----


STATE = (
    "learning_rate",
    "n_updates",
    "n_seen",
    "no_improvement",
    "best_loss",
    "best_score",
)


def state_of(result):
    """What the next training goes on from."""
    return {key: result[key] for key in STATE}


def settings_of(**changes):
    """The settings of a fit: scikit-learn's defaults, then the changes."""
    defaults = {
        "solver": "adam",
        "learning_rate": "constant",
        "learning_rate_init": 0.001,
        "power_t": 0.5,
        "momentum": 0.9,
        "nesterovs_momentum": True,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-8,
        "alpha": 0.0001,
        "batch_size": 200,
        "max_iter": 200,
        "tol": 1e-4,
        "n_iter_no_change": 10,
        "dropout": None,
        "dropout_seed": 0,
        "score": "r2",
        "n_threads": 1,
    }
    assert defaults.keys() >= changes.keys()
    return defaults | changes


def problem_of(widths, output, n, dtype=np.float64, seed=0):
    """Parameters, X, targets that suit the output activation, and sample weights."""
    rng = np.random.default_rng(seed)
    theta = np.concatenate(
        [
            rng.normal(size=size) / math.sqrt(d)
            for d, h in pairwise(widths)
            for size in (d * h, h)
        ]
    )
    X = rng.normal(size=(n, widths[0]))
    y = rng.normal(size=(n, widths[-1]))
    if output == "softmax":
        y = rng.integers(widths[-1], size=n)
    elif output == "logistic":
        y = (y > 0).astype(dtype)
    elif output in ("exp", "softplus"):
        y = np.floor(np.exp(y))  # counts, zeros among them
    weight = rng.uniform(0.2, 3, size=n)
    y = y if output == "softmax" else y.astype(dtype)
    return theta.astype(dtype), X.astype(dtype), y, weight.astype(dtype)
