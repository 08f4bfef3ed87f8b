# SPDX-License-Identifier: BSD-3-Clause
"""Parameters that only nnfast has act inside scikit-learn's compositions as outside."""

import joblib
import numpy as np
import pytest
from real_data import classifier, load, regressor
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

import nnfast
from nnfast import _core

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

GRIDS = {
    "activations": (
        classifier,
        "wine",
        {
            "hidden_layer_sizes": [(8, 5)],
            "activation": [*_core.activations, ["gelu", "tanh"], ("elu", "elu")],
        },
    ),
    "class weights": (
        classifier,
        "iris",
        {
            "class_weight": [None, "balanced", {0: 1.0, 1: 2.0, 2: 1.0}],
            "loss": ["log_loss", "squared_error"],
            "dropout": [0.0, [0.1], 0.3],
        },
    ),
    "losses": (
        regressor,
        "diabetes",
        [
            {"loss": ["absolute_error", "log_cosh", "squared_error"]},
            {"loss": ["huber"], "huber_delta": [0.5, 2.0]},
            {"output_activation": ["tanh", "auto", "silu"], "solver": ["lbfgs"]},
        ],
    ),
    "initial weights": (
        regressor,
        "diabetes",
        [
            {"init": ["auto", "he_uniform", "lecun_normal", "glorot_normal"]},
            {"init": ["normal"], "init_scale": [0.1, 0.5]},
        ],
    ),
}


@pytest.mark.parametrize("name", GRIDS)
def test_grid_search(name):
    build, data, grid = GRIDS[name]
    X, y = load(data)
    if data == "diabetes":
        y = scale(y)
    network = build(nnfast)
    search = GridSearchCV(network, grid, cv=2, error_score="raise").fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    for parameters, score in zip(search.cv_results_["params"], scores, strict=True):
        direct = clone(network).set_params(**parameters)
        assert cross_val_score(direct, X, y, cv=2).mean() == score
    best = clone(network).set_params(**search.best_params_).fit(X, y)
    np.testing.assert_array_equal(search.predict(X), best.predict(X))
    if name != "class weights":  # of iris, most settings get all but a few rows right
        assert len(set(scores)) > len(scores) / 2


def test_randomized_search_over_given_weights():
    X, y = load("iris")
    starts = [classifier(nnfast, random_state=seed).fit(X, y) for seed in range(3)]
    pairs = [(start.coefs_, start.intercepts_) for start in starts]
    search = RandomizedSearchCV(
        classifier(nnfast, max_iter=1), {"init": pairs}, n_iter=3, cv=3, random_state=0
    ).fit(X, y)
    # They were trained already.
    assert search.cv_results_["mean_test_score"].min() > 0.9
    again = search.best_estimator_.get_params()["init"]
    for start in starts:
        assert not any(map(np.shares_memory, start.coefs_, again[0]))


def test_ensembles_in_other_processes():
    X, y = load("wine")
    network = classifier(
        nnfast,
        hidden_layer_sizes=(9, 5),
        activation=["selu", "mish"],
        dropout=[0.2, 0.0],
        class_weight="balanced",
        n_jobs=2,
    )
    bagged = BaggingClassifier(network, 4, random_state=0)
    here = clone(bagged).fit(X, y)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        there = clone(bagged).fit(X, y)
    for one, other in zip(here.estimators_, there.estimators_, strict=True):
        np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    members = [("one", network), ("other", clone(network).set_params(random_state=1))]
    voting = VotingClassifier(members, voting="soft").fit(X, y)
    mean = sum(clone(member).fit(X, y).predict_proba(X) for _, member in members) / 2
    np.testing.assert_array_equal(voting.predict_proba(X), mean)


def test_parameters_of_a_network_inside_a_pipeline():
    X, y = load("breast_cancer", scaled=False)
    own = {"activation": ["softsign"], "dropout": [0.1], "class_weight": {0: 2.0}}
    inside = make_pipeline(StandardScaler(), classifier(nnfast))
    inside.set_params(**{f"mlpclassifier__{name}": own[name] for name in own})
    outside = classifier(nnfast, **own).fit(StandardScaler().fit_transform(X), y)
    np.testing.assert_array_equal(inside.fit(X, y)[-1].coefs_[0], outside.coefs_[0])
    assert clone(inside)[-1].get_params() == outside.get_params()


def test_classes_weighed_one_against_the_rest():
    X, y = load("iris")
    network = classifier(nnfast, class_weight={0: 1.0, 1: 5.0})
    for k, member in enumerate(OneVsRestClassifier(network).fit(X, y).estimators_):
        weighted = classifier(nnfast).fit(X, y == k, np.where(y == k, 5.0, 1.0))
        np.testing.assert_array_equal(member.coefs_[0], weighted.coefs_[0])
