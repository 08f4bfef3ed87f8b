# SPDX-License-Identifier: BSD-3-Clause
"""How fast a training step is, against the hardware's limit and the other libraries.

Measures the peak of multiply-adds and the memory's bandwidth, then times every library
that is installed (pip install '.[bench,peers]' brings all): a table of networks, sweeps
over width, batch, depth and threads, sparse data, what a call takes besides training,
and prediction. --quick takes under a minute on two idle processors, everything about
an hour; Ctrl-C ends the measuring and shows what there is.

    python benchmarks/speed.py --quick
    python benchmarks/speed.py --sections table,prediction --libraries nnfast,JAX
    NNFAST_ISA=avx2 python benchmarks/speed.py
"""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from command_line import names_among, parser_of, require_matplotlib
from lessons.report import Progress
from stopwatch import cliffs, document, held_back, tables
from stopwatch.machine import INSTRUCTION_SETS, Machine, cpu_model, cpus
from stopwatch.peers import LIBRARIES, has_processor, missing
from stopwatch.results import Results, merged
from stopwatch.shapes import SECTIONS, jobs
from stopwatch.timing import FULL, QUICK, Turns

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parents[1] / "docs"
PACKAGES = ("nnfast", "numpy", "scikit-learn", "torch", "jax", "jaxlib", "onnxruntime")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer shapes, float32 only, one process")
    add(
        "--sections",
        type=names_among(SECTIONS),
        default=list(SECTIONS),
        help=f"some of {', '.join(SECTIONS)}",
    )
    add(
        "--libraries",
        type=names_among(LIBRARIES),
        default=list(LIBRARIES),
        help=f"some of {', '.join(LIBRARIES)}",
    )
    add(
        "--isa",
        choices=list(INSTRUCTION_SETS),
        help="what nnfast and the peak are held to, as NNFAST_ISA does",
    )
    add("--no-plots", action="store_true", help="draw no pictures, need no matplotlib")
    add(
        "--from",
        dest="earlier",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="measure nothing: show what earlier runs wrote; of what several of them "
        "measured, the least",
    )
    add(
        "--docs",
        action="store_true",
        help="also write docs/speed.md, its pictures and docs/speed.json",
    )
    add(
        "--output",
        metavar="DIR",
        type=Path,
        default=RESULTS,
        help="folder for speed.json and the pictures (default: benchmarks/results)",
    )
    return parser.parse_args(arguments)


def chosen_libraries(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Those to measure, and a line for each that is left out."""
    present, notes = [], []
    for name in options.libraries:
        lacking = missing(name)
        if lacking:
            notes.append(f"{name} is left out: {' and '.join(lacking)} not installed.")
        elif options.quick and not LIBRARIES[name].quick:
            notes.append(f"{name} is left out of --quick, which has no time for it.")
        elif not has_processor(name):
            continue
        else:
            present.append(name)
    return present, notes


def environment() -> dict[str, Any]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        **versions,
        "Python": platform.python_version(),
        "system": platform.platform(),
        "CPU": cpu_model(),
        "cores": len(cpus()),
    }


def measure(options: argparse.Namespace, progress: Progress) -> Results:
    """Everything, in turns: see stopwatch.timing."""
    from nnfast import _core

    libraries, notes = chosen_libraries(options)
    for note in notes:
        print(note)
    isas = [LIBRARIES[name].isa for name in libraries]
    machine = Machine([_core.isa, *filter(None, isas)])
    if machine.trouble:
        notes.append(f"No limit: {machine.trouble}")
        print(notes[-1])
    effort = QUICK if options.quick else FULL
    todo = jobs(options.sections, len(cpus()), options.quick)
    turns = Turns(libraries, effort)
    try:
        for generation in range(effort.processes):
            machine.measure_bandwidths()
            progress.prefix = f"process {generation + 1} of {effort.processes}: "
            for group in todo:
                progress(", ".join(map(str, group)))
                for job in group:
                    machine.measure_peaks(job.threads)
                turns.take(group)
            turns.close()
    except KeyboardInterrupt:
        notes.append("Ctrl-C ended the run early.")
    finally:
        turns.close()
    progress.clear()
    measurements = list(turns.measurements())
    notes += filter(None, [turns.warning()])
    for (job, library), words in turns.failures.items():
        notes.append(f"{library}: {job}: {words}")
    return Results(environment(), machine.facts(), measurements, notes)


def show(results: Results) -> None:
    print("  ".join(f"{key} {value}" for key, value in results.environment.items()))
    shown = [
        tables.machine_table(results),
        *tables.training_tables(results),
        held_back.table(results),
        tables.overhead_table(results),
        tables.prediction_table(results),
    ]
    for table in filter(None, shown):
        print()
        print("\n".join(table.lines()))
    print()
    for words in [*held_back.verdicts(results), *cliffs.extremes(results)]:
        print(words)
    for words in cliffs.cliffs(results):
        print(f"CLIFF: {words}")
    for note in results.notes:
        print(note)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    drawing = options.docs or not options.no_plots
    if drawing:
        require_matplotlib()
    if options.isa:  # read when nnfast is imported, here and in the workers
        os.environ["NNFAST_ISA"] = options.isa
    if options.earlier:
        results = merged([Results.load(path) for path in options.earlier])
        results.keep(options.sections, options.libraries)
    else:
        results = measure(options, Progress())
    results.forget_impossible()
    results.save(options.output / "speed.json")
    show(results)
    if drawing:
        from stopwatch import plots

        plots.save(results, options.output)
        if options.docs:
            results.save(DOCS / "speed.json")
            pictures = plots.save(results, DOCS)
            (DOCS / "speed.md").write_text(document.text(results, pictures))
    print(f"Results in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
