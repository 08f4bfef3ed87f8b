# SPDX-License-Identifier: BSD-3-Clause
"""Whatever numbers, layouts and indices there are: the result of plain arrays with the
same numbers, or an error in words and an estimator as it was.

The draws are small and many; that the process lives to the end of them is tested too.
"""

import warnings

import numpy as np
import pytest
from hostile import RELAXED, SMALL, D, arrays, outcome
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from nnfast import MLPClassifier, MLPRegressor

# ---- dense arrays ----


def plain_copy(value):
    """The same numbers, as validation leaves them where they are plain."""
    if value is None or isinstance(value, list):
        return value
    dtype = value.dtype.newbyteorder("=")
    return np.array(np.asarray(value), dtype, order="C")


@RELAXED
@given(st.data(), st.sampled_from(["fit", "partial_fit", "warm fit"]))
def test_a_dense_fit(data, method):
    n = data.draw(st.sampled_from([0, 1, 2, 7, 20]))
    d = data.draw(st.sampled_from([D, D, D, 1, 0]))
    X, y = data.draw(arrays((n, d))), data.draw(arrays((n,)))
    weight = data.draw(st.none() | arrays((n,)))
    given = [X, y, weight]
    found = []
    for arguments in (given, [plain_copy(value) for value in given]):
        model = MLPRegressor(**SMALL, warm_start=method == "warm fit")
        if method != "fit":
            outcome(model, "fit", np.eye(D), np.arange(4.0))
        found.append(outcome(model, method.removeprefix("warm "), *arguments))
    assert type(found[0]) is type(found[1])
    if isinstance(found[0], np.ndarray):
        np.testing.assert_array_equal(found[0], found[1])
    else:
        assert found[0], "an error without words"


@RELAXED
@given(st.data(), st.sampled_from(["f4", "f8"]))
def test_a_dense_prediction(data, dtype):
    model = MLPClassifier(**SMALL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(np.eye(D, dtype=dtype), [0, 1, 2, 0])
    X = data.draw(arrays((data.draw(st.integers(0, 9)), D)))
    for method in ("predict", "predict_proba", "predict_log_proba"):
        found = [outcome(model, method, each) for each in (X, plain_copy(X))]
        if isinstance(found[0], np.ndarray):
            np.testing.assert_array_equal(found[0], found[1])
        else:
            assert found[0]


# ---- sparse matrices ----

PARTS = {
    "csr": ["data", "indices", "indptr"],
    "csc": ["data", "indices", "indptr"],
    "bsr": ["data", "indices", "indptr"],
    "coo": ["data", "row", "col"],
    "lil": ["data", "rows"],
}
WRONG = [-1, -7, 10**6, -(2**31), 2**31 - 1, 2**32, 2**32 + 1, 2**62, -(2**63)]


def spoilt(matrix, part, how, place, number):
    """The matrix with one part of it changed by hand."""
    array = getattr(matrix, part)
    if how == "number" and array.size and array.dtype.kind in "iuf":
        if array.dtype.kind != "f":
            array = array.astype(np.int64)
        array = array.copy()
        array.flat[place % array.size] = number
    elif how == "shorter":
        array = array[: place % max(1, len(array))]
    elif how == "longer":
        array = np.concatenate([array, array])
    elif how == "floats" and array.dtype.kind in "iu":
        array = array.astype(float)
    elif how == "another dimension":
        array = array[np.newaxis]
    elif how == "reversed":
        array = array[::-1]
    elif how == "list" and part == "rows":
        array = array.copy()
        array[place % len(array)] = [number] * len(array[place % len(array)])
    setattr(matrix, part, array)
    return matrix


HOW = ["nothing", "number", "shorter", "longer", "floats", "another dimension"]
HOW += ["reversed", "list"]


@RELAXED
@given(st.data(), st.sampled_from(["fit", "early", "partial_fit", "predict"]))
def test_a_sparse_matrix(data, use):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    kind = data.draw(st.sampled_from(sorted(PARTS)))
    n = 20
    row, column = rng.integers(n, size=50), rng.integers(D, size=50)
    # Unsorted, and some entries in several parts.
    X = sparse.coo_array((rng.normal(size=50), (row, column)), (n, D))
    dense = X.toarray()
    X = X.asformat(kind)
    if kind in ("csr", "csc") and data.draw(st.booleans()):
        order = rng.permutation(X.nnz)
        X = sparse.coo_array(
            (X.tocoo().data[order], (X.tocoo().row[order], X.tocoo().col[order])),
            (n, D),
        ).asformat(kind)
    how = data.draw(st.sampled_from(HOW))
    X = spoilt(
        X,
        data.draw(st.sampled_from(PARTS[kind])),
        how,
        data.draw(st.integers(0, 100)),
        data.draw(st.sampled_from(WRONG)),
    )
    y = rng.integers(3, size=n)
    found = []
    for inputs in (X, dense):
        model = MLPClassifier(**SMALL, early_stopping=use == "early")
        if use in ("partial_fit", "predict"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(dense, np.arange(n) % 3)
        method = "fit" if use == "early" else use
        arguments = (inputs,) if use == "predict" else (inputs, y)
        found.append(outcome(model, method, *arguments))
    if how == "nothing":
        # Sums of the same few products in another order.
        np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-12)
    elif isinstance(found[0], str):
        assert found[0]


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("number", WRONG)
def test_an_index_that_is_none_is_named(kind, early, number):
    """Without the check SciPy writes where it points; 2**32 + 1 would be column 1."""
    X = sparse.random_array((60, D), density=0.5, format=kind, rng=0)
    if kind == "coo" and abs(number) > 2**31:
        pytest.skip("SciPy keeps so large a column in int32, as another")
    part = "col" if kind == "coo" else "indices"
    X = spoilt(X, part, "number", 3, number)
    model = MLPClassifier(**SMALL, early_stopping=early)
    words = rf"^X\.{part} must hold numbers from 0 to \d+; got {number}\."
    with pytest.raises(ValueError, match=words):
        model.fit(X, np.arange(60) % 2)


@pytest.mark.parametrize(
    ("kind", "part", "change", "words"),
    [
        ("bsr", "data", np.ravel, r"X\.data must hold blocks; got shape"),
        (
            "bsr",
            "data",
            lambda a: np.ones((4, 7, 1)),
            r"X\.data holds blocks of 7 rows",
        ),
        ("coo", "data", lambda a: a[:-1], r"X\.row must have \d+ entries, as X\.data"),
        ("lil", "rows", lambda a: a[:-1], r"X\.rows must hold 60 lists"),
        ("lil", "data", lambda a: a[::-1], r"X\.rows and X\.data must have lists as"),
        ("csr", "indptr", np.flip, r"X\.indptr must begin with 0, never fall, and end"),
        ("csr", "indptr", lambda a: a[1:], r"X\.indptr must have 61 entries for the"),
        ("csc", "indices", list, r"X\.indices must be an array of one dimension"),
    ],
)
def test_parts_that_do_not_go_together_are_named(kind, part, change, words):
    X = sparse.random_array((60, D), density=0.5, format=kind, rng=0)
    setattr(X, part, change(getattr(X, part)))
    with pytest.raises(ValueError, match=f"^{words}"):
        MLPClassifier(**SMALL).fit(X, np.arange(60) % 2)


def test_sparse_targets_are_looked_at_too():
    y = sparse.csr_array(np.eye(20, 2))
    with pytest.raises(ValueError, match=r"^y\.indices must hold numbers from 0 to 1"):
        MLPRegressor(**SMALL).fit(np.eye(20), spoilt(y, "indices", "number", 0, 10**6))
