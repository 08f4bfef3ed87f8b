# SPDX-License-Identifier: BSD-3-Clause
"""Memory held after many calls: of one small fit, or of a mix of all there is.

    python -m reliability.growth fits N
    python -m reliability.growth soak SECONDS

prints JSON. It must run with the shim, which counts every block of the process.
"""

import gc
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from nnfast import MLPClassifier, MLPRegressor

from . import shim


def resident() -> int:
    """Bytes of memory that the system has given to this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if "VmRSS" in line)


def fits(n: int) -> dict[str, Any]:
    """Blocks and bytes that there are more of after n small fits than after a few.

    A fit that lost a block would add n.
    """
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 2)), rng.integers(2, size=20)
    model = MLPClassifier((3,), max_iter=1, random_state=0)
    found = []
    for count in (max(n // 10, 500), n):  # what Python keeps is there then
        for _ in range(count):
            model.fit(X, y)
        gc.collect()
        found.append((shim.blocks(), shim.n_bytes(), resident()))
    blocks, size, rss = (after - before for before, after in zip(*found, strict=True))
    return {"fits": n, "blocks": blocks, "bytes": size, "resident": rss}


# ---- the mix ----

FITS = 16  # random ones in a round
MOST_ROUNDS = 100_000


def _data(rng: np.random.Generator) -> tuple[Any, np.ndarray, np.ndarray]:
    n, d = int(rng.integers(30, 400)), int(rng.integers(1, 40))
    X = rng.normal(size=(n, d)).astype(rng.choice([np.float32, np.float64]))
    if rng.random() < 0.3:
        X = sparse.csr_array(np.where(rng.random(X.shape) < 0.2, X, 0))
    return X, rng.integers(3, size=n), rng.normal(size=n)


def _fit_and_predict(rng: np.random.Generator) -> None:
    X, labels, target = _data(rng)
    classifies = rng.random() < 0.5
    y = labels if classifies else target
    model = (MLPClassifier if classifies else MLPRegressor)(
        hidden_layer_sizes=tuple(int(h) for h in rng.integers(1, 60, rng.integers(3))),
        solver=str(rng.choice(["adam", "sgd", "lbfgs"])),
        max_iter=5,
        random_state=int(rng.integers(1000)),
        n_jobs=int(rng.integers(1, 3)),
    )
    model.set_params(early_stopping=bool(rng.random() < 0.3))
    model.fit(X, y)
    model.predict(X)
    model.predict(X[:1])
    if classifies:
        model.predict_log_proba(X)
    if model.solver != "lbfgs":
        model.set_params(early_stopping=False).partial_fit(X, y)
    model.set_params(warm_start=True).fit(X, y)


def _fail(rng: np.random.Generator) -> None:
    """A fit that diverges, and one that is refused."""
    X, _, target = _data(rng)
    for model, rows in [
        (MLPRegressor(max_iter=5, learning_rate_init=1e300, solver="sgd"), X),
        (MLPRegressor(hidden_layer_sizes=(10**9, 10**9)), X),
        (MLPRegressor(), X[:-1]),
    ]:
        try:
            model.fit(rows, target)
        except (ValueError, MemoryError):
            continue
        raise AssertionError(f"{model} was fitted")


def soak(seconds: float) -> dict[str, Any]:
    """Rounds of mixed calls; what the median of the late rounds has over the early.

    A call of the mix that lost a block would add one per round, so what is added
    counts only where it comes to that.
    """
    # Made at once: a list would hold four blocks more after each round.
    rows, n = np.zeros((MOST_ROUNDS, 3), np.int64), 0
    end = time.monotonic() + seconds
    while n < 10 or (time.monotonic() < end and n < MOST_ROUNDS):
        # The same mix in each round: of each new size NumPy keeps a few small arrays
        # for later, which would take an hour to end.
        rng = np.random.default_rng(0)
        for _ in range(FITS):
            _fit_and_predict(rng)
        _fail(rng)
        gc.collect()
        rows[n] = shim.blocks(), shim.n_bytes(), resident()
        n += 1
    part = n // 5
    late, early = rows[n - part : n], rows[part : 2 * part]
    difference = np.median(late, axis=0) - np.median(early, axis=0)
    blocks, size, rss = difference.tolist()
    return {
        "rounds": n,
        "apart": n - 2 * part,  # rounds from the one median to the other
        "seconds": seconds,
        "blocks": blocks,
        "bytes": size,
        "resident": rss,
        "highest resident": int(rows[:, 2].max()),
    }


WORKS: dict[str, tuple[Callable[[Any], dict[str, Any]], type]] = {
    "fits": (fits, int),
    "soak": (soak, float),
}


def measure(work: str, size: float) -> dict[str, Any]:
    """One of ``WORKS`` in a process with the shim."""
    return json.loads(shim.run_with_shim(__spec__.name, work, str(size)))


def main() -> None:
    warnings.simplefilter("ignore")
    work, read = WORKS[sys.argv[1]]
    print(json.dumps(work(read(sys.argv[2]))))


if __name__ == "__main__":
    main()
