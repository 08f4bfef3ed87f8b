# SPDX-License-Identifier: BSD-3-Clause
"""Build the C programs of this folder on the core: python tests/c/build.py FOLDER

Every tests/c/*.c, or every source named after FOLDER, becomes a program there, compiled
and linked by $CC (or the compiler that Python was built with) with the flags of
setup.py, $CFLAGS and $LDFLAGS.
NNFAST_WERROR=1 and NNFAST_SANITIZE=1 mean what they mean there.
"""

import os
import runpy
import shlex
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build(folder: Path, sources: list[str]) -> None:
    recipe = runpy.run_path("setup.py")
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC"))
    compiler += shlex.split(os.environ.get("CFLAGS", ""))
    link = [*recipe["SANITIZE"], *shlex.split(os.environ.get("LDFLAGS", ""))]

    def compile(unit):
        obj = folder / unit.name / Path(unit.source).with_suffix(".o").name
        obj.parent.mkdir(parents=True, exist_ok=True)
        macros = [f"-D{name}={value}" for name, value in unit.macros]
        command = [*compiler, *unit.flags, *macros, "-Icsrc", "-c", unit.source]
        subprocess.run([*command, "-o", obj], check=True)
        return obj

    units = recipe["core_units"](compiler)
    flags = ["-std=c11", *recipe["COMMON"]]
    units += [recipe["Unit"]("program", source, [], flags) for source in sources]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile, units))

    core = [obj for obj in objects if obj.parent.name != "program"]
    for obj in objects[len(core) :]:
        command = [*compiler, obj, *core, "-pthread", *link, "-lm"]
        subprocess.run([*command, "-o", folder / obj.stem], check=True)


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    os.chdir(ROOT)
    try:
        build(target, sys.argv[2:] or glob("tests/c/*.c"))
    except subprocess.CalledProcessError as error:
        sys.exit(f"failed: {shlex.join(map(str, error.cmd))}")
