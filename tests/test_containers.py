# SPDX-License-Identifier: BSD-3-Clause
"""Data in frames, memory maps and sparse matrices gives what it gives scikit-learn."""

import tracemalloc

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from real_data import RTOL, classifier, load, regressor, same
from scipy import sparse
from sklearn import neural_network

import nnfast

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def frames(X, names):
    return {
        "pandas": pd.DataFrame(X, columns=names),
        "polars": pl.DataFrame(X, schema=names),
    }


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_frames(kind):
    X, y = load("iris")
    names = ["a", "b", "c", "d"]
    frame = frames(X, names)[kind]
    target = {"pandas": pd.Series, "polars": pl.Series}[kind](np.array(list("xyz"))[y])
    weight = type(target)(1.0 + y)

    ours, theirs = (
        classifier(library).fit(frame, target, sample_weight=weight)
        for library in (nnfast, neural_network)
    )
    same(ours.predict_proba(frame), theirs.predict_proba(frame))
    np.testing.assert_array_equal(ours.predict(frame), theirs.predict(frame))
    if not hasattr(theirs, "feature_names_in_"):
        # Before 1.9, scikit-learn asks frames in a way that polars has given up.
        assert kind == "polars"
        assert not hasattr(ours, "feature_names_in_")
        return
    np.testing.assert_array_equal(ours.feature_names_in_, names)

    with pytest.raises(ValueError, match="should match those that were passed"):
        ours.predict(frames(X, names[::-1])[kind])
    with pytest.raises(ValueError, match="should match those that were passed"):
        ours.partial_fit(frames(X, names[::-1])[kind], target)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        ours.predict(X)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_frames_of_several_outputs(kind):
    X, y = load("linnerud")
    frame, target = (frames(a, ["a", "b", "c"])[kind] for a in (X, y))
    ours, theirs = (
        regressor(library, batch_size="auto").fit(frame, target)
        for library in (nnfast, neural_network)
    )
    same(ours.predict(frame), theirs.predict(frame))
    assert ours.score(frame, target) == pytest.approx(
        theirs.score(frame, target), rel=RTOL
    )


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
def test_memory_maps_that_cannot_be_written(solver, tmp_path):
    X, y = load("wine")
    joblib.dump((X, y, 1.0 + y), tmp_path / "data")
    mapped = joblib.load(tmp_path / "data", mmap_mode="r")
    assert not any(array.flags.writeable for array in mapped)
    network = classifier(nnfast, solver=solver).fit(*mapped)
    plain = classifier(nnfast, solver=solver).fit(X, y, 1.0 + y)
    np.testing.assert_array_equal(
        network.predict_proba(mapped[0]), plain.predict_proba(X)
    )
    same(
        plain.predict_proba(X),
        classifier(neural_network, solver=solver).fit(*mapped).predict_proba(X),
    )


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
@pytest.mark.parametrize("form", ["csr_matrix", "csr_array", "csc_matrix", "csc_array"])
def test_sparse_matrices_and_arrays(form, solver):
    X, y = load("digits", scaled=False)  # half of it zeros
    X, y = getattr(sparse, form)(X[:200] / 16), y[:200]
    ours, theirs = (
        classifier(library, solver=solver, max_iter=5).fit(X, y, 1.0 + y % 2)
        for library in (nnfast, neural_network)
    )
    same(ours.predict_proba(X), theirs.predict_proba(X))
    same(ours.coefs_[0], theirs.coefs_[0])


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix])
def test_a_sparse_matrix_too_large_to_be_dense(form, solver):
    n, d, per_row, hidden = 20_000, 200_000, 5, 2
    rng = np.random.RandomState(0)
    entries = rng.normal(size=n * per_row), rng.randint(d, size=n * per_row)
    X = form(
        sparse.csr_array((*entries, np.arange(0, n * per_row + 1, per_row)), (n, d))
    )
    y = np.asarray(X.sum(axis=1)).ravel() > 0
    network = classifier(nnfast, solver=solver, hidden_layer_sizes=hidden, max_iter=2)

    tracemalloc.start()
    network.set_params(batch_size=2000).fit(X, y).predict(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # lbfgs keeps ten pairs of vectors as long as the weights, and about as many more
    # to work with; checking copies the entries and their indices a few times. Dense
    # rows, of one batch even, would be 3.2 GB.
    weights, data = 8 * d * hidden, 12 * n * per_row
    assert peak < 60 * weights + 20 * data < 8 * 2000 * d
