# SPDX-License-Identifier: BSD-3-Clause
"""Net.train against the twin: the same after any steps, in one call or in several."""

import itertools
import math

import numpy as np
import pytest
import twin
from hypothesis import given, settings
from hypothesis import strategies as st
from trainings import NETS, ROWS, SOLVERS, Fit, both, check_same, problem_for, same

from nnfast import _core

pytestmark = pytest.mark.usefixtures("split_work")

# ---- after n steps ----


@pytest.mark.parametrize("batch_size", [1, 7, 16, 52, 53, 200])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", NETS)
def test_three_epochs(name, solver, weighted, batch_size):
    settings = twin.settings_of(
        max_iter=1 if batch_size == 1 else 3,
        batch_size=batch_size,
        alpha=0.05,
        **SOLVERS[solver],
    )
    fit = both(NETS[name], problem_for(NETS[name], weighted=weighted), settings, seed=5)
    assert fit.result["stop"] == "max_iter"
    # It has moved: what is compared is not the start.
    assert np.abs(fit.theta - problem_for(NETS[name])[0]).max() > 1e-5


@pytest.mark.parametrize("activation", twin.activations)
def test_every_activation_trains(activation):
    net = ((4, 6, 5, 2), (activation, activation, "identity"), "squared_error")
    settings = twin.settings_of(max_iter=4, batch_size=10, learning_rate_init=0.01)
    both(net, problem_for(net), settings, seed=1)


@pytest.mark.parametrize("dropout", [(0.5,), (0.1,), (0.0,)])
@pytest.mark.parametrize("solver", ["adam", "nesterov"])
@pytest.mark.parametrize("name", ["multi-class", "huber"])
def test_dropout(name, solver, dropout):
    settings = twin.settings_of(
        max_iter=3,
        batch_size=20,
        dropout=dropout,
        dropout_seed=2**63 + 9,
        **SOLVERS[solver],
    )
    both(NETS[name], problem_for(NETS[name], weighted=True), settings, seed=2)


def test_dropout_of_several_layers():
    net = NETS["squared"]
    settings = twin.settings_of(
        max_iter=5, batch_size=20, dropout=(0.2, 0.0, 0.7), dropout_seed=1
    )
    both(net, problem_for(net), settings, seed=3)


def test_without_a_generator_rows_come_in_order():
    net = NETS["multi-class"]
    both(net, problem_for(net), twin.settings_of(max_iter=3, batch_size=10))


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("name", NETS)
def test_few_rows(name, n):
    settings = twin.settings_of(max_iter=3, batch_size=2, learning_rate_init=0.01)
    both(NETS[name], problem_for(NETS[name], n), settings, seed=3)


@pytest.mark.parametrize("solver", ["adam", "nesterov", "sgd"])
@pytest.mark.parametrize("name", NETS)
def test_float32_follows_float64(name, solver):
    """A step's gradient has errors of at most 64 eps of the largest gradient of a row.

    (See test_gradients.) 12 steps of sgd add up 12 such errors, each times the learning
    rate and, with momentum, 1 / (1 - 0.9): less than 12 * 64 eps * 0.1 of a gradient of
    about 10, or 100 eps of theta's largest value. Adam divides by sqrt(v): where a
    gradient cancels to a hundredth of its terms, the error is a hundred times that
    of sgd, relative to a step: with steps of 1e-3 the sum is again 100 eps.
    """
    settings = twin.settings_of(
        max_iter=4,
        batch_size=20,
        alpha=0.1,
        **SOLVERS[solver] | {"learning_rate_init": 1e-3},
    )
    single, double = (
        Fit(
            _core,
            NETS[name],
            problem_for(NETS[name], dtype=dtype, weighted=True),
            settings,
            bits=np.random.PCG64(1),
        ).run()
        for dtype in (np.float32, np.float64)
    )
    eps = float(np.finfo(np.float32).eps)
    assert single.theta.dtype == np.float32
    assert not np.array_equal(single.theta, double.theta.astype(np.float32))
    same(single.theta.astype(float), double.theta, 100 * eps)
    assert single.result["loss_curve"] == pytest.approx(
        double.result["loss_curve"], rel=100 * eps
    )


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_any_network_and_settings(data):
    """Corners that the lists above do not reach together."""
    draw = data.draw
    widths = tuple(draw(st.lists(st.integers(1, 20), min_size=2, max_size=5)))
    hidden = [draw(st.sampled_from(twin.activations)) for _ in widths[2:]]
    output, loss = draw(
        st.sampled_from(
            [
                ("identity", "squared_error"),
                ("softmax", "log_loss"),
                ("logistic", "log_loss"),
                ("softmax", "brier"),
                ("exp", "poisson"),
                ("softplus", "poisson"),
                ("tanh", "absolute_error"),
                ("gelu", "huber"),
                ("selu", "log_cosh"),
            ]
        )
    )
    net = (widths, (*hidden, output), loss, draw(st.floats(0.1, 2)))
    rates = st.sampled_from([0.0, 0.1, 0.5])
    changes = twin.settings_of(
        solver=draw(st.sampled_from(["adam", "sgd"])),
        learning_rate=draw(st.sampled_from(["constant", "invscaling", "adaptive"])),
        learning_rate_init=draw(st.sampled_from([1e-4, 1e-3, 1e-2])),
        nesterovs_momentum=draw(st.booleans()),
        momentum=draw(st.sampled_from([0.0, 0.5, 0.9])),
        alpha=draw(st.sampled_from([0.0, 1e-3, 1.0])),
        batch_size=draw(st.integers(1, 60)),
        max_iter=draw(st.integers(1, 4)),
        tol=draw(st.sampled_from([0.0, 1e-4, 10.0])),
        n_iter_no_change=draw(st.sampled_from([1, 2, math.inf])),
        dropout=draw(st.none() | st.tuples(*[rates] * len(hidden))),
        dropout_seed=draw(st.integers(0, 2**64 - 1)),
        score="accuracy" if loss in ("log_loss", "brier") else "r2",
        n_threads=draw(st.integers(1, 3)),
    )
    weighted = draw(st.booleans())
    theta, X, y, weight = problem_for(net, draw(st.integers(1, 60)), weighted=weighted)
    held_out = None
    if draw(st.booleans()) and len(X) > 5:
        held_out = (
            X[:5].copy(),
            y[:5].copy(),
            draw(st.sampled_from([None, np.arange(5.0)])),
        )
    both(
        net,
        (theta, X, y, weight),
        changes,
        held_out=held_out,
        seed=draw(st.none() | st.just(3)),
    )


# ---- the order of rows ----


def visits(n, epochs, bits):
    """The order in which the rows of one epoch, the last, were visited.

    One-hot rows: a row's step gives its own weight a velocity of -rate * (-1), which
    decays by the momentum with every later step. With a rate of 1e-12 all outputs stay
    at zero and the velocity's logarithm is the row's age.
    """
    momentum = 0.98
    net = _core.Net((n, 1), ("identity",), "squared_error")
    theta = np.zeros(n + 1)
    settings = twin.settings_of(
        solver="sgd",
        momentum=momentum,
        nesterovs_momentum=False,
        learning_rate_init=1e-12,
        alpha=0.0,
        batch_size=1,
        max_iter=1,
        n_iter_no_change=math.inf,
    )
    X, y = np.eye(n), np.ones((n, 1))
    velocities = []
    for max_iter in (epochs - 1, epochs):
        moments = np.zeros((1, n + 1))
        if max_iter:
            theta[:] = 0
            settings["max_iter"] = max_iter
            net.train(theta, moments, X, y, None, settings, {}, None, None, bits())
        velocities.append(moments[0, :n].copy())
    new = velocities[1] - momentum**n * velocities[0]
    ages = np.log(new / 1e-12) / math.log(momentum)
    assert abs(ages - ages.round()).max() < 0.1
    return np.argsort(-ages.round(), kind="stable")


GENERATORS = {
    "MT19937": lambda: np.random.MT19937(3),
    "legacy seed": lambda: np.random.RandomState(3)._bit_generator,
    "PCG64": lambda: np.random.PCG64(3),
    "Philox": lambda: np.random.Philox(3),
    "SFC64": lambda: np.random.SFC64(3),
}


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 31, 32, 33, 64, 255, 256, 257])
@pytest.mark.parametrize("generator", GENERATORS)
def test_order_is_that_of_the_legacy_shuffle(generator, n):
    shuffle = np.random.RandomState(GENERATORS[generator]()).shuffle
    order = np.arange(n)
    for epoch in (1, 2, 3):
        permutation = np.arange(n)
        shuffle(permutation)
        order = order[
            permutation
        ]  # a shuffle of the order before, as scikit-learn does
        assert visits(n, epoch, GENERATORS[generator]).tolist() == order.tolist()


def test_generator_ends_where_numpy_leaves_it():
    # Odd numbers of 32-bit words leave half a 64-bit output in the generator.
    net = NETS["binary"]
    for n, epochs in itertools.product((2, 3, 10, 53), (1, 2)):
        bits, expected = np.random.PCG64(1), np.random.PCG64(1)
        settings = twin.settings_of(max_iter=epochs, batch_size=1)
        Fit(_core, net, problem_for(net, n), settings, bits=bits).run()
        for _ in range(epochs):
            np.random.RandomState(expected).shuffle(np.arange(n))
        assert bits.state == expected.state


@pytest.mark.parametrize("batch_size", [ROWS, 1000])
def test_full_batch_needs_no_order(batch_size):
    net, expected = NETS["squared"], np.random.PCG64(1)
    settings = twin.settings_of(max_iter=4, batch_size=batch_size)
    in_order, shuffled = (
        Fit(_core, net, problem_for(net), settings, bits=bits).run()
        for bits in (None, np.random.PCG64(1))
    )
    # Rows are taken in natural order whatever the generator does: the same bits.
    assert shuffled.theta.tobytes() == in_order.theta.tobytes()
    for _ in range(4):
        np.random.RandomState(expected).shuffle(np.arange(ROWS))
    assert shuffled.bits.state == expected.state


# ---- sample weights ----


def test_batch_of_zero_weight_is_skipped():
    """No step, no loss, no rows: as if the batch were not there."""
    for name, solver in itertools.product(NETS, ("adam", "nesterov")):
        net = NETS[name]
        theta, X, y, weight = problem_for(net, 60, weighted=True)
        weight[20:40] = 0
        settings = twin.settings_of(
            max_iter=3, batch_size=20, dropout_seed=4, **SOLVERS[solver]
        )
        if len(net[0]) == 3:
            settings["dropout"] = (0.3,)
        with_zeros = both(net, (theta, X, y, weight), settings)
        kept = np.r_[0:20, 40:60]
        without = Fit(
            _core, net, (theta, X[kept], y[kept], weight[kept]), settings
        ).run()
        assert with_zeros.theta.tobytes() == without.theta.tobytes()
        assert with_zeros.moments.tobytes() == without.moments.tobytes()
        assert with_zeros.result["loss_curve"] == without.result["loss_curve"]
        assert with_zeros.state["n_updates"] == without.state["n_updates"] == 6
        assert with_zeros.state["n_seen"] == 3 * 60


def test_zero_weight_inside_a_batch():
    net = NETS["multi-class"]
    theta, X, y, weight = problem_for(net, weighted=True)
    weight[::3] = 0
    both(
        net, (theta, X, y, weight), twin.settings_of(max_iter=3, batch_size=20), seed=1
    )


def test_negative_weights_are_taken_as_they_are():
    net = NETS["squared"]
    theta, X, y, weight = problem_for(net, weighted=True)
    weight[::7] = -0.1
    both(
        net, (theta, X, y, weight), twin.settings_of(max_iter=3, batch_size=20), seed=1
    )


# ---- from call to call ----


@pytest.mark.parametrize("dropout", [None, (0.4, 0.0, 0.2)])
@pytest.mark.parametrize("solver", ["adam", "nesterov", "sgd", "invscaling"])
def test_many_calls_equal_one(solver, dropout):
    net = NETS["squared"]
    settings = twin.settings_of(
        batch_size=20, dropout=dropout, dropout_seed=8, tol=1e-3, **SOLVERS[solver]
    )
    one = Fit(_core, net, problem_for(net), settings).run(max_iter=9)
    many = Fit(_core, net, problem_for(net), settings)
    curve = []
    for epochs in (1, 5, 1, 2):
        curve += many.run(max_iter=epochs).result["loss_curve"]
    assert many.theta.tobytes() == one.theta.tobytes()
    assert many.moments.tobytes() == one.moments.tobytes()
    assert many.state == one.state
    assert curve == one.result["loss_curve"]


def test_calls_with_a_generator_begin_with_natural_order():
    # As partial_fit of scikit-learn: the order of an earlier call is not carried over.
    net = NETS["multi-class"]
    settings = twin.settings_of(batch_size=7, max_iter=1)
    fits = [
        Fit(module, net, problem_for(net), settings, bits=np.random.PCG64(1))
        for module in (_core, twin)
    ]
    for _ in range(4):
        check_same(*(fit.run() for fit in fits))


def test_patience_goes_on_between_calls():
    net = NETS["binary"]
    settings = twin.settings_of(tol=10.0, n_iter_no_change=6, max_iter=4)
    fits = [Fit(module, net, problem_for(net), settings) for module in (_core, twin)]
    stops = [[fit.run().result["stop"] for _ in range(3)] for fit in fits]
    assert stops[0] == stops[1] == ["max_iter", "no_improvement", "no_improvement"]
    check_same(*fits)


def test_state_and_settings_are_only_read():
    net = NETS["multi-class"]
    fit = Fit(_core, net, problem_for(net), twin.settings_of(max_iter=2)).run()
    state, settings = dict(fit.state), dict(fit.settings)
    arrays = [a.copy() for a in (fit.X, fit.y)]
    result = fit.run().result
    assert fit.settings == settings
    assert result["n_updates"] == 2 * state["n_updates"]
    assert all(
        np.array_equal(a, b) for a, b in zip(arrays, (fit.X, fit.y), strict=True)
    )
