# SPDX-License-Identifier: BSD-3-Clause
"""The examples in the docstrings of the installed package."""

import sys

from shell import run

# In an interpreter of their own: nnfast.install() warns of names that other tests, or
# the modules that they import, have taken from scikit-learn before.
PROGRAM = """
import doctest, importlib, pkgutil
import nnfast

attempted = failed = 0
modules = [m.name for m in pkgutil.walk_packages(nnfast.__path__, "nnfast.")]
for name in ["nnfast", *modules]:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(importlib.import_module(name), optionflags=flags)
    attempted, failed = attempted + result.attempted, failed + result.failed
assert attempted > 0
assert failed == 0
"""


def test_docstring_examples(tmp_path):
    assert run(sys.executable, "-W", "error", "-c", PROGRAM, cwd=tmp_path) == ""
