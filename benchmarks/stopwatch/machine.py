# SPDX-License-Identifier: BSD-3-Clause
"""What the processor is, and what it can do: measured by a few lines of C.

The C is compiled when the benchmark starts, with the compiler that Python was built
with (or that CC names). Without one there is no peak, and so no limit, to compare
with; the times are measured all the same.
"""

import ctypes
import os
import platform
import shlex
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SOURCE = Path(__file__).with_name("roofline.c")
OPERATIONS_PER_LANE = 24  # of one round of the C loop
BURST = 250_000  # rounds: under a millisecond, to fall between others' turns
BURST_OF_MANY = 2_000_000  # rounds: long against the time to start several threads
STREAM = 32 * 2**20  # floats: 128 MiB, more than the caches of most machines


class InstructionSet(NamedTuple):
    vector_bytes: int
    flags: tuple[str, ...]


INSTRUCTION_SETS = {
    "base": InstructionSet(16, ()),
    "neon": InstructionSet(16, ()),
    "avx2": InstructionSet(32, ("-mavx2", "-mfma")),
    "avx512": InstructionSet(64, ("-mavx512f", "-mprefer-vector-width=512")),
}


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    return next(names, platform.machine())


def cpus() -> list[int]:
    """Numbers of the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pin(numbers: list[int]) -> None:
    """Run on these processors only, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, numbers)


@contextmanager
def pinned(numbers: list[int]) -> Iterator[None]:
    before = cpus()
    pin(numbers)
    try:
        yield
    finally:
        pin(before)


class Machine:
    """The best that was seen so far; nothing without a compiler.

    Peaks, in operations a second, are by instruction set, type and number of threads;
    bandwidths, in bytes a second, are those of one thread with the first of the sets.
    """

    def __init__(self, isas: Sequence[str]) -> None:
        self.isas = isas
        self.peaks: dict[str, dict[str, dict[str, float]]] = {}
        self.bandwidths: dict[str, float] = {}
        self.libraries: dict[str, ctypes.CDLL] = {}
        self.trouble = ""
        self.streams = None
        for isa in isas:
            library, trouble = _compile(INSTRUCTION_SETS[isa])
            if library is None:
                self.trouble = "" if self.libraries else trouble
                return
            self.libraries[isa] = library
            self.peaks[isa] = {"float32": {}, "float64": {}}

    def measure_peaks(self, threads: int) -> None:
        """Once more, on as many processors as threads; the best of all is kept."""
        for isa, library in self.libraries.items():
            for dtype, best in self.peaks[isa].items():
                peak = _peak(library, isa, dtype, threads)
                best[str(threads)] = max(best.get(str(threads), 0.0), peak)

    def measure_bandwidths(self) -> None:
        if not self.libraries:
            return
        library = self.libraries[self.isas[0]]
        if self.streams is None:
            self.streams = [_aligned(STREAM, 1.0), _aligned(STREAM, 0.0)]
        a, b = (array.ctypes.data_as(ctypes.c_void_p) for array in self.streams)
        n = ctypes.c_size_t(STREAM)
        kinds = {
            "read": (4 * STREAM, lambda: library.stream_read(n, a)),
            "update": (12 * STREAM, lambda: library.stream_update(n, a, b)),
        }
        with pinned(cpus()[-1:]):
            for kind, (n_bytes, run) in kinds.items():
                best = n_bytes / min(_seconds(run) for _ in range(3))
                self.bandwidths[kind] = max(self.bandwidths.get(kind, 0.0), best)

    def facts(self) -> dict[str, Any]:
        return {
            "instruction_set": self.isas[0],
            "peak_flops": self.peaks,
            "bytes_per_second": self.bandwidths,
            "bytes_of_a_stream": 4 * STREAM,
        }


def _compile(
    instruction_set: InstructionSet,
) -> tuple[ctypes.CDLL | None, str]:
    """The loaded C library, or why there is none."""
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder, "roofline.so")
        command = [*shlex.split(compiler), "-std=gnu11", "-O2", "-ffp-contract=fast"]
        command += ["-shared", "-fPIC", "-Wno-psabi", *instruction_set.flags]
        command += [f"-DVECTOR_BYTES={instruction_set.vector_bytes}"]
        command += ["-o", str(built), str(SOURCE)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError:
            return None, f"{compiler}: no such compiler"
        except subprocess.CalledProcessError as error:
            return None, (error.stderr.strip().splitlines() or [str(error)])[0]
        library = ctypes.CDLL(str(built))
    library.peak_float.restype = library.peak_double.restype = ctypes.c_double
    library.stream_read.restype = ctypes.c_float
    return library, ""


def _peak(library: ctypes.CDLL, isa: str, dtype: str, threads: int) -> float:
    """Operations a second of so many threads, the best of a few bursts."""
    lanes = INSTRUCTION_SETS[isa].vector_bytes // np.dtype(dtype).itemsize
    rounds = BURST if threads == 1 else BURST_OF_MANY
    burst = _burst(library, dtype, rounds)
    with pinned(cpus()[-threads:]):
        seconds = min(_together(burst, threads) for _ in range(20))
    return threads * rounds * OPERATIONS_PER_LANE * lanes / seconds


def _burst(library: ctypes.CDLL, dtype: str, rounds: int) -> Callable[[], None]:
    """So many rounds, whose values stay near 1; ctypes lets go of the GIL meanwhile."""
    name, real = {
        "float32": ("peak_float", ctypes.c_float),
        "float64": ("peak_double", ctypes.c_double),
    }[dtype]
    peak = getattr(library, name)
    return lambda: peak(ctypes.c_size_t(rounds), real(0.5), real(0.5))


def _together(run: Callable[[], None], threads: int) -> float:
    """Seconds until as many threads have all run it."""
    if threads == 1:
        return _seconds(run)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: time.sleep(0.001), range(threads)))  # start them all
        return _seconds(lambda: list(pool.map(lambda _: run(), range(threads))))


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _aligned(n: int, value: float) -> np.ndarray:
    """n floats that start on a multiple of 64 bytes, every page touched."""
    raw = np.full(n + 16, value, np.float32)
    return raw[(-raw.ctypes.data % 64) // 4 :][:n]
