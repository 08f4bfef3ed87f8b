# SPDX-License-Identifier: BSD-3-Clause
"""How many threads a fit or a prediction uses: the meaning of ``n_jobs``."""

import os
from collections.abc import Sequence
from itertools import pairwise

# A training step does three products per layer (forward, weight gradient, delta).
PASSES_OF_A_STEP = 3

# The core's own limit: more would not be started.
_MOST_THREADS = 256

# Below this much work between two synchronisations a second thread gains nothing.
_WORTH_A_THREAD = 2e8


def count(
    n_jobs: int | None, widths: Sequence[int], n_rows: int, passes: int = 1
) -> int:
    """Threads for work that takes n_rows rows through the network at a time."""
    if n_jobs is None:
        products = sum(fan_in * fan_out for fan_in, fan_out in pairwise(widths))
        if products * n_rows * passes < _WORTH_A_THREAD:
            return 1
        return max(1, min(_available(), _openmp_limit()))
    if n_jobs < 0:
        return max(1, _available() + 1 + int(n_jobs))
    return min(int(n_jobs), _MOST_THREADS)


def _available() -> int:
    """CPUs that this process may use: affinity, containers and loky's own limit."""
    from joblib import cpu_count

    return cpu_count()


def _openmp_limit() -> int:
    """OMP_NUM_THREADS, by which loky and batch systems keep processes apart."""
    setting = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(setting) if setting.isdigit() else _available()
