# SPDX-License-Identifier: BSD-3-Clause
"""The speed benchmark counts, compares and writes down what it says it does."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shell import run

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def stopwatch(monkeypatch):
    """Its modules by name."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return lambda name: importlib.import_module(f"stopwatch.{name}")


@pytest.fixture
def results(stopwatch):
    """Two networks of different widths; scikit-learn was timed on the first only."""
    shapes, kept = stopwatch("shapes"), stopwatch("results")

    def measured(width, library, least):
        return kept.Measurement(
            section="width",
            shape=shapes.Shape((1, width, 1), "relu", 100, 5),
            dtype="float32",
            threads=1,
            task="train",
            library=library,
            least=least,
            median=2 * least,
            samples=10,
        )

    return kept.Results(
        environment={"CPU": "a processor", "cores": 1},
        machine={
            "instruction_set": "base",
            "peak_flops": {"float32": {"1": 1e9}, "float64": {"1": 5e8}},
            "bytes_per_second": {"read": 1e10},
            "bytes_of_a_stream": 2**27,
        },
        measurements=[
            measured(10, "nnfast", 20e-6),
            measured(10, "scikit-learn", 300e-6),
            measured(20, "nnfast", 25e-6),
        ],
        notes=["JAX is left out: jax not installed."],
    )


# By hand, for one row. 2-4-1: forward 8 + 4, weight gradients 8 + 4, gradient of the
# hidden layer 4. 3-5-7-2: forward and weight gradients 15 + 35 + 14 each, gradients of
# the hidden layers 35 + 14.
@pytest.mark.parametrize(
    ("widths", "batch", "expected"),
    [((2, 4, 1), 200, 28 * 200), ((3, 5, 7, 2), 10, (64 + 64 + 49) * 10)],
)
def test_limit(stopwatch, widths, batch, expected):
    shape = stopwatch("shapes").Shape(widths, "tanh", batch, 1)
    assert shape.multiply_adds() == expected
    assert shape.limit(1e9) == pytest.approx(2 * expected / 1e9, rel=1e-12)


def test_time_of_a_step_leaves_out_what_a_fit_does_once(stopwatch):
    """Fits that take 5 s and 0.1 s an epoch of 10 steps, some of them disturbed."""
    shape = stopwatch("shapes").Shape((2, 4, 1), "tanh", 20, 10)
    job = stopwatch("shapes").Job("table", shape)
    samples = stopwatch("timing").Samples(
        repetitions=21, short=[5.1, 6.0, 5.1], long=[7.1, 9.9, 9.0]
    )
    found = samples.measurement(job, "nnfast")
    assert found.least == pytest.approx(0.01, rel=1e-12)
    assert found.median == pytest.approx(3.9 / 200, rel=1e-12)  # of 2.0, 3.9, 3.9


@pytest.mark.parametrize(("share", "warned"), [(0.99, False), (0.25, True)])
def test_a_busy_machine_is_said_to_be_busy(stopwatch, share, warned):
    turns = stopwatch("timing").Turns([], stopwatch("timing").QUICK)
    turns.shares = [share, 1.0, share]
    warning = turns.warning()
    assert bool(warning) == warned
    assert not warned or warning.startswith("Other programs took 50% of the processor")


def test_markdown(stopwatch, results):
    tables = stopwatch("tables")
    (table,) = tables.training_tables(results)
    assert tables.markdown(table) == (
        "| network, batch | nnfast | scikit-learn | limit | nnfast reaches |"
        " scikit-learn / nnfast |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: |\n"
        "| 1-10-1 relu, 100 | 20.0 | 300 | 10.0 | 50.0 % | 15 x |\n"
        "| 1-20-1 relu, 100 | 25.0 | - | 20.0 | 80.0 % | - |\n"
    )


def test_json_gives_back_what_was_saved(results, tmp_path):
    path = tmp_path / "a folder" / "speed.json"
    results.save(path)
    assert type(results).load(path) == results


def test_merged_runs_keep_the_least(stopwatch, results):
    """The second run was twice as fast on one network, and did not see the others."""
    once = results.measurements[0]
    again = replace(
        results,
        machine={
            **results.machine,
            "peak_flops": {"float32": {"1": 2e9, "2": 3e9}, "float64": {"1": 1e8}},
        },
        measurements=[replace(once, least=10e-6, median=60e-6, samples=4)],
    )
    both = stopwatch("results").merged([results, again])
    assert both.measurements == [
        replace(once, least=10e-6, median=50e-6, samples=14),
        *results.measurements[1:],
    ]
    assert both.machine["peak_flops"] == {
        "float32": {"1": 2e9, "2": 3e9},
        "float64": {"1": 5e8},
    }
    assert both.notes == results.notes
    again.environment = {"CPU": "another processor"}
    with pytest.raises(ValueError, match="processor"):
        stopwatch("results").merged([results, again])


def test_page_without_a_compiler(stopwatch, results):
    """No peak was measured: no limit, but the times are there."""
    results.machine.update(peak_flops={"float32": {}, "float64": {}})
    (table,) = stopwatch("tables").training_tables(results)
    limit = list(table.columns).index("limit")
    assert [row[limit : limit + 2] for row in table.rows] == [[None, None]] * 2
    assert "JAX is left out" in stopwatch("document").text(results, [])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ((1.0, 0.91), []),
        ((1.0, 0.89), ["from width 10 to 20 the time falls to 0.89 of what it was"]),
        ((1.0, 2.69), []),  # twice the work
        ((1.0, 2.8), ["from width 10 to 20 the time grows 1.40 times as much as"]),
    ],
)
def test_cliffs(stopwatch, results, seconds, words):
    ours = results.select(library="nnfast")
    results.measurements = [replace(m, least=s) for m, s in zip(ours, seconds)]
    found = stopwatch("tables").cliffs(results)
    assert len(found) == len(words)
    assert all(text.startswith(word) for text, word in zip(found, words))


def test_every_shape_has_as_many_rows_as_its_steps_take(stopwatch):
    shapes = stopwatch("shapes")
    for job in shapes.jobs(shapes.SECTIONS, 4, quick=True):
        X, y = job.shape.data(job.dtype)
        assert X.shape == (job.shape.batch * job.shape.steps, job.shape.widths[0])
        assert X.dtype == job.dtype
        # Each library must see all classes, or it would train another network.
        assert np.unique(y).size == max(2, job.shape.n_outputs)


def test_command_line(tmp_path, stopwatch):
    """A run of the shortest section, in a worker of its own."""
    output = run(
        *(sys.executable, BENCHMARKS / "speed.py", "--quick", "--no-plots"),
        *("--sections", "prediction", "--libraries", "nnfast", "--output", tmp_path),
    )
    assert "million rows a second" in output
    saved = stopwatch("results").Results.load(tmp_path / "speed.json")
    assert {(m.task, m.library) for m in saved.measurements} == {
        ("row", "nnfast"),
        ("bulk", "nnfast"),
    }
    assert all(m.least > 0 for m in saved.measurements)


def test_automatic_threads_are_compared_with_one():
    """A row for every network of the table, while a processor is kept busy."""
    program = BENCHMARKS / "automatic_threads.py"
    options = ["--pairs", "1", "--seconds", "0", "--busy", "1"]
    head, _, *rows = run(sys.executable, program, *options).splitlines()
    assert "1 kept busy" in head
    assert len(rows) == 11
    assert all(row.count(" µs ") == 2 for row in rows)
