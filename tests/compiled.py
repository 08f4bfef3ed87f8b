# SPDX-License-Identifier: BSD-3-Clause
"""The C compiler of the tests, and the C programs that it makes."""

import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

from shell import run

ROOT = Path(__file__).resolve().parents[1]
# A sanitizer's runtime, with which no emulator and no valgrind starts.
PRELOADED = "LD_PRELOAD" in os.environ
CC = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def can_build(language, *flags):
    """Whether the compiler makes a program of that language with those flags."""
    command = [*CC, *flags, "-x", language, "-", "-o", os.devnull]
    program = "int main(void) { return 0; }"
    done = subprocess.run(command, input=program, capture_output=True, text=True)
    return done.returncode == 0


def build(folder, **environment):
    """The core's objects, fit for a library too, and the programs of tests/c, in that
    folder."""
    flags = os.environ.get("CFLAGS", "") + " -fPIC"
    run(sys.executable, ROOT / "tests/c/build.py", folder, CFLAGS=flags, **environment)
    return folder


def core_objects(folder):
    """Of those that are built there, the core's."""
    objects = [path for path in folder.glob("*/*.o") if path.parent.name != "program"]
    assert objects
    return objects


def name_and_version(compiler):
    """As "gcc 12": the maker and the first part of the version."""
    macros = run(*compiler, "-dM", "-E", "-x", "c", os.devnull)
    value = dict(re.findall(r"^#define (\w+) (.+)$", macros, re.MULTILINE))
    if "__clang__" in value:
        return f"clang {value['__clang_major__']}"
    return f"gcc {value['__GNUC__']}"
