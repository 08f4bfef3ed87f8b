# SPDX-License-Identifier: BSD-3-Clause
"""Large arrays are worked on piece by piece, so that Ctrl-C comes through: no piece is
large, and nothing but the time shows that there are several.
"""

from functools import partial

import joblib
import numpy as np
import pytest
from interrupts import with_pending_interrupt
from scipy import sparse
from sklearn.base import clone

from nnfast import MLPClassifier, MLPRegressor, _core, _pieces

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 5))
SPARSE = sparse.csr_array(X * (X > 0))
LABELS = rng.randint(0, 3, 60)
TARGETS = {
    "classes": (MLPClassifier, LABELS),
    "words": (MLPClassifier, np.array(["a", "bb", "ccc"])[LABELS]),
    "two classes": (MLPClassifier, LABELS > 1),
    "one class": (MLPClassifier, LABELS * 0),
    "labels": (MLPClassifier, rng.randint(0, 2, (60, 4))),
    "numbers": (MLPRegressor, X[:, 0]),
    "several numbers": (MLPRegressor, X[:, :3]),
}
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}


def all_that_it_does(model, rows, target):
    """Bits of fits that begin and go on, and of all that is predicted."""
    weight = np.linspace(1, 2, 60)
    model.fit(rows, target).partial_fit(rows[:50], target[:50])
    outcomes = [joblib.hash(vars(model))]
    model.set_params(warm_start=True, early_stopping=True).fit(rows, target, weight)
    outcomes.append(joblib.hash(vars(model)))
    for method in ("predict", "predict_proba", "predict_log_proba"):
        for inputs in (rows, rows.astype(np.float32)):
            if hasattr(model, method):
                outcomes.append(getattr(model, method)(inputs).tolist())
    return outcomes


@pytest.mark.parametrize("rows", [X, SPARSE], ids=["dense", "sparse"])
@pytest.mark.parametrize("kind", TARGETS)
def test_pieces_change_no_bit(kind, rows, monkeypatch):
    estimator, target = TARGETS[kind]
    model = estimator(**SMALL)
    whole = all_that_it_does(clone(model), rows, target)
    monkeypatch.setattr(_pieces, "_AT_ONCE", 7)
    assert all_that_it_does(model, rows, target) == whole


@pytest.mark.parametrize("init", ["auto", "normal", "he_uniform", "lecun_normal"])
def test_weights_are_drawn_in_pieces(init, monkeypatch):
    sizes = []

    class Generator(np.random.RandomState):
        def uniform(self, low, high, size):
            sizes.append(size)
            return super().uniform(low, high, size)

        def normal(self, mean, deviation, size):
            sizes.append(size)
            return super().normal(mean, deviation, size)

    def fit():
        settings = {**SMALL, "hidden_layer_sizes": (40, 30), "init": init}
        return MLPRegressor(**{**settings, "random_state": Generator(1)}).fit(
            X, X[:, 0]
        )

    whole = fit()
    assert max(sizes) == 40 * 30
    monkeypatch.setattr(_pieces, "_AT_ONCE", 64)
    sizes.clear()
    parts = fit()
    assert max(sizes) == 64
    for a, b in zip(whole.coefs_, parts.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_parts_of_a_sparse_matrix_are_converted_in_pieces(monkeypatch):
    """Without them, NumPy takes 100 ms for some ten million entries."""
    rows = SPARSE.copy()
    rows.indices, rows.indptr = (
        a.astype(np.int64) for a in (rows.indices, rows.indptr)
    )
    model = MLPRegressor(**SMALL).fit(SPARSE, X[:, 0])
    whole, require = model.predict(rows), np.require

    def at_once(array, *demands):
        result = require(array, *demands)
        assert result.size <= 7 or np.shares_memory(result, array)
        return result

    monkeypatch.setattr(_pieces, "_AT_ONCE", 7)
    monkeypatch.setattr(np, "require", at_once)
    np.testing.assert_array_equal(model.predict(rows), whole)


def test_large_zeros_are_written_in_pieces(monkeypatch):
    """Their memory else comes in the first step of a fit, which nothing interrupts."""
    written, fill = [], _pieces.fill

    def recorded(target, values):
        fill(target, lambda count: written.append(count) or values(count))

    monkeypatch.setattr(_pieces, "fill", recorded)
    assert not _pieces.zeros((2, 5), np.float32).any()
    assert not written
    monkeypatch.setattr(_pieces, "_AT_ONCE", 7)
    assert not _pieces.zeros((2, 5), np.float32).any()
    assert written == [7, 3]


@pytest.mark.parametrize("array", [X, SPARSE.data, SPARSE.indices])
def test_what_is_as_required_is_not_copied(array, monkeypatch):
    """Nor where it cannot be written: a memory map is larger than memory."""
    monkeypatch.setattr(_pieces, "_AT_ONCE", 7)
    array = array.copy()
    array.flags.writeable = False
    assert _pieces.required(array, array.dtype) is array


@pytest.mark.parametrize("place", [0, 6, 7, 8, -1])
def test_wrong_indices_are_found_in_every_piece(place, monkeypatch):
    monkeypatch.setattr(_pieces, "_AT_ONCE", 7)
    model = MLPRegressor(**SMALL).fit(SPARSE, X[:, 0])
    for wrong in (-1, 5):
        rows = SPARSE.copy()
        rows.indices[place] = wrong
        with pytest.raises(ValueError, match=rf"^X\.indices must .*; got {wrong}\.$"):
            model.predict(rows)
    rows = SPARSE.copy()
    rows.indptr[1:][place] = 10**6 if place == -1 else -1
    with pytest.raises(ValueError, match=r"^X\.indptr must begin with 0, never fall"):
        model.predict(rows)


def test_pieces_cover_everything_once():
    for length in (0, 1, 6, 7, 8, 100):
        covered = [i for piece in _pieces.pieces(length) for i in range(length)[piece]]
        assert covered == list(range(length))
    assert [s.stop for s in _pieces.pieces(3, 2**62)] == [1, 2, 3]


# ---- what the core looks at before it begins ----

MANY = 5 * 2**20  # more than it looks at without a pause


def finishes_in_spite_of_ctrl_c(call):
    """Whether a call with a pending Ctrl-C comes to its end before that is raised."""
    done = []
    with pytest.raises(KeyboardInterrupt):
        with_pending_interrupt(call, partial(done.append, True))
    return bool(done)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_large_array_is_looked_at_in_pieces(dtype):
    array = np.zeros((MANY, 1), dtype)
    assert _core.is_plain(array, 2)
    assert not finishes_in_spite_of_ctrl_c(partial(_core.is_plain, array, 2))
    assert finishes_in_spite_of_ctrl_c(partial(_core.is_plain, array[:100], 2))
    for place in (0, MANY // 2, MANY - 1):
        array[place] = np.inf
        assert not _core.is_plain(array, 2)
        array[place] = 0


def test_many_rows_are_looked_at_in_pieces():
    net = _core.Net((3, 2), ("softmax",), "log_loss")
    theta, gradient = np.zeros(net.size), np.zeros(net.size)
    starts = np.arange(MANY + 1)
    columns, values = np.zeros(MANY, np.int32), np.ones(MANY)
    labels = np.zeros(MANY, np.int64)

    def run():
        rows = values, columns, starts
        net.gradient(theta, rows, labels, None, 0.0, gradient)

    run()
    assert gradient.any()
    for array, flaw in ((starts, "start in order"), (columns, "every column")):
        for place in (1, 2**21, 2**21 + 1, MANY - 1):
            right, array[place] = array[place], -1
            with pytest.raises(ValueError, match=flaw):
                run()
            # It would have been found, had not Ctrl-C come first.
            if place == MANY - 1:
                assert not finishes_in_spite_of_ctrl_c(run)
            array[place] = right
    for place in (0, MANY - 1):
        labels[place] = 2
        with pytest.raises(ValueError, match="every label"):
            run()
        labels[place] = 0
    starts[2**21 + 5] -= 9  # out of order, within the stored values
    with pytest.raises(ValueError, match="start in order"):
        run()


def test_a_last_row_that_is_a_piece_is_the_last():
    n = 2**21 + 1  # a row more than is looked at at once
    net = _core.Net((1, 2), ("softmax",), "log_loss")
    theta, gradient = np.zeros(net.size), np.zeros(net.size)
    labels = np.zeros(n + 1, np.int64)
    labels[n] = 2  # no label, of no row
    net.gradient(theta, np.ones((n, 1)), labels[:n], None, 0.0, gradient)
    assert gradient.any()


def test_a_single_long_row_is_one_piece():
    net = _core.Net((MANY, 1), ("identity",), "squared_error")
    rows = np.ones(MANY), np.arange(MANY, dtype=np.int32), np.array([0, 0, MANY])
    out = np.empty((2, 1))
    net.predict(np.ones(net.size), rows, out)
    assert out.tolist() == [[1.0], [MANY + 1.0]]
