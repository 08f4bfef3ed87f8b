# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's published MLP examples, unchanged, with and without nnfast.

Runs each script as ``python script.py`` and as ``python -m nnfast script.py``, in
turns, and compares the scores of its networks, what it prints, and the pixels of its
figures. Seconds are the smallest of the repeats. One more run of scikit-learn, with
another kernel of its BLAS, shows how far rounding alone moves the results. The scripts
are those of the installed scikit-learn's source distribution, which pip downloads, or
lie in --examples.

    python benchmarks/published_examples.py
    python benchmarks/published_examples.py --docs docs/published-examples.md
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from command_line import parser_of
from stopwatch.machine import cpu_model

EXAMPLES = (
    "neural_networks/plot_mlp_alpha.py",
    "neural_networks/plot_mlp_training_curves.py",
    "classification/plot_classifier_comparison.py",
    "inspection/plot_partial_dependence_visualization_api.py",
)
RECORDER = Path(__file__).parent / "recorder"
RESULTS = Path(__file__).parent / "results" / "published_examples.json"
# How each library runs a script, and whose fits are watched then.
WAYS = {
    "scikit-learn": ([], "sklearn.neural_network"),
    "nnfast": (["-m", "nnfast"], "nnfast"),
}
# OpenBLAS, which NumPy and SciPy bring, then rounds as on an old processor: sums are
# added up in another order. Not so on other kinds of processors than x86-64.
OTHER_KERNEL = {"OPENBLAS_CORETYPE": "Nehalem"}


@dataclass
class Run:
    """One run of a script."""

    seconds: float  # from the start of the interpreter to the end of the script
    cpu_seconds: float  # of all its threads
    fit_seconds: float  # within fit of its networks
    scores: list[float]  # that it asked its networks for
    fits: list[list[float]]  # of each fit: the loss, the score on the training data
    printed: str
    figures: list[np.ndarray]  # (height, width, 4), bytes


def run(script: Path, way: str, environment: Mapping[str, str] | None = None) -> Run:
    """Run the script as one of WAYS; CalledProcessError if it fails."""
    options, package = WAYS[way]
    with tempfile.TemporaryDirectory() as folder:
        variables = {
            **os.environ,
            **(environment or {}),
            "MPLBACKEND": "Agg",
            "PYTHONPATH": str(RECORDER),
            "PYTHONWARNINGS": "ignore",
            "WATCHED_CLASSES": f"{package}:MLPClassifier,{package}:MLPRegressor",
            "WATCHED_FOLDER": folder,
        }
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, *options, script],
            env=variables,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        record = json.loads(Path(folder, "record.json").read_text())
        figures = [np.load(path) for path in sorted(Path(folder).glob("figure*.npy"))]
    return Run(
        seconds=record["end"] - start,
        cpu_seconds=record["cpu_seconds"],
        fit_seconds=record["fit_seconds"],
        scores=record["scores"],
        fits=record["fits"],
        printed=done.stdout,
        figures=figures,
    )


def in_turns(script: Path, repeats: int) -> dict[str, list[Run]]:
    """Runs of the script, by each way, taken in turns."""
    runs: dict[str, list[Run]] = {way: [] for way in WAYS}
    for _ in range(repeats):
        for way in WAYS:
            runs[way].append(run(script, way))
    return runs


def row(
    name: str, runs: dict[str, list[Run]], other_kernel: Run | None = None
) -> dict[str, Any]:
    """A row of the table: smallest times, and what differs between the results."""
    theirs, ours = (runs[way][0] for way in WAYS)
    found: dict[str, Any] = {"example": name, "fits": len(theirs.fits)}
    for measure in ("seconds", "cpu_seconds", "fit_seconds"):
        found[measure] = [
            min(getattr(each, measure) for each in runs[way]) for way in WAYS
        ]
    found["nnfast"] = difference(theirs, ours)
    if other_kernel is not None:
        found["other kernel"] = difference(theirs, other_kernel)
    return found


def difference(first: Run, second: Run) -> dict[str, Any]:
    """What differs between the results of two runs of a script."""
    # A script that asks for no score is compared by those on the training data.
    scores = [run.scores or [score for _, score in run.fits] for run in (first, second)]
    losses = [np.array([loss for loss, _ in run.fits]) for run in (first, second)]
    return {
        "scores": len(scores[0]),
        "equal scores": equal_scores(*scores),
        "loss": largest_difference(*losses),
        "printed alike": first.printed == second.printed,
        "figures": len(first.figures),
        "pixels": pixels_that_differ(first.figures, second.figures),
    }


def equal_scores(theirs: Sequence[float], ours: Sequence[float]) -> int:
    """How many scores are the same to 6 digits after the point, as examples print."""
    if len(theirs) != len(ours):
        return 0
    return sum(f"{a:.6f}" == f"{b:.6f}" for a, b in zip(theirs, ours))


def largest_difference(theirs: np.ndarray, ours: np.ndarray) -> float:
    """The largest relative difference."""
    if theirs.shape != ours.shape:
        return float("inf")
    return float((abs(ours - theirs) / abs(theirs)).max(initial=0))


def pixels_that_differ(
    theirs: Sequence[np.ndarray], ours: Sequence[np.ndarray]
) -> float:
    """Share of the pixels of which a colour differs by more than one of 255 steps."""
    if [figure.shape for figure in theirs] != [figure.shape for figure in ours]:
        return 1.0
    apart = [
        (abs(a.astype(int) - b.astype(int)) > 1).any(axis=2)
        for a, b in zip(theirs, ours)
    ]
    return sum(map(np.sum, apart)) / max(1, sum(each.size for each in apart))


HEADINGS = (
    "example",
    "fits",
    "s in fit",
    "s of the script",
    "processor s",
    "same scores",
    "loss differs by",
    "pixels differ",
    "prints the same",
)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [HEADINGS, ["---"] + ["---:"] * (len(HEADINGS) - 1)]
    for found in rows:
        before, after = found["fit_seconds"]
        both = [found[key] for key in ("nnfast", "other kernel") if key in found]
        lines.append(
            [
                f"`{Path(found['example']).name}`",
                str(found["fits"]),
                f"{before:.3f} → {after:.3f} ({before / after:.1f} ×)",
                "{:.2f} → {:.2f}".format(*found["seconds"]),
                "{:.2f} → {:.2f}".format(*found["cpu_seconds"]),
                " / ".join(f"{d['equal scores']} of {d['scores']}" for d in both),
                " / ".join(f"{d['loss']:.0e}" for d in both),
                " / ".join(f"{100 * d['pixels']:.2g} %" for d in both),
                " / ".join("yes" if d["printed alike"] else "no" for d in both),
            ]
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


DOCUMENT = """\
# scikit-learn's published MLP examples

The scripts of scikit-learn {sklearn}'s source distribution, unchanged, run as
`python script.py` and as `python -m nnfast script.py`, {repeats} times each, in turns.
The page is written by

    pip install ".[bench]"
    python benchmarks/published_examples.py --docs docs/published-examples.md

{table}

Times are scikit-learn's → nnfast's, the smallest of the repeats: "s in fit" within
`fit` of the script's networks; "s of the script" all of it, with imports, other
estimators and drawing; "processor s" the same, added up over threads.

Results are those of nnfast against scikit-learn / those of scikit-learn with another
kernel of OpenBLAS (`OPENBLAS_CORETYPE=Nehalem`) against scikit-learn, which shows what
rounding alone does. Many iterations of lbfgs, as in `plot_mlp_alpha.py`, amplify the
last bit of a sum to a visible difference, in scikit-learn on two processors as well.
Between the gradients lbfgs is SciPy's, with both: that is what is left of its time.

- "same scores": of the scores that the script asks its networks for (on the training
  data if it asks for none), those that agree to 6 digits after the point.
- "loss differs by": the largest relative difference of `loss_` after a fit.
- "pixels differ": the share of the pixels of all figures of which a colour is more than
  one step of 255 apart.

NumPy's global generator starts from the same seed in all runs, for the estimators of a
script that have none of their own.

Measured on {cpu} ({cpus} processors), Python {python}, NumPy {numpy}, SciPy {scipy},
scikit-learn {sklearn}, nnfast {nnfast}.
"""


def document(rows: Sequence[dict[str, Any]], repeats: int) -> str:
    """The page of the documentation."""
    names = ("numpy", "scipy", "nnfast")
    return DOCUMENT.format(
        table=table(rows),
        repeats=repeats,
        cpu=cpu_model(),
        cpus=os.cpu_count(),
        python=platform.python_version(),
        sklearn=version("scikit-learn"),
        **{name: version(name) for name in names},
    )


# pip builds a source distribution to see that it is what was asked for, which takes
# minutes. All that it wants to see is this.
BACKEND = """
from pathlib import Path

def prepare_metadata_for_build_wheel(directory, config_settings=None):
    folder = Path(directory, "scikit_learn.dist-info")
    folder.mkdir()
    metadata = "Metadata-Version: 2.1\\nName: scikit-learn\\nVersion: {version}\\n"
    (folder / "METADATA").write_text(metadata)
    return folder.name
"""


def fetch(folder: Path) -> Path:
    """Download scikit-learn's source distribution; where its examples are."""
    wanted = version("scikit-learn")
    (folder / "mesonpy.py").write_text(BACKEND.replace("{version}", wanted))
    pip = "pip download -q --no-deps --no-build-isolation --no-binary scikit-learn"
    subprocess.run(
        [sys.executable, "-m", *pip.split(), "-d", folder, f"scikit-learn=={wanted}"],
        env={**os.environ, "PYTHONPATH": str(folder)},
        check=True,
    )
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("*/examples"))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--examples", type=Path, help="scikit-learn's folder of that name")
    add("--only", nargs="+", default=EXAMPLES, metavar="SCRIPT", help="in that folder")
    add("--repeats", type=int, default=5, help="runs of each kind (5)")
    add("--json", type=Path, default=RESULTS, help="the numbers go there")
    add("--docs", type=Path, help="write the page of the documentation there")
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error(f"--repeats must be at least 1, not {options.repeats}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        examples = options.examples or fetch(Path(folder))
        for name in options.only:
            print(f"{name} ...", file=sys.stderr)
            script = examples / name
            runs = in_turns(script, options.repeats)
            other_kernel = run(script, "scikit-learn", OTHER_KERNEL)
            rows.append(row(name, runs, other_kernel))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(rows, indent=1))
    print(table(rows))
    if options.docs:
        options.docs.write_text(document(rows, options.repeats))
    # As many scores as rounding leaves alone in scikit-learn are the same.
    key = "equal scores"
    return int(any(r["nnfast"][key] < r["other kernel"][key] for r in rows))


if __name__ == "__main__":
    sys.exit(main())
