# SPDX-License-Identifier: BSD-3-Clause
"""The page docs/speed.md: the tables and pictures of a run, and what they mean."""

from collections.abc import Sequence
from pathlib import Path

from . import tables
from .results import Results

INTRODUCTION = """\
# Speed

What one training step takes (Adam, L2, shuffled mini-batches), through each library's
public interface, beside what the processor could do at best. This page is written by

```sh
pip install ".[bench,peers]" && python benchmarks/speed.py --docs
```
"""

METHOD = """\
## How it was measured

- The time of a step is the time of a fit with many epochs minus that of a fit with one,
  over the number of steps between them: what a fit does once drops out.
- Each library runs in processes of its own, one after the other, in turns with the
  other libraries. The tables show the **least** of up to {samples} samples, which other
  programs on the machine disturb least; medians are in the JSON file.
- With one thread each process is pinned to one processor and time is the processor's;
  with more, it is the clock's.
- The limit is the step's multiply-adds (forward, weight gradients, gradients of all
  inputs but the first layer's) at the peak that a loop of independent multiply-adds on
  registers reached in the same run, with the instruction set that nnfast uses:
  {isa}. scikit-learn and the frameworks choose theirs themselves.
- torch trains with the fused Adam on tensors made beforehand, all rows shuffled once
  an epoch; "torch compiled" has the forward and backward pass compiled. JAX runs each
  epoch as one jitted scan. Where the batch is the whole set, none of these shuffles.

## What the limit leaves out

Activations, the loss, L2, Adam and the gathering of rows count nothing in the limit,
and a layer that fills no whole vector is counted without the padding. What is in the
way therefore differs by network:

- 2-4-1, 30-4-1 and 4-32-16-4 do 5 to 50 multiply-adds for each tanh, logistic or
  exponential, and these are polynomials of many operations themselves.
- In small batches Adam weighs most: it reads and writes every weight and two moments in
  each step, however few rows there are.
- 100 units fill six vectors of sixteen floats and a quarter of a seventh, 10 classes
  five eighths of one: kernels compute on the padding too.
- Samples fill vectors too: 100 rows are six of them and a quarter of a seventh.
- scikit-learn's order of the rows is drawn word by word, from the generator that
  random_state is: some 4 ns a row, one part in twenty of a step of 30-100-1.
- In the widest networks weights, moments and gradients exceed the second-level cache,
  and pass through slower memory once a step.

With AVX2 ("nnfast avx2") a vector holds half as much: on a processor whose units for
multiply-adds are as wide as the vectors of AVX-512, the limit is twice as far away.
"""

PICTURES = {
    "speed-limit.png": "Time of a step over the limit, by width, batch and depth",
    "speed-peers.png": "Time of a step over nnfast's, by network and library",
    "speed-threads.png": "Time of a step by number of threads",
}


def text(results: Results, pictures: Sequence[Path]) -> str:
    """The whole page; sweeps are pictures only."""
    parts = [INTRODUCTION, "".join(f"- {s}\n" for s in tables.machine_lines(results))]
    parts.append(_versions(results))
    shown = [
        *tables.training_tables(results, ["table", "threads"]),
        tables.prediction_table(results),
    ]
    for table in filter(None, shown):
        parts.append(f"## {table.title}\n\n{tables.markdown(table)}")
    parts += [f"![{PICTURES[path.name]}]({path.name})\n" for path in pictures]
    if results.select(section="width"):
        parts.append(_cliffs(results))
    if results.notes:
        parts.append("".join(f"- {note}\n" for note in results.notes))
    samples = max(m.samples for m in results.measurements)
    isa = results.machine["instruction_set"]
    parts.append(METHOD.format(samples=samples, isa=isa))
    return "\n".join(parts)


def _versions(results: Results) -> str:
    hidden = {"CPU", "cores", "system"}
    about = results.environment.items()
    return ", ".join(f"{k} {v}" for k, v in about if k not in hidden) + ".\n"


def _cliffs(results: Results) -> str:
    """What the sweep over widths says of sudden changes."""
    rule = (
        f"From one width of the sweep to the next the time may fall by "
        f"{tables.LARGEST_DROP:.0%} at most, and grow {tables.LARGEST_JUMP} times as "
        "much as the work"
    )
    found = tables.cliffs(results)
    return f"{rule}: {'; '.join(found) or 'nowhere does it more'}.\n"
