# SPDX-License-Identifier: BSD-3-Clause
"""The speed benchmark counts, compares and writes down what it says it does."""

import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shell import run

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"


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
            "peak_flops": {"base": {"float32": {"1": 1e9}, "float64": {"1": 5e8}}},
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


def timed(results, least, **same):
    """Let the results be these: what each is of, and its least time."""
    (model, *_) = results.measurements
    results.measurements = [
        replace(model, **same, **what, least=seconds) for what, seconds in least
    ]


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


def test_sparse_rows_and_their_limit(stopwatch):
    """One value in each fifth of a row; of the first layer's products only these count:
    two for each value and unit. The second layer takes three of 4 x 2."""
    shape = stopwatch("shapes").Shape((50, 4, 2), "relu", 10, 3, density=0.1)
    X, y = shape.data("float32")
    assert X.shape == (30, 50)
    assert y.shape == (30,)
    assert (X.dtype, X.nnz) == (np.float32, 30 * 5)
    np.testing.assert_array_equal(X.indices.reshape(30, 5) // 10, [range(5)] * 30)
    assert shape.multiply_adds() == 10 * (2 * 5 * 4 + 3 * 4 * 2)


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


def test_steps_faster_than_the_processor_are_forgotten(results):
    # 100 rows of 1-20-1: 100 * (2 * 20 + 3 * 20) multiply-adds, 20 us at 1 GFLOP/s
    first, second, third = results.measurements
    results.measurements = [first, second, replace(third, least=19e-6)]
    results.forget_impossible()
    assert results.measurements == [first, second]
    assert results.notes[-1] == "nnfast: 1-20-1 relu, 100: too noisy to tell"


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
            "peak_flops": {
                "base": {"float32": {"1": 2e9, "2": 3e9}, "float64": {"1": 1e8}},
                "avx2": {"float32": {"1": 7e9}},
            },
        },
        measurements=[replace(once, least=10e-6, median=60e-6, samples=4)],
    )
    both = stopwatch("results").merged([results, again])
    assert both.measurements == [
        replace(once, least=10e-6, median=50e-6, samples=14),
        *results.measurements[1:],
    ]
    assert both.machine["peak_flops"] == {
        "base": {"float32": {"1": 2e9, "2": 3e9}, "float64": {"1": 5e8}},
        "avx2": {"float32": {"1": 7e9}},
    }
    assert both.notes == results.notes
    again.environment = {"CPU": "another processor"}
    with pytest.raises(ValueError, match="processor"):
        stopwatch("results").merged([results, again])


def test_page_without_a_compiler(stopwatch, results):
    """No peak was measured: no limit, but the times are there."""
    results.machine.update(peak_flops={}, bytes_per_second={})
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
    found = stopwatch("cliffs").cliffs(results)
    assert len(found) == len(words)
    assert all(text.startswith(word) for text, word in zip(found, words))
    drop, jump = stopwatch("cliffs").extremes(results)
    growth = seconds[1] / seconds[0]
    assert f"from width 10 to 20 it grows least, to {growth:.2f} of what" in drop
    assert f"from width 10 to 20, by {growth / 2:.2f} times as much" in jump


@pytest.mark.parametrize(
    ("short", "least"),
    [
        ((3, 3, 3), 10.2),
        ((1, 3, 3), 10.5),
    ],  # in the latter one is luckier than any long
)
def test_the_least_is_no_more_than_the_median(stopwatch, short, least):
    shapes, timing = stopwatch("shapes"), stopwatch("timing")
    job = shapes.Job("table", shapes.TABLE[0])
    samples = timing.Samples(11, short=[*short], long=[14, 13.5, 13.2])
    found = samples.measurement(job, "nnfast")
    assert found.least == pytest.approx(least / 10)
    assert found.least <= found.median == pytest.approx(10.5 / 10)


def test_medians_are_shown_where_threads_are_compared(stopwatch, results):
    (once, *_) = results.measurements
    assert once.seconds == once.least
    assert replace(once, section="threads").seconds == once.median


def test_avx2_and_float64_have_limits_and_targets_of_their_own(stopwatch, results):
    """30-100-1 takes 10 us; 20 with AVX2, whose peak is half, and 24 in float64."""
    held_back, shape = stopwatch("held_back"), stopwatch("shapes").TABLE[2]
    limit = shape.multiply_adds() * 2
    results.machine["peak_flops"] = {
        "base": {"float32": {"1": limit / 8e-6}, "float64": {"1": limit / 18e-6}},
        "avx2": {"float32": {"1": limit / 16e-6}, "float64": {}},
    }
    least = [
        ({"library": "nnfast", "dtype": "float32"}, 10e-6),
        ({"library": "nnfast avx2", "dtype": "float32"}, 20e-6),
        ({"library": "nnfast", "dtype": "float64"}, 24e-6),
    ]
    timed(results, least, section="table", shape=shape)
    (row,) = held_back.table(results).rows
    assert row[0] == "30-100-1 relu, 200"
    expected = [10, 0.8, 20, 2.0, 0.8, 16 / 17.5, 24, 2.4, 0.75, 18 / 25]
    assert row[1:] == pytest.approx(expected, rel=1e-12)
    avx2, float64 = held_back.verdicts(results)
    assert "longer on 30-100-1 relu, 200 (2.00). Its peak is 2.00 times lower" in avx2
    assert "It does. Its peak is 2.25 times lower" in float64
    results.machine["peak_flops"]["avx2"] = {"float32": {"1": limit / 8.01e-6}}
    assert "(2.00). Its peak is as high here" in held_back.verdicts(results)[0]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(99.94, "99.9"), (99.96, "100"), (1234.5, "1,234"), (1, "1.00")],
)
def test_microseconds_have_three_digits(stopwatch, value, shown):
    assert stopwatch("tables").show(value, "microseconds") == shown


def test_overhead_is_what_a_call_takes_besides_its_step(stopwatch, results):
    shape = stopwatch("shapes").TABLE[3]
    least = [
        ({"task": "partial_fit", "library": "nnfast"}, 90e-6),
        ({"task": "train", "library": "nnfast"}, 10e-6),
        ({"task": "partial_fit", "library": "scikit-learn"}, 1000e-6),
        ({"task": "train", "library": "scikit-learn"}, 200e-6),
    ]
    timed(results, least, section="overhead", shape=shape)
    (row,) = stopwatch("tables").overhead_table(results).rows
    assert row[0] == "partial_fit of 32 × 64, 64-100-10"
    assert row[1:] == pytest.approx([80, 800, 10, 100], rel=1e-12)


def test_the_page_says_what_its_numbers_say(stopwatch):
    """docs/speed.md is what --docs makes of docs/speed.json."""
    docs = ROOT / "docs"
    results = stopwatch("results").Results.load(docs / "speed.json")
    document = stopwatch("document")
    pictures = [docs / name for name in document.PICTURES if (docs / name).exists()]
    assert (docs / "speed.md").read_text() == document.text(results, pictures)


def test_jobs_that_differ_in_threads_only_are_taken_in_turn(stopwatch):
    shapes = stopwatch("shapes")
    groups = shapes.jobs(["table", "threads"], 4, quick=False)
    assert len(groups) == 2 * len(shapes.TABLE) + len(shapes.THREADED)
    for group in groups:
        assert len({(job.section, job.shape, job.dtype) for job in group}) == 1
        threads = [job.threads for job in group]
        assert threads == ([1, 2, 4] if group[0].paired else [1])


def test_every_shape_has_as_many_rows_as_its_steps_take(stopwatch):
    shapes = stopwatch("shapes")
    groups = shapes.jobs(shapes.SECTIONS, 4, quick=True)
    for job in {job for group in groups for job in group}:
        X, y = job.shape.data(job.dtype)
        assert X.shape == (job.shape.batch * job.shape.steps, job.shape.widths[0])
        assert X.dtype == job.dtype
        if job.task == "predict":
            X, y = job.shape.to_fit().data(job.dtype)
        # Each library must see all classes, or it would train another network.
        assert np.unique(y).size == max(2, job.shape.n_outputs)


def test_command_line(tmp_path, stopwatch):
    """A run of the shortest section, in a worker of its own."""
    output = run(
        *(sys.executable, BENCHMARKS / "speed.py", "--quick", "--no-plots"),
        *("--sections", "overhead,prediction", "--libraries", "nnfast"),
        *("--output", tmp_path),
    )
    assert "million rows a second" in output
    assert "fit of 200 × 2, 2-4-1" in output
    saved = stopwatch("results").Results.load(tmp_path / "speed.json")
    tasks = {(m.section, m.task, m.library) for m in saved.measurements}
    assert tasks == {
        ("prediction", "predict", "nnfast"),
        *(("overhead", t, "nnfast") for t in ("fit", "partial_fit", "train")),
    }
    assert all(m.least > 0 for m in saved.measurements)


def test_automatic_threads_are_compared_with_one():
    """A row for each chosen job, a processor being kept busy; 1 if one is too slow.

    So short runs say nothing about which of them is.
    """
    program = BENCHMARKS / "automatic_threads.py"
    done = subprocess.run(
        [sys.executable, program, "--only", "30-100-1", "--busy", "1"]
        + ["--pairs", "1", "--seconds", "0"],
        capture_output=True,
        text=True,
    )
    head, _, *rows, verdict = done.stdout.splitlines()
    assert "1 kept busy" in head
    assert len(rows) == 7, done.stderr
    slow = sum("TOO SLOW" in row for row in rows)
    assert verdict.endswith(f": {slow} of 7")
    assert done.returncode == (1 if slow else 0)
