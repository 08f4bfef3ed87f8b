# SPDX-License-Identifier: BSD-3-Clause
"""What a run of the tests needs and says first: Ctrl-C, which nnfast, which ISA; and
what tests share."""

import signal

import pytest
from compiled import build

import nnfast
from nnfast import _core

# A shell starts background jobs with Ctrl-C ignored, and Python then leaves it so.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header():
    isas = ", ".join(_core.isas)
    return f"nnfast {nnfast.__version__} in {nnfast.__path__[0]}: {_core.isa} of {isas}"


@pytest.fixture(scope="module")
def split_work():
    """All work is shared among n_threads, however little it is."""
    _core.force_threads(True)
    yield
    _core.force_threads(False)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The core's objects and the C programs, compiled with the flags of the wheel."""
    return build(tmp_path_factory.mktemp("c"))
