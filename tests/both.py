# SPDX-License-Identifier: BSD-3-Clause
"""One call made on scikit-learn's estimator and on ours, and what each answered."""

import copy
import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
from sklearn import neural_network

import nnfast

LIBRARIES = (neural_network, nnfast)
NAMES = ("MLPClassifier", "MLPRegressor")
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}

rng = np.random.RandomState(0)
X = rng.normal(size=(30, 3))
FRAME = pd.DataFrame(X, columns=list("abc"))
LABELS = rng.permutation(30) % 3
WORDS = np.array(["ash", "fir", "oak"])[LABELS]
SEVERAL = np.c_[LABELS > 0, LABELS > 1].astype(int)  # multi-label, or two outputs
REAL = X @ [1.0, -2.0, 0.5]
TARGETS = {"MLPClassifier": LABELS, "MLPRegressor": REAL}


class Call(NamedTuple):
    """A call of a method of an estimator in some state."""

    name: str  # of the class
    settings: dict[str, Any]
    state: str  # a key of STATES
    method: str
    args: tuple[Any, ...]
    more: dict[str, Any] = {}  # noqa: RUF012 (read only)


class Answer(NamedTuple):
    """Class and words of the error, class and words of each warning, the result."""

    error: type | None
    words: str
    warned: list[tuple[type, str]]
    result: np.ndarray | None

    def __str__(self) -> str:
        error = self.error.__name__ if self.error else "accepted"
        warned = [f"{kind.__name__}: {words}" for kind, words in self.warned]
        return " | ".join([f"{error}: {self.words}", *warned])


def _going_on(estimator: Any, target: Any) -> None:
    classes = {"classes": [0, 1, 2]} if hasattr(estimator, "predict_proba") else {}
    estimator.partial_fit(X, target, **classes)


# What happened to the estimator before the call, given targets that suit it.
STATES: dict[str, Callable[[Any, Any], Any]] = {
    "new": lambda estimator, target: None,
    "fitted": lambda estimator, target: estimator.fit(X, target),
    "going on": _going_on,
    "fitted on names": lambda estimator, target: estimator.fit(FRAME, target),
    "fitted in float32": lambda estimator, target: estimator.fit(
        X.astype(np.float32), target.astype(np.float32)
    ),
    "fitted on several": lambda estimator, target: estimator.fit(X, SEVERAL),
    "fitted on two": lambda estimator, target: estimator.fit(X, LABELS > 0),
    "fitted on one": lambda estimator, target: estimator.fit(X, 0 * LABELS),
    "fitted on words": lambda estimator, target: estimator.fit(X, WORDS),
}


def plain(words: str) -> str:
    """The words without what changes from run to run."""
    words = re.sub(r"0x[0-9a-fA-F]+", "0x", words)
    if words.startswith("The '"):
        # Options are listed in the order of a set: any order will do.
        words = " ".join(sorted(re.findall(r"[^\s,.{}]+", words)))
    return words


def prepared(library: Any, call: Call) -> Any:
    """The estimator in the state that the call finds it in."""
    estimator = getattr(library, call.name)(**SMALL)
    STATES[call.state](estimator, TARGETS[call.name])
    return estimator.set_params(**copy.deepcopy(call.settings))


def answer(estimator: Any, call: Call) -> Answer:
    """What the estimator says to the call."""
    args, more = copy.deepcopy((call.args, call.more))
    error, words, result = None, "", None
    np.random.seed(0)  # noqa: NPY002 (what random_state=None draws from)
    with warnings.catch_warnings(record=True) as warned, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            result = getattr(estimator, call.method)(*args, **more)
        except Exception as caught:
            error, words = type(caught), plain(str(caught))
    if result is estimator:
        result = getattr(estimator, "loss_", None)
    if result is not None:
        result = np.asarray(result)
    return Answer(
        error, words, [(w.category, plain(str(w.message))) for w in warned], result
    )


def answers(call: Call) -> tuple[Answer, Answer]:
    """Scikit-learn's and ours, which leaves its estimator as it was if it fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimators = [prepared(library, call) for library in LIBRARIES]
    values = vars(estimators[1]).copy()
    bits = joblib.hash({k: v for k, v in values.items() if k != "random_state"})
    theirs, ours = (answer(estimator, call) for estimator in estimators)
    if ours.error:
        now = vars(estimators[1])
        assert now.keys() == values.keys(), call
        assert all(now[name] is values[name] for name in values), call
        # A generator that was passed in belongs to the caller, and may be advanced.
        now = {k: v for k, v in now.items() if k != "random_state"}
        assert joblib.hash(now) == bits, call
    return theirs, ours


def same_result(theirs: Answer, ours: Answer) -> bool:
    """Whether both results say the same.

    Two epochs of float32 agree to a few thousand times its epsilon, 1e-7.
    """
    if theirs.result is None or ours.result is None:
        return theirs.result is ours.result
    if theirs.result.shape != ours.result.shape:
        return False
    if theirs.result.dtype.kind != "f":
        return bool((theirs.result == ours.result).all())
    return np.allclose(theirs.result, ours.result, rtol=1e-3, atol=1e-6, equal_nan=True)
