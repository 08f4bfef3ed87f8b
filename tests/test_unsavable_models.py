# SPDX-License-Identifier: BSD-3-Clause
"""What cannot be saved is refused in words, before anything has been written."""

import io

import numpy as np
import pytest
from model_corpus import COLUMNS, X, equal, reopened
from sklearn.exceptions import NotFittedError

import nnfast
from nnfast._model_files import safetensors

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}


class Subclass(nnfast.MLPRegressor):
    pass


def refusal(model, **options):
    """What saving says, before it has written anything."""
    file = io.BytesIO()
    with pytest.raises(ValueError, match=r"cannot be saved: |subclass") as error:
        model.save_model(file, **options)
    assert file.getvalue() == b""
    return str(error.value)


def test_what_is_not_fitted_or_not_ours():
    with pytest.raises(NotFittedError):
        nnfast.MLPRegressor().save_model(io.BytesIO())
    model = Subclass(**SMALL).fit(X, X[:, 0])
    assert "the code of the subclass Subclass would be lost" in refusal(model)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"alpha": -1}, "'alpha' parameter of MLPRegressor must be a float"),
        ({"alpha": 2**70}, "alpha cannot be stored in a model file: 1180591620"),
        ({"huber_delta": 2.0}, "huber_delta=2.0 acts with loss='huber' only"),
        ({"hidden_layer_sizes": [2.5]}, "hidden_layer_sizes must hold integers"),
        ({"verbose": object()}, "verbose cannot be stored in a model file: <object"),
        ({"init": ([1], [[1]])}, r"init[0][0] must have shape (1, 1)"),
        ({"activation": ["tanh", "tanh"]}, "activation must have one entry per hidden"),
    ],
)
def test_parameters_that_a_fit_would_refuse(parameters, words):
    model = nnfast.MLPRegressor(**SMALL).fit(X, X[:, 0])
    said = refusal(model.set_params(**parameters))
    assert said.startswith("this MLPRegressor cannot be saved: ")
    assert words in said


def test_a_random_state_of_another_kind():
    model = nnfast.MLPRegressor(**SMALL).fit(X, X[:, 0])
    model.random_state = np.random.RandomState(np.random.PCG64(0))
    assert "random_state is a RandomState of PCG64" in refusal(model)


def test_attributes_that_are_not_what_fit_left():
    model = nnfast.MLPClassifier(**SMALL).fit(X, COLUMNS)
    model.classes_ = np.array(["no", "yes"])
    assert "classes_ were assigned" in refusal(model)
    days = np.array(["2026-01-01", "2026-01-02"], dtype="M8[D]")[COLUMNS]
    model = nnfast.MLPClassifier(**SMALL).fit(X, days)
    assert "classes of type datetime64[D] cannot be stored" in refusal(model)
    for name, value, words in [
        ("feature_names_in_", np.array(["a", 1, "b", "c"], object), "holds 1, which"),
        ("feature_names_in_", ["\ud800", "a", "b", "c"], "which is not valid Unicode"),
        ("feature_names_in_", ["a"], "1 feature_names for 4 inputs"),
        ("loss_curve_", ["a"], "loss_curve_ holds something other than numbers"),
        ("n_iter_", -1, "n_iter_ must be a whole number"),
        ("loss_", None, ""),
    ]:
        model = nnfast.MLPClassifier(**SMALL).fit(X, COLUMNS)
        setattr(model, name, value)
        if words:
            assert words in refusal(model)
        else:
            assert reopened(model).loss_ is None


def test_weights_that_are_not_finite():
    model = nnfast.MLPRegressor(**SMALL).fit(X, X[:, 0])
    model.intercepts_[1][:] = np.inf
    assert "layers.1.bias contains NaN or infinity" in refusal(model)
    model.intercepts_[1][:] = 0
    model._optimizer.moments[1, 3] = np.nan
    assert "moments contain NaN" in refusal(model, optimizer=True)
    model._optimizer.moments[1, 3] = np.inf  # a square that overflowed
    assert reopened(model, optimizer=True)._optimizer.moments[1, 3] == np.inf
    model.loss_, model.loss_curve_ = np.float64(np.nan), [np.nan, -np.inf]
    loaded = reopened(model)
    assert np.isnan(loaded.loss_)
    assert loaded.loss_curve_[1] == -np.inf


def test_more_layers_than_a_file_may_have(monkeypatch):
    deep = nnfast.MLPRegressor(
        hidden_layer_sizes=[1] * 1000, max_iter=1, solver="sgd"
    ).fit(X, X[:, 0])
    assert "widths must be a list of 2 to 1001 numbers" in refusal(deep)
    deep = nnfast.MLPRegressor(
        hidden_layer_sizes=[1] * 999, max_iter=1, solver="sgd"
    ).fit(X, X[:, 0])
    assert equal(reopened(deep).predict(X), deep.predict(X))
    monkeypatch.setattr(safetensors, "MAX_HEADER", 1000)
    assert "of 1000 allowed" in refusal(deep)
