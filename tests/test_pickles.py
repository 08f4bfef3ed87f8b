# SPDX-License-Identifier: BSD-3-Clause
"""A pickle is a plain dict with a schema number, small, and checked when it is opened.

That a copy predicts and goes on as the original is test_estimators.py's.
"""

import copy
import io
import pickle

import numpy as np
import pytest
from model_corpus import corpus
from sklearn.preprocessing import LabelBinarizer

import nnfast
from nnfast import _pickles

each_model = pytest.mark.parametrize("name", corpus())


class Recording(pickle.Unpickler):
    """Notes the module of every class and function that a pickle looks up."""

    def __init__(self, pickled):
        super().__init__(io.BytesIO(pickled))
        self.found = set()

    def find_class(self, module, name):
        self.found.add((module, name))
        return super().find_class(module, name)


@each_model
def test_it_names_the_class_and_numpys_arrays(name):
    model, _ = corpus()[name]
    reader = Recording(pickle.dumps(model))
    reader.load()
    others = {found for found in reader.found if not found[0].startswith("numpy")}
    own = type(model)
    assert others <= {(own.__module__, own.__name__), ("copyreg", "__newobj__")}


@each_model
def test_it_is_small(name):
    """Parameters, counters, a few weights; and the generator that the user gave."""
    model, _ = corpus()[name]
    given = model.random_state
    generator = len(pickle.dumps(given)) if name == "one target" else 0
    assert len(pickle.dumps(model)) < 3000 + generator


def test_a_fit_that_ends_while_a_pickle_is_written_changes_nothing_in_it():
    X, y = np.eye(3), [0, 1, 2]
    model = nnfast.MLPClassifier((4,), random_state=0).partial_fit(X, y, classes=y)
    expected = model.predict_proba(X)
    buffers = []
    head = pickle.dumps(model, 5, buffer_callback=buffers.append)
    copied = copy.copy(model)
    model.partial_fit(X, y)
    for one in (pickle.loads(head, buffers=buffers), copied):
        np.testing.assert_array_equal(one.predict_proba(X), expected)
        assert len(one.loss_curve_) == 1


def test_the_state_is_plain():
    model, _ = corpus()["text"]
    state = model.__getstate__()
    assert state["nnfast_schema"] == _pickles.SCHEMA
    assert type(state["_optimizer"]) is type(state["_label_binarizer"]) is dict
    assert not {"coefs_", "intercepts_", "_model", "_random_state"} & state.keys()
    assert state["_label_binarizer"]["classes"] is state["classes_"]


def test_what_the_user_assigned_stays_what_it_is():
    model = pickle.loads(pickle.dumps(corpus()["booleans"][0]))
    model.note = {"kept": [1]}
    model._label_binarizer = LabelBinarizer(neg_label=-1).fit(["a", "b"])
    copied = pickle.loads(pickle.dumps(model))
    assert copied.note == model.note
    assert copied._label_binarizer.neg_label == -1


def test_byte_swapped_weights():
    model, rows = corpus()["text"]
    state = model.__getstate__()
    state["_parameters"] = state["_parameters"].astype(
        state["_parameters"].dtype.newbyteorder()
    )
    copied = nnfast.MLPClassifier.__new__(nnfast.MLPClassifier)
    copied.__setstate__(state)
    np.testing.assert_array_equal(copied.predict_proba(rows), model.predict_proba(rows))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nnfast_schema": 2}, "schema 2, and this nnfast reads schemas up to 1"),
        ({"nnfast_schema": "1"}, "this pickle has schema '1'"),
        ({"_widths": (4, 3)}, r"weights that are not floats of shape \(15,\)"),
        ({"_widths": [4, 2, 3]}, r"no widths of a network: \[4, 2, 3\]"),
        ({"_widths": (4, -2, 3)}, "no widths of a network"),
        ({"_widths": (4, 2.0, 3)}, "no widths of a network"),
        ({"_parameters": [1.0] * 19}, r"weights that are not floats of shape \(19,\)"),
        ({"_parameters": np.arange(19)}, "weights that are not floats of shape"),
        ({"_parameters": np.zeros((19, 1))}, "weights that are not floats of shape"),
        ({"_optimizer": {"t": 1}}, r"an optimizer of \['t'\]"),
        ({"_label_binarizer": {"classes": 1}}, r"labels of \['classes'\]"),
    ],
)
def test_a_state_that_is_not_one(changes, words):
    model, rows = corpus()["text"]
    copied = pickle.loads(pickle.dumps(model))
    before = vars(copied).copy()
    with pytest.raises(ValueError, match=words):
        copied.__setstate__({**model.__getstate__(), **changes})
    assert vars(copied) == before
    copied.predict(rows)


@pytest.mark.parametrize(
    "moments", [[0.0], np.zeros(19), np.zeros((1, 19)), np.zeros((2, 19), int)]
)
def test_moments_that_are_not_the_solvers(moments):
    model, _ = corpus()["text"]
    state = model.__getstate__()
    state["_optimizer"] = {**state["_optimizer"], "moments": moments}
    with pytest.raises(ValueError, match="moments that are not floats of shape"):
        model.__setstate__(state)


def test_a_file_cut_short_is_an_error_of_pickle():
    pickled = pickle.dumps(corpus()["text"][0])
    with pytest.raises((EOFError, pickle.UnpicklingError)):
        pickle.load(io.BytesIO(pickled[:-10]))
