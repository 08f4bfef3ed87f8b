# SPDX-License-Identifier: BSD-3-Clause
"""Weights of another shape that a user assigns are a network, as in scikit-learn."""

import pickle

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.preprocessing import LabelBinarizer

import nnfast

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.RandomState(0)
X = rng.normal(size=(50, 4))
t = X @ rng.normal(size=(4, 2))
labels = rng.randint(0, 2, 50)
SMALL = {"hidden_layer_sizes": (6, 5), "max_iter": 3, "random_state": 0}
LIBRARIES = [neural_network, nnfast]
# Both sum the same few products in another order.
close = {"rtol": 1e-12, "atol": 1e-14}


def pruned(fitted):
    """Without every second unit of the first hidden layer."""
    keep = slice(0, None, 2)
    fitted.coefs_[0] = fitted.coefs_[0][:, keep]
    fitted.coefs_[1] = fitted.coefs_[1][keep]
    fitted.intercepts_[0] = fitted.intercepts_[0][keep]
    return fitted


def truncated(fitted):
    """What the hidden layers make of X, as of an encoder."""
    fitted.coefs_, fitted.intercepts_ = fitted.coefs_[:2], fitted.intercepts_[:2]
    fitted.n_layers_ = 3
    return fitted


@pytest.mark.parametrize("change", [pruned, truncated])
def test_predictions_of_a_changed_network(change):
    theirs, ours = (
        change(library.MLPRegressor(**SMALL).fit(X, t)) for library in LIBRARIES
    )
    assert theirs.predict(X).shape == ours.predict(X).shape
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), **close)
    np.testing.assert_allclose(ours.predict(X[:1]), theirs.predict(X[:1]), **close)
    saved = pickle.loads(pickle.dumps(ours))
    np.testing.assert_array_equal(saved.predict(X), ours.predict(X))


def test_weights_that_were_stored_elsewhere():
    """In an estimator that was never fitted, and so has no number of features."""
    source = neural_network.MLPClassifier(**SMALL).fit(X, labels)
    predictions = []
    for library in LIBRARIES:
        model = library.MLPClassifier()
        model.coefs_, model.intercepts_ = source.coefs_, source.intercepts_
        model.n_layers_, model.n_outputs_ = 4, 1
        model.out_activation_, model.classes_ = "logistic", source.classes_
        model._label_binarizer = LabelBinarizer().fit(labels)
        predictions.append(model.predict_proba(X))
        np.testing.assert_array_equal(model.predict(X), source.predict(X))
    np.testing.assert_allclose(*predictions, **close)


def test_going_on_with_a_pruned_network():
    """With moments of zero: those there are belong to another network."""
    fitted = pruned(nnfast.MLPRegressor(**SMALL).fit(X, t))
    start = [fitted.coefs_, fitted.intercepts_]
    copied = nnfast.MLPRegressor(**{**SMALL, "hidden_layer_sizes": (3, 5)})
    copied.set_params(init=start).partial_fit(X, t)
    fitted.partial_fit(X, t)
    assert [w.shape for w in fitted.coefs_] == [(4, 3), (3, 5), (5, 2)]
    # The order of rows follows from the seed, and nothing else is drawn.
    for a, b in zip(fitted.coefs_, copied.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_pruned_network_is_converted():
    fitted = pruned(nnfast.MLPRegressor(**SMALL).fit(X, t))
    theirs = fitted.to_sklearn()
    np.testing.assert_allclose(theirs.predict(X), fitted.predict(X), **close)
    theirs.partial_fit(X, t)


def test_weights_that_make_no_network():
    fitted = nnfast.MLPRegressor(**SMALL).fit(X, t)
    fitted.coefs_[1] = fitted.coefs_[1][:4]
    with pytest.raises(ValueError, match=r"^coefs_\[1\] must have shape \(6, 5\)"):
        fitted.predict(X)
    fitted.coefs_ = []
    with pytest.raises(ValueError, match=r"^coefs_ must be a list of arrays, one"):
        fitted.predict(X)
    fitted.coefs_ = None
    with pytest.raises(ValueError, match="one per layer; got NoneType"):
        fitted.predict(X)
