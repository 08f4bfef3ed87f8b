# SPDX-License-Identifier: BSD-3-Clause
"""Whatever one asks of nnfast, scikit-learn answers the same, to its own rounding.

``differential`` draws whole configurations and compares; docs/differential.md says how
and what its long run found. The examples are draws that once differed.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from differential import deviations
from differential.compare import compare
from differential.configuration import Call, Configuration, draw
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

PAGE = Path(__file__).parents[1] / "docs" / "differences.md"

EARLY = {"early_stopping": True, "max_iter": 4, "n_iter_no_change": 1}
POISSON = {"loss": "poisson", "solver": "lbfgs"}

# What is wrong with the classes is said before what is wrong with the weights.
UNKNOWN_CLASS_AND_NO_WEIGHT = Configuration(
    target="multiclass",
    n_rows=2,
    weight="zeros",
    seed=3,
    calls=(Call(), Call(stop=1, parameters={"warm_start": True})),
)
# Of one class, every prediction is right, whatever the probabilities.
ONE_CLASS_IS_ALWAYS_RIGHT = Configuration(target="one class", parameters=EARLY)
# A line search of lbfgs that meets a prediction of 0 for y = 0 sees NaN there.
POISSON_OF_ZERO = Configuration(
    target="poisson",
    n_rows=5,
    n_features=5,
    content="constant columns",
    weight="integers",
    seed=614037376,
    parameters=POISSON
    | {"hidden_layer_sizes": (7, 1), "activation": "logistic"}
    | {"alpha": 1e-8, "max_iter": 11},
)
# partial_fit goes on with the optimizer from before a warm lbfgs fit.
OPTIMIZER_AFTER_LBFGS = Configuration(
    target="single",
    parameters={"warm_start": True, "max_iter": 3},
    calls=(
        Call(),
        Call(parameters={"solver": "lbfgs"}),
        Call("partial_fit", parameters={"solver": "adam"}),
    ),
)


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@example(UNKNOWN_CLASS_AND_NO_WEIGHT)
@example(ONE_CLASS_IS_ALWAYS_RIGHT)
@example(POISSON_OF_ZERO)
@example(OPTIMIZER_AFTER_LBFGS)
@given(st.randoms(use_true_random=False).map(draw))
def test_nothing_differs(configuration):
    assert compare(configuration).differences == []


def test_a_difference_is_found(monkeypatch):
    """Of 1e-12 in one weight, and of one draw too many from a generator."""
    import nnfast

    class Wrong(nnfast.MLPRegressor):
        def fit(self, X, y, sample_weight=None):
            super().fit(X, y, sample_weight)
            self.coefs_[0][0, 0] += 1e-12
            self._random_state.random()
            return self

    monkeypatch.setattr(nnfast, "MLPRegressor", Wrong)
    drawn = Configuration(
        target="single", random_state="RandomState", parameters={"max_iter": 2}
    )
    differences = "\n".join(compare(drawn).differences)
    assert "the generator ends elsewhere" in differences
    assert "coefs_[0]" in differences


@pytest.mark.parametrize("most", [1, 3, 7])
def test_the_beginning_of_the_same_work(most):
    drawn = Configuration(
        parameters={"max_iter": 4, "warm_start": True},
        calls=(Call(), Call("partial_fit", classes="all"), Call()),
    )
    assert drawn.iterations == 9
    assert drawn.of_iterations(most).iterations == most


def test_every_deviation_is_a_row_of_the_page():
    names = {*deviations.FAILURES, deviations.ARITHMETIC_WARNINGS}
    names |= {deviations.FINITE_LOG, deviations.ONE_COLUMN, deviations.SUBNORMAL}
    assert names <= set(re.findall(r'<a id="(.*?)"></a>', PAGE.read_text()))


def test_rounding_is_what_moves_x():
    """A unit in the last place: the movement of what has no part in X is zero."""
    from differential.movement import Samples

    samples = Samples(Configuration(parameters={"max_iter": 1}))
    assert not samples.movement(0, "numbers", "learning_rate").any()
    moved = samples.movement(0, "numbers", "predict_proba")
    # Probabilities are near 1/2: a few units in the last place of 1.
    assert 0 < moved.max() < 100 * np.finfo(float).eps
