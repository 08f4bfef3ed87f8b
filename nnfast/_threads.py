# SPDX-License-Identifier: BSD-3-Clause
"""How many threads a fit or a prediction may use: the meaning of ``n_jobs``.

The core uses as many of them as are worth it, within its own limit, which
NNFAST_NUM_THREADS and threadpoolctl set.
"""

import ctypes
import os
from functools import cache, lru_cache
from itertools import pairwise

import threadpoolctl

from . import _core

# A training step does three products per layer (forward, weight gradient, delta).
PASSES_OF_A_STEP = 3

# What the core counts for an input or a unit of a row, in multiply-adds; and of these,
# times the bytes of a number, what is too little to be shared with a second thread.
_FETCH_OR_ACTIVATION, _TOO_LITTLE = 16, 3e5 * _core.vector_bytes
# With more weights a step of the solver may be shared, however small the batch.
_WEIGHTS = 6e4


def count(n_jobs: int | None, little: bool) -> int:
    """Threads for work; where it is little, the system is not asked for its CPUs."""
    if n_jobs == 1:
        return 1
    if n_jobs is None:
        return 1 if little else _granted()
    if n_jobs < 0:
        return max(1, available() + 1 + int(n_jobs))
    return min(int(n_jobs), available())


def is_little(
    widths: tuple[int, ...], real_size: int, n_rows: int, passes: int = 1
) -> bool:
    """Whether the core shares nothing of it, whatever number of threads it is given.

    Parameters
    ----------
    widths : tuple of int
        Of a network whose inputs are dense.
    real_size : int
        Bytes of a number of the network.
    n_rows : int
        Rows that go through it at a time.
    passes : int
        How often each goes through it.
    """
    products = products_of(widths)
    row = passes * (products + _FETCH_OR_ACTIVATION * sum(widths))
    return products < _WEIGHTS and row * (n_rows + 16) * real_size < _TOO_LITTLE


@lru_cache
def products_of(widths: tuple[int, ...]) -> int:
    """Multiply-adds of a row's way through the network."""
    return sum(fan_in * fan_out for fan_in, fan_out in pairwise(widths))


def available() -> int:
    """CPUs that this process may use: affinity, containers and loky's own limit."""
    affinity = getattr(os, "sched_getaffinity", lambda pid: ())
    return cpus(len(affinity(0)), os.environ.get("LOKY_MAX_CPU_COUNT"))


@cache
def cpus(affinity: int, loky: str | None) -> int:
    """The same, found out once for each of what may change while a process runs."""
    from joblib import cpu_count

    return cpu_count()


def _granted() -> int:
    """Those available, within OMP_NUM_THREADS, by which batch systems share."""
    setting = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    limit = int(setting) if setting.isdecimal() else 0
    return min(available(), limit) if limit > 0 else available()


class Controller(threadpoolctl.LibController):
    """The core's limit as threadpoolctl sees it: ``threadpool_limits`` sets it."""

    user_api = internal_api = "nnfast"
    # Other packages have a _core too, but not this function in it.
    filename_prefixes = ("_core",)
    check_symbols = ("nnf_threads_limit",)

    def get_num_threads(self) -> int:
        """Return the most threads that a fit or a prediction may use."""
        return min(int(self.dynlib.nnf_threads_limit()), available())

    def set_num_threads(self, num_threads: int) -> None:
        """Set it, for all calls of this process that begin from now on.

        As many threads as there are CPUs is no limit: so much is given back at the end
        of a ``threadpool_limits`` that found none, and the CPUs may become more.
        """
        limit = num_threads if num_threads < available() else ctypes.c_size_t(-1).value
        self.dynlib.nnf_threads_set_limit(ctypes.c_size_t(limit))

    def get_version(self) -> str:
        """Return nnfast's version."""
        from . import __version__

        return __version__


threadpoolctl.register(Controller)
