# SPDX-License-Identifier: BSD-3-Clause
"""What a run of the tests says of itself first: which nnfast, which instruction set."""

import nnfast
from nnfast import _core


def pytest_report_header():
    isas = ", ".join(_core.isas)
    return f"nnfast {nnfast.__version__} in {nnfast.__path__[0]}: {_core.isa} of {isas}"
