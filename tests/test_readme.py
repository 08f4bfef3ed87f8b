# SPDX-License-Identifier: BSD-3-Clause
"""The README's example prints what the README says."""

import re
import sys
from pathlib import Path

from shell import run

README = Path(__file__).parents[1] / "README.md"


def test_example(tmp_path):
    text = README.read_text(encoding="utf-8")
    pattern = r"```python\n(.*?)```\s*```text\n(.*?)```"
    code, output = re.search(pattern, text, re.DOTALL).groups()
    assert len(code.split("\n")) - code.count("\n\n") - 1 == 8  # blank lines aside
    assert run(sys.executable, "-W", "error", "-c", code, cwd=tmp_path) == output
