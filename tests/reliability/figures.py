# SPDX-License-Identifier: BSD-3-Clause
"""The table of figures: what each promises, and how it is measured."""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import malformed

from . import allocations, files, forks, growth, peak, threads

ROOT = Path(__file__).resolve().parents[2]


class Found(NamedTuple):
    """What was measured, in words, and whether it is what is promised."""

    text: str
    met: bool


class Figure(NamedTuple):
    """A row of docs/reliability.md."""

    title: str
    target: str
    measure: Callable[[bool], Found]  # told whether to be quick


def _program(*command: str | Path) -> tuple[str, bool]:
    """What a program of the repository prints, and whether it ends well."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    )
    return done.stdout, done.returncode == 0


def _files(quick: bool) -> Found:
    step, masks = (10, [4]) if quick else (1, [*range(1, 256)])
    found = [files.measure(name, step, masks) for name in malformed.seeds()]
    opened = sum(each["files"] for each in found)
    models = sum(each["models"] for each in found)
    memory = max(each["memory"] for each in found)
    seconds = max(each["seconds"] for each in found)
    return Found(
        f"{opened:,} files: {opened - models:,} `ValueError`, {models:,} valid models,"
        f" nothing else; at most {memory:.0%} of that memory, {1000 * seconds:.0f} ms",
        memory <= 1,
    )


def _reader(quick: bool) -> Found:
    runs = 1_000 if quick else 1_000_000
    program = ROOT / "tests" / "fuzz_model_files.py"
    said, well = _program(sys.executable, program, f"-runs={runs}", "-seed=1")
    runs = int(re.findall(r"^Done (\d+) runs", said, re.M)[-1]) if well else 0
    reports = [line for line in said.splitlines() if " refused, " in line]
    last = reports[-1].partition(" s: ")[2] if reports else "nothing else"
    return Found(f"{runs:,} files: {last}", well)


def _calls(quick: bool) -> Found:
    runs = 1_000 if quick else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        said, well = _program(ROOT / ".ci" / "fuzz", folder, str(runs))
    done = re.findall(r"^stat::number_of_executed_units: (\d+)", said, re.M)
    targets = f"{len(done)} targets of {min(map(int, done), default=0):,} executions"
    return Found(f"{targets}: {'0 findings' if well else 'a finding'}", well)


def _allocations(quick: bool) -> Found:
    names = [*allocations.CORE, *([] if quick else allocations.ESTIMATORS)]
    ends: Counter[str] = Counter()
    changed = leaking = 0
    for counts in allocations.measure(names).values():
        ends.update(counts["ends"])
        changed += counts["changed"]
        leaking += counts["leaking"]
    others = sum(ends.values()) - ends["MemoryError"]
    return Found(
        f"{sum(ends.values())} points in {len(names)} calls: {ends['MemoryError']}"
        f" `MemoryError`, {others} another error (of NumPy's), {leaking} leaks,"
        f" {changed} estimators changed",
        changed == leaking == 0 and ends.keys() <= {"MemoryError", "SystemError"},
    )


def _forks(quick: bool) -> Found:
    said = forks.forks(80 if quick else 10_000)
    return Found(said, said.endswith(": 0 hangs, 0 wrong results"))


def _interrupts(quick: bool) -> Found:
    program = ROOT / "benchmarks" / "interrupt_latency.py"
    how = ["--interrupts=40", "--small"] if quick else ["--interrupts=1000"]
    said, well = _program(sys.executable, program, *how)
    return Found(said.splitlines()[-1], well)


def _bits(quick: bool) -> Found:
    said = threads.one_hash_each(8 if quick else 100)
    return Found(said, said.endswith(": at most 1 hash each"))


def _predictions(quick: bool) -> Found:
    said = threads.concurrent_predictions(4_000 if quick else 1_000_000)
    return Found(said, said.endswith(": 0 differ"))


def _fits(quick: bool) -> Found:
    found = growth.measure("fits", 2_000 if quick else 100_000)
    return Found(
        f"{found['fits']:,} fits: {found['blocks']:+,} blocks in all,"
        f" {found['bytes']:+,} bytes",
        found["blocks"] < found["fits"],
    )


def _soak(quick: bool) -> Found:
    found = growth.measure("soak", 20.0 if quick else 1800.0)
    minutes = found["seconds"] / 60 * found["apart"] / found["rounds"]
    return Found(
        f"{found['seconds'] / 60:g} minutes, {found['rounds']:,} rounds of 80 or more"
        f" calls: {found['bytes'] / minutes:+,.0f} bytes per minute,"
        f" {found['blocks'] / found['apart']:+.2f} blocks per round",
        found["blocks"] < found["apart"],
    )


def _peak(quick: bool) -> Found:
    names = [*peak.CASES][::3] if quick else [*peak.ALL]
    shares = {
        name: found["measured"] / peak.bound(peak.ALL[name], found)
        for name, found in peak.measure(names).items()
    }
    worst = max(shares, key=lambda name: shares[name])
    return Found(
        f"{len(shares)} fits: at most {shares[worst]:.0%} of the bound ({worst})",
        shares[worst] <= 1,
    )


FIGURES: dict[str, Figure] = {
    "files": Figure(
        "malformed model files",
        "13 files, every byte changed to every other, every truncation: 0 crashes, 0"
        " hangs, at most twice the file + 1 MB, a `ValueError` or a valid model",
        _files,
    ),
    "reader": Figure(
        "model reader, fuzzed (atheris)", "1,000,000 executions: the same", _reader
    ),
    "calls": Figure(
        "C API, fuzzed (libFuzzer, ASan and UBSan)",
        "10,000,000 executions: 0 findings",
        _calls,
    ),
    "allocations": Figure(
        "injected allocation failures",
        "every point: 0 crashes, 0 bytes leaked, estimator usable",
        _allocations,
    ),
    "forks": Figure("forks", "10,000: 0 hangs", _forks),
    "interrupts": Figure(
        "interrupts at random times",
        "1,000: latency at most 100 ms, model valid each time",
        _interrupts,
    ),
    "bits": Figure(
        "1 to 8 threads, split forced, all solvers",
        "100 fits of each kind: one hash",
        _bits,
    ),
    "predictions": Figure(
        "concurrent predictions from 16 threads",
        "1,000,000: 0 differing bits",
        _predictions,
    ),
    "fits": Figure("growth over small fits", "100,000 fits: none", _fits),
    "soak": Figure(
        "soak", "30 minutes of mixed fits and predictions: memory slope 0", _soak
    ),
    "peak": Figure("peak memory of a fit", "the bound below", _peak),
}
