# SPDX-License-Identifier: BSD-3-Clause
"""Odd arguments get scikit-learn's answer: the same class of error, the same words.

Warnings and what comes of odd arguments that are accepted are compared too, and a call
that fails must leave our estimator as it was (``both.answers`` looks at that). The
differences that stay are in ``KEPT``, each with a call that shows it.
"""

import inspect
import itertools
import random
import re
from typing import NamedTuple

import numpy as np
import pytest
import sklearn
from both import (
    LABELS,
    LIBRARIES,
    NAMES,
    REAL,
    SEVERAL,
    STATES,
    TARGETS,
    WORDS,
    Call,
    X,
    answers,
    same_result,
)
from odd_values import CLASSES, INPUTS, OUTPUTS, VALUES, WEIGHTS
from sklearn.utils.fixes import parse_version

CLASSIFIER, REGRESSOR = NAMES

pytestmark = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="the words are those of scikit-learn 1.9",
)


class Kept(NamedTuple):
    """A difference that stays: what either says, and a call that shows it."""

    why: str
    theirs: str
    ours: str
    call: Call


KEPT = [
    Kept(
        "training that diverges ends in the first bad epoch, and says which it was",
        "^ValueError: Solver produced non-finite parameter weights",
        r"^ValueError: Solver produced non-finite .* first non-finite in epoch \d+\.",
        Call(REGRESSOR, {}, "new", "fit", (1e300 * X, REAL)),
    ),
    Kept(
        "targets of a regressor that are no numbers are refused by name",
        "",
        "^ValueError: y must hold real numbers; got dtype",
        Call(REGRESSOR, {}, "new", "fit", (X, WORDS)),
    ),
    Kept(
        "dates are refused by name in prediction",
        "^UFuncTypeError: ufunc 'matmul'",
        "^ValueError: X must hold real numbers; got dtype",
        Call(CLASSIFIER, {}, "fitted", "predict", (INPUTS["dates"],)),
    ),
    Kept(
        "categories that are strings have the words that they have in fit",
        "^TypeError: can't multiply sequence by non-int of type 'float'",
        "^ValueError: could not convert string to float: 'u'",
        Call(CLASSIFIER, {}, "fitted", "predict", (INPUTS["frame with categories"],)),
    ),
    Kept(
        "sparse targets of a regressor are taken in every form",
        "^(LinAlgError|TypeError: (Sparse data was passed|ufunc 'xlogy'))",
        "^accepted",
        Call(REGRESSOR, {}, "new", "fit", (X, OUTPUTS["several, csr matrix"])),
    ),
    Kept(
        "weights that cancel are refused by name",
        "",
        r"^ValueError: sample_weight .* must not sum to zero",
        Call(CLASSIFIER, {}, "new", "fit", (X, LABELS, WEIGHTS["plus and minus"])),
    ),
    Kept(
        "a regressor looks at the weights of its validation rows, too",
        "^accepted",
        "^ValueError: Input sample_weight contains NaN",
        Call(REGRESSOR, {"early_stopping": True}, "new", "fit", (X, REAL, np.nan)),
    ),
    Kept(
        "there are more parameters, and they are listed",
        r"^ValueError: Invalid parameter 'depth' for estimator MLP\w+\(.*\)\. Valid",
        r"^ValueError: Invalid parameter 'depth' for estimator MLP\w+\(.*\)\. Valid",
        Call(REGRESSOR, {}, "new", "set_params", (), {"depth": 3}),
    ),
    Kept(
        "a mini-batch without weight is skipped; so is one in the training part",
        "^ZeroDivisionError: Weights sum to zero",
        "^(accepted|ValueError: Sample weights must contain at least one non-zero)",
        Call(CLASSIFIER, {"batch_size": 10}, "new", "fit", (X, LABELS, np.eye(30)[0])),
    ),
    Kept(
        "negative targets of the Poisson loss are refused by name",
        "",
        "^ValueError: y must not be negative with loss='poisson'",
        Call(REGRESSOR, {"loss": "poisson"}, "new", "fit", (X, REAL)),
    ),
    Kept(
        "another number of targets than fitted is refused by name",
        "",
        r"^ValueError: y has \d outputs, but MLP\w+ was fitted with \d\.",
        Call(REGRESSOR, {}, "fitted", "partial_fit", (X, SEVERAL)),
    ),
    Kept(
        "hidden_layer_sizes is named where it holds anything but integers",
        r"^\w*Error",
        "^TypeError: hidden_layer_sizes must hold integers",
        Call(CLASSIFIER, {"hidden_layer_sizes": [2.0]}, "new", "fit", (X, LABELS)),
    ),
    Kept(
        "hidden_layer_sizes is named where the weights do not fit in memory",
        "^ValueError: Maximum allowed dimension exceeded",
        "^MemoryError: hidden_layer_sizes=.* this process can have",
        Call(CLASSIFIER, {"hidden_layer_sizes": 10**30}, "new", "fit", (X, LABELS)),
    ),
    Kept(
        "activation and loss take more, and list it",
        r"^InvalidParameterError: .*'(activation|loss)'",
        "^(InvalidParameterError|ValueError: activation)",
        Call(CLASSIFIER, {"activation": "sine"}, "new", "fit", (X, LABELS)),
    ),
    Kept(
        "a learning rate that falls to zero does so without an overflow",
        "^OverflowError",
        "^accepted",
        Call(
            CLASSIFIER,
            {"solver": "sgd", "learning_rate": "invscaling", "power_t": 1e300},
            "new",
            "fit",
            (X, LABELS),
        ),
    ),
]


def difference(call):
    """Both answers, where they differ in a way that is not kept."""
    theirs, ours = answers(call)
    if theirs[:3] == ours[:3] and same_result(theirs, ours):
        return None
    for kept in KEPT:
        if re.search(kept.theirs, str(theirs)) and re.search(kept.ours, str(ours)):
            return None
    return f"{theirs}  {theirs.result}", f"{ours}  {ours.result}"


def same_answers(calls):
    """Every call, by its name, is answered alike."""
    found = {name: difference(call) for name, call in calls.items()}
    assert {name: both for name, both in found.items() if both} == {}


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.why)
def test_kept(kept):
    theirs, ours = answers(kept.call)
    assert re.search(kept.theirs, str(theirs))
    assert re.search(kept.ours, str(ours))
    assert theirs[:3] != ours[:3]


# Where the parameter acts, if not with the defaults.
ACTS_WITH = {
    "power_t": {"solver": "sgd", "learning_rate": "invscaling"},
    "learning_rate": {"solver": "sgd"},
    "momentum": {"solver": "sgd"},
    "nesterovs_momentum": {"solver": "sgd"},
    "max_fun": {"solver": "lbfgs"},
    "validation_fraction": {"early_stopping": True},
    # Neither tol nor patience lets training go on for long.
    "max_iter": {"tol": 1e3, "n_iter_no_change": 1},
}
FIT = "new", "fit"
# scikit-learn raises an integer to this power, which takes forever.
HANGS = {("power_t", "10**30")}
# Where nothing else ends training, this many epochs do not.
UNBOUNDED = {("max_iter", "10**30")}


def parameters(name):
    return list(inspect.signature(getattr(LIBRARIES[0], name)).parameters)


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, p) for name in NAMES for p in parameters(name)]
)
def test_parameters(name, parameter):
    data = X, TARGETS[name]
    same_answers(
        {
            label: Call(
                name, {**ACTS_WITH.get(parameter, {}), parameter: value}, *FIT, data
            )
            for label, value in VALUES.items()
            if (parameter, label) not in HANGS
        }
    )


@pytest.mark.parametrize("name", NAMES)
def test_parameters_set_between_calls(name):
    """A later partial_fit looks at them only when it fails: scikit-learn's not at all.

    So a call that scikit-learn cannot make ends well or names the parameter.
    """
    found = {}
    values = "None", "-1", "2.5", "text", "[1]", "array(0.5)", "object()"
    for parameter, label in itertools.product(parameters(name), values):
        if parameter == "solver":  # there is no partial_fit then
            continue
        settings = {**ACTS_WITH.get(parameter, {}), "early_stopping": False}
        settings[parameter] = VALUES[label]
        call = Call(name, settings, "going on", "partial_fit", (X, TARGETS[name]))
        theirs, ours = answers(call)
        if ours.error and theirs != ours and parameter not in ours.words:
            found[parameter, label] = str(theirs), str(ours)
    assert found == {}


def test_unknown_parameters():
    for name, state in itertools.product(NAMES, ["new", "fitted"]):
        for more in ({"depth": 3}, {"alpha": 1.0, "depth": 3}, {"alpha__x": 1}):
            call = Call(name, {}, state, "set_params", (), more)
            same_answers({(name, state, *more): call})


# ---- data ----

# Settings and state under which data are looked at in another order or other parts.
WAYS = {
    "new": ("new", {}),
    "new, early stopping": ("new", {"early_stopping": True}),
    "new, lbfgs": ("new", {"solver": "lbfgs"}),
    "fitted": ("fitted", {}),
    "fitted, warm start": ("fitted", {"warm_start": True}),
    "fitted on names, warm start": ("fitted on names", {"warm_start": True}),
    "fitted on several, warm start": ("fitted on several", {"warm_start": True}),
    "fitted on two, early stopping": ("fitted on two", {"early_stopping": True}),
}
SUITS = {"fitted on several": SEVERAL, "fitted on two": LABELS > 0}


WORDS_FOR_NUMBERS = REGRESSOR, "fitted on words"


def trainings(name, state, settings):
    """A call of fit and one of partial_fit that nothing is wrong with."""
    target = SUITS.get(state, TARGETS[name])
    yield Call(name, settings, state, "fit", (X, target))
    first = name == CLASSIFIER and state == "new"
    more = {"classes": [0, 1, 2]} if first else {}
    yield Call(name, settings, state, "partial_fit", (X, target), more)


def with_odd_data(call):
    """The call, with X, y or sample_weight odd."""
    _, target = call.args
    odd = {
        **{f"X: {label}": (value, target) for label, value in INPUTS.items()},
        **{f"y: {label}": (X, value) for label, value in OUTPUTS.items()},
        **{f"w: {label}": (X, target, value) for label, value in WEIGHTS.items()},
    }
    return {label: call._replace(args=args) for label, args in odd.items()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_data_of_training(name, way):
    for call in trainings(name, *WAYS[way]):
        same_answers(with_odd_data(call))


def test_poisson():
    for call in trainings(REGRESSOR, "new", {"loss": "poisson"}):
        same_answers(
            {label: call._replace(args=(X, y)) for label, y in OUTPUTS.items()}
        )


@pytest.mark.parametrize("state", ["new", "fitted", "going on", "fitted on words"])
def test_classes(state):
    targets = {"numbers": LABELS, "words": WORDS, "several": SEVERAL, "reals": REAL}
    same_answers(
        {
            (label, kind): Call(
                CLASSIFIER, {}, state, "partial_fit", (X, y), {"classes": classes}
            )
            for label, classes in CLASSES.items()
            for kind, y in targets.items()
        }
    )


def test_validation_sets():
    """Sizes of the split that early stopping makes, and rows that cannot be split."""
    targets = "whole floats", "a class with one row"
    for name, target in itertools.product(NAMES, targets):
        for fraction in (0, 1e-9, 0.01, 0.04, 0.05, 0.07, 0.5, 0.96, 0.99):
            settings = {"early_stopping": True, "validation_fraction": fraction}
            data = X, OUTPUTS[target]
            same_answers({fraction: Call(name, settings, *FIT, data)})
            for n in (1, 2, 3, 5):
                few = X[:n], OUTPUTS[target][:n]
                same_answers({(fraction, n): Call(name, settings, *FIT, few)})


@pytest.mark.parametrize(
    ("name", "state"),
    [pair for pair in itertools.product(NAMES, STATES) if pair != WORDS_FOR_NUMBERS],
)
def test_data_of_predictions(name, state):
    # Deviations that are left out have their own tests in tests/test_deviations.py.
    methods = {
        CLASSIFIER: ["predict", "predict_proba", "predict_log_proba"],
        REGRESSOR: ["predict"],
    }[name]
    if state == "fitted on one":  # one column of probabilities
        methods = ["predict"]
    calls = {}
    for method, (label, value) in itertools.product(methods, INPUTS.items()):
        # Logarithms that are finite here.
        if method != "predict_log_proba" or label not in ("1e308", "uint8"):
            calls[method, label] = Call(name, {}, state, method, (value,))
    same_answers(calls)


@pytest.mark.parametrize("state", ["new", "fitted", "fitted on several"])
@pytest.mark.parametrize("name", NAMES)
def test_data_of_scores(name, state):
    target = SUITS.get(state, TARGETS[name])
    same_answers(with_odd_data(Call(name, {}, state, "score", (X, target))))


# ---- several at once ----


def test_generator_that_was_passed_in():
    """A call that fails leaves the caller's generator where scikit-learn leaves it."""
    cases = {
        "X": ({}, (INPUTS["NaN"], LABELS)),
        "y": ({}, (X, OUTPUTS["a value less"])),
        "weights": ({}, (X, LABELS, WEIGHTS["a weight less"])),
        "parameter": ({"alpha": -1.0}, (X, LABELS)),
        "split": ({"early_stopping": True, "validation_fraction": 0.01}, (X, LABELS)),
    }
    for name, (label, (settings, args)) in itertools.product(NAMES, cases.items()):
        drawn = []
        for library in LIBRARIES:
            generator = np.random.RandomState(5)
            estimator = getattr(library, name)(max_iter=2, random_state=generator)
            with pytest.raises(ValueError, match=r"\w"):
                estimator.set_params(**settings).fit(*args)
            drawn.append(generator.randint(10**9))
        assert drawn[0] == drawn[1], (name, label)


def test_two_odd_arguments_at_random():
    """Which of two faults is named first; drawn from all tables with a fixed seed."""
    draw = random.Random(4)
    for _ in range(400):
        name, way = draw.choice(NAMES), draw.choice(list(WAYS))
        call = draw.choice(list(trainings(name, *WAYS[way])))
        settings, args = dict(call.settings), list(call.args)
        for _ in range(draw.choice([1, 2, 2])):
            place = draw.choice(["parameter", "X", "y", "weight"])
            # A later partial_fit does not look at parameters: see the test of those.
            if place == "parameter" and call.method == "fit":
                parameter = draw.choice(parameters(name))
                label = draw.choice(list(VALUES))
                if (parameter, label) not in HANGS | UNBOUNDED:
                    settings[parameter] = VALUES[label]
            elif place == "weight":
                args[2:] = [draw.choice(list(WEIGHTS.values()))]
            elif place in ("X", "y"):
                table = INPUTS if place == "X" else OUTPUTS
                args[place == "y"] = draw.choice(list(table.values()))
        call = call._replace(settings=settings, args=tuple(args))
        same_answers({str(call): call})
