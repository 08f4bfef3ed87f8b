# SPDX-License-Identifier: BSD-3-Clause
"""The examples in the docstrings of the installed package."""

import doctest
import importlib
import pkgutil

import pytest

import nnfast

MODULES = [
    "nnfast",
    *(m.name for m in pkgutil.iter_modules(nnfast.__path__, "nnfast.")),
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(importlib.import_module(name), optionflags=flags).failed == 0
