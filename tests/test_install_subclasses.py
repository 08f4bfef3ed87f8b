# SPDX-License-Identifier: BSD-3-Clause
"""Subclasses of what took scikit-learn's place, and attributes that users give it."""

from installed import PREAMBLE, python


def test_a_subclass_of_the_user_is_ours_and_can_be_pickled():
    python(
        PREAMBLE
        + """
import copy, pickle, nnfast
from sklearn.base import clone
nnfast.install()
from sklearn.neural_network import MLPClassifier

class Scaled(MLPClassifier):
    def __init__(self, factor=2.0, hidden_layer_sizes=(5,), max_iter=4):
        super().__init__(hidden_layer_sizes, max_iter=max_iter, random_state=0)
        self.factor = factor
    def fit(self, X, y):
        return super().fit(self.factor * X, y)
    def predict(self, X):
        return super().predict(self.factor * X)

model = clone(Scaled(factor=3.0)).fit(X, y)
assert isinstance(model, nnfast.MLPClassifier)
assert repr(model) == "Scaled(factor=3.0)"
for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
    assert type(copied) is Scaled
    assert copied.factor == 3.0
    assert (copied.predict(X) == model.predict(X)).all()
    copied.partial_fit(3.0 * X, y)
"""
    )


def test_attributes_of_the_user_mean_nothing_to_nnfast():
    """Not even those that are named as parameters that only nnfast has."""
    python(
        PREAMBLE
        + """
import pickle, nnfast
nnfast.install()
from sklearn.neural_network import MLPClassifier

plain = MLPClassifier(**SMALL).fit(X, y)
model = MLPClassifier(**SMALL)
model.dropout, model.init = 0.9, "zeros"
model.class_weight, model.n_jobs = "mine", "all"
model.fit(X, y).partial_fit(X, y)
plain.partial_fit(X, y)
assert (model.coefs_[0] == plain.coefs_[0]).all()
assert (model.predict_proba(X) == plain.predict_proba(X)).all()
saved = pickle.loads(pickle.dumps(model))
for kept in (model, saved):
    assert (kept.dropout, kept.init, kept.class_weight) == (0.9, "zeros", "mine")
assert (saved.predict_proba(X) == plain.predict_proba(X)).all()
"""
    )


def test_predicting_in_threads_leaves_the_attributes_alone():
    python(
        PREAMBLE
        + """
import sys, threading, nnfast
nnfast.install()
from sklearn.neural_network import MLPClassifier

sys.setswitchinterval(1e-6)
model = MLPClassifier(**SMALL).fit(X, y)
model.n_jobs = "all"
def predict():
    for _ in range(300):
        model.predict(X[:1])
threads = [threading.Thread(target=predict) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert model.n_jobs == "all"
"""
    )


def test_a_subclass_that_needs_scikit_learns_keeps_it():
    python(
        PREAMBLE
        + """
import nnfast
nnfast.install()
from sklearn.neural_network import MLPClassifier
from sklearn.utils import compute_sample_weight

def made(make):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kind = make()
    (warning,) = caught
    assert not issubclass(kind, nnfast.MLPClassifier)
    return kind, str(warning.message)

def overriding():
    class Noisy(MLPClassifier):
        calls = 0
        def _backprop(self, *args):
            Noisy.calls += 1
            return super()._backprop(*args)
    return Noisy

kind, message = made(overriding)
kind(**SMALL).fit(X, y)
assert kind.calls == 4
assert message == (
    "class Noisy stays a subclass of scikit-learn's: nnfast has no use or another one"
    " for its _backprop"
)

class Between(MLPClassifier):
    pass
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    class Late(Between):
        def _backprop(self, *args):
            pass
(warning,) = caught
assert str(warning.message) == (
    "class Late: nnfast has no use or another one for its _backprop;"
    " nnfast.uninstall() before its base classes are made helps"
)
assert warning.filename == "<string>"

def mixing():
    class Mixin:
        calls = 0
        def _backprop(self, *args):
            Mixin.calls += 1
            return super()._backprop(*args)
    class Mixed(Mixin, MLPClassifier):
        pass
    return Mixed

kind, message = made(mixing)
kind(**SMALL).fit(X, y)
assert kind.calls == 4

def colliding():
    class Encoding(MLPClassifier):
        def _encode(self, labels):
            return labels
        def fit(self, X, y):
            return super().fit(X, self._encode(y))
    return Encoding

kind, message = made(colliding)
kind(**SMALL).fit(X, y)
assert message.endswith("nnfast has no use or another one for its _encode")

def weighing():
    class Mixin:
        pass
    class Balanced(Mixin, MLPClassifier):
        def __init__(self, class_weight=None, max_iter=4):
            super().__init__((5,), max_iter=max_iter, random_state=0)
            self.class_weight = class_weight
        def fit(self, X, y):
            return super().fit(X, y, compute_sample_weight(self.class_weight, y))
    return Balanced

kind, message = made(weighing)
assert message.endswith("its class_weight")
weight = compute_sample_weight("balanced", y)
expected = MLPClassifier(**SMALL).fit(X, y, weight).loss_
assert abs(kind("balanced").fit(X, y).loss_ - expected) < 1e-12
"""
    )
