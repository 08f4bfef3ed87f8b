# SPDX-License-Identifier: BSD-3-Clause
"""Dropout: which units are dropped, when, and by how much the others grow.

masks() reads a mask straight out of the core. All hidden weights are 0 and biases 1,
so a hidden layer's outputs are the factors of its mask; the outputs are 0, and row r's
only error is at output r. The gradient of the last weights is then the mask itself.
"""

import itertools
import math

import numpy as np
import pytest
import twin

from nnfast import _core

pytestmark = pytest.mark.usefixtures("split_work")

DTYPES = [np.float32, np.float64]


def masks(rates, *, n=8, h=10, step=0, seed=0, n_threads=1, isa=None, dtype=np.float64):
    """Factors (n, h) by which the last hidden layer's outputs were multiplied."""
    depth = len(rates)
    net = _core.Net((1, *(h,) * depth, n), ("identity",) * (depth + 1), "squared_error")
    theta = np.zeros(net.size, dtype)
    layers = list(twin.Net((1, *(h,) * depth, n), (), "").layers(theta))
    for _, b in layers[:-1]:
        b[:] = 1
    y = -np.eye(n, dtype=dtype)
    settings = twin.settings_of(
        solver="sgd",
        momentum=0.0,
        learning_rate_init=1.0,
        alpha=0.0,
        batch_size=n,
        max_iter=1,
        dropout=tuple(rates),
        dropout_seed=seed,
        n_threads=n_threads,
    )
    state = {
        "learning_rate": 1.0,
        "n_updates": step,
        "n_seen": 0,
        "no_improvement": 0,
        "best_loss": math.inf,
        "best_score": -math.inf,
    }
    moments = np.zeros((1, net.size), dtype)
    X = np.zeros((n, 1), dtype)
    net.train(theta, moments, X, y, None, settings, state, isa=isa)
    velocity = moments[0, -(h + 1) * n : -n].reshape(h, n)  # minus gradient: 1 / n each
    return -velocity.T * dtype(n)


def expected(rate, layer, *, n=8, h=10, step=0, seed=0, dtype=np.float64):
    keep = twin.dropout_keep(seed, step, layer, n, h, rate)
    return keep * dtype(1 / (1 - rate))


# n is a power of two wherever factors are compared exactly: dividing by it is exact.


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", _core.isas)
def test_masks_are_the_documented_function(isa, dtype):
    for n, h in itertools.product((1, 2, 8, 64), (1, 2, 3, 7, 8, 17, 65)):
        for rate, step in ((0.5, 0), (0.1, 1), (0.9, 70000)):
            how = {"n": n, "h": h, "step": step, "seed": 2**40 + 5, "dtype": dtype}
            got = masks([rate], isa=isa, **how)
            assert np.array_equal(got, expected(rate, 0, **how)), (n, h, rate, step)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1])
def test_all_64_bits_of_the_seed_count(seed):
    got = masks([0.5], seed=seed)
    assert np.array_equal(got, expected(0.5, 0, seed=seed))
    assert not np.array_equal(got, masks([0.5], seed=seed ^ 2**32))
    assert not np.array_equal(got, masks([0.5], seed=seed ^ 1))


def test_the_low_32_bits_of_the_step_count():
    assert np.array_equal(masks([0.5], step=2**32 + 3), masks([0.5], step=3))
    assert np.array_equal(
        masks([0.5], step=2**32 - 1), expected(0.5, 0, step=2**32 - 1)
    )


def test_every_layer_has_its_own_mask():
    for depth in (1, 2, 4):
        rates = [0.0] * (depth - 1) + [0.3]
        assert np.array_equal(masks(rates), expected(0.3, depth - 1))


def test_a_mask_multiplies_backwards_too():
    # Against differences of the twin's objective with the same masks held fixed.
    widths, activations = (3, 6, 5, 2), ("tanh", "softplus", "identity")
    theta, X, y, _ = twin.problem_of(widths, "identity", 8)
    settings = twin.settings_of(
        solver="sgd",
        momentum=0.0,
        learning_rate_init=1.0,
        alpha=0.0,
        max_iter=1,
        dropout=(0.4, 0.25),
        dropout_seed=3,
    )
    net = _core.Net(widths, activations, "huber", 5.0)
    moments = np.zeros((1, net.size))
    net.train(theta.copy(), moments, X, y, None, settings, {})
    same = twin.Net(widths, activations, "huber", 5.0)
    factors = same._masks(settings, 0, X)
    assert all((f == 0).any() and (f > 1).any() for f in factors[:2])
    step = 1e-5  # truncation step^2 / 6 = 2e-11, rounding 1e-15 / step = 1e-10
    for i in range(net.size):
        values = []
        for shift in (step, -step):
            moved = theta.copy()
            moved[i] += shift
            values.append(same._gradient(moved, X, y, None, 0.0, factors)[0])
        slope = (values[0] - values[1]) / (2 * step)
        assert -moments[0, i] == pytest.approx(slope, rel=0, abs=1e-8)


@pytest.mark.parametrize("isa", _core.isas)
def test_masks_depend_on_no_thread_count(isa):
    how = {"n": 256, "h": 33, "isa": isa}
    one = masks([0.2, 0.5], **how)
    for n_threads in (2, 3, 5):
        assert np.array_equal(masks([0.2, 0.5], n_threads=n_threads, **how), one)


def test_rows_count_from_the_batch_start():
    """A longer batch has the same mask in its first rows, whatever the tiles."""
    long = masks([0.5], n=2048, h=5)
    assert np.array_equal(long[:8], masks([0.5], n=8, h=5))
    assert np.array_equal(long, expected(0.5, 0, n=2048, h=5))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_statistics(rate):
    """Shares of kept units, and of neighbours kept together, within 5 sigma.

    5 sigma of a binomial is a chance of 6e-7; the seed is fixed, so this is a check
    of the generator's quality, once.
    """
    n, h = 512, 64
    kept = masks([rate], n=n, h=h, step=7, seed=11) > 0
    p, size = 1 - rate, n * h
    assert abs(kept.mean() - p) < 5 * math.sqrt(p * rate / size)
    column = 5 * math.sqrt(p * rate / n)
    assert (abs(kept.mean(axis=0) - p) < column).all()
    row = 5 * math.sqrt(p * rate / h)
    assert (abs(kept.mean(axis=1) - p) < row).all()
    other = {
        "row": kept[1:],
        "unit": kept[:, 1:],
        "step": masks([rate], n=n, h=h, step=8, seed=11) > 0,
        "seed": masks([rate], n=n, h=h, step=7, seed=12) > 0,
        "layer": masks([0.0, rate], n=n, h=h, step=7, seed=11) > 0,
    }
    for name, mask in other.items():
        same = kept[: mask.shape[0], : mask.shape[1]]
        both = (same & mask).mean()
        # Variance of a product of two independent indicators: p^2 (1 - p^2); pairs of
        # neighbours overlap, which at most doubles it.
        bound = 5 * math.sqrt(2 * p**2 * (1 - p**2) / mask.size)
        assert abs(both - p**2) < bound, name


@pytest.mark.parametrize("isa", _core.isas)
def test_rate_at_the_word_itself(isa):
    """Kept when word >= floor(rate 2^32): a rate equal to the word still keeps it."""
    key = twin.threefry2x32((0, 0), (0, 0))
    words = np.stack(twin.threefry2x32(key, ([0] * 5, range(5))), axis=1).ravel()
    for unit, word in enumerate(words.tolist()):
        for rate, kept in ((word, True), (word + 0.5, True), (word + 1, False)):
            assert (masks([rate / 2**32], isa=isa)[0, unit] > 0) == kept


@pytest.mark.parametrize("dtype", DTYPES)
def test_rates_at_the_ends(dtype):
    one = np.ones((8, 10), dtype)
    assert np.array_equal(masks([0.0], dtype=dtype), one)
    # Less than one unit in 2^32 is dropped: floor(rate 2^32) is 0.
    assert np.array_equal(masks([1e-12], dtype=dtype), one * dtype(1 / (1 - 1e-12)))
    # Nearly all: 1 - 2^-20 leaves 80 * 2^-20 units to expect, which is none.
    assert not masks([1 - 2**-20], dtype=dtype).any()
    low = masks([1e-3], n=1024, h=64, dtype=dtype)
    assert np.array_equal(low, expected(1e-3, 0, n=1024, h=64, dtype=dtype))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_rate_zero_is_no_dropout_bit_for_bit(solver):
    widths = (5, 9, 7, 2)
    theta, X, y, weight = twin.problem_of(widths, "identity", 50)
    net = _core.Net(widths, ("relu", "tanh", "identity"), "squared_error")
    trained = []
    for dropout in (None, (0.0, 0.0)):
        settings = twin.settings_of(
            solver=solver, max_iter=4, batch_size=16, dropout=dropout
        )
        own, moments = theta.copy(), np.zeros((2 if solver == "adam" else 1, net.size))
        net.train(own, moments, X, y, weight, settings, {})
        trained.append(own.tobytes() + moments.tobytes())
    assert trained[0] == trained[1]


def test_off_in_prediction_gradient_and_score():
    """The validation score of an epoch is that of the whole network."""
    widths, activations = (4, 30, 1), ("relu", "identity")
    theta, X, y, _ = twin.problem_of(widths, "identity", 64)
    net, same = (m.Net(widths, activations, "squared_error") for m in (_core, twin))
    settings = twin.settings_of(max_iter=3, batch_size=32, dropout=(0.5,))
    moments, best = np.zeros((2, net.size)), theta.copy()
    split = np.arange(64), np.arange(20), None
    result = net.train(theta, moments, X, y, None, settings, {}, split, best)
    out, whole = np.empty((64, 1)), np.empty((64, 1))
    net.predict(theta, X, out)
    same.predict(theta, X, whole)
    np.testing.assert_allclose(out, whole, rtol=0, atol=1e-12)  # sums of 30 terms
    score = twin.score_of("r2", whole[:20], y[:20], None)
    assert result["scores"][-1] == pytest.approx(score, rel=1e-12)
    slopes = np.empty(net.size), np.empty(net.size)
    for network, slope in zip((net, same), slopes, strict=True):
        network.gradient(theta, X, y, None, 0.0, slope)
    np.testing.assert_allclose(*slopes, rtol=0, atol=1e-12 * abs(slopes[1]).max())


def test_the_counter_goes_on_between_calls():
    """(Against one long call: test_training.) A counter set back repeats the masks."""
    widths = (3, 16, 1)
    net = _core.Net(widths, ("tanh", "identity"), "squared_error")
    theta, X, y, _ = twin.problem_of(widths, "identity", 32)
    settings = twin.settings_of(
        solver="sgd",
        momentum=0.0,
        max_iter=1,
        dropout=(0.5,),
        learning_rate_init=1e-100,
    )
    moments = np.zeros((1, net.size))
    state, steps = {}, []
    for _ in range(3):
        result = net.train(theta, moments, X, y, None, settings, state)
        state = twin.state_of(result)
        steps.append(moments.copy())
    assert result["n_updates"] == 3
    assert not np.array_equal(steps[0], steps[1])
    assert not np.array_equal(steps[1], steps[2])
    net.train(theta, moments, X, y, None, settings, state | {"n_updates": 1})
    assert np.array_equal(moments, steps[1])
