# SPDX-License-Identifier: BSD-3-Clause
"""The kernels: every instruction set against the baseline, and the same bits always.

"Same bits" is a promise of the design: for one instruction set, results depend neither
on the number of threads, nor on where buffers lie, nor on a row's neighbours.
"""

import itertools

import numpy as np
import pytest
import twin

from nnfast import _core

pytestmark = pytest.mark.usefixtures("split_work")

DTYPES = [np.float32, np.float64]
THREADS = [1, 2, 3, 5]
EDGES = [*range(1, 41), 63, 64, 65, 100]  # of vectors and tiles of all sets
ROWS = [*range(1, 71), 199, 200, 201]

# Every width and every number of rows once, in pairs that share no period, and a few
# whole nets. (inputs, hidden..., outputs), rows.
SHAPES = [
    ((EDGES[i * 7 % 44], EDGES[i * 13 % 44], EDGES[i * 19 % 44]), ROWS[i % len(ROWS)])
    for i in range(len(ROWS))
]
SHAPES += [
    ((1, 1), 1),
    ((784, 3), 5),
    ((3, 300, 2), 17),
    ((28, 70, 70, 70, 1), 100),
    ((2, 4, 1), 200),
    ((5, 2, 2, 2, 2, 2, 2, 3), 33),
    ((64, 100, 10), 201),
    # Sums that AVX2 takes some steps at a time.
    ((193, 40, 2), 70),
    ((385, 97, 300, 7), 33),
]
MIXTURE = ("relu", "tanh", "gelu", "softsign", "elu", "logistic", "softplus")


def net_of(widths, output="identity", loss="squared_error"):
    hidden = tuple(MIXTURE[(i + widths[0]) % 7] for i in range(len(widths) - 2))
    return _core.Net(widths, (*hidden, output), loss)


def name_of(value):
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def predict(net, theta, X, outputs, **how):
    out = np.full((len(X), outputs), np.nan, X.dtype)
    with np.errstate(all="ignore"):  # the twin's arithmetic may overflow
        net.predict(theta, X, out, **how)
    return out


def gradient(net, theta, X, y, weight, **how):
    out = np.full(net.size, np.nan, X.dtype)
    return net.gradient(theta, X, y, weight, 0.1, out, **how), out


def train(net, theta, X, y, weight, n_threads=1, isa=None, **changes):
    """Theta, moments and losses after two epochs."""
    settings = (
        twin.settings_of(max_iter=2, batch_size=64, n_threads=n_threads) | changes
    )
    theta = theta.copy()
    moments = np.zeros((2 if settings["solver"] == "adam" else 1, net.size), X.dtype)
    bits = np.random.PCG64(1)
    result = net.train(
        theta, moments, X, y, weight, settings, {}, None, None, bits, None, isa
    )
    return theta, moments, np.array(result["loss_curve"])


def bits_of(*results):
    """Bytes of every array and number in nested results."""
    return [
        bits_of(*result) if isinstance(result, tuple) else np.asarray(result).tobytes()
        for result in results
    ]


# ---- against the baseline ----


def test_there_is_a_baseline_and_the_best_is_in_use():
    assert _core.isas[0] == "base"
    assert _core.isa in _core.isas
    assert len(set(_core.isas)) == len(_core.isas)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", _core.isas)
def test_every_shape_follows_the_twin(isa, dtype):
    """All shapes and numbers of rows, "base" included, against the twin in float64.

    A product of k terms is off by at most k eps times the sum of the terms' sizes,
    which is about sqrt(k) times a typical result (and every layer's inputs are of the
    order of 1). Layers add up, and each adds a few eps for its activation; the sum over
    n rows of a gradient adds n eps at worst, log2(n) and a little in the tiled order.
    """
    eps = float(np.finfo(dtype).eps)
    for widths, n in SHAPES:
        net, same = net_of(widths), twin.Net(widths, (), "squared_error")
        same.activations = (
            *(MIXTURE[(i + widths[0]) % 7] for i in range(len(widths) - 2)),
            "identity",
        )
        theta, X, y, weight = twin.problem_of(widths, "identity", n, dtype)
        exact = [a.astype(float) for a in (theta, X, y, weight)]
        bound = 2 * eps * (sum(widths[:-1]) + 8 * len(widths))
        expected = predict(same, exact[0], exact[1], widths[-1])
        got = predict(net, theta, X, widths[-1], isa=isa)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            got, expected, rtol=0, atol=bound * scale, err_msg=f"{widths} {n}"
        )
        # The largest gradient that a single row contributes is the scale of the sum.
        scale = np.abs(expected - exact[2]).max() * max(1, np.abs(exact[1]).max())
        value, expected = gradient(same, *exact)
        got_value, got = gradient(net, theta, X, y, weight, isa=isa)
        assert got_value == pytest.approx(value, rel=bound), (widths, n)
        np.testing.assert_allclose(
            got,
            expected,
            rtol=0,
            atol=(bound + 2 * eps * n**0.5) * scale,
            err_msg=f"{widths} {n}",
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("isa", _core.isas)
def test_training_follows_the_baseline(isa, solver, dtype):
    # Six steps; the distance of two roundings of one gradient is 64 eps of a row's
    # largest, a step is 0.01 of it (adam: 0.001 whatever its size, and where a
    # gradient cancels to a hundredth the error is a hundredfold): some 10 eps in all.
    widths, n = (13, 21, 7, 3), 150
    theta, X, y, weight = twin.problem_of(widths, "softmax", n, dtype)
    net = net_of(widths, "softmax", "log_loss")
    rate = {"sgd": 0.01, "adam": 0.001}[solver]
    how = {"solver": solver, "learning_rate_init": rate, "dropout": (0.2, 0.5)}
    base, other = (
        train(net, theta, X, y, weight, isa=name, **how) for name in ("base", isa)
    )
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(other[0], base[0], rtol=0, atol=50 * eps)
    np.testing.assert_allclose(other[2], base[2], rtol=50 * eps)
    assert np.abs(base[0] - theta).max() > 1e-4


# ---- the same bits ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", _core.isas)
def test_a_row_is_predicted_alike_in_any_company(isa, dtype):
    for widths, n in SHAPES:
        net = net_of(widths, *(("softmax", "log_loss") if widths[-1] % 2 else ()))
        theta, X, *_ = twin.problem_of(widths, "identity", n, dtype)
        together = predict(net, theta, X, widths[-1], isa=isa)
        assert np.isfinite(together).all()
        alone = [
            predict(net, theta, X[i : i + 1], widths[-1], isa=isa) for i in range(n)
        ]
        assert together.tobytes() == np.concatenate(alone).tobytes(), widths
        some = predict(net, theta, X[n // 3 :], widths[-1], isa=isa)
        assert together[n // 3 :].tobytes() == some.tobytes(), widths


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", _core.isas)
def test_a_row_among_thousands(isa, dtype):
    # More rows than any tile holds.
    widths, n = (7, 19, 3), 5003
    net = net_of(widths)
    theta, X, *_ = twin.problem_of(widths, "identity", n, dtype)
    together = predict(net, theta, X, 3, isa=isa)
    for threads in THREADS[1:]:
        assert bits_of(
            predict(net, theta, X, 3, isa=isa, n_threads=threads)
        ) == bits_of(together)
    for i in (0, 1, 255, 256, 1023, 1024, 2047, 4095, 4096, 5001, 5002):
        assert (
            together[i].tobytes()
            == predict(net, theta, X[i : i + 1], 3, isa=isa).tobytes()
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", _core.isas)
def test_threads_and_repetition_change_no_bit(isa, dtype):
    for widths, n in SHAPES[::4] + SHAPES[-6:]:
        classes = widths[-1] > 1 and widths[-1] % 2 == 1
        output, loss = ("softmax", "log_loss") if classes else ("identity", "huber")
        net = net_of(widths, output, loss)
        theta, X, y, weight = twin.problem_of(widths, output, n, dtype)
        dropout = (0.25,) * (len(widths) - 2) if n % 3 else None
        results = [
            bits_of(
                predict(net, theta, X, widths[-1], n_threads=threads, isa=isa),
                gradient(net, theta, X, y, weight, n_threads=threads, isa=isa),
                train(net, theta, X, y, weight, threads, isa, dropout=dropout),
            )
            for threads in [*THREADS, 1]
        ]
        for threads, result in zip([*THREADS, 1], results, strict=True):
            assert result == results[0], (widths, n, threads)


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_change_no_bit_of_a_large_fit(dtype):
    # More than a tile of rows, wide layers, early stopping: the score is cut up too.
    widths, n = (40, 150, 90, 3), 1500
    theta, X, y, weight = twin.problem_of(widths, "softmax", n, dtype)
    net = net_of(widths, "softmax", "log_loss")
    results = []
    for threads in [1, 2, 5]:
        settings = twin.settings_of(
            max_iter=2, batch_size=700, n_threads=threads, score="accuracy"
        )
        trained, moments, best = (
            theta.copy(),
            np.zeros((2, net.size), dtype),
            theta.copy(),
        )
        split = np.arange(1200), np.arange(1200, len(X)), weight
        result = net.train(trained, moments, X, y, weight, settings, {}, split, best)
        full = gradient(net, theta, X, y, weight, n_threads=threads)
        results.append([*bits_of(trained, moments, best, full), result])
    assert results[0] == results[1] == results[2]


def elsewhere(array, offset):
    """The same array, C-contiguous, `offset` elements past an aligned address."""
    room = np.empty(array.size * array.itemsize + 64 + 128, np.uint8)
    start = -room.ctypes.data % 64 + offset * array.itemsize
    moved = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    moved[...] = array
    assert moved.ctypes.data % 64 == offset * array.itemsize % 64
    return moved


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", _core.isas)
def test_alignment_changes_no_bit(isa, dtype):
    for widths, n in [
        ((5, 9, 3), 21),
        ((16, 64, 8), 64),
        ((1, 3, 1), 7),
        ((33, 3), 40),
    ]:
        net = net_of(widths)
        arrays = twin.problem_of(widths, "identity", n, dtype)
        results = []
        for offset in (0, 1, 3, 5, 7):
            theta, X, y, weight = (elsewhere(a, offset) for a in arrays)
            out = elsewhere(np.zeros((n, widths[-1]), dtype), offset)
            net.predict(theta, X, out, isa=isa)
            slope = elsewhere(np.zeros(net.size, dtype), offset)
            value = net.gradient(theta, X, y, weight, 0.1, slope, isa=isa)
            moments = elsewhere(np.zeros((2, net.size), dtype), offset)
            best = elsewhere(theta, offset)
            settings = twin.settings_of(max_iter=3, batch_size=8)
            split = np.arange(len(X)), np.arange(5), weight
            bits = np.random.PCG64(1)
            result = net.train(
                theta,
                moments,
                X,
                y,
                weight,
                settings,
                {},
                split,
                best,
                bits,
                None,
                isa,
            )
            results.append([*bits_of(out, slope, value, theta, moments, best), result])
        for result in results[1:]:
            assert result == results[0]


def test_nothing_is_written_outside_the_arrays():
    # Guards of NaN on both sides of every array that is written.
    for dtype, isa in itertools.product(DTYPES, _core.isas):
        for widths, n in SHAPES[::5]:
            net = net_of(widths)
            theta, X, y, weight = twin.problem_of(widths, "identity", n, dtype)
            rooms = [
                np.full(size + 64, np.nan, dtype)
                for size in (theta.size, 2 * theta.size, theta.size, n * widths[-1])
            ]
            middle = [room[32:-32] for room in rooms]
            middle[0][:], middle[1][:], middle[2][:] = theta, 0, 0
            moments, out = middle[1].reshape(2, -1), middle[3].reshape(n, -1)
            net.predict(middle[0], X, out, isa=isa)
            net.gradient(middle[0], X, y, weight, 0.1, middle[2], isa=isa)
            settings = twin.settings_of(max_iter=1, batch_size=16)
            split = (np.arange(n), np.arange(n), None)
            net.train(
                middle[0],
                moments,
                X,
                y,
                weight,
                settings,
                {},
                split,
                middle[2],
                isa=isa,
            )
            for room in rooms:
                assert np.isnan(room[:32]).all()
                assert np.isnan(room[-32:]).all()
                assert np.isfinite(room[32:-32]).all()


# ---- activations ----


def activation_of(name, z, isa=None):
    """name(z), through a network of one weight 1 and one bias 0."""
    dtype = z.dtype
    net = _core.Net((1, 1), (name,), "squared_error")
    return predict(net, np.array([1, 0], dtype), z.reshape(-1, 1), 1, isa=isa).ravel()


ELEMENTWISE = [*twin.activations, "exp"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", _core.isas)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_activation_at_the_ends(name, isa, dtype):
    """Largest, smallest, subnormal and zero arguments; NaN stays NaN."""
    huge, tiny = np.finfo(dtype).max, np.finfo(dtype).tiny
    z = np.array([0, -0.0, tiny, -tiny, 200, -200, 1e30, -1e30, huge, -huge], dtype)
    with np.errstate(all="ignore"):
        exact = twin.ACTIVATIONS[name][0](z)
    got = activation_of(name, z, isa)
    # What a multiple of tiny passes through may be flushed to zero.
    np.testing.assert_allclose(got, exact, rtol=16 * np.finfo(dtype).eps, atol=4 * tiny)
    # NaN in any lane, and in that lane only.
    for position in range(0, 21, 3):
        z = np.zeros(21, dtype)
        z[position] = np.nan
        bad = np.isnan(activation_of(name, z, isa))
        assert np.flatnonzero(bad).tolist() == [position]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", _core.isas)
def test_activation_of_infinity(isa, dtype):
    inf = np.inf
    for name, at_minus, at_plus in [
        ("logistic", 0, 1),
        ("tanh", -1, 1),
        ("relu", 0, inf),
        ("leaky_relu", -inf, inf),
        ("elu", -1, inf),
        ("gelu", 0, inf),
        ("silu", 0, inf),
        ("mish", 0, inf),
        ("softplus", 0, inf),
        ("hard_sigmoid", 0, 1),
        ("exp", 0, inf),
        ("identity", -inf, inf),
    ]:
        got = activation_of(name, np.array([-inf, inf], dtype), isa)
        assert got.tolist() == [at_minus, at_plus], name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", _core.isas)
@pytest.mark.parametrize("classes", [2, 3, 10, 33])
def test_softmax(classes, isa, dtype):
    """Rows sum to 1, large logits do not overflow, and values are to some 8 eps.

    4 of them are ours, and in the reference the exponential's argument, the distance to
    the largest logit, is rounded: half an eps of it is a relative error of the value.
    """
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(50, classes)) * 4
    logits[0] = 0
    logits[1] *= 1e30
    logits[2] += 1e4
    logits[3, 0] = 500
    logits = logits.astype(dtype)
    net = _core.Net((classes, classes), ("softmax",), "log_loss")
    theta = np.r_[np.eye(classes).ravel(), np.zeros(classes)].astype(dtype)
    p = predict(net, theta, logits, classes, isa=isa)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(
        p.sum(axis=1, dtype=float), 1, rtol=0, atol=classes * eps
    )
    exact = twin.softmax(logits.astype(float))
    distance = logits.max(axis=1, keepdims=True).astype(float) - logits
    bound = (8 + distance / 2) * eps * exact + np.finfo(dtype).tiny
    assert (np.abs(p - exact) <= bound).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", _core.isas)
def test_softmax_of_logits_whose_distance_overflows(isa, dtype):
    huge = np.finfo(dtype).max
    net = _core.Net((2, 2), ("softmax",), "log_loss")
    theta = np.array([1, 0, 0, 1, 0, 0], dtype)
    logits = np.array([[-huge, huge], [huge, huge]], dtype)
    p = predict(net, theta, logits, 2, isa=isa)
    assert p.tolist() == [[0, 1], [0.5, 0.5]]
