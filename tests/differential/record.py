# SPDX-License-Identifier: BSD-3-Clause
"""One library's run over a configuration, call by call, as plain comparable values."""

import contextlib
import copy
import io
import re
import warnings
from dataclasses import dataclass, field
from inspect import signature
from typing import Any
from unittest.mock import patch

import numpy as np
from sklearn.neural_network._multilayer_perceptron import BaseMultilayerPerceptron

from .configuration import Call, Configuration
from .data import Arrays, contain

EXACT = ["n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"]
EXACT += ["_no_improvement_count", "n_features_in_"]
CONTINUOUS = ["loss_", "best_loss_", "best_validation_score_"]
CURVES = ["loss_curve_", "validation_scores_"]
# What NumPy says of arithmetic such as scikit-learn's; the core does its own.
ARITHMETIC = re.compile(r"(overflow|invalid value|divide by zero) encountered in ")


@dataclass
class Outcome:
    """What a call left behind.

    ``numbers`` are arrays that rounding may move, ``curves`` those whose entries come
    one after the other; everything in ``exact`` must be equal.
    """

    error: tuple[type, str] | None = None
    warnings: list[tuple[type, str]] = field(default_factory=list)
    arithmetic: bool = False  # NumPy warned of overflow and the like
    printed: str = ""
    generator: Any = None
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    curves: dict[str, np.ndarray] = field(default_factory=dict)
    exact: dict[str, Any] = field(default_factory=dict)
    labels: np.ndarray | None = None


def record(
    library: Any, configuration: Configuration, data: Arrays, X: np.ndarray
) -> list[Outcome]:
    """Run all calls, up to the first that raises, on ``X`` in place of data.X."""
    saved = np.random.get_state()  # noqa: NPY002
    generator = np.random.RandomState(configuration.seed)
    seed = {"int": configuration.seed, "RandomState": generator, "global": None}
    try:
        np.random.seed(configuration.seed)  # noqa: NPY002
        if configuration.random_state == "global":
            generator = np.random.mtrand._rand
        estimator = getattr(library, configuration.estimator)(
            random_state=seed[configuration.random_state], **configuration.parameters
        )
        outcomes = []
        for call in configuration.calls:
            estimator.set_params(**call.parameters)
            outcome = _call(estimator, call, configuration, data, X)
            outcome.generator = _state(generator)
            outcomes.append(outcome)
            if outcome.error is not None:
                break
        return outcomes
    finally:
        np.random.set_state(saved)  # noqa: NPY002


def _state(generator: np.random.RandomState) -> tuple[Any, ...]:
    name, key, *rest = generator.get_state()
    return (name, key.tobytes(), *rest)


def _call(
    estimator: Any,
    call: Call,
    configuration: Configuration,
    data: Arrays,
    X: np.ndarray,
) -> Outcome:
    outcome, rows = Outcome(), slice(call.start, call.stop)
    arguments: dict[str, Any] = {}
    if data.weight is not None:
        arguments["sample_weight"] = data.weight[rows]
    if call.classes is not None:
        arguments["classes"] = data.classes if call.classes == "all" else [0]
    with (
        _listening(outcome),
        patch.object(BaseMultilayerPerceptron, "_fit_lbfgs", _fit_lbfgs),
    ):
        method = getattr(estimator, call.method)
        method(contain(X[rows], configuration.container), data.y[rows], **arguments)
    if outcome.error is None:
        _attributes(estimator, outcome)
    outcome.printed = _without_numbers(outcome)
    if outcome.error is None:
        everything = contain(X, configuration.container)
        with _listening(outcome):
            _predictions(estimator, everything, data, outcome)
    return outcome


def _fit_lbfgs(estimator: Any, *arguments: Any) -> Any:
    """scikit-learn's, but where it has SciPy write beyond an array: MemoryError.

    It goes on from as many weights as there are, and gives SciPy the gradient of the
    fewer that the parameters ask for.
    """
    given = _LBFGS_SIGNATURE.bind(estimator, *arguments).arguments
    gradient = [*given["coef_grads"], *given["intercept_grads"]]
    begun = [*estimator.coefs_, *estimator.intercepts_]
    if sum(map(np.size, gradient)) < sum(map(np.size, begun)):
        raise MemoryError("SciPy would write beyond an array")
    return _LBFGS(estimator, *arguments)


_LBFGS = BaseMultilayerPerceptron._fit_lbfgs
_LBFGS_SIGNATURE = signature(_LBFGS)


@contextlib.contextmanager
def _listening(outcome: Outcome) -> Any:
    """Note the error, the warnings and the output of the block."""
    printed = io.StringIO()
    with (
        warnings.catch_warnings(record=True) as caught,
        contextlib.redirect_stdout(printed),
    ):
        warnings.simplefilter("always")
        try:
            yield
        except Exception as error:
            outcome.error = type(error), str(error)
    outcome.printed += printed.getvalue()
    for warning in caught:
        words = str(warning.message)
        if issubclass(warning.category, RuntimeWarning) and ARITHMETIC.match(words):
            outcome.arithmetic = True
        else:
            outcome.warnings.append((warning.category, words))


def _without_numbers(outcome: Outcome) -> str:
    """The printed text with a # for each loss and score that is the curve's own.

    A failed call leaves no curve: there every number counts.
    """
    text = outcome.printed
    if outcome.error is not None:
        return re.sub(r"(loss = |score: )\S+", r"\1#", text)
    n_iter = outcome.exact["n_iter_"]
    for words, curve, digits in (
        ("loss = ", "loss_curve_", ".8f"),
        ("Validation score: ", "validation_scores_", "f"),
    ):
        for value in outcome.curves.get(curve, np.empty(0))[-n_iter:]:
            text = text.replace(f"{words}{value:{digits}}\n", f"{words}#\n", 1)
    return text


def _attributes(estimator: Any, outcome: Outcome) -> None:
    exact, numbers = outcome.exact, outcome.numbers
    public = {n for n in vars(estimator) if n.endswith("_") and not n.startswith("_")}
    exact["attributes"] = sorted(public)
    for name in EXACT:
        exact[name] = copy.copy(getattr(estimator, name, "none"))
    for name in CONTINUOUS + CURVES:
        value = getattr(estimator, name, None)
        exact[f"{name} is None"] = value is None
        if value is not None and name in CONTINUOUS:
            numbers[name] = np.array([value], float)
        elif value is not None:
            outcome.curves[name] = np.array(value, float)
    for name in ("coefs_", "intercepts_"):
        for i, array in enumerate(getattr(estimator, name)):
            numbers[f"{name}[{i}]"] = array.copy()
            exact[f"{name}[{i}]"] = array.dtype, array.shape
    if estimator.solver != "lbfgs":  # nobody's concern where it lingers
        rate = estimator._optimizer.learning_rate
        numbers["learning_rate"] = np.array([rate], float)
    for name in ("classes_", "feature_names_in_"):
        if hasattr(estimator, name):
            array = getattr(estimator, name)
            exact[name] = array.dtype.kind, array.tolist()


def _predictions(estimator: Any, X: Any, data: Arrays, outcome: Outcome) -> None:
    prediction = estimator.predict(X)
    outcome.exact["predict"] = prediction.dtype, prediction.shape
    if hasattr(estimator, "classes_"):
        outcome.labels = prediction
        outcome.numbers["predict_proba"] = estimator.predict_proba(X)
        outcome.numbers["predict_log_proba"] = estimator.predict_log_proba(X)
    else:
        outcome.numbers["predict"] = prediction
    score = estimator.score(X, data.y, data.weight)
    outcome.numbers["score"] = np.array([score], float)
