# SPDX-License-Identifier: BSD-3-Clause
"""What a run drew and found, as a table."""

from collections import Counter, defaultdict
from typing import Any

from .compare import Verdict
from .configuration import Configuration, hidden_widths


def _drawn(configuration: Configuration) -> dict[str, Any]:
    """What is counted of a configuration, by dimension."""
    parameters = configuration.parameters
    n_rows, calls = configuration.n_rows, configuration.calls
    solver, batch = parameters["solver"], parameters.get("batch_size", "auto")
    if batch != "auto":
        batch = "1" if batch == 1 else "n" if batch == n_rows else batch
    if isinstance(batch, int):
        batch = "> n" if batch > n_rows else "1 < b < n"
    drawn = {
        "solver": solver,
        "target": configuration.target,
        "activation": parameters["activation"],
        "hidden layers": len(hidden_widths(parameters)),
        "X": configuration.content,
        "container": configuration.container,
        "sample_weight": configuration.weight,
        "random_state": configuration.random_state,
        "calls": " ".join(dict.fromkeys(call.method for call in calls))
        + (" (several)" if len(calls) > 1 else ""),
        "warm_start": parameters.get("warm_start", False),
        "verbose": bool(parameters.get("verbose", False)),
    }
    drawn["rows"] = (
        "1 or 2" if n_rows < 3 else "3 to 30" if n_rows <= 30 else "31 to 150"
    )
    if configuration.estimator == "MLPClassifier":
        drawn["labels"] = configuration.labels
    if solver != "lbfgs":
        drawn["batch_size"] = batch
        drawn["shuffle"] = parameters.get("shuffle", True)
        drawn["early_stopping"] = parameters.get("early_stopping", False)
    if solver == "sgd":
        drawn["learning_rate"] = parameters.get("learning_rate", "constant")
        drawn["nesterovs_momentum"] = parameters.get("nesterovs_momentum", True)
    for call in calls:
        for name in call.parameters:
            drawn[f"set between calls: {name}"] = "yes"
    return drawn


class Summary:
    """Counts over a run."""

    def __init__(self) -> None:
        self.n = self.n_different = 0
        self.drawn: dict[str, Counter[str]] = defaultdict(Counter)
        self.found: Counter[str] = Counter()
        self.deviations: Counter[str] = Counter()
        self.ties: Counter[str] = Counter()
        self.largest_ratio = 0.0

    def add(self, configuration: Configuration, verdict: Verdict) -> None:
        self.n += 1
        self.n_different += bool(verdict.differences)
        for dimension, value in _drawn(configuration).items():
            self.drawn[dimension][str(value)] += 1
        self.found["compared over all iterations"] += not verdict.amplified
        self.found["amplified: compared over the first 3"] += verdict.amplified
        at_once = verdict.amplified_at_once
        self.found["  of these, amplified even so: over the first"] += at_once
        self.found["a call raised, on both sides or by a deviation"] += verdict.failed
        self.found["not within the movement of X alone"] += verdict.widened
        self.found["with a decision made by rounding"] += bool(verdict.ties)
        self.found["with a documented deviation"] += bool(verdict.deviations)
        self.deviations.update(verdict.deviations)
        self.ties.update(verdict.ties)
        self.largest_ratio = max(self.largest_ratio, verdict.largest_ratio)

    def __str__(self) -> str:
        lines = ["", "drawn:"]
        lines += [f"  {name}: {_counts(c)}" for name, c in self.drawn.items()]
        lines += ["", f"{self.n} configurations:"]
        lines += [f"  {count:6d}  {words}" for words, count in self.found.items()]
        lines += [f"  {self.n_different:6d}  with an unexplained difference"]
        lines += ["", "documented deviations: " + _counts(self.deviations)]
        lines += ["decisions made by rounding: " + _counts(self.ties)]
        lines += [f"largest difference: {self.largest_ratio:.2f} of what is allowed"]
        return "\n".join(lines)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counter.most_common()) or "none"
