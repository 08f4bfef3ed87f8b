# SPDX-License-Identifier: BSD-3-Clause
"""Data in frames, memory maps and sparse matrices gives what it gives scikit-learn."""

import copy
import tracemalloc

import joblib
import numpy as np
import pandas as pd
import pytest
from real_data import RTOL, classifier, load, regressor, same
from scipy import sparse
from sklearn import neural_network

import nnfast

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def package_of(kind):
    """Polars has no wheel for every Python that the tests run on."""
    return pd if kind == "pandas" else pytest.importorskip("polars")


def frame(kind, X, names):
    of_names = {"columns" if kind == "pandas" else "schema": names}
    return package_of(kind).DataFrame(X, **of_names)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_frames(kind):
    X, y = load("iris")
    names = ["a", "b", "c", "d"]
    rows = frame(kind, X, names)
    target = package_of(kind).Series(np.array(list("xyz"))[y])
    weight = type(target)(1.0 + y)

    ours, theirs = (
        classifier(package).fit(rows, target, sample_weight=weight)
        for package in (nnfast, neural_network)
    )
    same(ours.predict_proba(rows), theirs.predict_proba(rows))
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))
    if not hasattr(theirs, "feature_names_in_"):
        # Before 1.9, scikit-learn asks frames in a way that polars has given up.
        assert kind == "polars"
        assert not hasattr(ours, "feature_names_in_")
        return
    np.testing.assert_array_equal(ours.feature_names_in_, names)

    with pytest.raises(ValueError, match="should match those that were passed"):
        ours.predict(frame(kind, X, names[::-1]))
    with pytest.raises(ValueError, match="should match those that were passed"):
        ours.partial_fit(frame(kind, X, names[::-1]), target)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        ours.predict(X)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_frames_of_several_outputs(kind):
    X, y = load("linnerud")
    rows, target = (frame(kind, a, ["a", "b", "c"]) for a in (X, y))
    ours, theirs = (
        regressor(package, batch_size="auto").fit(rows, target)
        for package in (nnfast, neural_network)
    )
    same(ours.predict(rows), theirs.predict(rows))
    assert ours.score(rows, target) == pytest.approx(
        theirs.score(rows, target), rel=RTOL
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


@pytest.mark.parametrize("dtype", [">f8", ">f4"])
def test_a_frame_of_swapped_bytes(dtype):
    """scikit-learn's validation lets these types through."""
    X, _ = load("iris")
    rows = pd.DataFrame(X.astype(dtype))
    ours, theirs = (
        regressor(package).fit(rows, X[:, 0]) for package in (nnfast, neural_network)
    )
    assert ours.coefs_[0].dtype == np.dtype(dtype).newbyteorder("=")
    # Some thousand steps round, in that type.
    rtol = 1e4 * np.finfo(dtype).eps
    np.testing.assert_allclose(ours.predict(rows), theirs.predict(rows), rtol)


LAYOUTS = {
    "as it is": np.copy,
    "Fortran order": np.asfortranarray,
    "integers": lambda X: X.astype(np.int64),
    "objects": lambda X: X.astype(object),
    "frame of columns": lambda X: pd.DataFrame(np.asfortranarray(X)),
    "frame of rows": lambda X: pd.DataFrame(X.copy(), copy=False),
    "frame of types": lambda X: pd.DataFrame(X).astype({0: "int64", 1: "Int64"}),
    "list": np.ndarray.tolist,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_early_stopping_of_what_is_converted(layout, dtype):
    """The same rows are held out, and the caller's stay as they are."""
    rng = np.random.default_rng(0)
    X = rng.integers(-9, 9, (1500, 30)).astype(np.float64)
    y, weight = X[:, 0] * X[:, 1], rng.random(1500)
    given, before = LAYOUTS[layout](X), copy.deepcopy(LAYOUTS[layout](X))
    fitted = []
    for rows in given, X:
        model = nnfast.MLPRegressor(early_stopping=True, max_iter=3, random_state=0)
        # A network of that type, to go on with: then float64 is converted too.
        model.fit(X.astype(dtype), y).set_params(warm_start=True)
        fitted.append(model.fit(rows, y.tolist(), weight)._parameters)
    np.testing.assert_array_equal(*fitted)
    np.testing.assert_array_equal(given, before)
