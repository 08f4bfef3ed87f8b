# SPDX-License-Identifier: BSD-3-Clause
"""What one comparison does: a plain value that prints as it is written, and its draw.

``draw`` takes a random.Random: a seeded one in the long run, hypothesis' own in the
test, where the first of each list of options is what a failure shrinks to.
"""

import random as _random
from dataclasses import dataclass, field, replace
from typing import Any

TARGETS = {
    "binary": "MLPClassifier",
    "multiclass": "MLPClassifier",
    "multilabel": "MLPClassifier",
    "one class": "MLPClassifier",
    "single": "MLPRegressor",
    "column": "MLPRegressor",
    "multi-output": "MLPRegressor",
    "poisson": "MLPRegressor",
    "poisson multi-output": "MLPRegressor",
    "poisson negative": "MLPRegressor",
}
LABELS = ["int", "str", "bool", "float", "negative", "column"]
CONTENTS = ["normal", "integers", "constant columns", "duplicates", "scales"]
CONTENTS += ["zeros", "zeros"]
CONTAINERS = ["C", "F", "list", "integer", "frame"]
SPARSE = ["csr_matrix", "csr_array", "csc_matrix", "csc_array"]
WEIGHTS = [None, "positive", "integers", "zeros", "negative"]
SEEDS = ["int", "RandomState", "global"]
MOST_STEPS = 200  # keeps a draw cheap: scikit-learn takes some 0.1 ms for each


@dataclass(frozen=True)
class Call:
    """One call of fit or partial_fit, after set_params, over a range of the rows."""

    method: str = "fit"
    start: int = 0
    stop: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    classes: str | None = None  # of a partial_fit: None, "all" or "too few"


@dataclass(frozen=True)
class Configuration:
    """All that both libraries are given; ``parameters`` are those of the constructor.

    ``seed`` makes the data, and the generator under each of the three kinds of
    ``random_state``.
    """

    target: str = "binary"
    labels: str = "int"
    n_rows: int = 20
    n_features: int = 3
    content: str = "normal"
    container: str = "C"
    weight: str | None = None
    random_state: str = "int"
    seed: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)
    calls: tuple[Call, ...] = (Call(),)

    @property
    def estimator(self) -> str:
        return TARGETS[self.target]

    def parameters_at(self, call: int) -> dict[str, Any]:
        """The parameters that differ from the defaults in the call of that number."""
        merged = dict(self.parameters)
        for one in self.calls[: call + 1]:
            merged |= one.parameters
        return merged

    def iterations_of(self, call: int) -> int:
        """The most epochs or lbfgs iterations of one call."""
        now = self.parameters_at(call)
        partial = self.calls[call].method == "partial_fit"
        if partial and now.get("solver") != "lbfgs":
            return 1
        return now.get("max_iter", 200)

    def iterations_before(self, call: int) -> int:
        """The most epochs or lbfgs iterations of the calls before that number."""
        return sum(map(self.iterations_of, range(call)))

    @property
    def iterations(self) -> int:
        """The most epochs or lbfgs iterations of all calls together."""
        return self.iterations_before(len(self.calls))

    def of_iterations(self, most: int) -> "Configuration":
        """The beginning of the same work: that many epochs or lbfgs iterations."""
        calls, left = [], most
        for i, call in enumerate(self.calls):
            if left == 0:
                break
            n = min(left, self.iterations_of(i))
            calls.append(replace(call, parameters=call.parameters | {"max_iter": n}))
            left -= n
        return replace(self, calls=tuple(calls))


def hidden_widths(parameters: dict[str, Any]) -> tuple[int, ...]:
    """The hidden layers that parameters ask for."""
    widths = parameters.get("hidden_layer_sizes", (100,))
    return (widths,) if isinstance(widths, int) else tuple(widths)


def draw(random: _random.Random) -> Configuration:
    """Any configuration; the frequent ones are valid ones."""

    def sometimes(probability: float) -> bool:
        return random.random() > 1 - probability

    target = random.choice(
        ["binary", "multiclass", "multilabel", "single", "multi-output", "poisson"]
    )
    if sometimes(0.12):
        target = random.choice(list(TARGETS))
    n_rows = random.choice([20, 1, 2, 3, 5, 8, 13, 31, 50, 64, 97, 97, 150, 150])
    if sometimes(0.5):
        n_rows = max(n_rows, 31)
    solver = random.choice(["adam", "sgd", "lbfgs", "adam", "sgd"])
    parameters = {"solver": solver, **_common(random, sometimes)}
    if solver != "lbfgs" or sometimes(0.1):
        parameters |= _stochastic(random, sometimes, n_rows)
    if solver == "adam" or sometimes(0.1):
        parameters |= _adam(random, sometimes)
    if solver == "sgd" or sometimes(0.1):
        parameters |= _sgd(random, sometimes)
    if solver == "lbfgs" and sometimes(0.3):
        parameters["max_fun"] = random.choice([5, 1, 2, 20])
    parameters["max_iter"] = _iterations(random, parameters, n_rows)
    if target.startswith("poisson"):
        parameters["loss"] = "poisson"
    calls = _calls(random, sometimes, n_rows, target, parameters)
    content = random.choice(CONTENTS) if sometimes(0.6) else "normal"
    container = random.choice(CONTAINERS) if sometimes(0.5) else "C"
    if sometimes(0.9 if content == "zeros" else 0.1):
        container = random.choice(SPARSE)
    return Configuration(
        target=target,
        labels=random.choice(LABELS) if sometimes(0.7) else "int",
        n_rows=n_rows,
        n_features=random.choice([3, 1, 2, 5, 8, 17, 40]),
        content=content,
        container=container,
        weight=random.choice(WEIGHTS) if sometimes(0.6) else None,
        random_state=random.choice(SEEDS) if sometimes(0.6) else "int",
        seed=random.randint(0, 2**31 - 1),
        parameters=parameters,
        calls=calls,
    )


def _common(random: _random.Random, sometimes: Any) -> dict[str, Any]:
    """What every solver reads."""
    sizes = [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33]
    depth = random.choice([1, 0, 2, 1, 3, 4])
    hidden: Any = tuple(random.choice(sizes) for _ in range(depth))
    if depth == 1 and sometimes(0.4):
        hidden = hidden[0]
    elif sometimes(0.1):
        hidden = list(hidden)
    parameters: dict[str, Any] = {
        "hidden_layer_sizes": hidden,
        "activation": random.choice(["relu", "identity", "logistic", "tanh"]),
    }
    if sometimes(0.5):
        parameters["alpha"] = random.choice([0.1, 0.0, 1.0, 10, 1e-8])
    if sometimes(0.5):
        parameters["tol"] = random.choice([0.0, 1e-2, 0.1, 1.0, 1e-6])
    if sometimes(0.15):
        parameters["verbose"] = random.choice([True, 1, 10])
    return parameters


def _stochastic(random: _random.Random, sometimes: Any, n_rows: int) -> dict[str, Any]:
    """What sgd and adam read; lbfgs ignores it."""
    parameters: dict[str, Any] = {}
    if sometimes(0.7):
        below = max(1, n_rows // 2)
        parameters["batch_size"] = random.choice(
            [n_rows, 1, 7, 16, 20, 32, below, n_rows - 1 or 1, n_rows + 5]
        )
    if sometimes(0.4):
        parameters["shuffle"] = False
    if sometimes(0.6):
        parameters["learning_rate_init"] = random.choice([0.01, 0.1, 1e-5, 0.5, 1])
    if sometimes(0.5):
        parameters["n_iter_no_change"] = random.choice([1, 2, 3, float("inf")])
    if sometimes(0.35 if n_rows > 12 else 0.1):
        parameters["early_stopping"] = True
        if sometimes(0.7):
            parameters["validation_fraction"] = random.choice(
                [0.2, 0.5, 0.3, 0.25, 0.2, 0.9, 0.01, 0.0, 0.999]
            )
    return parameters


def _adam(random: _random.Random, sometimes: Any) -> dict[str, Any]:
    choices = {"beta_1": [0.5, 0.0, 0.99], "beta_2": [0.9, 0.0, 0.5]}
    choices["epsilon"] = [1e-3, 1e-12, 1.0]
    return {k: random.choice(v) for k, v in choices.items() if sometimes(0.3)}


def _sgd(random: _random.Random, sometimes: Any) -> dict[str, Any]:
    choices: dict[str, list[Any]] = {
        "learning_rate": ["adaptive", "invscaling"],
        "power_t": [0.25, 0.0, 1.0, 2],
        "momentum": [0.0, 0.5, 1.0, 1],
        "nesterovs_momentum": [False],
    }
    return {k: random.choice(v) for k, v in choices.items() if sometimes(0.5)}


def _iterations(random: _random.Random, parameters: dict[str, Any], n_rows: int) -> int:
    """max_iter, as far as MOST_STEPS allows."""
    iterations = random.randint(1, 12)
    if parameters["solver"] == "lbfgs":
        return iterations
    batch = parameters.get("batch_size", 200)
    steps_per_epoch = -(-n_rows // min(batch, n_rows))
    return max(1, min(iterations, MOST_STEPS // steps_per_epoch))


def _calls(
    random: _random.Random,
    sometimes: Any,
    n_rows: int,
    target: str,
    parameters: dict[str, Any],
) -> tuple[Call, ...]:
    """The sequence of fits; may set warm_start in the constructor's parameters."""
    plan = random.choice(["fit", "fit", "warm", "partial", "fit, partial", "refit"])
    classifier = TARGETS[target] == "MLPClassifier"
    if classifier and parameters["solver"] == "lbfgs" and sometimes(0.9):
        plan = plan.replace("partial", "warm")  # it has no partial_fit
    if plan == "fit":
        return (Call(),)
    count = random.choice([2, 3, 4])
    if "warm" in plan or sometimes(0.1):
        parameters["warm_start"] = True
    calls = []
    for i in range(count):
        method = "fit"
        if plan == "partial" or (plan == "fit, partial" and i > 0):
            method = "partial_fit"
            if sometimes(0.95):
                parameters.pop("early_stopping", None)
        start, stop = 0, None
        if sometimes(0.5 if method == "partial_fit" else 0.2):
            start = random.randint(0, n_rows - 1)
            stop = random.randint(start + 1, n_rows)
        changes = {}
        if i > 0 and sometimes(0.4):
            changes = _changes(random, sometimes, parameters)
        classes = None
        if classifier and method == "partial_fit":
            classes = "all" if i == 0 or sometimes(0.5) else None
            if sometimes(0.05):
                classes = random.choice([None, "too few"])
        calls.append(Call(method, start, stop, changes, classes))
    return tuple(calls)


def _changes(
    random: _random.Random, sometimes: Any, parameters: dict[str, Any]
) -> dict[str, Any]:
    """What set_params is given between two calls."""
    choices: dict[str, list[Any]] = {
        "alpha": [0.0, 1.0],
        "learning_rate_init": [0.01, 0.1],
        "batch_size": [5, 30, "auto"],
        "momentum": [0.0, 0.7],
        "shuffle": [True, False],
        "tol": [0.0, 0.1],
        "max_iter": [1, 2, 4],
        "n_iter_no_change": [1, 5],
        "warm_start": [True, False],
        "learning_rate": ["constant", "adaptive", "invscaling"],
        "activation": ["relu", "tanh"],
    }
    if sometimes(0.1):
        choices = {
            "solver": ["adam", "sgd", "lbfgs"],
            "early_stopping": [not parameters.get("early_stopping", False)],
            "hidden_layer_sizes": [(3,), (4, 2), ()],
        }
    return {
        name: random.choice(choices[name])
        for name in random.sample(sorted(choices), random.choice([1, 2]))
    }
