# SPDX-License-Identifier: BSD-3-Clause
"""Every allocation of a call refused once, in turn; what each call then does.

    python -m reliability.allocations CASE ...

prints a line of JSON per case. It must run with the shim: ``measure`` starts it so. Of
the calls of the core (``CORE``) every allocation between Python's call and its return
is refused: those of the extension, and those with which Python enters and leaves it.
Of an estimator's methods (``ESTIMATORS``) it is every allocation as large as an array,
by whomever: nnfast, scikit-learn, SciPy or NumPy. (For lack of smaller ones NumPy's
generators crash, and SciPy when it picks rows of a sparse matrix.)
"""

import gc
import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import joblib
import numpy as np
import twin
from scipy import sparse

import nnfast
from nnfast import _core, _parameters

from . import shim

rng = np.random.default_rng(0)
WIDTHS, N = (3, 4, 2), 6
# A leak is a block or more at every repeat, in every round. Python's lists of free
# objects, the longest of which has room for 2000, are full before the last round.
REPEATS, ROUNDS = 20, 300


class Case(NamedTuple):
    """A call, and what of its world has to be as before when it fails."""

    call: Callable[[], Any]
    state: Callable[[], Any] = lambda: None
    least: int = 0  # bytes of the allocations that are refused


# ---- the core ----


def _problem() -> dict[str, Any]:
    theta, X, y, weight = twin.problem_of(WIDTHS, "identity", N, np.float64)
    return {"parameters": theta, "X": X, "y": y, "sample_weight": weight}


def _net() -> Any:
    return _core.Net(WIDTHS, ("relu", "identity"), "squared_error")


def _csr(X: np.ndarray) -> tuple[np.ndarray, ...]:
    matrix = sparse.csr_array(X)
    return matrix.data, matrix.indices.astype("i4"), matrix.indptr.astype("i8")


def predict(X: Any = None, **more: Any) -> Case:
    net, problem = _net(), _problem()
    out = np.empty((N, 2))
    X = problem["X"] if X is None else X
    return Case(lambda: net.predict(problem["parameters"], X, out, **more))


def prepared(call: Callable[[Any, np.ndarray], Any]) -> Case:
    """What becomes of a maker of Prepared and of rows."""
    problem = _problem()
    theta = problem["parameters"]
    views = theta, WIDTHS, *_parameters.views(theta, WIDTHS)
    make = partial(_core.Prepared, _net(), views, {"name": 1}, "none", N)
    return Case(partial(call, make, problem["X"]))


def gradient() -> Case:
    net, problem = _net(), _problem()
    slope = np.empty(net.size)
    return Case(lambda: net.gradient(**problem, alpha=0.1, gradient=slope))


def train(**changes: Any) -> Case:
    """All that a training can have: validation, dropout, a generator, a callback."""
    net, problem = _net(), _problem()
    settings = twin.settings_of(
        score="r2", dropout=(0.5,), n_iter_no_change=1000, **changes
    )
    start, moments = problem["parameters"].copy(), np.zeros((2, net.size))
    generator = np.random.PCG64(1)

    def call() -> None:
        problem["parameters"][:] = start
        net.train(
            **problem,
            moments=moments,
            settings=settings,
            state={},
            split=(np.arange(N), np.arange(N), None),
            best_parameters=np.empty_like(start),
            bit_generator=generator,
            on_epoch=(lambda epoch: None) if settings["max_iter"] < 10 else None,
        )

    def lock_is_free() -> bool:
        """Asked of another thread: the lock is one that its owner can take again."""
        with ThreadPoolExecutor(1) as another:
            taken = another.submit(generator.lock.acquire, False).result()
            if taken:
                another.submit(generator.lock.release).result()
        return taken

    return Case(call, lock_is_free)


CORE: dict[str, Callable[[], Case]] = {
    "Net": lambda: Case(_net),
    "predict": predict,
    "predict, CSR": lambda: predict(_csr(np.eye(N, 3))),
    "predict, isa": lambda: predict(isa="base"),
    "predict, 2 threads": lambda: predict(n_threads=2),
    "Prepared": lambda: prepared(lambda make, X: make()),
    "Prepared.predict": lambda: prepared(
        lambda make, X: make().predict({"name": 1}, X, False)
    ),
    "gradient": gradient,
    "train": lambda: train(max_iter=3),
    # The curves have room for 64 epochs at first.
    "train, long": lambda: train(max_iter=130),
    "is_plain": lambda: Case(lambda: _core.is_plain(np.ones(3), 1)),
    "class_numbers": lambda: Case(
        lambda: _core.class_numbers(np.array([2, 5]), np.array([2, 5]))
    ),
}


# ---- estimators ----

ROWS, COLUMNS = 600, 3
X = rng.normal(size=(ROWS, COLUMNS))
TARGET = X[:, 0] - X[:, 1]
LABELS = np.searchsorted([-0.5, 0.5], TARGET)
# No array of a number per row or per weight is smaller.
ARRAY = 2048


def estimator(name: str, method: str, X: Any = X, **settings: Any) -> Case:
    """A method of an estimator that was fitted before."""
    target = LABELS if name == "MLPClassifier" else TARGET
    settings = {"hidden_layer_sizes": (100,), "max_iter": 3, **settings}
    model = getattr(nnfast, name)(random_state=0, **settings).fit(X, target)
    arguments = (X, target) if "fit" in method else (X,)
    return Case(
        lambda: getattr(model, method)(*arguments),
        lambda: joblib.hash(vars(model)),
        ARRAY,
    )


WARM = {"warm_start": True}
EARLY = {"early_stopping": True}
ESTIMATORS: dict[str, Callable[[], Case]] = {
    "fit: adam": lambda: estimator("MLPClassifier", "fit"),
    "fit: sgd, warm": lambda: estimator("MLPRegressor", "fit", solver="sgd", **WARM),
    "fit: adam, early stopping": lambda: estimator("MLPClassifier", "fit", **EARLY),
    "fit: adam, CSR": lambda: estimator("MLPClassifier", "fit", sparse.csr_array(X)),
    "fit: lbfgs": lambda: estimator("MLPRegressor", "fit", solver="lbfgs"),
    "partial_fit: adam": lambda: estimator("MLPClassifier", "partial_fit"),
    "partial_fit: sgd, float32": lambda: estimator(
        "MLPRegressor", "partial_fit", X.astype("f4"), solver="sgd"
    ),
    "predict: a classifier": lambda: estimator("MLPClassifier", "predict"),
    "predict: a regressor, list": lambda: estimator(
        "MLPRegressor", "predict", X.tolist()
    ),
}

# ---- refusing ----


def refuse_each(case: Case) -> dict[str, Any]:
    """Counts of how the calls ended, of leaks, and of states that were changed."""
    ends: Counter[str] = Counter()
    changed = leaking = n = 0
    for _ in range(3):  # what is made once is there then
        case.call()
    while True:
        before = case.state()
        error, refused = shim.refusing(n, case.call, case.least)
        if not refused:
            break
        ends[type(error).__name__] += 1
        changed += error is not None and case.state() != before
        leaking += _leaks(case, n)
        n += 1
    return {"ends": ends, "changed": changed, "leaking": leaking}


def _leaks(case: Case, n: int) -> bool:
    """Whether a call whose n-th allocation fails loses memory at every repeat."""
    return all(_grows(case, n, collect=i % 2 > 0) for i in range(ROUNDS))


def _grows(case: Case, n: int, collect: bool) -> bool:
    """Whether some repeats add a block or more each.

    Collecting finds cycles, and empties Python's lists of free objects, which then
    fill again.
    """
    if collect:
        gc.collect()
    before = shim.blocks()
    for _ in range(REPEATS):
        shim.refusing(n, case.call, case.least)
    if collect:
        gc.collect()
    return shim.blocks() - before >= REPEATS


def measure(names: list[str]) -> dict[str, dict[str, Any]]:
    """``refuse_each`` of the cases of these names, in a process with the shim."""
    said = shim.run_with_shim(__spec__.name, *names)
    found = dict(json.loads(line) for line in said.splitlines() if line[:1] == "[")
    assert list(found) == names, said
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    # Generators of others that cannot be closed for lack of memory say so.
    sys.unraisablehook = lambda unraisable: None
    gc.disable()  # it would come anywhere
    gc.freeze()
    for name in sys.argv[1:]:
        print(json.dumps([name, refuse_each((CORE | ESTIMATORS)[name]())]))


if __name__ == "__main__":
    main()
