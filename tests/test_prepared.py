# SPDX-License-Identifier: BSD-3-Clause
"""Predictions that are prepared by earlier ones: the same as those that are not.

What a copy predicts is the oracle: nothing is prepared for it yet.
"""

import copy
import gc
import pickle
import threading
import warnings
import weakref

import numpy as np
import pytest

from nnfast import MLPClassifier, MLPRegressor, _core, _prepared
from nnfast._parameters import views as parameters_views

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
rng = np.random.RandomState(0)
N, F = 60, 5
DATA = rng.randn(N, F)
ROW = DATA[:1]
LABELS = rng.randint(0, 3, N)

KINDS = {
    "two classes": (MLPClassifier, LABELS > 0),
    "three classes": (MLPClassifier, LABELS),
    "multi-label": (MLPClassifier, rng.randint(0, 2, (N, 3))),
    "one class": (MLPClassifier, np.zeros(N, int)),
    "words": (MLPClassifier, np.array(["no", "yes"])[(LABELS > 0).astype(int)]),
    "one output": (MLPRegressor, rng.randn(N)),
    "two outputs": (MLPRegressor, rng.randn(N, 2)),
}
each_kind = pytest.mark.parametrize("kind", KINDS)
SETTINGS = {"hidden_layer_sizes": (7, 4), "max_iter": 3, "random_state": 0}


def fitted(kind="two classes", dtype=np.float64, **settings):
    """A model that has predicted a row, and again."""
    estimator, y = KINDS[kind]
    model = estimator(**{**SETTINGS, **settings}).fit(DATA.astype(dtype), y)
    return asked(model, ROW.astype(dtype))


def asked(model, X=ROW):
    """The second time it is prepared."""
    for _ in range(2):
        model.predict(X)
    return model


def is_prepared(model, X=ROW):
    return _prepared.outputs(model, X) is not None


def answers(model, X):
    """What each method gives, or says."""
    given = []
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if not hasattr(model, method):
            continue
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                result = getattr(model, method)(X)
        except Exception as error:
            given.append((method, type(error), str(error)))
        else:
            said = [str(warning.message) for warning in caught]
            given.append((method, result.dtype, result.shape, result.tobytes(), said))
    return given


def assert_as_a_copy(model, X):
    assert answers(model, X) == answers(copy.copy(model), X)


@each_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bits(kind, dtype):
    model = fitted(kind, dtype)
    assert is_prepared(model, ROW.astype(dtype))
    for X in (ROW, DATA[:3], DATA):
        assert_as_a_copy(model, X.astype(dtype))
    prepared, other = (
        one.predict(ROW.astype(dtype)) for one in (model, copy.copy(model))
    )
    assert prepared.flags.writeable
    assert prepared.strides == other.strides


def test_columns_in_memory_as_ever():
    model = fitted()
    prepared = model.predict_proba(DATA[:4])
    other = copy.copy(model).predict_proba(DATA[:4])
    assert prepared.flags.f_contiguous
    assert prepared.flags.writeable
    assert prepared.strides == other.strides


CHANGES = {
    "a matrix": lambda model: model.coefs_.__setitem__(0, 2 * model.coefs_[0]),
    "a matrix of another network": lambda model: model.coefs_.__setitem__(
        0, np.ones((F, 8))
    ),
    "an empty list": lambda model: model.coefs_.clear(),
    "the matrices": lambda model: setattr(model, "coefs_", model.coefs_[:1]),
    "a bias": lambda model: model.intercepts_.__setitem__(-1, np.ones(1)),
    "a weight in place": lambda model: model.coefs_[0].__setitem__((0, 0), 5.0),
    "activation": lambda model: model.set_params(activation="tanh"),
    "no activation": lambda model: model.set_params(activation="swish"),
    "output": lambda model: setattr(model, "out_activation_", "tanh"),
    "no output": lambda model: setattr(model, "out_activation_", None),
    "features": lambda model: setattr(model, "n_features_in_", F + 1),
    "names": lambda model: setattr(
        model, "feature_names_in_", np.array(list("abcde"), object)
    ),
    "n_jobs": lambda model: model.set_params(n_jobs=-1),
    "a fit": lambda model: model.set_params(max_iter=1).fit(DATA, LABELS > 1),
    "a longer fit": lambda model: model.set_params(warm_start=True).fit(
        DATA, LABELS > 0
    ),
    "a batch": lambda model: model.partial_fit(DATA, LABELS > 0),
    "classes": lambda model: setattr(model, "classes_", np.array([4, 2])),
    "classes of another kind": lambda model: setattr(model, "classes_", None),
    "known classes": lambda model: setattr(
        model._label_binarizer, "classes_", np.arange(3)
    ),
    "too many classes": lambda model: setattr(model, "classes_", np.arange(3)),
    "labels": lambda model: vars(model).update(
        vars(fitted("three classes")), coefs_=model.coefs_
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_changed_is_seen(change):
    model = fitted()
    before = answers(model, DATA)
    assert is_prepared(model)
    CHANGES[change](model)
    assert_as_a_copy(model, DATA)
    unseen = {"n_jobs", "classes"}  # by the outputs
    assert (answers(model, DATA) == before) == (change in unseen)


INPUTS = {
    "NaN": np.where(np.arange(F) == 2, np.nan, ROW),
    "infinity": np.where(np.arange(F) == 2, np.inf, ROW),
    "narrow": ROW[:, 1:],
    "wide": np.ones((1, F + 1)),
    "a row more": np.ones((F, 1)),
    "no rows": ROW[:0],
    "no columns": np.ones((1, 0)),
    "one dimension": ROW[0],
    "three": ROW[None],
    "float32": ROW.astype(np.float32),
    "integers": np.arange(F)[None],
    "swapped": ROW.astype(ROW.dtype.newbyteorder()),
    "columns first": np.asfortranarray(DATA[:4]),
    "every other": DATA[::2],
    "read-only": np.broadcast_to(np.float64(1), (1, F)),
    "a list": ROW.tolist(),
    "words": np.array([["a"] * F]),
    "a matrix": np.ma.masked_array(ROW),
    "None": None,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", INPUTS)
def test_other_inputs(name, dtype):
    model = fitted(dtype=dtype)
    assert is_prepared(model, ROW.astype(dtype))
    assert_as_a_copy(model, INPUTS[name])


def test_what_is_never_prepared():
    listed = fitted(activation=["relu", "tanh"])
    large = fitted(hidden_layer_sizes=(700, 700))
    for model in (listed, large):
        assert not is_prepared(model)
        assert_as_a_copy(model, DATA)
    frame = pytest.importorskip("pandas").DataFrame(DATA, columns=list("abcde"))
    named = MLPRegressor(**SETTINGS).fit(frame, rng.randn(N))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        asked(named)
    assert not is_prepared(named)


def test_many_rows_are_not_for_it():
    """Other threads wait for it."""
    model, wide = fitted(), fitted(hidden_layer_sizes=(1000,))
    assert is_prepared(model, np.ones((64, F)))
    assert not is_prepared(model, np.ones((65, F)))
    # 6,000 products and 1,006 units, which take as long as 32 products each.
    assert is_prepared(wide, np.ones((7, F)))
    assert not is_prepared(wide, np.ones((8, F)))


def test_no_other_model_is_prepared_by_it():
    """A copy, a pickle, another fit: each is its own."""
    model = fitted()
    for other in (
        copy.copy(model),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        assert not is_prepared(other)
    model.partial_fit(DATA, LABELS > 0)
    assert not is_prepared(model)


def test_it_goes_with_its_model():
    model = fitted()
    gone = weakref.ref(model._parameters)
    model.fit(DATA, LABELS > 1)
    assert gone() is None


def test_a_cycle_through_it_is_found():
    class List(list):
        pass

    model = fitted()
    model.model = List([model])
    prepared = _core.Prepared(**{**GOOD, "attributes": {"name": model.model}})
    model.model.append(prepared)
    gone = weakref.ref(model.model)
    del model, prepared
    gc.collect()
    assert gone() is None


def prepared_as(activation, monkeypatch):
    """A relu model that has another activation only while it is prepared."""
    model = fitted()
    prepare = _prepared.prepare

    def late(estimator, X):
        model.set_params(activation=activation)
        prepare(estimator, X)
        model.set_params(activation="relu")

    with monkeypatch.context() as patch:
        patch.setattr(_prepared, "prepare", late)
        return asked(model.partial_fit(DATA, LABELS > 0))


def test_parameters_that_change_meanwhile(monkeypatch):
    """What is prepared is of one moment, whoever sets a parameter in between."""
    model = prepared_as("tanh", monkeypatch)
    assert not is_prepared(model)
    assert_as_a_copy(model, ROW)
    model = prepared_as("tanh", monkeypatch).set_params(activation="tanh")
    assert is_prepared(model)
    assert_as_a_copy(model, ROW)


def test_a_parameter_that_is_spoilt_meanwhile(monkeypatch):
    """The prediction was made: what is to be prepared fails nothing."""
    assert not is_prepared(prepared_as("swish", monkeypatch))


class Tanh(MLPClassifier):
    """A parameter that the class sets."""

    activation = "tanh"


class Soft(MLPClassifier):
    """An attribute that the class makes of others."""

    soft = True

    @property
    def out_activation_(self):
        return "softmax" if self.soft else "logistic"

    @out_activation_.setter
    def out_activation_(self, value):
        vars(self)["out_activation_"] = value


def test_what_a_class_provides():
    tanh = Tanh(**SETTINGS).fit(DATA, LABELS)
    del tanh.activation
    soft = Soft(**SETTINGS).fit(DATA, LABELS)
    for model in (tanh, soft):
        asked(model)
        assert_as_a_copy(model, ROW)
    before = answers(soft, ROW)
    soft.soft = False
    assert answers(soft, ROW) != before
    assert_as_a_copy(soft, ROW)


def test_attributes_of_other_kinds():
    """Of a user's own, missing, or such that they change and stay the same object."""
    own = fitted("one output")
    own.classes_ = None
    assert_as_a_copy(asked(own), ROW)
    missing = fitted().fit(DATA, LABELS > 0)
    del missing.n_features_in_
    asked(missing).n_features_in_ = 7
    assert_as_a_copy(missing, ROW)
    listed = fitted("three classes")
    listed.classes_ = [0, 1, 2]
    asked(listed).classes_.append(3)
    assert_as_a_copy(listed, ROW)
    written = fitted().fit(DATA, LABELS > 0)
    written.n_features_in_ = np.array(F)
    asked(written).n_features_in_[...] = 7
    assert_as_a_copy(written, ROW)


def test_it_is_not_paid_for_by_who_asks_once():
    model = fitted()
    for _ in range(3):
        model.partial_fit(DATA, LABELS > 0).predict(ROW)
        assert model._model.prepared is None


def test_many_threads():
    model = fitted()
    expected = answers(model, ROW)
    differing = []

    def predict():
        for _ in range(300):
            if answers(model, ROW) != expected:
                differing.append(1)

    threads = [threading.Thread(target=predict) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not differing


# ---- the core's own checks ----

NET = _core.Net((F, 3, 1), ("relu", "logistic"), "squared_error")
GOOD = {"net": NET, "views": (1, 2, 3, 4), "attributes": {}}
GOOD |= {"absent": "a", "most_rows": 9}


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"net": 3}, TypeError, "must be nnfast._core.Net, not int"),
        ({"views": [1, 2, 3, 4]}, TypeError, "must be tuple, not list"),
        ({"views": (1, 2)}, ValueError, "views must have 4 entries.*got 2 and 9"),
        ({"attributes": []}, TypeError, "must be dict, not list"),
        ({"absent": b"a"}, TypeError, "must be str, not bytes"),
        ({"most_rows": -1}, ValueError, "most_rows not be negative.*got 4 and -1"),
    ],
)
def test_what_is_no_argument(wrong, error, message):
    with pytest.raises(error, match=message):
        _core.Prepared(**{**GOOD, **wrong})


class Resizing(list):
    """Views of θ, and whoever looks at one of them changes an array's memory."""

    def __getitem__(self, i):
        for array, shape in self.resized:
            array.resize(shape, refcheck=False)
        return super().__getitem__(i)


@pytest.mark.parametrize("which", ["rows", "parameters"])
@pytest.mark.parametrize("shape", [(1,), (1, 10**6)])
def test_memory_that_goes_while_it_looks(which, shape):
    theta, rows = np.zeros(NET.size), np.ones((9, F))
    coefs, intercepts = parameters_views(theta, (F, 3, 1))
    coefs = Resizing(coefs)
    array = rows if which == "rows" else theta
    coefs.resized = [(array, shape if which == "rows" else shape[-1])]
    views = theta, (F, 3, 1), coefs, intercepts
    prepared = _core.Prepared(**{**GOOD, "views": views})
    assert prepared.predict({}, rows, True) is None
    assert array.shape[-1] == shape[-1]


class Angry:
    """Equal to nothing, true of nothing."""

    def __bool__(self):
        raise RuntimeError("not to be asked")


class Text(str):
    """A name that is looked up by its own rules."""

    def __hash__(self):
        return hash("name")

    def __eq__(self, other):
        raise RuntimeError("not to be compared")


def test_what_is_no_call():
    prepared = _core.Prepared(**GOOD)
    for arguments in ((), ({}, ROW), ([], ROW, True)):
        with pytest.raises(TypeError, match="a dict and 2 other arguments"):
            prepared.predict(*arguments)
    with pytest.raises(RuntimeError, match="not to be asked"):
        prepared.predict({}, ROW, Angry())
    assert prepared.predict({}, ROW, True) is None
    assert prepared.predict({"a": 1}, ROW, True) is None


@pytest.mark.parametrize(
    "given", [{"absent": Text("name")}, {"attributes": {Text("name"): 1}}]
)
def test_names_that_are_not_to_be_compared(given):
    prepared = _core.Prepared(**{**GOOD, **given})
    with pytest.raises(RuntimeError, match="not to be compared"):
        prepared.predict({"name": 2}, ROW, True)


def test_the_parameters_of_another_network():
    """Whatever it is told, it reads no more than there is."""
    model = fitted(hidden_layer_sizes=(2,))
    views = model._parameters, model._widths, model.coefs_, model.intercepts_
    assert _core.are_views(*views)
    prepared = _core.Prepared(**{**GOOD, "views": views})
    assert prepared.predict({}, ROW, True) is None


def test_attributes_are_copied():
    attributes = {}
    theta = np.zeros(NET.size)
    views = theta, (F, 3, 1), *parameters_views(theta, (F, 3, 1))
    prepared = _core.Prepared(**{**GOOD, "views": views, "attributes": attributes})
    attributes["name"] = 1
    np.testing.assert_array_equal(prepared.predict({}, ROW, False), [[0.5]])
