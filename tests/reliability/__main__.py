# SPDX-License-Identifier: BSD-3-Clause
"""Measure the figures of docs/reliability.md and print them; --write keeps them there.

    cd tests && python -m reliability --write
    cd tests && python -m reliability --quick allocations

All of them take an hour; --quick is a minute. Without names it is every figure.
"""

import argparse
import sys
from pathlib import Path

from . import page
from .figures import FIGURES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=", ".join(FIGURES))
    parser.add_argument("--quick", action="store_true", help="smaller numbers")
    parser.add_argument("--write", action="store_true", help="change the page")
    options = parser.parse_args()
    unknown = set(options.names) - FIGURES.keys()
    if unknown:
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    if options.quick and options.write:
        parser.error("what is quick does not go into the page")
    missed = 0
    for name in options.names or FIGURES:
        found = FIGURES[name].measure(options.quick)
        print(f"{name}: {found.text}{'' if found.met else '   NOT MET'}", flush=True)
        missed += not found.met
        if options.write:
            PAGE.write_text(page.with_row(PAGE.read_text(), name, found.text))
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
