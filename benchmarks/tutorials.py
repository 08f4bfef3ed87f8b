# SPDX-License-Identifier: BSD-3-Clause
"""Five well-known tutorials, run with nnfast beside its peers, on their real data.

For each of T1 to T5: a table with LogisticRegressionCV, scikit-learn's MLP under the
same settings and seed, a plain NumPy loop as the tutorial writes it, and nnfast; what
the tutorial shows beyond that; and the figures that must be reached. Everything runs
in one thread. Needs nnfast and matplotlib, and takes under two minutes.

    python benchmarks/tutorials.py
    python benchmarks/tutorials.py --only T3 --no-plots
"""

import argparse
import importlib
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from command_line import names_among, parser_of, require_matplotlib
from lessons.compare import quiet
from lessons.report import Progress, Report
from stopwatch.machine import cpu_model
from threadpoolctl import threadpool_limits

import nnfast

TUTORIALS = ("T1", "T2", "T3", "T4", "T5")
HOW = """\
Seconds are CPU seconds, the least of several fits, taken in turns among the models.
All run in one thread: BLAS is held to one, and nnfast runs with n_jobs=1.
"time / float64" is a model's seconds divided by those of nnfast in float64, and
likewise for float32."""
RESULTS = Path(__file__).parent / "results"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument(
        "--only",
        metavar="T3",
        type=names_among(TUTORIALS, spell=str.upper),
        action="extend",
        help="run these tutorials only: several names separated by commas, or the "
        "option several times",
    )
    parser.add_argument(
        "--no-plots", action="store_true", help="draw no pictures, need no matplotlib"
    )
    parser.add_argument(
        "--json",
        metavar="FILE",
        type=Path,
        help="also write every number of the tables, the versions and the CPU model "
        "to FILE",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        default=RESULTS,
        help="folder for the pictures (default: benchmarks/results)",
    )
    return parser.parse_args(arguments)


def check_output(options: argparse.Namespace) -> None:
    """Stop now, not after minutes, where the results could not be written."""
    if not options.no_plots:
        require_matplotlib()
    if options.json and not options.json.absolute().parent.is_dir():
        sys.exit(f"--json: the folder {options.json.absolute().parent} does not exist")


def environment() -> dict[str, Any]:
    return {
        "nnfast": nnfast.__version__,
        "scikit-learn": sklearn.__version__,
        "NumPy": np.__version__,
        "Python": platform.python_version(),
        "CPU": cpu_model(),
        "cores": os.cpu_count(),
        "threads used": 1,
    }


def run_tutorial(name: str, progress: Progress) -> Report:
    progress.prefix = f"{name}: "
    progress("reading data")
    report = importlib.import_module(f"lessons.{name.lower()}").run(progress)
    progress.clear()
    report.print()
    return report


def run_all(names: Sequence[str], progress: Progress) -> list[Report]:
    """The reports, with BLAS held to one thread."""
    with threadpool_limits(1):
        return [run_tutorial(name, progress) for name in names]


def print_verdict(reports: Sequence[Report]) -> bool:
    """Say which targets were missed; True if only timings or none were."""
    wrong = [t for report in reports for t in report.missed(timing=False)]
    slow = [t for report in reports for t in report.missed(timing=True)]
    for words, targets in (("MISSED", wrong), ("SLOWER THAN THE TARGET", slow)):
        for target in targets:
            print(f"{words}: {target.meaning}")
    if not wrong and not slow:
        print("All targets reached.")
    return not wrong


@quiet()
def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    check_output(options)
    names = sorted(set(options.only or TUTORIALS))
    about = environment()
    print("  ".join(f"{key} {value}" for key, value in about.items()))
    print(HOW)

    progress = Progress()
    reports = run_all(names, progress)
    progress.prefix = ""
    print()
    if not options.no_plots:
        from lessons import pictures

        machine = f"{about['CPU']}, scikit-learn {about['scikit-learn']}"
        paths = pictures.save(reports, machine, options.output, progress)
        progress.clear()
        print(f"{len(paths)} pictures in {options.output}")
    if options.json:
        data = {
            "environment": about,
            "timing": " ".join(HOW.split()),
            "tutorials": {report.name: report.as_json() for report in reports},
        }
        options.json.write_text(json.dumps(data, indent=1) + "\n")
        print(f"numbers in {options.json}")
    return 0 if print_verdict(reports) else 1


if __name__ == "__main__":
    sys.exit(main())
