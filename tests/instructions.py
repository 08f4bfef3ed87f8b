# SPDX-License-Identifier: BSD-3-Clause
"""How many instructions the steps of tests/c/steps.c take, counted by callgrind.

    python tests/instructions.py

records them for $CC (or the compiler that Python was built with) in instructions.json,
as the budget that test_instructions.py holds the library to. It is to be run, and the
change of the figures to be looked at, whenever that test says so.
"""

import json
import re
import tempfile
from pathlib import Path

from compiled import CC, build, name_and_version
from shell import run

NETWORKS = ["2-4-1", "64-100-10", "784-100-10"]
ISA = "avx2"  # the best that valgrind knows
FILE = Path(__file__).with_suffix(".json")


def count(folder, network):
    """Instructions within nnf_train, which are the same every time."""
    callgrind = ["--tool=callgrind", "--callgrind-out-file=/dev/null"]
    callgrind += ["--toggle-collect=nnf_train"]
    said = run("valgrind", *callgrind, folder / "steps", ISA, network)
    return int(re.search(r"Collected : (\d+)", said)[1])


def budgets():
    """What was recorded, by compiler and network."""
    return json.loads(FILE.read_text())


def main():
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        counts = {network: count(Path(folder), network) for network in NETWORKS}
    recorded = budgets() | {name_and_version(CC): counts}
    FILE.write_text(json.dumps(recorded, indent=4) + "\n")


if __name__ == "__main__":
    main()
