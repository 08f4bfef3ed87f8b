# SPDX-License-Identifier: BSD-3-Clause
"""Training takes no more instructions than it did when the budget was recorded.

Where they cannot be counted, or not compared, the test is skipped; with
NNFAST_REQUIRE_BUDGET=1 in the environment, as in .ci/run, it fails.
"""

import os
import platform
import shutil

import pytest
from compiled import CC, PRELOADED, name_and_version
from instructions import ISA, NETWORKS, budgets, count

from nnfast import _core

# Of what was recorded. More is a regression; a C library or a release of the compiler
# makes a fraction of a percent. So much less, and the budget guards nothing any more.
MOST, LEAST = 1.03, 0.9


@pytest.fixture(scope="module")
def budget():
    cannot = pytest.fail if os.environ.get("NNFAST_REQUIRE_BUDGET") else pytest.skip
    valgrind = shutil.which("valgrind") and platform.system() == "Linux"
    if not valgrind or PRELOADED:
        cannot("no valgrind here")
    if ISA not in _core.isas:
        cannot(f"this CPU has no {ISA}")
    compiler = name_and_version(CC)
    if compiler not in budgets():
        cannot(f"no budget is recorded for {compiler}")
    return budgets()[compiler]


@pytest.mark.parametrize("network", NETWORKS)
def test_the_budget_of_instructions_is_kept(network, budget, built):
    share = count(built, network) / budget[network]
    assert LEAST <= share <= MOST, "see tests/instructions.py for how to record it anew"
