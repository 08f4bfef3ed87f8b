# SPDX-License-Identifier: BSD-3-Clause
"""Allocations of a process counted and refused: the door to shim.c.

A program that uses these functions runs in a process that ``run_with_shim`` started.
"""

import ctypes
import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(os.environ["LD_PRELOAD"])
    library.shim_arm.argtypes = [ctypes.c_long, ctypes.c_size_t]
    library.shim_arm.restype = None  # nothing to allocate for once it is armed
    library.shim_refuse_threads.argtypes = [ctypes.c_bool]
    library.shim_refuse_threads.restype = None
    for name in ("disarm", "bytes", "blocks", "peak"):
        getattr(library, f"shim_{name}").restype = ctypes.c_long
    return library


def available() -> bool:
    """Whether this is a system of glibc's with a compiler, and malloc is its own."""
    glibc = sys.platform == "linux" and bool(os.confstr("CS_GNU_LIBC_VERSION"))
    if "LD_PRELOAD" in os.environ:  # a sanitizer's
        return False
    if sysconfig.get_config_var("Py_GIL_DISABLED"):  # Python has but one allocator
        return False
    compiler = [*_compiler(), "--version"]
    try:
        return glibc and subprocess.run(compiler, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def _compiler() -> list[str]:
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC"))


def run_with_shim(module: str, *arguments: str, python_too: bool = True) -> str:
    """What ``python -m module arguments`` prints in a process with the shim.

    With ``python_too`` Python's objects are allocated by malloc as well.
    """
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "shim.so")
        flags = ["-std=gnu11", "-O2", "-fPIC", "-shared", "-fno-builtin"]
        source = HERE / "shim.c"
        subprocess.run([*_compiler(), *flags, source, "-o", library], check=True)
        environment = {"LD_PRELOAD": str(library), "PYTHONHASHSEED": "0"}
        if python_too:
            environment["PYTHONMALLOC"] = "malloc"
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=HERE.parent,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    if done.returncode != 0:
        raise AssertionError(
            f"{module} {shlex.join(arguments)} ended with {done.returncode}:\n"
            f"{done.stdout}"
        )
    return done.stdout


def refusing(n: int, call: Callable[[], Any], least: int = 0) -> tuple[Any, bool]:
    """The exception of a call whose n-th allocation of ``least`` bytes fails.

    Returns
    -------
    error : BaseException or None
    refused : bool
        False when the call has fewer allocations.
    """
    library = _library()
    error = None
    library.shim_arm(n, least)
    try:
        call()
    except BaseException as caught:
        error = caught.with_traceback(None)  # whose frame would hold the error
    asked = library.shim_disarm()
    return error, asked > n


def refuse_threads(refuse: bool) -> None:
    """Whether the system has no more threads to give."""
    _library().shim_refuse_threads(refuse)


def blocks() -> int:
    """Blocks that the process has now."""
    return int(_library().shim_blocks())


def n_bytes() -> int:
    """Bytes of them."""
    return int(_library().shim_bytes())


def peak_of(call: Callable[[], Any]) -> int:
    """The most bytes during a call beyond what there were before it."""
    library = _library()
    library.shim_peak()
    before = library.shim_bytes()
    call()
    return library.shim_peak() - before
