# SPDX-License-Identifier: BSD-3-Clause
"""How long Ctrl-C takes to stop a fit, from one small step to one huge one.

Each fit runs in this process; a timer sends SIGINT at a random moment of it, and the
time from the signal to fit's return (with its warning and a usable model) is printed.

    python benchmarks/interrupt_latency.py
    python benchmarks/interrupt_latency.py --repeat 50
"""

import argparse
import os
import signal
import threading
import time
import warnings
from itertools import pairwise

import numpy as np

from nnfast import MLPClassifier

# Name, rows, columns, hidden layers, batch size, threads.
FITS = (
    ("200 x 2, full batch", 200, 2, (4,), 200, 1),
    ("200 x 2, batch 1, 2 threads", 200, 2, (4,), 1, 2),
    ("2,000 x 64, batch 200", 2000, 64, (100,), 200, 1),
    ("100,000 x 30, full batch", 100_000, 30, (100,), 100_000, 1),
    ("1,000 x 1,024, batch 256", 1000, 1024, (1024, 1024, 1024), 256, 1),
    ("500 x 3,000, 4,096 wide", 500, 3000, (4096, 4096), 256, 2),
)
LIMIT = 0.1


def latency(model: MLPClassifier, X: np.ndarray, y: np.ndarray, after: float) -> float:
    """Seconds from a SIGINT sent ``after`` seconds into a fit to the fit's return."""
    sent = []

    def interrupt() -> None:
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(after, interrupt)
    timer.start()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    seconds = time.perf_counter() - sent[0]
    assert any("interrupted by user" in str(w.message) for w in caught)
    assert np.isfinite(model.predict_proba(X[:1])).all()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--repeat", type=int, default=10, help="fits of each kind")
    repeat = parser.parse_args().repeat

    rng = np.random.default_rng(0)
    print(f"{'fit':28} {'type':8} {'median':>9} {'largest':>9}   (limit {LIMIT:g} s)")
    for name, rows, columns, hidden, batch_size, n_jobs in FITS:
        X = rng.standard_normal((rows, columns))
        y = rng.integers(0, 2, rows)
        model = MLPClassifier(
            hidden,
            batch_size=batch_size,
            max_iter=10**9,
            n_iter_no_change=np.inf,
            random_state=0,
            n_jobs=n_jobs,
        )
        for dtype in (np.float32, np.float64):
            data = X.astype(dtype)
            weights = sum(a * b for a, b in pairwise((columns, *hidden, 1)))
            drawn = 0.2 + 1e-7 * weights  # seconds, by when the first weights are
            delays = drawn + 0.3 * rng.random(repeat)
            seconds = [latency(model, data, y, after) for after in delays]
            print(
                f"{name:28} {np.dtype(dtype).name:8} {np.median(seconds):7.4f} s"
                f" {max(seconds):7.4f} s"
                f"{'' if max(seconds) <= LIMIT else '   TOO SLOW'}"
            )


if __name__ == "__main__":
    main()
