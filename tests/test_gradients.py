# SPDX-License-Identifier: BSD-3-Clause
"""Net.gradient against central differences of its own value, in float64.

Differences are of fourth order, (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12 h with
h = 1e-3. Their truncation error is h^4/30 times the fifth derivative: 3e-14 times
numbers of the order of 1 to 1e3 in these networks. Their rounding error is that of f,
some ten operations deep, divided by h: 10 * 1e-16 / 1e-3 = 1e-12 times f. TOLERANCE
leaves a factor of 30 above the larger of the two; a wrong term in a derivative is an
error of 1e-3 and more.
"""

import math

import numpy as np
import pytest
import twin

from nnfast import _core

STEP = 1e-3
TOLERANCE = 1e-9

# Where value or slope jumps, or the second derivative, so that differences across are
# of low order: a test's rows must stay clear of these points of z.
KINKS = {
    "relu": [0],
    "leaky_relu": [0],
    "elu": [0],
    "selu": [0],
    "softsign": [0],
    "hard_sigmoid": [-3, 3],
}
HUBER_DELTA = 0.7
LOSS_KINKS = {"absolute_error": [0], "huber": [-HUBER_DELTA, HUBER_DELTA]}
# A parameter moves by up to 2 STEP; times an input of up to 4 and a few weights of
# about 1 above it, no z and no output moves by more than this.
CLEARANCE = 0.05

OUTPUTS = {
    "log_loss": ["logistic", "softmax"],
    "brier": ["logistic", "softmax"],
    "poisson": ["exp", "softplus", "logistic"],
}
for loss in ("squared_error", "absolute_error", "huber", "log_cosh"):
    OUTPUTS[loss] = [*twin.activations, "exp"]
PAIRS = [(loss, output) for loss in twin.losses for output in OUTPUTS[loss]]
CANONICAL = {"log_loss": "softmax", "brier": "logistic", "poisson": "exp"}


def clear_problem(widths, activations, loss, n):
    """A problem of n rows whose every z and residual is clear of every kink."""
    theta, X, y, weight = twin.problem_of(widths, activations[-1], 2000)
    zs, outs = twin.Net(widths, activations, loss)._forward(theta, X)
    clear = abs(X).max(axis=1) < 4
    for name, z in zip(activations, zs, strict=True):
        for kink in KINKS.get(name, []):
            clear &= (abs(z - kink) > CLEARANCE).all(axis=1)
    for kink in LOSS_KINKS.get(loss, []):
        clear &= (abs(outs[-1] - y - kink) > CLEARANCE).all(axis=1)
    rows = np.flatnonzero(clear)[:n]
    assert len(rows) == n
    return theta, X[rows], y[rows], weight[rows]


def differences(f, theta):
    gradient = np.empty_like(theta)
    for i in range(len(theta)):
        values = []
        for shift in (1, -1, 2, -2):
            moved = theta.copy()
            moved[i] += shift * STEP
            values.append(f(moved))
        gradient[i] = (8 * (values[0] - values[1]) - (values[2] - values[3])) / (
            12 * STEP
        )
    return gradient


def check(widths, activations, loss, *, weighted=True, alpha=0.3, n=13):
    theta, X, y, weight = clear_problem(widths, activations, loss, n)
    weight = weight if weighted else None
    net = _core.Net(widths, activations, loss, HUBER_DELTA)
    gradient = np.full(net.size, np.nan)
    objective = net.gradient(theta, X, y, weight, alpha, gradient)

    scratch = np.empty(net.size)

    def value(theta):
        """The function whose gradient is asked for: of the sum over outputs."""
        mean = net.gradient(theta, X, y, weight, alpha, scratch)
        if loss != "squared_error":
            return mean
        plain = net.gradient(theta, X, y, weight, 0.0, scratch)
        return widths[-1] * plain + (mean - plain)

    bound = TOLERANCE * max(1, abs(value(theta)))
    np.testing.assert_allclose(gradient, differences(value, theta), rtol=0, atol=bound)

    # The value itself, which differences cannot see, against the twin's: some ten
    # roundings deep, and the same number of times for every row.
    expected = np.empty(net.size)
    same = twin.Net(widths, activations, loss, HUBER_DELTA)
    assert objective == pytest.approx(
        same.gradient(theta, X, y, weight, alpha, expected), rel=1e-13
    )
    np.testing.assert_allclose(
        gradient, expected, rtol=0, atol=1e-13 * max(1, bound * 1e9)
    )


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_loss_and_output_without_hidden_layers(loss, output, outputs):
    if output == "softmax" and outputs == 1:
        outputs = 2
    check((4, outputs), (output,), loss)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("loss", twin.losses)
@pytest.mark.parametrize("activation", twin.activations)
def test_hidden_activation_loss_and_depth(activation, loss, depth):
    first = twin.activations.index(activation)
    step = 5  # prime to 13: every mixture has `depth` different activations
    hidden = tuple(twin.activations[(first + step * i) % 13] for i in range(depth))
    widths = (3, 5, 4, 3)[: depth + 1] + (2,)
    output = CANONICAL.get(loss, "identity")
    # Depths of both parities, with weights and without.
    check(widths, (*hidden, output), loss, weighted=depth != 2, n=7)


@pytest.mark.parametrize("activation", twin.activations)
def test_one_activation_in_every_layer(activation):
    check((3, 4, 4, 4, 2), (activation,) * 4, "squared_error", n=5)


def test_alpha_counts_weights_once_and_biases_never():
    # Without rows' losses (targets are met exactly) only the L2 term is left, and it
    # is divided by the sum of weights.
    net = _core.Net((2, 2), ("identity",), "squared_error")
    theta = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])  # W, then b
    X = np.array([[1.0, 0.0], [0.0, 1.0]])
    y = X @ theta[:4].reshape(2, 2) + theta[4:]
    gradient = np.empty(6)
    objective = net.gradient(theta, X, y, np.array([0.5, 1.5]), 10.0, gradient)
    assert objective == 10 / 2 * 30 / 2
    assert gradient.tolist() == [5, 10, 15, 20, 0, 0]


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_weights_are_repetitions(loss, output):
    """A weight of 2 is a row twice, a weight of 0 is no row."""
    widths, activations = (4, 6, 3), ("tanh", output)
    theta, X, y, _ = twin.problem_of(widths, output, 40)
    weight = np.arange(40.0) % 3
    times = weight.astype(int)
    net = _core.Net(widths, activations, loss)
    weighted, repeated = np.empty(net.size), np.empty(net.size)
    a = net.gradient(theta, X, y, weight, 0.1, weighted)
    X, y = np.repeat(X, times, axis=0), np.repeat(y, times, axis=0)
    b = net.gradient(theta, X, y, None, 0.1, repeated)
    # Two orders of summation of 40 terms: 40 roundings of the largest partial sum.
    assert a == pytest.approx(b, rel=40 * 2.3e-16)
    scale = abs(repeated).max()
    np.testing.assert_allclose(weighted, repeated, rtol=0, atol=40 * 2.3e-16 * scale)


KINK_SLOPES = [  # PyTorch's, at the kink itself
    ("relu", 0.0, 0.0),
    ("leaky_relu", 0.0, 0.01),
    ("elu", 0.0, 1.0),
    ("selu", 0.0, twin.SELU_SCALE * twin.SELU_ALPHA),
    ("softsign", 0.0, 1.0),
    ("hard_sigmoid", -3.0, 0.0),
    ("hard_sigmoid", 3.0, 0.0),
]


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize(("activation", "z", "expected"), KINK_SLOPES)
def test_slope_at_the_kink(activation, z, expected, hidden):
    widths = (1, 1, 1) if hidden else (1, 1)
    activations = (activation, "identity") if hidden else (activation,)
    net = _core.Net(widths, activations, "squared_error")
    # z is the input; above it the identity. The target is one below the output.
    theta = np.array([1.0, 0.0, 1.0, 0.0][: net.size])
    X, out, gradient = np.array([[z]]), np.empty((1, 1)), np.empty(net.size)
    net.predict(theta, X, out)
    net.gradient(theta, X, out - 1, None, 0.0, gradient)
    assert gradient[1] == pytest.approx(expected, rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("loss", "residual", "value", "slope"),
    [
        ("absolute_error", 0.0, 0.0, 0.0),
        ("huber", 0.5, 0.125, 0.5),
        ("huber", -0.5, 0.125, -0.5),
        ("huber", 2.0, 0.875, 0.5),
        ("huber", -2.0, 0.875, -0.5),
        ("log_cosh", 0.0, 0.0, 0.0),
        ("log_cosh", 1e6, 1e6 - math.log(2), 1.0),
        ("log_cosh", -1e6, 1e6 - math.log(2), -1.0),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_residual_at_the_kink_and_far_out(dtype, loss, residual, value, slope):
    net = _core.Net((1, 1), ("identity",), loss, 0.5)
    theta = np.array([1, 0], dtype)
    X, y, gradient = (
        np.zeros((1, 1), dtype),
        np.array([[-residual]], dtype),
        np.empty(2, dtype),
    )
    eps = float(np.finfo(dtype).eps)  # value and slope are a few operations deep
    assert net.gradient(theta, X, y, None, 0.0, gradient) == pytest.approx(
        value, rel=4 * eps, abs=0
    )
    assert gradient[1] == pytest.approx(slope, rel=4 * eps, abs=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("loss", "output"),
    [
        ("squared_error", "identity"),
        ("absolute_error", "exp"),
        ("huber", "exp"),
        ("poisson", "exp"),
    ],
)
def test_infinite_loss_of_one_row_is_infinite(loss, output, dtype):
    """And not NaN, which the rules for stopping treat otherwise, wherever the row."""
    net = _core.Net((1, 1), (output,), loss)
    huge = {"identity": 1e38, "exp": 1e4}[output]
    theta, gradient = np.array([1, 0], dtype), np.empty(2, dtype)
    theta[0] = 1e200 if dtype == np.float64 and output == "identity" else 1
    for n in range(1, 20):
        for row in {0, n // 2, n - 1}:
            # (Of a Poisson loss with y > 0, scikit-learn's is infinity - infinity.)
            X, y = np.zeros((n, 1), dtype), np.zeros((n, 1), dtype)
            X[row] = huge
            assert net.gradient(theta, X, y, None, 0.1, gradient) == math.inf, (n, row)
            weight = np.full(n, 2, dtype)
            assert net.gradient(theta, X, y, weight, 0.1, gradient) == math.inf


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("output", ["logistic", "softmax"])
def test_saturated_log_loss_is_clipped_and_its_gradient_is_not(output, dtype):
    eps = float(np.finfo(dtype).eps)
    X, gradient = np.ones((1, 1), dtype), np.empty(4, dtype)
    if output == "logistic":
        net = _core.Net((1, 1), ("logistic",), "log_loss")
        theta, wrong, right = np.array([0, 1000], dtype), np.zeros((1, 1), dtype), X
        gradient, expected = gradient[:2], [1]
    else:
        net = _core.Net((1, 2), ("softmax",), "log_loss")
        theta = np.array([0, 0, 1000, 0], dtype)
        wrong, right = np.array([1]), np.array([0])
        expected = [1, -1]
    # 1 - p of a clipped p is eps to within a rounding of p: half an eps of the type.
    assert net.gradient(theta, X, wrong, None, 0.0, gradient) == pytest.approx(
        -math.log(eps), rel=1e-2
    )
    biases = gradient[-len(expected) :]
    assert biases.tolist() == expected
    assert net.gradient(theta, X, right, None, 0.0, gradient) == pytest.approx(
        eps, rel=1e-2
    )
    # p - 1 where p rounds to 1: exp(-1000) is zero in both types.
    assert biases.tolist() == [0] * len(expected)


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_float32_follows_float64(loss, output):
    """Float32 rounds where float64 does, half a billion times coarser.

    A row's gradient is some 30 operations deep here (three products of up to 8 terms
    each way, activations of a few roundings); 64 eps of the largest one covers it.
    """
    widths, activations = (6, 8, 5, 3), ("gelu", "tanh", output)
    theta, X, y, weight = twin.problem_of(widths, output, 33)
    net = _core.Net(widths, activations, loss)
    exact = np.empty(net.size)
    objective = net.gradient(theta, X, y, weight, 0.1, exact)
    rows = np.empty((33, net.size))
    for i, row in enumerate(rows):
        net.gradient(theta, X[i : i + 1], y[i : i + 1], None, 0.0, row)
    theta, X, weight = (a.astype(np.float32) for a in (theta, X, weight))
    y = y if output == "softmax" else y.astype(np.float32)
    single = np.empty(net.size, np.float32)
    eps = float(np.finfo(np.float32).eps)
    assert net.gradient(theta, X, y, weight, 0.1, single) == pytest.approx(
        objective, rel=64 * eps
    )
    np.testing.assert_allclose(single, exact, rtol=0, atol=64 * eps * abs(rows).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", ["softplus", "logistic", "exp"])
@pytest.mark.parametrize("target", [0.0, 3.0])
def test_poisson_of_an_output_that_underflows_is_finite(output, dtype, target):
    """p rounds to zero; its slope does too, and the gradient must not become NaN."""
    net = _core.Net((1, 1), (output,), "poisson")
    parameters = np.array([-1.0, 0.0], dtype)
    gradient = np.empty(2, dtype)
    X, y = np.full((3, 1), 1e4, dtype), np.full((3, 1), target, dtype)
    net.gradient(parameters, X, y, None, 0.0, gradient)
    assert np.isfinite(gradient).all()
