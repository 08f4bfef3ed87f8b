# SPDX-License-Identifier: BSD-3-Clause
"""A pickle of what took scikit-learn's place is scikit-learn's, and either's pickle is
nnfast's where it is installed.
"""

import pickle

import numpy as np
import pytest
from installed import PREAMBLE, python
from sklearn import neural_network

rng = np.random.RandomState(0)
X, y, t = rng.normal(size=(60, 4)), rng.randint(0, 3, 60), rng.normal(size=60)

SAVE = (
    PREAMBLE
    + """
import joblib, pickle, sys
from sklearn.neural_network import MLPClassifier, MLPRegressor
models = [
    MLPClassifier(**SMALL).fit(X, y),
    MLPClassifier(**SMALL, solver="sgd").fit(X, np.stack([y == 1, y == 2], 1)),
    MLPClassifier(**SMALL, early_stopping=True).fit(X, y),
    MLPRegressor(**SMALL, solver="lbfgs").fit(X.astype("f4"), t),
    MLPRegressor(**SMALL),
]
for protocol in range(6):
    with open(f"{sys.argv[1]}/{protocol}.pickle", "wb") as file:
        pickle.dump(models, file, protocol)
joblib.dump(models, sys.argv[1] + "/models.joblib")
np.save(sys.argv[1] + "/outputs.npy", models[0].predict_proba(X))
"""
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folders of what SAVE writes, without nnfast and with it in place."""
    folders = {}
    for library in ("scikit-learn", "nnfast"):
        folders[library] = tmp_path_factory.mktemp(library)
        installed = str(int(library == "nnfast"))
        python(SAVE, folders[library], NNFAST_INSTALL=installed)
    return folders


def load(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def test_a_pickle_is_scikit_learns_where_nnfast_is_not_installed(saved):
    for protocol in range(6):
        path = saved["nnfast"] / f"{protocol}.pickle"
        assert b"nnfast" not in path.read_bytes()
        classifier, several, stopped, regressor, fresh = load(path)
        assert type(classifier) is neural_network.MLPClassifier
        assert type(fresh) is type(regressor) is neural_network.MLPRegressor
        assert not hasattr(fresh, "coefs_")
        assert stopped._best_coefs is stopped.coefs_
        assert regressor.coefs_[0].dtype == np.float32
    outputs = np.load(saved["nnfast"] / "outputs.npy")
    # Both libraries' rounding: 60 numbers below 1 after two short sums.
    np.testing.assert_allclose(classifier.predict_proba(X), outputs, atol=1e-14)
    theirs, *_ = load(saved["scikit-learn"] / "5.pickle")
    for model in (classifier, theirs):
        model.partial_fit(X, y)
    np.testing.assert_allclose(classifier.coefs_[0], theirs.coefs_[0], atol=1e-12)
    assert classifier.t_ == theirs.t_
    assert several.partial_fit(X, np.stack([y == 1, y == 2], 1)).t_ == 300


def test_a_pickle_has_the_attributes_of_scikit_learns(saved):
    pairs = zip(
        load(saved["nnfast"] / "5.pickle"),
        load(saved["scikit-learn"] / "5.pickle"),
        strict=True,
    )
    for ours, theirs in pairs:
        # The places of lbfgs's weights in its vector are made again by each fit.
        places = {"_coef_indptr", "_intercept_indptr"}
        assert vars(ours).keys() == vars(theirs).keys() - places
        for name in vars(ours).keys() & {"_optimizer", "_label_binarizer"}:
            left, right = getattr(ours, name), getattr(theirs, name)
            assert type(left) is type(right)
            assert vars(left).keys() - {"t"} == vars(right).keys() - {"t"}


def test_it_needs_no_nnfast_to_be_opened(saved):
    python(
        """
    import sys
    sys.modules["nnfast"] = None
    import joblib, pickle
    models = joblib.load(sys.argv[1] + "/models.joblib")
    assert "nnfast" not in str(type(models[0]).__mro__)
    assert models[0].loss_curve_
    """,
        saved["nnfast"],
        NNFAST_INSTALL="0",
    )


def test_both_kinds_of_pickle_are_ours_where_nnfast_is_installed(saved):
    python(
        PREAMBLE
        + """
import copy, joblib, nnfast, pathlib, pickle, sys
for folder in map(pathlib.Path, sys.argv[1:]):
    kinds = [
        pickle.loads((folder / "2.pickle").read_bytes()),
        joblib.load(folder / "models.joblib"),
        joblib.load(folder / "models.joblib", mmap_mode="r"),
    ]
    expected = np.load(folder / "outputs.npy")
    after = []
    for models in kinds:
        for model in models:
            assert isinstance(model, (nnfast.MLPClassifier, nnfast.MLPRegressor))
            assert type(copy.deepcopy(model)) is type(model)
            assert type(pickle.loads(pickle.dumps(model))) is type(model)
        classifier, several, stopped, regressor, fresh = models
        # Both libraries' rounding: numbers below 1 after two short sums.
        assert abs(classifier.predict_proba(X) - expected).max() < 1e-14
        after.append(classifier.partial_fit(X, y).predict_proba(X))
        assert several.partial_fit(X, np.stack([y == 1, y == 2], 1)).t_ == 300
        fresh.fit(X, t)
    assert (after[0] == after[1]).all()
    assert (after[0] == after[2]).all()
""",
        saved["nnfast"],
        saved["scikit-learn"],
        NNFAST_INSTALL="1",
    )


def test_estimators_of_either_time_can_be_pickled_and_copied_at_any_time():
    python(
        PREAMBLE
        + """
import copy, pickle, nnfast, sklearn.neural_network as package
before = package.MLPClassifier(**SMALL).fit(X, y)
nnfast.install()
ours = package.MLPClassifier
between = ours(**SMALL).fit(X, y)
for model in (before, between):
    assert type(pickle.loads(pickle.dumps(model))) is ours
    assert type(copy.deepcopy(model)) is type(copy.copy(model)) is ours
nnfast.uninstall()
for model in (before, between):
    assert type(pickle.loads(pickle.dumps(model))) is type(before)
    assert (copy.deepcopy(model).predict(X) == model.predict(X)).all()
"""
    )


def test_a_fit_that_ends_while_a_pickle_is_written_changes_nothing_in_it():
    python(
        PREAMBLE
        + """
import pickle, nnfast, sklearn.neural_network as package
nnfast.install()
model = package.MLPClassifier(**SMALL).fit(X, y)
expected, buffers = model.predict_proba(X), []
head = pickle.dumps(model, 5, buffer_callback=buffers.append)
model.partial_fit(X, y)
assert (pickle.loads(head, buffers=buffers).predict_proba(X) == expected).all()
assert (model.predict_proba(X) != expected).any()
"""
    )


def test_what_nnfast_itself_names_is_pickled_as_ever():
    python(
        PREAMBLE
        + """
import pickle, nnfast, sklearn.neural_network
nnfast.install()
model = nnfast.MLPClassifier(**SMALL, dropout=0.2).fit(X, y)
copied = pickle.loads(pickle.dumps(model))
assert type(copied) is nnfast.MLPClassifier
assert copied.dropout == 0.2
"""
    )
