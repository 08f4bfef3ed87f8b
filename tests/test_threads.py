# SPDX-License-Identifier: BSD-3-Clause
"""Threads change nothing but the time: the same bits for any number of them, whoever
calls at once, in forked children, in callbacks and when the system refuses threads; and
none is left running.
"""

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import twin
from sklearn.exceptions import ConvergenceWarning

from nnfast import MLPClassifier, MLPRegressor, _core, _threads
from nnfast._data import input_arrays

pytestmark = pytest.mark.usefixtures("split_work")

WIDTHS, N = (11, 37, 18, 3), 150
ACTIVATIONS = ("tanh", "relu", "softmax")
TASKS = Path("/proc/self/task")

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
lists_threads = pytest.mark.skipif(not TASKS.exists(), reason="reads /proc")


def problem(dtype=np.float32, sparse=False):
    net = _core.Net(WIDTHS, ACTIVATIONS, "log_loss")
    theta, X, y, weight = twin.problem_of(WIDTHS, "softmax", N, dtype)
    if sparse:
        X[np.abs(X) < 1] = 0
        X = input_arrays(scipy.sparse.csr_matrix(X))
    return net, theta, X, y, weight


def fit(n_threads, solver="adam", dtype=np.float32, sparse=False, **more):
    """The bits that a fit and a prediction end with."""
    net, theta, X, y, weight = problem(dtype, sparse)
    moments = np.zeros((1 + (solver == "adam"), net.size), dtype)
    settings = twin.settings_of(
        solver=solver, max_iter=2, batch_size=64, n_threads=n_threads, score="accuracy"
    )
    best, shuffle = theta.copy(), np.random.PCG64(1)
    split = np.arange(N), np.arange(N), None
    net.train(theta, moments, X, y, weight, settings, {}, split, best, shuffle, **more)
    out = np.empty((N, WIDTHS[-1]), dtype)
    net.predict(theta, X, out, n_threads=n_threads)
    return b"".join(array.tobytes() for array in (theta, moments, best, out))


def gradient(n_threads, dtype, sparse):
    net, theta, X, y, weight = problem(dtype, sparse)
    slope = np.empty(net.size, dtype)
    value = net.gradient(theta, X, y, weight, 0.1, slope, n_threads=n_threads)
    return slope.tobytes(), value


@functools.cache
def alone(**how):
    return fit(1, **how)


# ---- the same bits ----


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(dtype, sparse):
    for solver in ("adam", "sgd"):
        how = {"solver": solver, "dtype": dtype, "sparse": sparse}
        bits = {fit(n, **how) for n in [*range(1, 9), 64] for _ in range(3)}
        assert bits == {alone(**how)}
    slopes = {gradient(n, dtype, sparse) for n in range(1, 9)}  # what lbfgs asks for
    assert len(slopes) == 1


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("sparse", [False, True])
def test_n_jobs_changes_no_bit(solver, sparse, monkeypatch):
    monkeypatch.setattr(_threads, "available", lambda: 8)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(N, 20)), rng.integers(3, size=N)
    X = scipy.sparse.csr_matrix(X * (X > 0)) if sparse else X
    settings = {"hidden_layer_sizes": (64, 9), "solver": solver, "random_state": 0}
    settings |= {"max_iter": 3, "tol": 0.0}
    with pytest.warns():  # it has not converged
        fits = [MLPClassifier(**settings, n_jobs=n).fit(X, y) for n in (1, 2, 5, -1)]
    for other in fits[1:]:
        for a, b in zip(fits[0].coefs_, other.coefs_, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(fits[0].predict_proba(X), other.predict_proba(X))


def test_helpers_flush_subnormal_numbers_as_the_caller_does():
    # Products of 1e-25 are subnormal in float32: kept or flushed, the bits differ.
    net = _core.Net((4, 4), ("identity",), "squared_error")
    theta, X = np.full(net.size, 1e-25, np.float32), np.full((64, 4), 1e-15, np.float32)
    theta[16:] = 0
    outs = [np.ones((64, 4), np.float32) for _ in range(4)]
    for n_threads, out in enumerate(outs, 1):
        net.predict(theta, X, out, n_threads=n_threads)
        assert not out.any()


# ---- at once ----


def test_threads_of_python_fit_and_predict_at_once():
    numbers = [1, 2, 3, 5, 8] * 8
    for forced in (True, False):
        _core.force_threads(forced)
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(fit, numbers)) == {alone()}
    _core.force_threads(True)


def test_one_model_predicts_in_many_threads():
    net, theta, X, *_ = problem()
    expected = np.empty((N, 3), np.float32)
    net.predict(theta, X, expected)

    def predict(n_threads):
        out = np.empty_like(expected)
        for _ in range(100):
            net.predict(theta, X, out, n_threads=n_threads)
            if out.tobytes() != expected.tobytes():
                return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(predict, [1, 2, 3, 4] * 8))


def test_a_fit_within_a_fit():
    inner = []
    outer = fit(3, on_epoch=lambda event: inner.append(fit(4)))
    assert {outer, *inner} == {alone()}
    assert len(inner) == 2


@lists_threads
def test_the_number_of_threads_does_not_grow():
    def work(_):
        for n_threads in (2, 4):
            fit(n_threads)

    fit(64)
    before = len(list(TASKS.iterdir()))
    for _ in range(20):
        work(0)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(20)))
    deadline = time.monotonic() + 60  # a thread that was joined may still be listed
    while len(list(TASKS.iterdir())) > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(list(TASKS.iterdir())) == before


def test_helpers_sleep_between_calls():
    fit(8)
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.5)
    # One helper that spins would use all of the half second.
    assert time.process_time() - before < 0.25


# ---- fork ----


def child(work):
    """Fork a child that does the work; its pid."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # a child that hangs is killed, and that is seen
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)
    return pid


def succeeded(pid):
    return os.waitpid(pid, 0)[1] == 0


@forks
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_parent_and_child_go_on_after_a_fork():
    expected = alone()
    for n_threads in [1, 2, 3, 4] * 50:
        assert fit(n_threads) == expected
        pid = child(lambda: fit(2) == expected == fit(4))
        assert fit(n_threads) == expected
        assert succeeded(pid)


@forks
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_while_other_threads_are_in_the_core():
    expected, stop = alone(), threading.Event()

    def keep_fitting():
        while not stop.is_set():
            assert fit(3) == expected
        return True

    with ThreadPoolExecutor(2) as pool:
        fitting = [pool.submit(keep_fitting) for _ in range(2)]
        pids = [child(lambda: fit(4) == expected) for _ in range(100)]
        assert all(map(succeeded, pids))
        stop.set()
        assert all(done.result() for done in fitting)


@forks
def test_a_fork_before_the_pool_has_a_thread():
    """Its lock is in use already, and no child may inherit it held."""
    text = """
    import os, signal, warnings
    warnings.simplefilter("ignore")
    _core.force_threads(False)
    stop = []

    def predict():
        net.predict(theta, X[:4], np.empty((4, 2)), n_threads=2)

    def keep_predicting():
        while not stop:
            predict()

    threads = [threading.Thread(target=keep_predicting) for _ in range(3)]
    for thread in threads:
        thread.start()
    statuses = set()
    for _ in range(600):  # one in hundreds is forked while it is held
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            predict()
            os._exit(0)
        statuses.add(os.waitpid(pid, 0)[1])
    stop.append(True)
    print(statuses)
    """
    assert says(program(text)) == "{0}\n"


@forks
@lists_threads
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_gets_helpers_of_its_own():
    """Those of the parent are gone, and so are its other threads that used some."""
    net = _core.Net((300, 400, 1), ("relu", "identity"), "squared_error")
    theta, X, *_ = twin.problem_of((300, 400, 1), "identity", 1000, np.float32)
    stop = threading.Event()

    def keep_predicting():
        out = np.empty((len(X), 1), np.float32)
        while not stop.is_set():
            net.predict(theta, X, out, n_threads=2)

    def gets_helpers():
        net.predict(theta, X, np.empty((len(X), 1), np.float32), n_threads=4)
        return len(list(TASKS.iterdir())) == 4

    _core.force_threads(False)
    with ThreadPoolExecutor(3) as pool:
        predicting = [pool.submit(keep_predicting) for _ in range(3)]
        try:
            assert all(succeeded(child(gets_helpers)) for _ in range(20))
        finally:
            stop.set()
            _core.force_threads(True)
        for done in predicting:
            done.result()


@forks
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_within_a_fit():
    """The child finishes the fit that it finds itself in."""
    expected, parent, children = alone(), os.getpid(), []

    def on_epoch(event):
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            children.clear()
        else:
            children.append(pid)

    try:
        bits = fit(4, on_epoch=on_epoch)
        well = bits == expected and all(map(succeeded, children))
    finally:
        if os.getpid() != parent:
            os._exit(0 if sys.exc_info()[0] is None and well else 1)
    assert well
    assert len(children) == 2


@forks
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_generations_of_forks():
    expected = alone()

    def descend(depth):
        if fit(3) != expected:
            return False
        return depth == 0 or succeeded(child(lambda: descend(depth - 1)))

    assert descend(20)


# ---- the end of a process ----

PREAMBLE = """if True:
    import sys, threading, time
    sys.path.insert(0, {tests!r})
    import numpy as np, twin
    from nnfast import _core
    _core.force_threads(True)
    net = _core.Net((5, 60, 2), ("relu", "identity"), "squared_error")
    theta, X, y, _ = twin.problem_of((5, 60, 2), "identity", 200)

    def fit(epochs, n_threads=4, on_epoch=None):
        settings = twin.settings_of(
            max_iter=epochs, tol=0, n_iter_no_change=np.inf, n_threads=n_threads
        )
        moments = np.zeros((2, net.size))
        net.train(
            theta.copy(), moments, X, y, None, settings, {{}}, on_epoch=on_epoch
        )
"""


def program(text, **environment):
    source = PREAMBLE.format(tests=str(Path(__file__).parent)) + text
    return subprocess.run(
        [sys.executable, "-c", source],
        cwd="/",
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def says(done):
    """What a program printed when it ended well."""
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_exit_while_helpers_sleep():
    assert says(program("    fit(2); time.sleep(0.05); print('done')")) == "done\n"


def test_exit_while_a_daemon_is_in_the_core():
    text = """
    started = threading.Event()
    args = 10**9, 4, lambda event: started.set()
    threading.Thread(target=fit, args=args, daemon=True).start()
    started.wait()
    print("done")
    """
    for _ in range(5):
        assert says(program(text)) == "done\n"


@lists_threads
def test_a_system_that_refuses_threads():
    """Without room for their stacks no thread starts; the fit is the caller's alone."""
    text = """
    import os, resource
    fit(1, n_threads=1)
    pages = int(open("/proc/self/statm").read().split()[0])
    room = pages * resource.getpagesize() + 2**21
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (room, most))
    before = len(os.listdir("/proc/self/task"))
    fit(2)
    print(len(os.listdir("/proc/self/task")) - before)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    """
    assert says(program(text)) == "0\n"


# ---- how many ----

COUNT = """
    import os
    before = len(os.listdir("/proc/self/task"))
    fit(1, n_threads=4)
    print(len(os.listdir("/proc/self/task")) - before)
"""


@lists_threads
def test_the_environment_limits_threads():
    for setting, helpers in {"1": 0, "2": 1, "3": 2, "": 3, "999": 3}.items():
        done = program(COUNT, NNFAST_NUM_THREADS=setting)
        assert says(done) == f"{helpers}\n", setting
    done = program(COUNT, NNFAST_NUM_THREADS=str(2**80))
    assert says(done) == "3\n"


@lists_threads
@pytest.mark.parametrize("setting", ["0", "-2", "four", "2.5", "2 or 3", "0x2"])
def test_a_bad_number_in_the_environment_is_named(setting):
    done = program(COUNT, NNFAST_NUM_THREADS=setting)
    assert (done.returncode, done.stdout) == (0, "3\n")
    assert f"RuntimeWarning: NNFAST_NUM_THREADS='{setting}' is not" in done.stderr
    assert "using no limit but the CPUs there are instead" in done.stderr
    assert done.stderr.count("Warning") == 1


def test_where_warnings_are_errors_the_environment_ends_the_import(tmp_path):
    command = [sys.executable, "-W", "error", "-c", "from nnfast import _core"]
    environment = os.environ | {"NNFAST_NUM_THREADS": "four"}
    how = {"cwd": tmp_path, "capture_output": True, "text": True}
    done = subprocess.run(command, env=environment, **how)
    assert done.returncode == 1
    assert "\nRuntimeWarning: NNFAST_NUM_THREADS='four' is not" in done.stderr


@lists_threads
@pytest.mark.parametrize("n_jobs", [None, -1, 4])
def test_threadpoolctl_limits_threads(n_jobs):
    text = f"""
    import os, warnings
    from nnfast import MLPRegressor, _threads
    from threadpoolctl import threadpool_info, threadpool_limits

    _threads.available = lambda: 4
    network = MLPRegressor(hidden_layer_sizes=2000, max_iter=1, n_jobs={n_jobs})
    warnings.simplefilter("ignore")  # it has not converged
    helpers = lambda: len(os.listdir("/proc/self/task")) - before
    n_threads = lambda: [
        api["num_threads"] for api in threadpool_info() if api["user_api"] == "nnfast"
    ]
    before = len(os.listdir("/proc/self/task"))
    with threadpool_limits(1):
        network.fit(X, y)
        print(helpers(), n_threads())
    with threadpool_limits(3, user_api="nnfast"):
        network.fit(X, y)
        print(helpers(), n_threads())
    network.fit(X, y)
    print(helpers(), n_threads())
    """
    assert says(program(text)).splitlines() == ["0 [1]", "2 [3]", "3 [4]"]


@pytest.mark.skipif(_threads.available() == 1, reason="has one CPU: no limit to set")
def test_threadpoolctl_gives_back_what_it_took():
    """Its limit is no more than the CPUs there are: that is none, then as now."""
    text = """
    import ctypes
    from threadpoolctl import threadpool_limits
    from nnfast import _core, _threads

    limit = ctypes.CDLL(_core.__file__).nnf_threads_limit
    limit.restype = ctypes.c_size_t
    print(limit())
    with threadpool_limits(1):
        print(limit())
    print(limit())
    """
    before, inside, after = says(program(text)).split()
    assert inside == "1"
    assert after == before


@pytest.fixture
def eight_cpus(monkeypatch):
    _threads.cpus.cache_clear()
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    yield
    _threads.cpus.cache_clear()


def test_how_many_threads(eight_cpus, monkeypatch):
    numbers = (None, 1, 3, 8, 9, 10**30, -1, -2, -8, -9, -(10**30))
    counts = [_threads.count(n, little=False) for n in numbers]
    assert counts == [8, 1, 3, 8, 8, 8, 8, 7, 1, 1, 1]
    assert _threads.count(None, little=True) == 1
    for setting, n in {"2,1": 2, "1": 1, "99": 8, "0": 8, "": 8, "many": 8}.items():
        monkeypatch.setenv("OMP_NUM_THREADS", setting)
        assert _threads.count(None, little=False) == n
        assert _threads.count(-1, little=False) == 8


def test_early_stopping_asks_for_the_rows_that_it_scores_at_once(monkeypatch):
    asked = []

    def is_little(widths, real_size, n_rows, passes):
        asked.append(n_rows)
        return True

    monkeypatch.setattr(_threads, "is_little", is_little)
    X = np.arange(1000.0)[:, np.newaxis] / 1000
    for batch_size in 20, 300:
        model = MLPRegressor(early_stopping=True, batch_size=batch_size, max_iter=1)
        with pytest.warns(ConvergenceWarning):
            model.fit(X, X[:, 0])
    assert asked == [100, 300]


@lists_threads
def test_what_is_little_the_core_does_not_share():
    """As many rows as still are little."""
    text = """
    import bisect
    import os
    import warnings
    from nnfast import MLPRegressor, _threads

    warnings.simplefilter("ignore")
    _core.force_threads(False)
    _threads.available = lambda: 3
    rng = np.random.default_rng(0)
    before = len(os.listdir("/proc/self/task"))

    def fit(widths, rows):
        X = np.ones((rows, widths[0]), np.float32)
        model = MLPRegressor(hidden_layer_sizes=widths[1:-1], n_jobs=3)
        return model.set_params(batch_size=rows, max_iter=9).fit(X, X[:, 0])

    def most(widths, passes):
        def is_more(rows):
            return not _threads.is_little(widths, 4, rows, passes)

        return bisect.bisect(range(1, 10**7), False, key=is_more)

    for _ in range(40):
        inner = 2 ** rng.uniform(0, 7, rng.integers(2, 5))
        widths = (*inner.astype(int).tolist(), 1)
        model = fit(widths, most(widths, _threads.PASSES_OF_A_STEP))
        model.predict(np.ones((most(widths, 1), widths[0]), np.float32))
    for widths in (59, 1000, 1), (784, 75, 1), (200, 290, 1):
        if rows := most(widths, _threads.PASSES_OF_A_STEP):
            fit(widths, rows)
    print(len(os.listdir("/proc/self/task")) - before)
    """
    assert says(program(text)) == "0\n"


@pytest.mark.parametrize("n_jobs", [0, 1.5, "2"])
def test_n_jobs_that_is_no_number_of_jobs(n_jobs):
    with pytest.raises(ValueError, match="n_jobs"):
        MLPRegressor(n_jobs=n_jobs).fit([[0.0], [1.0]], [0.0, 1.0])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="has no affinity")
def test_affinity_is_obeyed():
    text = """
    import os
    from nnfast import _threads
    cpus = sorted(os.sched_getaffinity(0))
    print(_threads.available() <= len(cpus))
    os.sched_setaffinity(0, cpus[:1])
    print(_threads.available())
    """
    assert says(program(text)) == "True\n1\n"
