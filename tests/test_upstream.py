# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's own tests of its networks pass with nnfast's in their place.

They are run from the installed scikit-learn, in a fresh interpreter in which
upstream_swap.py replaces the two classes before a test module can import them.
"""

import os
import re
import sys
from pathlib import Path

import pytest
import sklearn
from shell import run

STACKING = "sklearn.ensemble.tests.test_stacking::test_stacking_classifier_multilabel"
VALIDATION = "sklearn.model_selection.tests.test_validation::test"
HTML = "sklearn.utils._repr_html.tests.test_estimator::test"
# What to run; how many cases pass in scikit-learn 1.9 (other versions have more or
# fewer); how many are skipped.
RUNS = {
    "networks": (["sklearn.neural_network.tests.test_mlp"], 59, 0),
    # These find nnfast's classes where they look for scikit-learn's. Skipped: there is
    # no decision_function, and no input to work in place on (two classes).
    "common": (
        ["sklearn.tests.test_common", "-k", "MLPClassifier or MLPRegressor"],
        133,
        3,
    ),
    "elsewhere": (
        [
            f"{STACKING}_predict_proba",
            f"{STACKING}_auto_predict",
            f"{VALIDATION}_learning_curve_partial_fit_regressors",
            f"{HTML}_get_visual_block_voting",
            f"{HTML}_estimator_html_repr_pipeline",
            f"{HTML}_stacking_classifier",
        ],
        11,
        0,
    ),
}


def outcomes(tests, tmp_path):
    """How many tests passed, were skipped ... in a run with nnfast's classes."""
    output = run(
        *(
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "upstream_swap",
            "-p",
            "no:cacheprovider",
        ),
        *("-c", os.devnull, "--rootdir", tmp_path, "--pyargs", *tests),
        cwd=tmp_path,
        PYTHONPATH=str(Path(__file__).parent),
        SCIPY_ARRAY_API="1",  # else a check is skipped
        SKLEARN_SEED="0",
    )
    *_, last = output.splitlines()
    return {what: int(count) for count, what in re.findall(r"(\d+) (\w+)", last)}


@pytest.mark.parametrize("name", RUNS)
def test_scikit_learns_tests_pass(name, tmp_path):
    tests, passed, skipped = RUNS[name]
    # Failures and errors raise here.
    counts = outcomes(tests, tmp_path)
    # What passes although scikit-learn expects a failure is reported as "xpassed".
    assert "xfailed" not in counts
    assert counts.get("skipped", 0) == skipped
    if sklearn.__version__.startswith("1.9."):
        assert counts["passed"] == passed


def test_a_test_of_anything_else_is_refused(tmp_path):
    with pytest.raises(AssertionError, match="does not test nnfast"):
        outcomes(["sklearn.linear_model.tests.test_sag"], tmp_path)
