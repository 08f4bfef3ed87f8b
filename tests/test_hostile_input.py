# SPDX-License-Identifier: BSD-3-Clause
"""Whatever numbers, layouts, indices and attributes there are: the result of plain
arrays with the same numbers, or an error in words and an estimator as it was.

The draws are small and many; that the process lives to the end of them is tested too.
"""

import warnings
from contextlib import suppress

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import NotFittedError

from nnfast import MLPClassifier, MLPRegressor

SMALL = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
D = 4  # columns
RELAXED = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def outcome(model, method, *arguments):
    """What a call returns or raises; a failure has changed nothing."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        before = joblib.hash(vars(model))
        try:
            result = getattr(model, method)(*arguments)
        except (ValueError, TypeError) as error:
            assert joblib.hash(vars(model)) == before
            return str(error)
    if result is model:
        result = np.concatenate([model._parameters, model._optimizer.moments.ravel()])
    return np.asarray(result)


# ---- dense arrays ----

NUMBERS = [
    0,
    -0.0,
    1,
    -1.5,
    1e-310,
    -5e-324,
    1e-42,
    1e30,
    -1e38,
    1e155,
    1e300,
    -1.7e308,
]
NO_NUMBERS = [np.nan, np.inf, -np.inf]


def in_bytes(array):
    """At an odd address."""
    raw = np.zeros(array.nbytes + 1, np.uint8)
    moved = raw[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


def with_overlapping_rows(array):
    """Each row begins one number after the one before it."""
    if array.size == 0:
        return array
    flat = np.ascontiguousarray(array).reshape(-1)
    return (
        np.lib.stride_tricks.as_strided(
            flat, array.shape, (flat.itemsize,) * array.ndim
        )
        if array.ndim == 2 and sum(array.shape) - 1 <= array.size
        else array
    )


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS = {
    "plain": lambda a: a,
    "Fortran": np.asfortranarray,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "zero stride": lambda a: np.broadcast_to(a[:1], a.shape) if len(a) else a,
    "zero strides": lambda a: np.broadcast_to(a.dtype.type(1), a.shape),
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "misaligned": in_bytes,
    "overlapping": with_overlapping_rows,
    "read-only": read_only,
    "objects": lambda a: a.astype(object),
    "list": lambda a: a.tolist(),
    "subclass": lambda a: a.view(np.ma.MaskedArray),
}
TYPES = ["f4", "f8", "f2", "g", "i1", "i8", "u8", "?", "c16"]


@st.composite
def arrays(draw, shape, wild=True):
    """An array in some layout and type, of ordinary or odd numbers."""
    seed, odd = draw(st.integers(0, 2**32)), draw(st.sampled_from([0, 0, 0.1, 1]))
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=shape)
    odd_ones = NUMBERS + NO_NUMBERS if wild and draw(st.booleans()) else NUMBERS
    where = rng.random(shape) < odd
    numbers[where] = rng.choice(odd_ones, where.sum())
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = numbers.astype(draw(st.sampled_from(TYPES)))
    return LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](array)


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
    y.indices[3:4] = 10**6
    with pytest.raises(ValueError, match=r"^y\.indices must hold numbers from 0 to 1"):
        MLPRegressor(**SMALL).fit(np.eye(20), spoilt(y, "indices", "number", 0, 10**6))


# ---- attributes assigned by hand ----

rng = np.random.RandomState(0)
X = rng.normal(size=(40, D))
y = rng.randint(0, 3, 40)


def fitted(estimator, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator(**{**SMALL, **settings}).fit(X, y)


def reshape(model):
    model.coefs_[0].shape = (2, 8)


def restride(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy deprecates it
        model.coefs_[0].strides = model.coefs_[0].strides[::-1]


def assign(**values):
    def change(model):
        vars(model).update(values)

    return change


FORWARD = ("predict", "fit")  # of a model that goes on
ASSIGNED = {
    "coefs_ in place": (reshape, FORWARD, r"^coefs_\[0\] must have shape \(4, 4\)"),
    "n_features_in_": (
        assign(n_features_in_=7),
        FORWARD,
        r"^X has 4 features, but MLPClassifier is expecting 7",
    ),
    "out_activation_": (
        assign(out_activation_="no such"),
        FORWARD,
        r"^out_activation_ must be a str among .*; got 'no such'",
    ),
    "no out_activation_": (
        assign(out_activation_=None),
        FORWARD,
        r"^out_activation_ must be a str among .*; got None",
    ),
    "another out_activation_": (
        assign(out_activation_="tanh"),
        ("fit",),
        r"output activation 'softmax', but MLPClassifier was fitted with 'tanh'",
    ),
    "fewer classes_": (
        assign(classes_=np.arange(2)),
        FORWARD,
        r"^classes_ must be an array of the 3 classes|^warm_start can .* got \[0 1\]",
    ),
    "no classes_": (assign(classes_=None), FORWARD, r"^classes_ must be an array"),
    "classes_ of 2-D": (
        assign(classes_=np.zeros((3, 1))),
        FORWARD,
        r"^classes_ must be an array",
    ),
    "t_": (assign(t_=-1), ("fit",), r"^t_ must be a whole number, not negative"),
    "best_loss_": (assign(best_loss_="x"), ("fit",), r"^best_loss_ must be a number"),
    "loss_curve_": (assign(loss_curve_=3), ("fit",), r"^loss_curve_ must be a list"),
    "_no_improvement_count": (
        assign(_no_improvement_count=2.5),
        ("fit",),
        r"^_no_improvement_count must be a whole number",
    ),
}


@pytest.mark.parametrize("case", ASSIGNED)
def test_an_assigned_attribute_is_named(case):
    change, methods, words = ASSIGNED[case]
    for method in methods:
        model = fitted(MLPClassifier, warm_start=True)
        change(model)
        said = outcome(model, method, *((X,) if method == "predict" else (X, y)))
        assert isinstance(said, str), method
        assert pytest.raises(ValueError, match=words).matches(ValueError(said)), said
        # A new fit asks nothing of the old one.
        model.set_params(warm_start=False)
        assert isinstance(outcome(model, "fit", X, y), np.ndarray)


def test_features_of_another_network():
    model = fitted(MLPRegressor)
    model.n_features_in_ = 7
    said = outcome(model, "predict", np.zeros((2, 7)))
    assert said == "n_features_in_ is 7, but coefs_[0] has 4 rows."


def test_outputs_of_another_network():
    model = fitted(MLPClassifier)
    model.coefs_[1], model.intercepts_[1] = np.zeros((4, 7)), np.arange(7.0)
    said = outcome(model, "predict", X)
    assert said == "coefs_[-1] must have 3 columns for the classes [0 1 2]; got 7."


def test_a_view_that_was_turned_is_what_it_shows():
    model = fitted(MLPRegressor)
    turned = fitted(MLPRegressor)
    turned.coefs_[0] = turned.coefs_[0].T.copy()
    restride(model)
    np.testing.assert_array_equal(model.predict(X), turned.predict(X))


def test_moments_of_another_form_begin_afresh():
    model, other = fitted(MLPRegressor), fitted(MLPRegressor, solver="lbfgs")
    other.set_params(solver="adam")
    other._theta()[0][:] = model._theta()[0]
    other.t_, other._no_improvement_count = model.t_, model._no_improvement_count
    other.best_loss_, other.loss_curve_ = model.best_loss_, [*model.loss_curve_]
    model._optimizer.moments = np.zeros(3)
    for each in (model, other):
        outcome(each, "partial_fit", X, y)
    np.testing.assert_array_equal(model._theta()[0], other._theta()[0])


ATTRIBUTES = [
    *("coefs_", "intercepts_", "n_features_in_", "n_layers_", "n_outputs_"),
    *("out_activation_", "classes_", "t_", "loss_", "n_iter_", "best_loss_"),
    *("loss_curve_", "validation_scores_", "best_validation_score_"),
]
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2**70),
    st.floats(),
    st.text(max_size=5),
    arrays((3,)),
    arrays((4, 3)),
    st.lists(arrays((4, 3)) | arrays((4, 4)) | arrays((3,)) | st.none(), max_size=3),
)


@RELAXED
@given(st.data(), st.sampled_from([MLPClassifier, MLPRegressor]))
def test_junk_in_any_attribute(data, estimator):
    model = fitted(estimator, warm_start=True)
    setattr(model, data.draw(st.sampled_from(ATTRIBUTES)), data.draw(JUNK))
    for method in ("predict", "score", "partial_fit", "fit"):
        # Others are of junk that scikit-learn is first to look at.
        with suppress(AttributeError, IndexError, NotFittedError, MemoryError):
            outcome(model, method, *((X,) if method == "predict" else (X, y)))


# ---- divergence ----

DIVERGES = {
    "adam": {"learning_rate_init": 1e300, "solver": "adam"},
    "sgd": {"learning_rate_init": 1e300, "solver": "sgd"},
}


@pytest.mark.parametrize("solver", DIVERGES)
@pytest.mark.parametrize("method", ["fit", "warm fit", "early warm fit", "partial_fit"])
def test_divergence_names_its_epoch_and_changes_nothing(solver, method):
    early = method.startswith("early")
    model = fitted(MLPRegressor, solver=solver, early_stopping=early)
    model.set_params(**DIVERGES[solver], warm_start="warm" in method, max_iter=30)
    model._optimizer.learning_rate_init = model._optimizer.learning_rate = 1e300
    memory = model._parameters
    before, moments = memory.copy(), model._optimizer.moments.copy()
    said = outcome(model, method.split()[-1], X * 1e150, y)
    assert isinstance(said, str)
    assert pytest.raises(
        ValueError, match=r"non-finite parameter weights\..* in epoch [1-9]\d*\.$"
    ).matches(ValueError(said)), said
    assert model._parameters is memory
    np.testing.assert_array_equal(memory, before)
    np.testing.assert_array_equal(model._optimizer.moments, moments)


@pytest.mark.parametrize("scale", [1e155, 1e200, 1e300])
def test_lbfgs_on_huge_numbers(scale):
    model = fitted(MLPRegressor, solver="lbfgs")
    before = joblib.hash(vars(model))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(X * (scale / abs(X).max()), y * scale / 3)
        except ValueError as error:
            assert "iteration" in str(error)  # noqa: PT017 (it may also succeed)
            assert joblib.hash(vars(model)) == before
        else:
            assert np.isfinite(model._parameters).all()
