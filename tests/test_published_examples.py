# SPDX-License-Identifier: BSD-3-Clause
"""benchmarks/published_examples.py sees what a script does, and what differs."""

import runpy
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

SCRIPT = """
from sklearn.neural_network import MLPRegressor
X, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]
model = MLPRegressor(solver="lbfgs", random_state=0)
print(f"{model.fit(X, y).score(X, y):.3f}")
"""


@pytest.fixture
def program(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return runpy.run_path(str(BENCHMARKS / "published_examples.py"))


def test_a_script_is_run_both_ways(program, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    runs = program["in_turns"](script, 1)
    for way, (run,) in runs.items():
        assert run.printed == "1.000\n", way
        assert len(run.scores) == len(run.fits) == 1
        assert 0 < run.fit_seconds < run.seconds
    found = program["row"]("script.py", runs)
    assert found["nnfast"]["equal scores"] == 1
    assert "| 1 of 1 |" in program["table"]([found])


def test_what_differs(program):
    assert program["equal_scores"]([0.5, 0.25], [0.5000001, 0.2501]) == 1
    assert program["equal_scores"]([0.5], [0.5, 0.5]) == 0
    largest = program["largest_difference"]
    assert largest(np.array([1.0, 2.0]), np.array([1.0, 3.0])) == 0.5
    assert largest(np.array([1.0]), np.array([1.0, 3.0])) == np.inf
    figure = np.zeros((2, 5, 4), np.uint8)
    other = figure.copy()
    other[0, 0, 0], other[1, 1, 1] = 1, 2
    assert program["pixels_that_differ"]([figure], [other]) == 0.1
    assert program["pixels_that_differ"]([figure], []) == 1
