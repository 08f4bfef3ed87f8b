# SPDX-License-Identifier: BSD-3-Clause
"""Any number of threads gives the same bits, inside of a call and around it.

python -m reliability.threads bits 100
python -m reliability.threads predictions 1000000
"""

import hashlib
import itertools
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import sparse

from nnfast import MLPClassifier

from .forks import shared_among

CALLERS = 16

rng = np.random.RandomState(0)
X = rng.normal(size=(150, 11))
y = rng.randint(0, 3, 150)

SOLVERS = {
    "sgd": {"solver": "sgd", "nesterovs_momentum": False},
    "sgd with Nesterov's momentum": {"solver": "sgd"},
    "adam": {"solver": "adam"},
    "lbfgs": {"solver": "lbfgs"},
}


def kinds():
    """Settings and rows of every kind of fit."""
    for solver, dtype, container, dropout in itertools.product(
        SOLVERS.values(), (np.float32, np.float64), ("dense", "sparse"), (0.0, 0.4)
    ):
        if dropout and solver["solver"] == "lbfgs":
            continue  # refused
        rows = X.astype(dtype)
        if container == "sparse":
            rows = sparse.csr_array(rows * (rows > 0))
        yield {**solver, "dropout": dropout}, rows


def digest(settings, rows, n_jobs: int) -> str:
    """Of all that a fit with so many threads ends with."""
    model = MLPClassifier(
        (37, 18), batch_size=64, max_iter=2, random_state=0, n_jobs=n_jobs, **settings
    )
    model.fit(rows, y)
    arrays = [*model.coefs_, *model.intercepts_, model.predict_proba(rows)]
    if settings["solver"] != "lbfgs":
        arrays += [model._optimizer.moments, np.array(model.loss_curve_)]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def one_hash_each(fits: int = 100) -> str:
    """So many fits of each kind, with 1 to 8 threads in turn and all work shared."""
    hashes = []
    with shared_among(8):
        for settings, rows in kinds():
            numbers = itertools.islice(itertools.cycle(range(1, 9)), fits)
            hashes.append(len({digest(settings, rows, n) for n in numbers}))
    most = max(hashes)
    plural = "es" * (most > 1)
    return f"{len(hashes)} kinds of {fits} fits: at most {most} hash{plural} each"


def concurrent_predictions(count: int = 1_000_000) -> str:
    """One model predicts in 16 threads at once, few rows and many, from all places."""
    pieces = [X[i : i + n] for i in range(0, 140, 7) for n in (1, 2, 7, 150)]
    each = count // CALLERS

    def ask(caller: int) -> int:
        wrong = 0
        for rows, expected in itertools.islice(
            itertools.cycle(questions), caller, caller + each
        ):
            wrong += model.predict_proba(rows).tobytes() != expected
        return wrong

    with shared_among(4), ThreadPoolExecutor(CALLERS) as pool:
        model = MLPClassifier((40, 20), max_iter=3, random_state=0, n_jobs=4).fit(X, y)
        questions = [(rows, model.predict_proba(rows).tobytes()) for rows in pieces]
        wrong = sum(pool.map(ask, range(CALLERS)))
    return f"{each * CALLERS:,} predictions in {CALLERS} threads: {wrong} differ"


if __name__ == "__main__":
    figure = {"bits": one_hash_each, "predictions": concurrent_predictions}
    print(figure[sys.argv[1]](int(sys.argv[2])))
