# SPDX-License-Identifier: BSD-3-Clause
"""Mutation testing of the C outside the kernels: what small faults no test sees.

    python tests/mutants.py FOLDER COUNT [SEED]

Of all that universalmutator does to the sources (its `mutate` has to be on the path),
COUNT faults are drawn that no compiler warns of and that change the machine code. Each
is put before the C programs and then before tests from Python, until something fails.
FOLDER keeps the faults and the verdicts: a later run of as many goes on where this one
ended, and puts what has survived before the tests again. It belongs to one state of
csrc/.

Faults that change nothing to be seen are in equivalent_mutants.txt, each with the
reason. They are put before the tests as all others are, and are no kills; one that a
test finds after all is told.
"""

import hashlib
import os
import re
import resource
import runpy
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import numpy as np
from compiled import CC, ROOT, build, core_objects

# In the order of what they see for their time. Not the programs that know kernels only.
PROGRAMS = ["refusals", "pace", "plan", "batch", "pieces", "crew", "team", "train"]
PROGRAMS += ["steps", "source", "sweep", "stops", "threads", "limits"]
TESTS = ["core_settings.py", "core_input.py", "core_callbacks.py", "training_ends.py"]
TESTS += ["validation.py", "dropout.py", "core_junk.py", "gradients.py", "sparse.py"]
TESTS += ["views.py", "prepared.py", "class_numbers.py", "training.py", "pieces.py"]
TESTS += ["core_interrupts.py", "handover.py"]
TESTS += ["memory.py::test_every_allocation_of_the_core"]
TESTS += ["memory.py::test_whichever_allocation_of_python_fails"]
TESTS += ["memory.py::test_memory_that_fails_as_a_fit_hands_over"]
TESTS += ["memory.py::test_an_array_at_work_cannot_be_resized"]
TESTS += ["memory.py::test_an_array_that_is_checked_cannot_be_resized"]
TESTS += ["memory.py::test_the_peak_of_a_fit_is_what_the_page_says"]
TESTS += ["kernels.py::test_there_is_a_baseline_and_the_best_is_in_use"]
TESTS += ["threads.py::test_what_is_little_the_core_does_not_share"]
TESTS += ["threads.py::test_the_environment_limits_threads"]
TESTS += ["threads.py::test_where_warnings_are_errors_the_environment_ends_the_import"]

# What a program and a run of pytest may take, many times what they do: of the CPU, in
# the case of an endless loop; of a clock, twice, in that of a deadlock.
SECONDS = {"program": (6, 30), "pytest": (180, 480)}
MEMORY = 6 << 30  # bytes, before a wrong size takes the whole machine


class Bench:
    """The core in a folder, of which one object after the other is exchanged."""

    def __init__(self, folder):
        self.folder = folder
        os.environ["CFLAGS"] = ""  # the same for what is built later
        self.core = build(folder / "c")
        for name in ("csrc", "nnfast"):
            shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
        self.commands = {}
        os.environ["NNFAST_WERROR"] = "1"
        recipe = runpy.run_path("setup.py")
        for unit in recipe["core_units"](CC):
            if unit.name == "core":
                macros = [f"-D{name}={value}" for name, value in unit.macros]
                self.add(self.core / "core", unit.source, [*unit.flags, *macros])
        headers = ["-isystem", sysconfig.get_path("include")]
        headers += ["-isystem", np.get_include()]
        for path in sorted(ROOT.glob("csrc/py/*.c")):
            source = str(path.relative_to(ROOT))
            self.add(folder / "py", source, ["-std=c11", *recipe["COMMON"], *headers])
            self.compile(source)

    def add(self, folder, source, flags):
        folder.mkdir(exist_ok=True)
        obj = folder / Path(source).with_suffix(".o").name
        command = [*CC, "-fPIC", *flags, "-Icsrc", "-c", source, "-o", obj]
        self.commands[source] = command

    def compile(self, source):
        """Its object, as the source in the folder is now; whether there is one."""
        command = self.commands[source]
        return call(command, cwd=self.folder).returncode == 0

    def verdict(self, source, mutant):
        """What becomes of the source with that text in its place."""
        obj = self.commands[source][-1]
        before = obj.read_bytes()
        shutil.copy(mutant, self.folder / source)
        try:
            if not self.compile(source):
                return "the compiler"
            if obj.read_bytes() == before:
                return "same machine code"
            return self.killer(source.startswith("csrc/py/")) or "survives"
        finally:
            shutil.copy(ROOT / source, self.folder / source)
            obj.write_bytes(before)

    def killer(self, binding=False):
        """The first to fail; none: all hold."""
        core = core_objects(self.core)
        for name in [] if binding else PROGRAMS:
            obj, program = self.core / f"program/{name}.o", self.core / name
            call([*CC, obj, *core, "-pthread", "-lm", "-o", program], check=True)
            if failure := fails("program", [program], self.folder):
                return f"{name}: {failure}"
        module = self.folder / f"nnfast/_core{sysconfig.get_config_var('EXT_SUFFIX')}"
        objects = [*(self.folder / "py").glob("*.o"), *core]
        call([*CC, "-shared", *objects, "-pthread", "-lm", "-o", module], check=True)
        tests = [ROOT / f"tests/test_{name}" for name in TESTS]
        options = ["-x", "-q", "-p", "no:cacheprovider"]
        pytest = [sys.executable, "-m", "pytest", *options, *tests]
        return fails("pytest", pytest, self.folder)


def call(command, **more):
    more = {"check": False, "capture_output": True, "text": True} | more
    return subprocess.run(command, **more)


def fails(kind, command, folder):
    """How the command fails; none: it does not."""
    cpu, clock = SECONDS[kind]

    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    environment = os.environ | {"PYTHONPATH": str(folder)}
    more = {"timeout": clock, "preexec_fn": limit, "env": environment}
    for _ in range(2):
        try:
            done = call(command, cwd=folder, **more)
        except subprocess.TimeoutExpired:
            continue
        if done.returncode == 0:
            return None
        told = re.search(r"^(FAILED:?|ERROR) (.+)$", done.stdout, re.MULTILINE)
        return told[2].split(" - ")[0] if told else f"ends with {done.returncode}"
    return "does not end"


def mutants(folder):
    """Every (source, file of a fault in it)."""
    found = []
    for path in sorted([*ROOT.glob("csrc/*.c"), *ROOT.glob("csrc/py/*.c")]):
        if path.stem == "system_windows":
            continue  # is empty here
        there = folder / "mutants" / path.stem
        if not there.exists():
            there.mkdir(parents=True)
            mutate = ["mutate", path, "c", "--noCheck", "--mutantDir", there]
            call(mutate, cwd=folder, check=True)
        source = str(path.relative_to(ROOT))
        found += [(source, mutant) for mutant in sorted(there.iterdir())]
    return found


def difference(source, mutant):
    """Where the first line is that is not the same, and what a listed fault has of it:
    the source, the function, the lines."""
    lines = [*(ROOT / source).read_text().splitlines(), ""]
    others = [*mutant.read_text().splitlines(), ""]
    at = next(i for i, (line, other) in enumerate(zip(lines, others)) if line != other)
    after = others[at : at + 1 + max(0, len(others) - len(lines))]
    shown = [f"- {lines[at].strip()}", *(f"+ {line.strip()}" for line in after)]
    outside = next((i for i in range(at - 1, -1, -1) if lines[i][:1] == "}"), 0)
    names = (re.match(r"(\w+)\(", line) for line in lines[outside:at])
    function = next((name[1] for name in names if name), "")
    return f"{source}:{at + 1}", "\n    ".join([f"{source} {function}".strip(), *shown])


def draw(folder, seed):
    """Every fault with its difference, in an order that seems random: by a hash, so
    that a change of csrc/ replaces those faults only that it touches."""
    ranked, before = [], Counter()
    for source, mutant in mutants(folder):
        place, fault = difference(source, mutant)
        text = f"{seed} {fault}" + f" {before[fault]}" * (before[fault] > 0)
        before[fault] += 1
        rank = hashlib.sha256(text.encode()).digest()
        ranked.append((rank, source, mutant, place, fault))
    return [fault for _, *fault in sorted(ranked)]


def equivalents():
    """The listed faults, as difference() gives them."""
    text = (ROOT / "tests/equivalent_mutants.txt").read_text()
    return set(re.findall(r"^csrc/.+(?:\n    [-+] .*)+", text, re.MULTILINE))


def main(folder, count, seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder)
    if failure := bench.killer():
        sys.exit(f"without any fault: {failure}")
    log = folder / "verdicts"
    lines = log.read_text().splitlines() if log.exists() else []
    known = dict(line.split("\t") for line in lines)
    drawn = draw(folder, seed)
    listed = equivalents()
    for fault in sorted(listed - {fault for *_, fault in drawn}):
        print(f"is listed as equivalent, and no fault of these sources: {fault}")
    survivors, n_equivalent, total = [], 0, 0
    for source, mutant, place, fault in drawn:
        if total == count:
            break
        verdict = known.get(mutant.name, "survives")
        if verdict == "survives":
            verdict = bench.verdict(source, mutant)
            with log.open("a") as file:
                file.write(f"{mutant.name}\t{verdict}\n")
        if verdict in ("the compiler", "same machine code"):
            continue
        total += 1
        if verdict != "survives":
            if fault in listed:
                print(f"{place}: {verdict} finds what is listed as equivalent")
        elif fault in listed:
            n_equivalent += 1
        else:
            survivors.append(f"{place}\n{fault}")
    print("\n".join(survivors))
    killed = total - n_equivalent - len(survivors)
    print(f"{killed} of {total} killed, {n_equivalent} equivalent, ", end="")
    print(f"{len(survivors)} unsorted, of {len(drawn)} that there are")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *map(int, sys.argv[2:]))
