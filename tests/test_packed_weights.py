# SPDX-License-Identifier: BSD-3-Clause
"""Layers of so many weights that the forward pass copies them by blocks (2 MB and more,
for 64 samples and more) give what NumPy gives in float64, and the same bits for any
number of threads and in any company.
"""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import twin

from nnfast import _core

pytestmark = pytest.mark.usefixtures("split_work")

# Of 256 KiB at most: blocks of many units and of a single vector, the last of them with
# part of a vector, and a layer of nine million weights.
NETWORKS = {
    "square": (800, 821, 5),
    "many inputs": (9001, 61, 3),
    "many units": (67, 8209, 2),
    "in the middle": (7, 750, 733, 4),
    "huge": (3001, 3011, 2),
}
# Three tiles. Among four threads a share has too few samples for copies to pay, so that
# whatever is compared is computed with copies and without.
N = 601
DTYPES = [np.float32, np.float64]


def activations_of(widths):
    return (*["tanh"] * (len(widths) - 2), "softmax")


@cache
def problem(name, dtype):
    """A network, and what twin.problem_of makes for it."""
    widths = NETWORKS[name]
    net = _core.Net(widths, activations_of(widths), "log_loss")
    return net, twin.problem_of(widths, "softmax", N, dtype)


@cache
def exact(name, dtype):
    """Outputs, objective, gradient in float64, and how large the gradient's terms are.

    These sizes are sums over the rows of |input| |delta|, deltas of the outputs taken
    for 1, which they are below, and the slope of tanh too.
    """
    widths = NETWORKS[name]
    theta, X, y, weight = problem(name, dtype)[1]
    same = twin.Net(widths, activations_of(widths), "log_loss")
    theta, X, weight = (a.astype(float) for a in (theta, X, weight))
    slope = np.empty_like(theta)
    value = same.gradient(theta, X, y, weight, 0.1, slope)
    inputs = same._forward(theta, X)[1]
    out = inputs.pop()
    delta, sizes = np.ones_like(out), []
    for (W, _), a in zip(reversed(list(same.layers(theta))), reversed(inputs)):
        share = delta * (weight / weight.sum())[:, None]
        sizes[:0] = [(abs(a).T @ share).ravel(), share.sum(axis=0)]
        delta = delta @ abs(W).T
    return out, value, slope, np.concatenate(sizes)


def computed(name, dtype, n_threads=1, isa=None):
    net, (theta, X, y, weight) = problem(name, dtype)
    out, slope = np.empty((N, NETWORKS[name][-1]), dtype), np.empty_like(theta)
    net.predict(theta, X, out, n_threads=n_threads, isa=isa)
    how = {"n_threads": n_threads, "isa": isa}
    value = net.gradient(theta, X, y, weight, 0.1, slope, **how)
    return out, value, slope


@pytest.mark.parametrize("name", NETWORKS)
def test_there_are_so_many_weights(name):
    """Enough for float32, in one layer at least."""
    assert max(4 * d * h for d, h in pairwise(NETWORKS[name])) >= 2 * 2**20


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "isa"),
    [*((name, None) for name in NETWORKS), *(("square", i) for i in _core.isas)],
)
def test_they_follow_the_twin(name, isa, dtype):
    """The bound is that of test_kernels.test_every_shape_follows_the_twin: a product of
    k terms is off by at most k eps times the sum of their sizes, and a layer's
    activation adds a few eps. The gradient's terms are sums over N rows on top of that.
    Most of the gradient is four bounds or more itself, so that a wrong block shows.
    """
    widths, eps = NETWORKS[name], float(np.finfo(dtype).eps)
    bound = 2 * eps * (sum(widths[:-1]) + 8 * len(widths))
    out, value, slope = computed(name, dtype, isa=isa)
    expected_out, expected_value, expected_slope, sizes = exact(name, dtype)
    np.testing.assert_allclose(out, expected_out, rtol=0, atol=bound)
    assert value == pytest.approx(expected_value, rel=bound)
    assert (abs(slope - expected_slope) / sizes).max() <= bound + 2 * eps * N


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_any_number_of_threads_gives_the_same_bits(name, dtype):
    out, value, slope = computed(name, dtype)
    for n_threads in (2, 3, 4):
        others = computed(name, dtype, n_threads)
        assert others[0].tobytes() == out.tobytes()
        assert others[1] == value
        assert others[2].tobytes() == slope.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_row_alone_has_the_bits_that_it_has_in_company(name, dtype):
    net, (theta, X, _, _) = problem(name, dtype)
    together = computed(name, dtype)[0]
    for rows in (slice(0, 1), slice(300, 301), slice(600, 601), slice(17, 81)):
        out = np.empty_like(together[rows])
        net.predict(theta, X[rows], out)
        assert out.tobytes() == together[rows].tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_training_gives_the_same_bits(dtype):
    """Four steps, the last of them with too few samples for copies."""
    net, (theta, X, y, weight) = problem("square", dtype)
    settings = twin.settings_of(max_iter=1, batch_size=190)
    results = []
    for n_threads in (1, 2, 3, 4):
        trained, moments = theta.copy(), np.zeros((2, net.size), dtype)
        how = {**settings, "n_threads": n_threads}
        order = np.random.PCG64(1)
        net.train(trained, moments, X, y, weight, how, {}, None, None, order)
        results.append(trained.tobytes() + moments.tobytes())
    assert not np.array_equal(trained, theta)
    assert len(set(results)) == 1
