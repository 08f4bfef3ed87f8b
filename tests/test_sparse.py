# SPDX-License-Identifier: BSD-3-Clause
"""A sparse X gives what the dense one gives, and is never made dense.

Both sum the same products, a sparse row in the order of its entries: they differ by
rounding, which three epochs amplify by a few powers of ten.
"""

import numpy as np
import pytest
import twin
from scipy import sparse

from nnfast import MLPClassifier, MLPRegressor, _core
from nnfast._data import input_arrays

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, D = 61, 40  # prime, and no multiple of any vector
SMALL = {"hidden_layer_sizes": (7, 3), "max_iter": 3, "random_state": 0}
CONTAINERS = [
    sparse.csr_matrix,
    sparse.csr_array,
    sparse.csc_matrix,
    sparse.csc_array,
]

rng = np.random.RandomState(0)
DENSE = rng.normal(size=(N, D)) * (rng.uniform(size=(N, D)) < 0.2)
DENSE[17] = 0  # a row without entries
X = sparse.csr_matrix(DENSE)
y = rng.randint(0, 3, N)
t = DENSE @ rng.normal(size=(D, 2))
WEIGHT = rng.uniform(0.5, 2, N)


def parts(X, dtype=np.float64):
    """A CSR matrix as the core wants it."""
    return X.data.astype(dtype), X.indices.astype("i4"), X.indptr.astype("i8")


def close(a, b, rtol=1e-9):
    for left, right in zip(
        a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True
    ):
        np.testing.assert_allclose(left, right, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize(
    ("estimator", "target"), [(MLPClassifier, y), (MLPRegressor, t)]
)
def test_equals_the_dense_fit(estimator, target, solver, container):
    settings = SMALL | {"solver": solver, "batch_size": 20}
    dense = estimator(**settings).fit(DENSE, target, WEIGHT)
    fitted = estimator(**settings).fit(container(X), target, WEIGHT)
    close(fitted, dense)
    np.testing.assert_allclose(
        fitted.predict(container(X)), dense.predict(DENSE), rtol=1e-9
    )


@pytest.mark.parametrize("hidden", [(), 1, (8,), (100,), (65, 2)])
def test_every_width(hidden):
    settings = SMALL | {"hidden_layer_sizes": hidden}
    close(
        MLPClassifier(**settings).fit(X, y),
        MLPClassifier(**settings).fit(DENSE, y),
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"early_stopping": True},
        {"batch_size": N, "shuffle": False},
        {"batch_size": 1},
        {"dropout": 0.3},
        {"activation": ["gelu", "tanh"]},
    ],
    ids=["validation", "resident", "single", "dropout", "slope"],
)
def test_every_way_to_train(settings):
    settings = SMALL | settings
    close(MLPClassifier(**settings).fit(X, y), MLPClassifier(**settings).fit(DENSE, y))


def test_partial_fit_and_warm_start():
    ours, dense = (MLPClassifier(**SMALL, warm_start=True) for _ in range(2))
    for rows in (X, DENSE):
        estimator = ours if rows is X else dense
        estimator.fit(rows, y).fit(rows, y).partial_fit(rows[:20], y[:20])
    close(ours, dense)


def test_the_type_of_x_decides():
    fitted = MLPClassifier(**SMALL).fit(X.astype(np.float32), y)
    assert {w.dtype for w in fitted.coefs_} == {np.dtype(np.float32)}
    assert fitted.predict_proba(X.astype(np.float32)).dtype == np.float32
    # Rounding of float32, through a network of a few layers.
    dense = MLPClassifier(**SMALL).fit(DENSE.astype(np.float32), y)
    close(fitted, dense, rtol=1e-4)


def test_integers_and_wide_indices():
    whole = sparse.csr_matrix((X * 10).astype(np.int64))
    whole.indices, whole.indptr = whole.indices.astype("i8"), whole.indptr.astype("i8")
    close(
        MLPClassifier(**SMALL).fit(whole, y),
        MLPClassifier(**SMALL).fit(whole.toarray(), y),
    )


def test_unsorted_and_repeated_entries():
    shuffled = X.copy()
    for start, end in zip(X.indptr, X.indptr[1:]):
        order = rng.permutation(end - start) + start
        shuffled.indices[start:end] = X.indices[order]
        shuffled.data[start:end] = X.data[order]
    halves = sparse.csr_matrix(
        (np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), X.indptr * 2), X.shape
    )
    reference = MLPClassifier(**SMALL).fit(DENSE, y)
    for same in (shuffled, halves):
        given = same.data.copy(), same.indices.copy(), same.indptr.copy()
        close(MLPClassifier(**SMALL).fit(same, y), reference)
        for before, now in zip(given, (same.data, same.indices, same.indptr)):
            np.testing.assert_array_equal(before, now)


def test_spare_room_behind_the_entries_is_not_read():
    roomy = X.copy()
    roomy.data = np.append(X.data, np.nan)
    roomy.indices = np.append(X.indices, 10**6).astype(X.indices.dtype)
    net = _core.Net((D, 3), ("softmax",), "log_loss")
    results = []
    for matrix in (X, roomy):
        out = np.empty((N, 3))

        net.predict(np.linspace(-1, 1, net.size), input_arrays(matrix), out)
        results.append(out)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_alone_has_the_bits_it_has_in_a_batch(dtype):
    rows = X.astype(dtype)
    fitted = MLPRegressor(hidden_layer_sizes=(21, 5), max_iter=2).fit(rows, t)
    together = fitted.predict(rows)
    for i in range(N):
        np.testing.assert_array_equal(fitted.predict(rows[i : i + 1])[0], together[i])


@pytest.mark.parametrize("isa", _core.isas)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 7, 16, 70])
def test_gradients_on_every_instruction_set(width, dtype, isa):
    net = _core.Net((D, width, 2), ("tanh", "identity"), "squared_error")
    theta = rng.uniform(-1, 1, net.size).astype(dtype)
    gradients, values = [], []
    for inputs in (DENSE.astype(dtype), parts(X, dtype)):
        gradient = np.empty_like(theta)
        values.append(
            net.gradient(theta, inputs, t.astype(dtype), None, 0.1, gradient, isa=isa)
        )
        gradients.append(gradient)
    # Sums of up to 61 products in another order.
    eps = 64 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(*gradients, rtol=0, atol=eps * abs(gradients[0]).max())
    assert values[0] == pytest.approx(values[1], rel=eps)


# ---- what the core refuses ----

BROKEN = {
    "columns too large": (1, lambda a: a.__setitem__(3, D), "column"),
    "columns negative": (1, lambda a: a.__setitem__(3, -1), "column"),
    "starts not in order": (2, lambda a: a.__setitem__(3, 0), "start in order"),
    "starts negative": (2, lambda a: a.__setitem__(0, -1), "start in order"),
    "starts beyond": (2, lambda a: a.__setitem__(-1, 10**6), "start in order"),
}
SETTINGS = twin.settings_of(max_iter=1, score="accuracy")


def call(method, inputs, y=y):
    """A call of the core with a sparse X."""
    net = _core.Net((D, 3), ("softmax",), "log_loss")
    theta = np.zeros(net.size)
    if method == "predict":
        net.predict(theta, inputs, np.empty((N, 3)))
    elif method == "gradient":
        net.gradient(theta, inputs, y, None, 0.1, np.empty(net.size))
    else:
        net.train(theta, np.zeros((2, net.size)), inputs, y, None, SETTINGS, {})


@pytest.mark.parametrize("method", ["predict", "gradient", "train"])
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_matrix(case, method):
    inputs = parts(X)
    call(method, inputs)
    which, spoil, words = BROKEN[case]
    spoil(inputs[which])
    with pytest.raises(ValueError, match=f"^X: .*{words}"):
        call(method, inputs)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (
            parts(X)[:2],
            r"X must be an array or a tuple \(values, columns, row_starts\)",
        ),
        (
            (X.data, X.indices.astype("i8"), X.indptr.astype("i8")),
            r"X\[1\], the columns",
        ),
        ((X.data, X.indices, X.indptr.astype("i4")), r"X\[2\], the row starts"),
        (parts(X, np.float32), r"X\[0\], the values"),
        (("values", "columns", "starts"), r"X\[0\], the values"),
    ],
)
@pytest.mark.parametrize("method", ["predict", "gradient", "train"])
def test_parts_of_another_kind(method, inputs, words):
    with pytest.raises(TypeError, match=words):
        call(method, inputs)


@pytest.mark.parametrize("method", ["predict", "gradient", "train"])
def test_parts_of_another_length(method):
    values, columns, starts = parts(X)
    with pytest.raises(ValueError, match="the columns, must be"):
        call(method, (values, columns[:-1], starts))
    with pytest.raises(ValueError, match="one entry more than there are rows"):
        call(method, (values, columns, starts[:0]))


def test_indices_that_were_spoilt_by_hand():
    fitted = MLPClassifier(**SMALL).fit(X, y)
    before = [w.copy() for w in fitted.coefs_]
    spoilt = X.copy()
    spoilt.indices[5] = D + 3
    for method in (fitted.predict, lambda rows: fitted.fit(rows, y)):
        with pytest.raises(
            ValueError, match=r"^X\.indices must hold numbers from 0 to"
        ):
            method(spoilt)
    for now, then in zip(fitted.coefs_, before):
        np.testing.assert_array_equal(now, then)


def test_more_columns_than_the_core_can_number():
    wide = sparse.csr_array((2, 2**31), dtype=np.float64)
    with pytest.raises(ValueError, match="can have 2147483647 features at most"):
        MLPClassifier(hidden_layer_sizes=1).fit(wide, [0, 1])


@pytest.mark.parametrize("method", ["gradient", "train"])
def test_no_row_of_a_matrix_that_is_long_to_look_at(method):
    n = 2**21 + 1  # entries, which belong to no row
    inputs = np.ones(n), np.zeros(n, np.int32), np.zeros(1, np.int64)
    with pytest.raises(ValueError, match=r"^X: at least one row is needed"):
        call(method, inputs, y[:0])
