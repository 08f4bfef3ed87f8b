# SPDX-License-Identifier: BSD-3-Clause
"""Plain arrays take a short way past scikit-learn's validation, to the same answers."""

import warnings

import joblib
import numpy as np
import pytest

from nnfast import MLPClassifier, MLPRegressor, _core, _labels, _validation

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.RandomState(0)
X = rng.normal(size=(40, 3))
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}

MATRICES = {
    "float64": X,
    "float32": X.astype(np.float32),
    "Fortran order": np.asfortranarray(X),
    "every second column": rng.normal(size=(40, 6))[:, ::2],
    "byte-swapped": X.astype(X.dtype.newbyteorder()),
    "integers": (10 * X).astype(np.int64),
    "float16": X.astype(np.float16),
    "object": X.astype(object),
    "list": X.tolist(),
    "masked": np.ma.masked_array(X),
    "read-only": np.broadcast_to(X[:1], X.shape),
    "NaN": np.where(X > 2, np.nan, X),
    "infinite": np.where(X > 2, np.inf, X),
    "one column less": X[:, :2].copy(),
    "no rows": X[:0],
    "no columns": X[:, :0],
    "one dimension": X[:, 0].copy(),
    "three dimensions": X[:, :, np.newaxis],
}
TARGETS = {
    "two classes": (X[:, 0] > 0).astype(int),
    "booleans": X[:, 0] > 0,
    "three classes": rng.randint(3, size=40),
    "far apart": np.array([-7, 3, 10**12])[rng.randint(3, size=40)],
    "as many classes as rows": np.arange(40),
    "unsigned": rng.randint(3, size=40).astype(np.uint8),
    "words": np.array(["a", "b"])[rng.randint(2, size=40)],
    "whole floats": rng.randint(3, size=40).astype(float),
    "floats": X @ [1.0, 2.0, 3.0],
    "one column": rng.randint(2, size=(40, 1)),
    "labels": rng.randint(2, size=(40, 3)),
    "one row less": rng.randint(2, size=39),
    "NaN": np.where(X[:, 0] > 1, np.nan, 1.0),
    "objects": rng.randint(2, size=40).astype(object),
    "none": None,
}


def outcome(call):
    """What a call gives and changes, or raises, with all that it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except Exception as error:
            result = type(error), str(error)
    return joblib.hash(result), [(w.category, str(w.message)) for w in caught]


def both_ways(call, monkeypatch):
    """The outcome, which is the same when nothing counts as plain."""
    short = outcome(call)
    with monkeypatch.context() as patch:
        patch.setattr(_validation._core, "is_plain", lambda array, ndim: False)
        patch.setattr(_labels, "_plain_classes", lambda y: None)
        patch.setattr(_labels._core, "class_numbers", lambda y, known: None)
        patch.setattr(_labels, "are_the_same", lambda classes, known: False)
        long = outcome(call)
    assert short == long
    return short


@pytest.mark.parametrize("kind", MATRICES)
def test_same_fits_of_any_matrix(kind, monkeypatch):
    def fit(estimator, target):
        return vars(estimator(**SMALL).fit(MATRICES[kind], TARGETS[target]))

    both_ways(lambda: fit(MLPClassifier, "two classes"), monkeypatch)
    both_ways(lambda: fit(MLPRegressor, "floats"), monkeypatch)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_same_fits_of_any_target(estimator, kind, monkeypatch):
    def fit_and_go_on():
        fitted = estimator(**SMALL, warm_start=True).fit(X, TARGETS[kind])
        fitted.fit(X, TARGETS[kind])
        return vars(fitted.partial_fit(X, TARGETS[kind]))

    both_ways(fit_and_go_on, monkeypatch)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", MATRICES)
def test_same_predictions_and_partial_fits_of_any_matrix(kind, dtype, monkeypatch):
    def predict_and_go_on(estimator, target):
        fitted = estimator(**SMALL).fit(X.astype(dtype), TARGETS[target])
        predictions = fitted.predict(MATRICES[kind])
        fitted.partial_fit(MATRICES[kind], TARGETS[target])
        return predictions, vars(fitted)

    both_ways(lambda: predict_and_go_on(MLPClassifier, "three classes"), monkeypatch)
    both_ways(lambda: predict_and_go_on(MLPRegressor, "floats"), monkeypatch)


@pytest.mark.parametrize("kind", ["three classes", "far apart", "words", "labels"])
def test_same_answers_about_classes(kind, monkeypatch):
    known = TARGETS[kind]
    if kind == "labels":
        news = [TARGETS["labels"], TARGETS["three classes"], TARGETS["words"]]
    else:
        news = [known, known[:1], np.roll(known, 1), np.append(known[1:], known[:1])]
        news += [TARGETS["words"], TARGETS["unsigned"], TARGETS["whole floats"]]
    for warm_start in (False, True):
        for new in news:

            def go_on(new=new, warm_start=warm_start):
                fitted = MLPClassifier(**SMALL, warm_start=warm_start).fit(X, known)
                return vars(fitted.partial_fit(X[: len(new)], new).fit(X, known))

            both_ways(go_on, monkeypatch)


@pytest.mark.parametrize(
    "again",
    [
        *(None, np.arange(3), [0, 1, 2], np.arange(3.0), np.arange(3, dtype=np.uint8)),
        *(np.array([1, 0, 2]), np.arange(4), np.array([0, 1, 1, 2]), np.array([0, 1])),
        *(np.arange(3)[:, np.newaxis], np.array(["0", "1", "2"]), np.array(3), []),
    ],
)
@pytest.mark.parametrize("assigned", [None, [2, 1, 0], [0, 1, 1], np.arange(3)[::-1]])
def test_same_answers_when_classes_are_told_again(again, assigned, monkeypatch):
    def go_on():
        model = MLPClassifier(**SMALL)
        model.partial_fit(X, TARGETS["three classes"], classes=np.arange(3))
        if assigned is not None:
            model.classes_ = np.asarray(assigned)
        return vars(model.partial_fit(X, TARGETS["three classes"], classes=again))

    both_ways(go_on, monkeypatch)


def test_known_classes_are_not_sorted_anew(monkeypatch):
    model = MLPClassifier(**SMALL)
    model.partial_fit(X, TARGETS["three classes"], classes=np.arange(3))
    monkeypatch.setattr(np, "unique", None)
    model.partial_fit(X, TARGETS["three classes"], classes=np.arange(3))


def test_names_of_features_take_the_long_way(monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abc"))
    fitted = MLPRegressor(**SMALL).fit(frame, TARGETS["floats"])
    _, words = both_ways(lambda: fitted.predict(X), monkeypatch)
    assert "does not have valid feature names" in words[0][1]
    assert not hasattr(fitted.fit(X, TARGETS["floats"]), "feature_names_in_")


def test_what_is_plain():
    plain = {"float64", "float32", "one column less"}
    assert {kind for kind, x in MATRICES.items() if _core.is_plain(x, 2)} == plain
    assert _core.is_plain(TARGETS["floats"], 1)
    assert not _core.is_plain(TARGETS["floats"], 2)
    assert not _core.is_plain(TARGETS["three classes"], 1)
    with pytest.raises(TypeError, match="2 arguments, got 1"):
        _core.is_plain(X)
    with pytest.raises(TypeError):
        _core.is_plain(X, "2")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_number_anywhere_that_is_not_finite(dtype, value):
    for n in (1, 15, 16, 17, 40):
        for i in range(n):
            array = np.full(n, np.finfo(dtype).max)
            assert _core.is_plain(array.astype(dtype), 1)
            array[i] = value
            assert not _core.is_plain(array.astype(dtype), 1)
