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

# Bytes of multiply-adds that the core never shares with a second thread: for so few the
# system is not asked how many CPUs there are.
_TOO_LITTLE = 1.5e5 * _core.vector_bytes


def count(
    n_jobs: int | None,
    widths: tuple[int, ...],
    real_size: int,
    n_rows: int,
    passes: int = 1,
) -> int:
    """Threads for work that takes n_rows rows through the network at a time.

    Parameters
    ----------
    real_size : int
        Bytes of a number of the network.
    """
    if n_jobs == 1:
        return 1
    if n_jobs is None:
        if products_of(widths) * n_rows * passes * real_size < _TOO_LITTLE:
            return 1
        return _granted()
    if n_jobs < 0:
        return max(1, available() + 1 + int(n_jobs))
    return min(int(n_jobs), available())


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
