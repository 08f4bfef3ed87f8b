# SPDX-License-Identifier: BSD-3-Clause
"""How long Ctrl-C takes to end a call, and what it leaves: from one small step to a
huge one, in fits, predictions and what surrounds them, dense and sparse.

Each call runs in this process, over and over; a thread sends SIGINT at a random moment,
and the time from the signal to the call's return, or to its KeyboardInterrupt, is
measured: by the clock, and as CPU time of all threads. The model must then have finite
weights and predict, and a fit must give the bits that a fresh estimator's gives. An
interrupt during which the whole process was stopped (SIGSTOP) is sent again.

    python benchmarks/interrupt_latency.py
    python benchmarks/interrupt_latency.py --interrupts 1000
    python benchmarks/interrupt_latency.py --cpu   # while the machine does other things

With --cpu it is the CPU time that may not be more than 100 ms.
"""

import argparse
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from nnfast import MLPClassifier, MLPRegressor

LIMIT = 0.1  # seconds
SMALL = 10**7  # numbers in X or weights

# Rows on which it is tried whether a model still learns.
FEW = 40


@dataclass
class Call:
    """What is interrupted, and how often in comparison with the others."""

    name: str
    rows: int
    columns: int
    hidden: tuple[int, ...]
    share: int = 4
    method: str = "fit"
    stored: float = 1.0  # of the entries of X; less is CSR
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Numbers in X, or weights, whichever are more."""
        widths = (self.columns, *self.hidden)
        weights = sum(a * b for a, b in pairwise(widths))
        return max(weights, int(self.rows * self.columns * self.stored))

    def data(self, dtype: Any) -> tuple[Any, np.ndarray]:
        rng = np.random.default_rng(0)
        y = rng.integers(0, 2, self.rows)
        if self.stored == 1:
            return rng.standard_normal((self.rows, self.columns), dtype), y
        each = int(self.stored * self.columns)
        columns = rng.integers(0, self.columns, (self.rows, each), dtype=np.int32)
        starts = np.arange(0, self.rows * each + 1, each)
        values = rng.standard_normal(self.rows * each, dtype)
        shape = (self.rows, self.columns)
        return sparse.csr_array((values, columns.ravel(), starts), shape=shape), y

    def model(self) -> MLPClassifier | MLPRegressor:
        settings = dict(self.settings)
        kind = settings.pop("kind", MLPClassifier)
        return kind(
            hidden_layer_sizes=self.hidden,
            max_iter=10**9,
            n_iter_no_change=np.inf,
            random_state=0,
            **settings,
        )


CALLS = (
    Call("200 x 2, full batch", 200, 2, (4,), settings={"batch_size": 200}),
    Call(
        "200 x 2, batch 1, 2 threads",
        *(200, 2, (4,)),
        settings={"batch_size": 1, "n_jobs": 2},
    ),
    Call("2,000 x 64, batch 200", 2000, 64, (100,)),
    Call("1,000,000 x 30, batch 200", 10**6, 30, (20,)),
    Call("100,000 x 30, full batch", 10**5, 30, (100,), settings={"batch_size": 10**5}),
    Call("1,000 x 1,024, three of 1,024", 1000, 1024, (1024,) * 3),
    Call("500 x 3,000, two of 4,096", 500, 3000, (4096,) * 2, share=2),
    Call("300 x 4,000, two of 8,192", 300, 4000, (8192,) * 2, share=1),
    Call("sgd, 10,000 x 100", 10**4, 100, (300,), settings={"solver": "sgd"}),
    Call("lbfgs, 100,000 x 30", 10**5, 30, (100,), settings={"solver": "lbfgs"}),
    Call("dropout, 10,000 x 100", 10**4, 100, (300,), settings={"dropout": 0.3}),
    Call(
        "early stopping, 300,000 x 30",
        *(300_000, 30, (50,)),
        settings={"early_stopping": True, "validation_fraction": 0.9},
    ),
    Call(
        "the same of a regressor",
        *(300_000, 30, (50,)),
        settings={
            "early_stopping": True,
            "validation_fraction": 0.9,
            "kind": MLPRegressor,
        },
    ),
    Call("sparse, 200,000 x 20,000", 200_000, 20_000, (100,), stored=1e-3),
    Call(
        "sparse, full batch",
        *(200_000, 20_000, (100,)),
        stored=1e-3,
        settings={"batch_size": 200_000},
    ),
    Call(
        "sparse, lbfgs",
        *(200_000, 5_000, (50,)),
        stored=4e-3,
        settings={"solver": "lbfgs"},
    ),
    Call("predict 3,000,000 x 30", 3 * 10**6, 30, (100,), method="predict"),
    Call(
        "the same with 2 threads",
        *(3 * 10**6, 30, (100,)),
        method="predict_proba",
        settings={"n_jobs": 2},
    ),
    Call(
        "predict sparse", 500_000, 20_000, (100,), stored=1e-3, method="predict_proba"
    ),
    Call("predict, two of 4,096", 3000, 3000, (4096,) * 2, method="predict_log_proba"),
)


class Latency(NamedTuple):
    """Seconds that a call went on after its interrupt."""

    wall: float
    cpu: float


def now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def interrupted(call: Callable[[], Any], after: float) -> Latency | None:
    """The latency of a SIGINT so many seconds from now; None if all was stopped."""
    sent: list[tuple[float, float]] = []
    stops: list[int] = []
    begun = threading.Event()

    def interrupt() -> None:
        begun.wait()  # to be started takes its time, and can be interrupted, too
        time.sleep(after)
        sent.append(now())
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=interrupt)
    signal.signal(signal.SIGCONT, lambda number, frame: stops.append(number))
    sender.start()
    try:
        begun.set()
        while not sent:
            call()
        end = now()
        sender.join()  # a signal that is still on its way ends this, or the sleep
        time.sleep(0.05)
    except KeyboardInterrupt:
        end = now()
    sender.join()
    if stops:
        return None
    return Latency(*(late - early for early, late in zip(sent[0], end)))


def is_well(model: Any, X: Any, y: np.ndarray, fresh: bytes) -> bool:
    """Whether the model can be used, and learns as if nothing had been."""
    finite = all(np.isfinite(each).all() for each in model.coefs_)
    if not finite or not np.isfinite(model.predict(X[:FEW])).all():
        return False
    return bits(few_epochs(model, X, y)) == fresh


def few_epochs(model: Any, X: Any, y: np.ndarray) -> Any:
    before = model.get_params()
    few = {"max_iter": 2, "early_stopping": False, "batch_size": "auto"}
    model.set_params(**few).fit(X[:FEW], y[:FEW])
    return model.set_params(**before)


def bits(model: Any) -> bytes:
    arrays = (*model.coefs_, *model.intercepts_)
    return b"".join(array.tobytes() for array in arrays)


@dataclass
class Seen:
    """What so many interrupts gave."""

    latencies: list[Latency]
    unwell: int

    def largest(self) -> Latency:
        return Latency(*map(max, zip(*self.latencies)))


def try_call(call: Call, dtype: Any, delays: np.ndarray) -> Seen:
    X, y = call.data(dtype)
    # Nothing is left to import, which a signal could hit.
    model = few_epochs(call.model(), X, y)
    fresh = bits(model)
    if call.method == "fit":
        work = partial(model.fit, X, y)
    else:
        work = partial(getattr(model, call.method), X)
    seen = Seen([], 0)
    for after in delays:
        latency = None
        while latency is None:
            latency = interrupted(work, after)
            seen.unwell += not is_well(model, X, y, fresh)
        seen.latencies.append(latency)
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--interrupts", type=int, default=200, help="in all (200)")
    parser.add_argument(
        "--longest", type=float, default=0.8, help="seconds until one, at most (0.8)"
    )
    parser.add_argument("--small", action="store_true", help="only of what is small")
    parser.add_argument("--cpu", action="store_true", help="the limit is of CPU time")
    options = parser.parse_args()
    interrupts = options.interrupts
    limited = "cpu" if options.cpu else "wall"

    # A shell starts background jobs with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    kinds = [
        (call, dtype)
        for call in CALLS
        for dtype in (np.float32, np.float64)
        if call.size <= SMALL or not options.small
    ]
    shares = np.cumsum([0, *(call.share for call, _ in kinds)])
    bounds = interrupts * shares // shares[-1]
    print(f"{'call':30} {'type':8} {'times':>5} {'largest':>9} {'of CPU':>9}")
    everything = Seen([], 0)
    for (call, dtype), times in zip(kinds, np.diff(bounds), strict=True):
        if times == 0:
            continue
        seen = try_call(call, dtype, options.longest * rng.random(times))
        everything.latencies += seen.latencies
        everything.unwell += seen.unwell
        largest = seen.largest()
        print(
            f"{call.name:30} {np.dtype(dtype).name:8} {times:5}"
            f" {largest.wall:7.4f} s {largest.cpu:7.4f} s"
            f"{'' if getattr(largest, limited) <= LIMIT else '   TOO SLOW'}"
            f"{'' if seen.unwell == 0 else f'   {seen.unwell} MODELS UNWELL'}",
            flush=True,
        )
    largest = everything.largest()
    slow = sum(getattr(each, limited) > LIMIT for each in everything.latencies)
    print(
        f"{interrupts:,} interrupts: at most {1000 * largest.wall:.0f} ms,"
        f" {1000 * largest.cpu:.0f} ms of CPU time; {slow} above {1000 * LIMIT:.0f} ms"
        f"{' of CPU time' * options.cpu}, {everything.unwell} models unwell"
    )
    return int(slow > 0 or everything.unwell > 0)


if __name__ == "__main__":
    raise SystemExit(main())
