# SPDX-License-Identifier: BSD-3-Clause
"""The estimators' docstrings are complete, agree with the code and with each other.

That their examples print what they say is test_doctests.py's.
"""

import ast
import inspect

import numpy as np
import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

import nnfast

ESTIMATORS = [nnfast.MLPClassifier, nnfast.MLPRegressor]

# What the two mean differently.
APART = {"loss", "early_stopping", "validation_scores_"}

# Extended summaries and cross-references where there is something to say; what a
# method returns has a name, as in scikit-learn.
NOT_ASKED_FOR = {"ES01", "SA01", "RT02"}


def section(estimator, name):
    """What a section says of each name: the type, and the text."""
    return {entry.name: (entry.type, entry.desc) for entry in ClassDoc(estimator)[name]}


def own_methods(estimator):
    """Public methods that nnfast, and not scikit-learn, defines."""
    for name in dir(estimator):
        method = inspect.unwrap(inspect.getattr_static(estimator, name))
        if (
            name[0] != "_"
            and inspect.isfunction(method)
            and method.__module__.startswith("nnfast")
        ):
            yield name


def test_own_methods_are_found():
    found = set(own_methods(nnfast.MLPClassifier))
    assert {"fit", "partial_fit", "predict", "predict_proba"} <= found
    assert "score" not in found


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_numpydoc_finds_no_fault(estimator):
    name = f"nnfast.{estimator.__name__}"
    for described in [name, *(f"{name}.{method}" for method in own_methods(estimator))]:
        faults = validate(described)["errors"]
        assert [f for f in faults if f[0] not in NOT_ASKED_FOR] == [], described


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_parameter_has_its_type_and_default(estimator):
    described = section(estimator, "Parameters")
    signature = inspect.signature(estimator).parameters
    assert list(described) == list(signature)
    for name, (kind, text) in described.items():
        type_, _, default = kind.partition(", default=")
        assert type_
        assert text
        assert ast.literal_eval(default) == signature[name].default, name


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_fitted_attribute_is_described(estimator):
    fitted = set()
    for settings in ({"early_stopping": True}, {"solver": "lbfgs"}):
        network = estimator(hidden_layer_sizes=(2,), max_iter=1, **settings)
        fitted |= set(vars(network.fit(np.eye(20), np.arange(20) % 2)))
    fitted = {name for name in fitted if name[-1] == "_" and name[0] != "_"}
    # Set where X has columns with names.
    assert set(section(estimator, "Attributes")) == fitted | {"feature_names_in_"}


@pytest.mark.parametrize("name", ["Parameters", "Attributes"])
def test_what_both_have_is_said_in_the_same_words(name):
    """Written twice, so that sources, editors and help() all show it in its place."""
    classifier, regressor = (section(estimator, name) for estimator in ESTIMATORS)
    shared = set(classifier) & set(regressor) - APART
    assert len(shared) > 10
    for key in shared:
        assert classifier[key] == regressor[key]
