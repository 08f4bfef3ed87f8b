# SPDX-License-Identifier: BSD-3-Clause
"""A hash of what a fit and a prediction give where the system refuses threads, or not.

    python -m reliability.threads_refused {yes,no}

It must run with the shim.
"""

import sys

import joblib
import numpy as np

from nnfast import MLPClassifier, _core

from . import shim


def main() -> None:
    shim.refuse_threads(sys.argv[1] == "yes")
    _core.force_threads(True)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 7)), rng.integers(3, size=300)
    model = MLPClassifier((40,), tol=0, max_iter=5, random_state=0, n_jobs=2)
    model.set_params(n_iter_no_change=5, learning_rate_init=0.1)
    try:
        model.fit(X, y)
    except Warning as warning:
        sys.exit(str(warning))
    print(joblib.hash([*model.coefs_, *model.intercepts_, model.predict_proba(X)]))


if __name__ == "__main__":
    main()
