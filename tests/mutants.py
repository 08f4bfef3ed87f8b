# SPDX-License-Identifier: BSD-3-Clause
"""Mutation testing of the C outside the kernels: what small faults no test sees.

    python tests/mutants.py FOLDER COUNT [SEED]

Of all that universalmutator does to the sources (its `mutate` has to be on the path),
COUNT faults are drawn that no compiler warns of and that change the machine code. Each
is put before the C programs and then before tests from Python, until something fails.
FOLDER keeps the faults and the verdicts: a later run of as many goes on where this one
ended, and puts what has survived before the tests again. It belongs to one state of
csrc/.
"""

import os
import random
import re
import resource
import runpy
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
from compiled import CC, ROOT, build

# In the order of what they see for their time. Not the program that knows kernels only.
PROGRAMS = ["refusals", "pace", "train", "steps", "sweep", "stops", "threads", "limits"]
TESTS = ["core_callbacks", "gradients", "dropout", "sparse", "training"]
TESTS += ["core_input", "core_settings", "core_junk"]

# What a program and a run of pytest may take, many times what they do: of the CPU, in
# the case of an endless loop; of a clock, twice, in that of a deadlock.
SECONDS = {"program": (6, 30), "pytest": (90, 240)}
MEMORY = 6 << 30  # bytes, before a wrong size takes the whole machine


class Bench:
    """The core in a folder, of which one object after the other is exchanged."""

    def __init__(self, folder):
        self.folder = folder
        self.core = build(folder / "c", CFLAGS="-fPIC")
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
        core = [p for p in self.core.glob("*/*.o") if p.parent.name != "program"]
        for name in [] if binding else PROGRAMS:
            obj, program = self.core / f"program/{name}.o", self.core / name
            call([*CC, obj, *core, "-pthread", "-lm", "-o", program], check=True)
            if failure := fails("program", [program], self.folder):
                return f"{name}: {failure}"
        module = self.folder / f"nnfast/_core{sysconfig.get_config_var('EXT_SUFFIX')}"
        objects = [*(self.folder / "py").glob("*.o"), *core]
        call([*CC, "-shared", *objects, "-pthread", "-lm", "-o", module], check=True)
        tests = [ROOT / f"tests/test_{name}.py" for name in TESTS]
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

    more = {"timeout": clock, "preexec_fn": limit, "env": {"PYTHONPATH": str(folder)}}
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
    """The lines that are not the same, with their number."""
    lines = (ROOT / source).read_text().splitlines()
    others = mutant.read_text().splitlines()
    at = next(
        i for i, line in enumerate(lines) if i >= len(others) or line != others[i]
    )
    after = others[at : at + 1 + max(0, len(others) - len(lines))]
    shown = [f"- {lines[at].strip()}", *(f"+ {line.strip()}" for line in after)]
    return "\n    ".join([f"{source}:{at + 1}", *shown])


def main(folder, count, seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder)
    if failure := bench.killer():
        sys.exit(f"without any fault: {failure}")
    log = folder / "verdicts"
    lines = log.read_text().splitlines() if log.exists() else []
    known = dict(line.split("\t") for line in lines)
    drawn = mutants(folder)
    random.Random(seed).shuffle(drawn)
    survivors, total = [], 0
    for source, mutant in drawn:
        if total == count:
            break
        verdict = known.get(mutant.name, "survives")
        if verdict == "survives":
            verdict = bench.verdict(source, mutant)
            with log.open("a") as file:
                file.write(f"{mutant.name}\t{verdict}\n")
        if verdict == "survives":
            survivors.append(difference(source, mutant))
        total += verdict not in ("the compiler", "same machine code")
    print("\n".join(survivors))
    print(f"{total - len(survivors)} of {total} killed, of {len(drawn)} that there are")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *map(int, sys.argv[2:]))
