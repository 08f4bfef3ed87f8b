# SPDX-License-Identifier: BSD-3-Clause
"""Processes and signals around whole estimators: workers of every kind give the bits of
their parent and never hang, handlers may fit and predict, Ctrl-C ends what the main
thread does and nothing else, and other threads run meanwhile.
"""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
import shell
from interrupts import Alarm, needs_timer, with_pending_interrupt
from reliability import forks, threads

from nnfast import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "interrupt_latency.py"

needs_fork = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="the system has no fork"
)

X, y = forks.X, forks.y
ENDLESS = {"max_iter": 10**9, "n_iter_no_change": np.inf, "random_state": 0}


# ---- processes ----


@needs_fork
def test_a_server_that_forks_its_workers():
    assert forks.forks(80) == "80 forks: 0 hangs, 0 wrong results"


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes_of_every_start_method(method):
    with forks.shared_among(3):
        expected = [forks.bits(2, solver) for solver in ("sgd", "adam", "lbfgs")]
    context = multiprocessing.get_context(method)
    arguments = [(n, solver) for n in (1, 3) for solver in ("sgd", "adam", "lbfgs")]
    with context.Pool(2) as pool:
        found = pool.starmap_async(forks.bits, arguments).get(120)
    assert found == expected * 2


def test_loky_in_and_around_fits():
    expected = forks.bits(2)
    workers = joblib.Parallel(n_jobs=2, backend="loky")
    assert set(workers(joblib.delayed(forks.bits)(n) for n in (1, 2, None))) == {
        expected
    }
    assert forks.bits(2) == expected


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_can_draw_from_the_generator_of_a_fit():
    """That of NumPy itself, which a thread was fitting with when the process forked."""
    started = threading.Event()
    stop = []

    def fit(random_state):
        model = MLPRegressor(**{**ENDLESS, "random_state": random_state, "max_iter": 1})
        while not stop:
            model.fit(X, X[:, 0])
            started.set()

    for generator in (None, np.random.RandomState(3)):
        started.clear()
        stop.clear()
        thread = threading.Thread(target=fit, args=(generator,))
        thread.start()
        started.wait(60)
        source = np.random.mtrand._rand if generator is None else generator
        pids = [forks.fork(partial(source.uniform, 1, 2)) for _ in range(40)]
        statuses = [os.waitpid(pid, 0)[1] for pid in pids]
        stop.append(True)
        thread.join()
        assert not any(statuses)


# ---- threads ----


def test_one_hash_for_any_number_of_threads():
    assert threads.one_hash_each(9) == "28 kinds of 9 fits: at most 1 hash each"


def test_predictions_of_many_threads_at_once():
    found = threads.concurrent_predictions(4000)
    assert found == "4,000 predictions in 16 threads: 0 differ"


def test_threads_that_fit_models_of_their_own():
    kinds = list(threads.kinds())
    with forks.shared_among(4):
        expected = [threads.digest(*kind, 1) for kind in kinds]
        with threads.ThreadPoolExecutor(16) as pool:
            calls = [pool.submit(threads.digest, *kind, 3) for kind in kinds * 3]
            assert [call.result() for call in calls] == expected * 3


class Ticks:
    """A thread that wants the GIL each millisecond, and how often it got it."""

    def __enter__(self):
        self.count, self.stop = 0, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def run(self):
        while not self.stop:
            self.count += 1
            time.sleep(1e-3)

    def __exit__(self, *exc):
        self.stop = True
        self.thread.join()


def bulk(method):
    """A call of a second or so, hardly any of it in Python."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((200_000, 50), np.float32)
    targets = (rows[:, 0] > 0).astype(int)
    model = MLPClassifier((300, 300), max_iter=1, batch_size=1000, random_state=0)
    if method == "fit":
        return partial(model.fit, rows[:50_000], targets[:50_000])
    return partial(getattr(model.fit(rows[:100], targets[:100]), method), rows)


@needs_timer
@pytest.mark.filterwarnings("ignore:Got `batch_size`:UserWarning")
@pytest.mark.parametrize("method", ["fit", "predict_proba"])
def test_other_threads_keep_their_beat(method):
    """Held from poll to poll, the GIL could be had once for each of them."""
    call = bulk(method)
    with Alarm() as alarm, Ticks() as ticks:
        call()
        polls, beats = alarm.count, ticks.count
    assert beats > 3 * polls > 0


# ---- handlers ----


@needs_timer
def test_a_handler_that_fits_and_predicts_with_another_model():
    alone = bits_of(MLPClassifier((60,), max_iter=150, random_state=0).fit(X, y))
    other = forks.fitted()
    expected = other.predict_proba(X).tobytes()
    inner = []

    def action():
        if len(inner) < 20:
            inner.append(forks.bits(2))
            inner.append(other.predict_proba(X).tobytes())

    model = MLPClassifier((60,), max_iter=150, random_state=0)
    with Alarm(action) as alarm:
        model.fit(X, y)
        while alarm.count < 3:
            model.fit(X, y)
    assert bits_of(model) == alone
    assert set(inner) == {expected}


def bits_of(model):
    return b"".join(array.tobytes() for array in (*model.coefs_, *model.intercepts_))


@needs_timer
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_handler_that_fits_and_predicts_with_the_same_model(solver):
    model = MLPClassifier((60,), solver=solver, max_iter=150, random_state=0).fit(X, y)
    alone, before = bits_of(model), model.predict_proba(X).tobytes()
    refused, seen = [], []

    def action():
        try:
            model.fit(X, y)
        except RuntimeError as error:
            refused.append(str(error))
        seen.append(model.predict_proba(X).tobytes())

    # Between two fits it is free to fit, which gives the same model again.
    with Alarm(action):
        while not refused:
            model.fit(X, y)
    assert bits_of(model) == alone
    assert set(seen) == {before}
    assert all("further up in this thread" in words for words in refused)


@needs_fork
@needs_timer
def test_a_handler_that_forks_while_helpers_are_at_work():
    """The child, which lacks them, goes on with the call like its parent."""
    rows = np.random.default_rng(0).standard_normal((600, 500))
    parent, children = os.getpid(), []

    def fork():
        if len(children) == 8:
            return
        child = os.fork()
        if child:
            children.append(child)
        else:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(60)

    with forks.shared_among(2):
        model = MLPClassifier((1500, 1500), max_iter=1, random_state=0, n_jobs=2)
        model.fit(rows[:2], [0, 1])
        expected = model.predict_proba(rows).tobytes()
        with Alarm(fork):
            while len(children) < 8:
                found = model.predict_proba(rows).tobytes()
                if os.getpid() != parent:
                    os._exit(found != expected)
                assert found == expected
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8


def test_what_a_handler_raises_ends_the_fit_and_changes_nothing():
    model = forks.fitted()
    before = joblib.hash(vars(model))

    def handle(signum, frame):
        model.fit(X, y)  # refused, which nobody catches

    found = signal.signal(signal.SIGINT, handle)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    model.set_params(**ENDLESS)
    timer.start()
    try:
        with pytest.raises(RuntimeError, match="being fitted already"):
            model.fit(X, y)
    finally:
        signal.signal(signal.SIGINT, found)
        timer.join()
    model.set_params(max_iter=2, n_iter_no_change=10)
    assert joblib.hash(vars(model)) == before
    model.fit(X, y)


# ---- Ctrl-C ----


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="POSIX only")
def test_a_signal_that_another_thread_gets_ends_the_fit_of_the_main_thread():
    timer = threading.Timer(0.2, lambda: None)
    timer.function = lambda: signal.pthread_kill(timer.ident, signal.SIGINT)
    timer.start()
    model = MLPClassifier(**ENDLESS)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, y)
    timer.join()
    assert np.isfinite(model.predict_proba(X)).all()


def test_ctrl_c_leaves_the_fits_of_other_threads_alone():
    expected = bits_of(MLPClassifier((60,), max_iter=300, random_state=0).fit(X, y))
    model = MLPClassifier((60,), max_iter=300, random_state=0)
    thread = threading.Thread(target=model.fit, args=(X, y))
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        with_pending_interrupt(thread.join)
    thread.join()
    assert bits_of(model) == expected


def test_interrupts_at_random_times():
    """The model is valid each time. How long it took is for the benchmark alone."""
    few = ["--interrupts", "40", "--longest", "0.1", "--small", "--cpu"]
    command = [sys.executable, BENCHMARK, *few]
    # Its exit code says whether one was too slow, which depends on the machine.
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    last = done.stdout.splitlines()[-1]
    assert re.match(r"40 interrupts: .*, 0 models unwell", last), (
        done.stdout + done.stderr
    )


IMPORT = """
from nnfast._late import late
try:
    late("slow_to_import")
except KeyboardInterrupt:
    print("interrupted,", end=" ")
print(late("slow_to_import").whole)
try:
    late("no_such_module")
except ModuleNotFoundError as error:
    print(error.name)
"""

SLOW = """
import _thread, time
_thread.interrupt_main()
try:
    time.sleep(0.5)  # in the main thread Ctrl-C would come here, and be swallowed
except BaseException:
    pass
whole = "whole"
"""


def test_ctrl_c_cannot_come_into_an_import(tmp_path):
    (tmp_path / "slow_to_import.py").write_text(SLOW)
    printed = shell.run(sys.executable, "-c", IMPORT, PYTHONPATH=str(tmp_path))
    assert printed == "interrupted, whole\nno_such_module\n"


# Epochs that print no more than a notebook can take.
NOTEBOOK = """
from nnfast import MLPClassifier
model = MLPClassifier(
    max_iter=10**9, n_iter_no_change=float("inf"), random_state=0, verbose=True
)
model.fit([[0.0], [1.0], [2.0]] * 100_000, [0, 1, 0] * 100_000)
"""


def test_a_notebook_is_interrupted(tmp_path):
    """The kernel gets SIGINT, as from Jupyter's button, and goes on with the model."""
    jupyter = pytest.importorskip("jupyter_client.manager")
    pytest.importorskip("ipykernel")
    # Where no sources lie, which would be found before what is installed.
    manager, client = jupyter.start_new_kernel(kernel_name="python3", cwd=tmp_path)

    def execute(code):
        """All that it prints; it is interrupted in a fit, once an epoch is done."""
        texts = []

        def listen(message):
            texts.append(message["content"].get("text", ""))
            if "Iteration 1," in texts[-1]:
                manager.interrupt_kernel()

        reply = client.execute_interactive(code, timeout=120, output_hook=listen)
        return reply["content"]["status"], "".join(texts)

    try:
        status, text = execute(NOTEBOOK)
        assert (status, "Training interrupted by user." in text) == ("ok", True), text
        assert execute("print(model.predict([[0.0]]))")[1] in ("[0]\n", "[1]\n")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
