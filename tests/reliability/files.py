# SPDX-License-Identifier: BSD-3-Clause
"""Model files with one byte changed to every other, and cut at every length.

    python -m reliability.files NAME STEP MASK ...

opens those of one file of the corpus, of every STEP-th place, with the bits of each
MASK changed, and prints a line of JSON. Each is a model that can be used or a
ValueError. It must run with the shim, which measures the memory of every one.
"""

import contextlib
import io
import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import malformed

import nnfast
from nnfast._model_files import parameters, training

from . import shim


def remembered(check: Callable[[Any], None]) -> Callable[[Any], None]:
    """A check that looks at the same parameters once.

    scikit-learn's takes half of the time of opening a file.
    """
    valid = set()

    def checked(estimator: Any) -> None:
        given = (type(estimator), repr(vars(estimator)))
        if given not in valid:
            check(estimator)
            valid.add(given)

    return checked


def opened(raw: bytes) -> tuple[bool, float, float]:
    """Whether it is a model, the share of the memory that it may take, and seconds."""
    file = io.BytesIO(raw)
    models = []

    def open_it() -> None:
        with contextlib.suppress(ValueError):
            models.append(nnfast.load_model(file))

    began = time.thread_time()
    share = shim.peak_of(open_it) / malformed.allowed(raw)
    seconds = time.thread_time() - began
    for model in models:
        malformed.check(model)
    return bool(models), share, seconds


def damaged(name: str, step: int, masks: list[int]) -> dict[str, Any]:
    """What came of all the changed files of one seed."""
    raw = malformed.seeds()[name]
    opened(raw)  # what is imported or kept at the first time is there then
    n_models, shares, times = 0, [0.0], [0.0]
    count = 0
    for changed in malformed.changes(raw, masks, step):
        is_model, share, seconds = opened(changed)
        count += 1
        n_models += is_model
        shares.append(share)
        times.append(seconds)
    return {
        "files": count,
        "models": n_models,
        "memory": max(shares),
        "seconds": max(times),
    }


def measure(name: str, step: int, masks: list[int]) -> dict[str, Any]:
    """``damaged`` in a process with the shim."""
    numbers = map(str, (step, *masks))
    return json.loads(shim.run_with_shim(__spec__.name, name, *numbers))


def main() -> None:
    warnings.simplefilter("ignore")  # a model may have been given names of columns
    check = remembered(parameters.validate_parameters)
    parameters.validate_parameters = check
    training.validate_parameters = check
    name, step, *masks = sys.argv[1:]
    print(json.dumps(damaged(name, int(step), [int(mask) for mask in masks])))


if __name__ == "__main__":
    main()
