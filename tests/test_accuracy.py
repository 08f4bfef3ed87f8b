# SPDX-License-Identifier: BSD-3-Clause
"""What docs/accuracy.md says: every function within 4 ulp, float32 curves as float64's.

tests/c/accuracy.c, which test_c_api.py runs, measures the functions.
"""

import importlib
import re
from pathlib import Path

import pytest

from nnfast import _core

ROOT = Path(__file__).parents[1]

PRINTED = """\
value  tanh          float32  base     2.50  at 0.25
value  tanh          float32  avx2     2.75  at -0.5
slope  tanh          float32  base     0.25  at 3
value  tanh          float64  base     0.00  at 0
slope  tanh          float64  base     0.75  at 1
5 passed, 0 failed
"""


@pytest.fixture
def module(monkeypatch):
    """Those of the benchmarks by name."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module


@pytest.mark.parametrize("name", ["T1", "T2", "T3", "T4", "T5", "T5, digits"])
def test_loss_curve(name, module):
    """Twenty epochs to the sum of all roundings, and the end to one per cent."""
    precision = module("lessons.precision")
    task = precision.tasks()[name]
    single = task.single()
    assert 0 < precision.first_difference(single, task.double) <= task.bound
    assert precision.last_difference(single, task.double) <= 0.01


def test_perturbed_by_nothing_it_is_the_fit(module):
    task = module("lessons.precision").tasks()["T1"]
    assert task.perturbed(0, by=0.0).tolist() == task.double.tolist()
    assert task.perturbed(0).tolist() != task.double.tolist()


def test_the_worst_of_all_instruction_sets_is_shown(module):
    accuracy = module("accuracy")
    found = list(accuracy.read(PRINTED.splitlines()))
    assert [w.isa for w in found] == ["base", "avx2", "base", "base", "base"]
    values = accuracy.error_table(found, "value")
    assert values.rows == [["tanh", 2.75, -0.5, 0, None]]
    assert accuracy.error_table(found, "slope").rows[0][:3] == ["tanh", 0.25, 3]


def test_the_page_lists_every_activation_within_its_bound():
    page = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    values, slopes, *_ = re.split(r"^## (?:Derivatives|Training)$", page, flags=re.M)
    for part, missing in [(values, set()), (slopes, {"exp", "softmax"})]:
        rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| \S+ \| ([\d.]+) \|", part, re.M)
        names = {name for name, *_ in rows} - {"log"}
        assert names == {*_core.activations, "exp", "softmax"} - missing
        assert all(float(ulp) <= 4 for _, *errors in rows for ulp in errors)
