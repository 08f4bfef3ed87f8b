# SPDX-License-Identifier: BSD-3-Clause
"""The page docs/speed.md: the tables and pictures of a run, and what they mean."""

from collections.abc import Sequence
from pathlib import Path

from lessons.report import Table

from . import cliffs, held_back, tables
from .results import Results
from .shapes import PAIRED

INTRODUCTION = """\
# Speed

What one training step takes (Adam, L2, shuffled mini-batches), through each library's
public interface, beside what the processor could do at best. On your machine, in under
a minute:

```sh
python3 -m venv .venv && .venv/bin/pip install -q ".[bench,peers]"
.venv/bin/python benchmarks/speed.py --quick
```

Without `--quick` it measures all of this page, in about an hour; with `--docs` it
also writes the page, its pictures and their numbers, [speed.json](speed.json): least
times and medians, versions, the processor. `--docs --from docs/speed.json` measures
nothing and writes page and pictures again from those numbers.
"""

METHOD = """\
## How it was measured

- The time of a step is the time of a fit with many epochs minus that of a fit with one,
  over the number of steps between them: what a fit does once drops out.
- Each library runs in processes of its own, one after the other, in turns with the
  other libraries. The tables show what other programs on the machine disturb least, of
  {samples} samples the **least** long fit minus the least short one, or the median of
  their differences where that is less; medians are in [speed.json](speed.json).
- Each process is pinned to one processor, and time is the processor's.
- Where numbers of threads are compared, time is the clock's, one thread's too, and the
  table shows **medians** of {pairs} samples of each number in turn: in the least of
  several threads' times chance counts for more. Each process is pinned to as many
  processors as it has threads; nnfast chooses how many it uses (`n_jobs=None`).
  `benchmarks/automatic_threads.py` measures more networks in the same way, and whether
  any gets slower than with one thread.
- The limit is the step's multiply-adds (forward, weight gradients, gradients of all
  inputs but the first layer's) at the peak that a loop of independent multiply-adds on
  registers reached in the same run, with the instruction set that nnfast uses:
  {isa}. scikit-learn and the frameworks choose theirs themselves.
- torch trains with the fused Adam on tensors made beforehand, all rows shuffled once
  an epoch; "torch compiled" has the forward and backward pass compiled, which takes
  seconds for each network. JAX runs each epoch as one jitted scan. Where the batch is
  the whole set, none of these shuffles.
{notes}
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
  random_state is: some 2 to 4 ns a row, which networks of few weights feel.
- Sparse inputs need few multiply-adds, but L2 and Adam pass over all the weights in
  each step.
- In the widest networks weights, moments and gradients exceed the second-level cache,
  and pass through slower memory once a step.
"""

HELD_BACK = """\
"float32" is nnfast with {isa}. "Reaches" is the share of a peak of its own: of {isa} in
float32, of AVX2, of {isa} in float64; "needs" is the share of that peak that would be
as fast as the target asks for. More than 100 % is beyond the processor.
"""

PICTURES = {
    "speed-limit.png": "Time of a step over the limit, by width, batch and depth",
    "speed-peers.png": "Time of a step over nnfast's, by network and library",
    "speed-threads.png": "Speed-up of a step by number of threads",
}


def text(results: Results, pictures: Sequence[Path]) -> str:
    """The whole page; sweeps are pictures only."""
    parts = [INTRODUCTION, _table(tables.machine_table(results))]
    parts.append(_versions(results))
    parts += map(_table, tables.training_tables(results, ["table"]))
    parts += _held_back(results)
    parts += map(_table, tables.training_tables(results, ["threads"]))
    parts += _sparse(results)
    parts += map(_table, filter(None, [tables.overhead_table(results)]))
    parts += map(_table, filter(None, [tables.prediction_table(results)]))
    parts += _sweeps(results, [path.name for path in pictures])
    parts.append(_method(results))
    return "\n".join(parts)


def _table(table: Table) -> str:
    notes = "".join(f"\n{note}\n" for note in table.notes)
    return f"## {table.title}\n\n{tables.markdown(table)}{notes}"


def _versions(results: Results) -> str:
    hidden = {"CPU", "cores", "system"}
    about = results.environment.items()
    return ", ".join(f"{k} {v}" for k, v in about if k not in hidden) + ".\n"


def _held_back(results: Results) -> list[str]:
    table = held_back.table(results)
    if table is None:
        return []
    verdicts = "".join(f"- {words}\n" for words in held_back.verdicts(results))
    return [_table(table), HELD_BACK.format(isa=_isa(results)), verdicts]


def _sparse(results: Results) -> list[str]:
    """The table, and what an epoch takes."""
    found = results.select(section="sparse")
    if not found:
        return []
    shape = found[0].shape
    epochs = [f"{m.library} {shape.steps * m.seconds:.2f} s" for m in found]
    words = (
        f"An epoch of {shape.rows:,} rows: {', '.join(epochs)}; nnfast should be at "
        f"least {tables.SPARSE_AT_LEAST} times as fast as scikit-learn. The others do "
        "not train from CSR.\n"
    )
    return [*map(_table, tables.training_tables(results, ["sparse"])), words]


def _sweeps(results: Results, names: Sequence[str]) -> list[str]:
    """The pictures, and what the sweep over widths says of sudden changes."""
    parts = ["## Pictures\n"] if names else []
    parts += [f"![{PICTURES[name]}]({name})\n" for name in names]
    extremes = cliffs.extremes(results)
    if extremes:
        widths = [step.wide.shape.hidden[0] for step in cliffs.steps(results)]
        found = "; ".join(cliffs.cliffs(results))
        parts.append(
            f"**{'Cliffs' if found else 'No cliffs'}.** From one width of the sweep to "
            f"the next, up to {max(widths):,}, the time may fall by "
            f"{cliffs.LARGEST_DROP:.0%} at most, and grow {cliffs.LARGEST_JUMP} times "
            f"as much as the work: {found or 'nowhere does it more'}. "
            f"Of all these steps, {'; '.join(extremes)}.\n"
        )
    return parts


def _method(results: Results) -> str:
    alone = [m.samples for m in results.measurements if m.section not in PAIRED]
    pairs = [m.samples for m in results.measurements if m.section in PAIRED]
    notes = "".join(f"- {note}\n" for note in results.notes)
    return METHOD.format(
        samples=max(alone, default=0),
        pairs=max(pairs, default=0),
        isa=_isa(results),
        notes=notes,
    )


def _isa(results: Results) -> str:
    return results.machine["instruction_set"]
