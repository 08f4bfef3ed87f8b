# SPDX-License-Identifier: BSD-3-Clause
"""On the data of the five tutorials float32 learns what float64 does."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from nnfast import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
FOLLOWED = 20  # epochs


def t1(lesson):
    _, X, y = lesson("t1").data()
    settings = lesson("t1").settings(len(X))
    return MLPClassifier(**settings, loss="squared_error"), X, y


def t2(lesson):
    network = MLPRegressor(**lesson("t2").settings(), output_activation="logistic")
    return network, lesson("t2").X, lesson("t2").Y


def t3(lesson):
    return lesson("t3").network(), *lesson("t3").data()


def t4(lesson):
    network = MLPRegressor(**lesson("t4").settings(), **lesson("t4").OURS)
    return network, lesson("t4").X, lesson("t4").Y


def t5(lesson):
    train, _ = lesson("weather").tables()
    return MLPClassifier(**lesson("studies").settings()), train.X, train.rain


@pytest.mark.parametrize("tutorial", [t1, t2, t3, t4, t5])
def test_losses_are_those_of_float64(tutorial, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    network, X, y = tutorial(lambda name: importlib.import_module(f"lessons.{name}"))
    double = np.array(network.fit(X, y).loss_curve_)
    single = np.array(network.fit(X.astype(np.float32), y).loss_curve_)
    assert network.coefs_[0].dtype == np.float32
    assert len(single) == len(double)

    # On its way through an epoch a number is rounded for each row and each unit that
    # it is summed over, and not 50 times in activations, loss and step; each time by
    # half an epsilon at most. Errors of epochs add up.
    n_units = sum(len(weights) for weights in network.coefs_)
    roundings = FOLLOWED * (len(X) + n_units + 50)
    tolerance = roundings * np.finfo(np.float32).eps / 2
    np.testing.assert_allclose(single[:FOLLOWED], double[:FOLLOWED], rtol=tolerance)
    assert abs(single[-1] - double[-1]) <= 0.01 * double[-1]
