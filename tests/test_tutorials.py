# SPDX-License-Identifier: BSD-3-Clause
"""The five tutorials reach what they promise: every target but the speeds."""

import importlib
import json
import sys
from pathlib import Path

import pytest
from shell import run

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("name", ["t1", "t2", "t3", "t4", "t5"])
def test_figures(name, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    lesson = importlib.import_module(f"lessons.{name}")
    figures = lesson.figures(quick=True)
    targets = [target for target in lesson.TARGETS if not target.timing]
    assert targets
    assert [t for t in targets if not t.reached(figures)] == [], figures


def test_command_line(tmp_path):
    """A whole run of the shortest tutorial, with its numbers as JSON and no picture."""
    script, numbers = BENCHMARKS / "tutorials.py", tmp_path / "numbers.json"
    run(
        *(sys.executable, script, "--only", "t4", "--no-plots"),
        *("--json", numbers, "--output", tmp_path / "none"),
    )
    assert json.loads(numbers.read_text())["tutorials"].keys() == {"T4"}
    assert not (tmp_path / "none").exists()
