# SPDX-License-Identifier: BSD-3-Clause
"""In scikit-learn's compositions nnfast's networks do what scikit-learn's own do.

Each composition is built twice on the same real data, and gives the same labels and
scores.
"""

import joblib
import numpy as np
import pytest
import sklearn
from real_data import classifier, load, regressor, same
from scipy import sparse
from sklearn import datasets, neural_network
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    StandardScaler,
    scale,
)
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.fixes import parse_version

import nnfast

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

COMPOSITIONS = {}


def composition(build):
    """Register a function from a library to numbers that are to be the same."""
    COMPOSITIONS[build.__name__] = build
    return build


# ---- one after the other ----


@composition
def pipeline(library):
    X, y = load("breast_cancer", scaled=False)
    return (
        make_pipeline(StandardScaler(), classifier(library)).fit(X, y).predict_proba(X)
    )


@composition
def column_transformer(library):
    X, y = datasets.load_diabetes(as_frame=True, scaled=False, return_X_y=True)
    columns = make_column_transformer(
        (OneHotEncoder(), ["sex"]),
        (StandardScaler(), make_column_selector("^(?!sex)")),
    )
    network = regressor(library, solver="lbfgs", alpha=1)
    return make_pipeline(columns, network).fit(X, y).predict(X)


@composition
def sparse_columns(library):
    X, y = load("diabetes")
    columns = make_column_transformer(
        (OneHotEncoder(), [1]),
        (KBinsDiscretizer(6, quantile_method="averaged_inverted_cdf"), [2, 3]),
        sparse_threshold=1,
    )
    assert sparse.issparse(columns.fit_transform(X))
    return make_pipeline(columns, regressor(library)).fit(X, y).predict(X)


@composition
def transformed_target(library):
    X, y = load("diabetes")
    network = TransformedTargetRegressor(
        regressor(library), func=np.log, inverse_func=np.exp
    )
    return network.fit(X, y).predict(X)


@composition
def frozen(library):
    X, y = load("iris")
    fitted = classifier(library).fit(X[::2], y[::2])
    kept = FrozenEstimator(fitted).fit(X, y)
    return CalibratedClassifierCV(kept).fit(X[1::2], y[1::2]).predict_proba(X)


# ---- choosing and validating ----


@composition
def grid_search(library):
    X, y = load("wine")
    grid = {"hidden_layer_sizes": [(4,), (8, 4)], "activation": ["tanh", "relu"]}
    search = GridSearchCV(classifier(library), grid, cv=3, scoring="neg_log_loss")
    return search.fit(X, y).cv_results_["mean_test_score"]


@composition
def randomized_search(library):
    X, y = load("diabetes")
    choices = {"alpha": np.logspace(-4, 1, 20), "solver": ["adam", "sgd", "lbfgs"]}
    network = regressor(library, learning_rate_init=1e-3)
    search = RandomizedSearchCV(network, choices, n_iter=6, cv=2, random_state=0)
    search.fit(X, scale(y))
    return [*search.cv_results_["mean_test_score"], search.best_params_["alpha"]]


@composition
def halving_search_over_iterations(library):
    X, y = load("iris")
    search = HalvingGridSearchCV(
        classifier(library),
        {"alpha": [1e-4, 1e-2, 1, 10]},
        resource="max_iter",
        min_resources=4,
        max_resources=16,
        cv=3,
        random_state=0,
    )
    results = search.fit(X, y).cv_results_
    return [*results["mean_test_score"], *results["n_resources"], search.n_iterations_]


@composition
def cross_validated_predictions(library):
    X, y = load("wine")
    return cross_val_predict(
        classifier(library), X, y, cv=3, method="predict_log_proba"
    )


@composition
def learning_curve_of_fits(library):
    X, y = load("iris")
    _, *scores = learning_curve(
        classifier(library, batch_size="auto"), X, y, cv=3, shuffle=True, random_state=0
    )
    return scores


@composition
def learning_curve_of_partial_fits(library):
    X, y = load("diabetes")
    return learning_curve(
        regressor(library, batch_size="auto"),
        X,
        y,
        cv=3,
        exploit_incremental_learning=True,
    )[2]


@composition
def validation_curve_of_alpha(library):
    X, y = load("diabetes")
    network = regressor(library, solver="lbfgs")
    return validation_curve(
        network, X, y, param_name="alpha", param_range=[0.1, 1, 10], cv=2
    )


# ---- several networks ----


@composition
def bagging(library):
    X, y = load("breast_cancer")
    ensemble = BaggingClassifier(
        classifier(library), 3, max_samples=0.5, random_state=0
    )
    return ensemble.fit(X, y).predict_proba(X)


@composition
def voting(library):
    X, y = load("wine")
    networks = [
        ("a", classifier(library)),
        ("b", classifier(library, activation="tanh")),
    ]
    return VotingClassifier(networks, voting="soft").fit(X, y).predict_proba(X)


@composition
def stacking(library):
    X, y = load("wine")
    members = [
        ("network", classifier(library)),
        ("tree", DecisionTreeClassifier(random_state=0)),
    ]
    final = classifier(library, solver="lbfgs")
    return StackingClassifier(members, final, cv=3).fit(X, y).predict_proba(X)


@composition
def boosted_classifier(library):
    X, y = load("iris")
    network = classifier(library, max_iter=3)
    ensemble = AdaBoostClassifier(network, n_estimators=4, random_state=0).fit(X, y)
    assert np.ptp(ensemble.estimator_weights_) > 0  # there are several, which differ
    return ensemble.predict_proba(X)


@composition
def boosted_regressor(library):
    X, y = load("diabetes")
    network = regressor(library, solver="lbfgs")
    ensemble = AdaBoostRegressor(network, n_estimators=3, random_state=0)
    return ensemble.fit(X, y).predict(X)


@composition
def calibration(library):
    X, y = load("digits", scaled=False)
    network = CalibratedClassifierCV(classifier(library), cv=2)
    return network.fit(X[:300] / 16, y[:300]).predict_proba(X[300:400] / 16)


@composition
def one_against_the_rest(library):
    X, y = load("wine")
    return OneVsRestClassifier(classifier(library)).fit(X, y).predict_proba(X)


@composition
def one_against_one(library):
    X, y = load("wine")
    return OneVsOneClassifier(classifier(library)).fit(X, y).predict(X)


@composition
def one_regressor_for_each_output(library):
    X, y = load("linnerud")
    networks = MultiOutputRegressor(regressor(library, batch_size="auto"))
    return networks.fit(X, y).predict(X)


@composition
def one_classifier_for_each_output(library):
    X, y = load("digits")
    labels = np.column_stack([y % 2, y > 4]).astype(int)
    networks = MultiOutputClassifier(classifier(library))
    for rows in (slice(0, 100), slice(100, 200)):
        networks.partial_fit(X[rows], labels[rows], classes=[[0, 1], [0, 1]])
    return networks.predict_proba(X[:300])


@composition
def chain(library):
    X, y = load("digits")
    labels = np.column_stack([y % 2, y > 4]).astype(int)
    return (
        ClassifierChain(classifier(library)).fit(X[:300], labels[:300]).predict(X[:300])
    )


@composition
def self_training(library):
    X, y = load("iris")
    some = np.where(np.arange(len(y)) % 3 == 0, y, -1)
    network = SelfTrainingClassifier(classifier(library, max_iter=40), max_iter=3)
    return network.fit(X, some).predict_proba(X)


@composition
def thresholds(library):
    X, y = load("breast_cancer")
    tuned = TunedThresholdClassifierCV(classifier(library), cv=3).fit(X, y)
    fixed = FixedThresholdClassifier(classifier(library), threshold=0.9).fit(X, y)
    return [tuned.best_score_, *tuned.predict(X), *fixed.predict(X)]


# ---- explaining ----


@composition
def permutation_importances(library):
    X, y = load("diabetes")
    network = regressor(library, solver="lbfgs").fit(X, y)
    return permutation_importance(
        network, X, y, n_repeats=2, random_state=0
    ).importances


@composition
def partial_dependences(library):
    X, y = datasets.load_diabetes(as_frame=True, return_X_y=True)
    network = regressor(library, solver="lbfgs").fit(X, y)
    options = {"kind": "both", "grid_resolution": 10}
    of_regressor = partial_dependence(network, X, ["bmi"], **options)
    X, y = load("iris")
    of_classifier = partial_dependence(classifier(library).fit(X, y), X, [2], **options)
    return [
        *of_regressor["individual"].ravel(),
        *of_classifier["average"].ravel(),
    ]


# ---- metadata routing ----


def weights_routed(library, sample_weight):
    X, y = load("breast_cancer", scaled=False)
    network = classifier(library).set_fit_request(sample_weight=True)
    network.set_score_request(sample_weight=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    search = GridSearchCV(
        make_pipeline(scaler, network), {"mlpclassifier__alpha": [0.1, 1]}, cv=2
    )
    search.fit(X, y, sample_weight=sample_weight)
    return [*search.cv_results_["mean_test_score"], *search.predict_proba(X)[:, 1]]


@composition
def metadata_routing(library):
    if parse_version(sklearn.__version__) < parse_version("1.8"):
        pytest.skip("a Pipeline in a search does not ask its last step for its request")
    weight = 1.0 + 50 * load("breast_cancer")[1]
    with sklearn.config_context(enable_metadata_routing=True):
        weighted = weights_routed(library, weight)
        assert not np.allclose(weighted, weights_routed(library, None))
    return weighted


@composition
def metadata_of_partial_fit(library):
    X, y = load("iris")
    with sklearn.config_context(enable_metadata_routing=True):
        network = classifier(library).set_partial_fit_request(sample_weight=True)
        networks = OneVsRestClassifier(network)
        return networks.partial_fit(
            X, y, classes=[0, 1, 2], sample_weight=1.0 + y
        ).predict_proba(X)


# ---- frames ----


@composition
def set_output(library):
    X, y = datasets.load_wine(as_frame=True, return_X_y=True)
    network = make_pipeline(StandardScaler(), classifier(library)).set_output(
        transform="pandas"
    )
    network.fit(X, y)
    np.testing.assert_array_equal(network[-1].feature_names_in_, X.columns)
    stacked = StackingClassifier([("network", network)], LogisticRegression(), cv=2)
    return stacked.set_output(transform="pandas").fit(X, y).transform(X)


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_composition(name):
    ours, theirs = (COMPOSITIONS[name](lib) for lib in (nnfast, neural_network))
    same(ours, theirs)


# ---- back ends ----


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_cross_validation_in_parallel(backend):
    X, y = load("breast_cancer")
    grown = {"scoring": "neg_log_loss", "cv": 4}
    theirs = cross_val_score(classifier(neural_network), X, y, **grown)
    alone = cross_val_score(classifier(nnfast), X, y, **grown)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        ours = cross_val_score(classifier(nnfast), X, y, **grown)
    np.testing.assert_array_equal(ours, alone)
    same(ours, theirs)


# ---- whole models ----


def test_a_saved_composition_goes_on(tmp_path):
    X, y = load("iris")
    networks = OneVsRestClassifier(classifier(nnfast)).fit(X, y)
    joblib.dump(networks, tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    np.testing.assert_array_equal(mapped.predict_proba(X), networks.predict_proba(X))
    for each in (networks, mapped):
        each.partial_fit(X, y, classes=[0, 1, 2])
    np.testing.assert_array_equal(mapped.predict_proba(X), networks.predict_proba(X))


@pytest.mark.parametrize("build", [classifier, regressor])
def test_html(build):
    network = make_pipeline(FunctionTransformer(), build(nnfast, dropout=0.25))
    page = network._repr_html_()
    assert type(network[-1]).__name__ in page
    assert "dropout=0.25" in page
