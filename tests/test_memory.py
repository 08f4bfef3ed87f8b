# SPDX-License-Identifier: BSD-3-Clause
"""What does not fit into memory is a MemoryError, loses nothing and changes nothing.

``reliability.allocations`` refuses allocations one by one; docs/reliability.md has the
counts.
"""

import os
import signal
import sys
import textwrap
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import twin
from compiled import PRELOADED
from interrupts import with_pending_interrupt
from reliability import allocations, growth, page, peak, shim
from reliability.figures import FIGURES
from scipy import sparse
from shell import run

from nnfast import MLPClassifier, MLPRegressor, _core, _memory

needs_shim = pytest.mark.skipif(
    not shim.available(), reason="needs glibc, a C compiler and a GIL"
)
X = np.zeros((20, 3))
t = np.arange(20.0)


# ---- allocations that fail ----


@needs_shim
def test_every_allocation_of_the_core():
    found = allocations.measure([*allocations.CORE])
    for name, counts in found.items():
        assert counts["ends"].keys() == {"MemoryError"}, name
        assert (counts["changed"], counts["leaking"]) == (0, 0), name


@needs_shim
@pytest.mark.parametrize("name", ["fit: sgd, warm", "predict: a classifier"])
def test_every_array_of_an_estimator(name):
    counts = allocations.measure([name])[name]
    assert counts["ends"].keys() == {"MemoryError"}
    assert (counts["changed"], counts["leaking"]) == (0, 0)


@needs_shim
def test_the_system_has_no_more_threads():
    """Then the caller's own does all the work, with the same bits."""
    digests = {
        shim.run_with_shim("reliability.threads_refused", refuse)
        for refuse in ("yes", "no")
    }
    assert len(digests) == 1


ONE_BY_ONE = """
    import _testcapi
    from functools import partial
    from importlib.util import find_spec, module_from_spec
    from core_call import Call
    from nnfast import _core

    # To read a name that is not ASCII takes memory.
    name = "ada" + chr(0x1E3F)
    train = Call("train")
    train.arguments["settings"]["solver"] = name
    spec = find_spec("nnfast._core")
    calls = [
        partial(_core.Net, (3, 2), (name,), "squared_error"),
        partial(train.net.train, **train.arguments),
        lambda: spec.loader.exec_module(module_from_spec(spec)),
    ]

    def end_of(call, nth):
        _testcapi.set_nomemory(nth, nth + 1)
        try:
            call()
        except BaseException as error:
            return error
        finally:
            _testcapi.remove_mem_hooks()

    for call in calls:
        ends = [end_of(call, nth) for nth in range(200)]
        # CPython 3.11 makes no type without memory, and forgets to say why.
        silent = "without setting an exception"
        ends = [end for end in ends if silent not in str(end)]
        print(*sorted({type(end).__name__ for end in ends}))
"""


HANDING_OVER = """
    import itertools
    import _testcapi
    import numpy as np
    from concurrent.futures import ThreadPoolExecutor
    from nnfast import MLPRegressor, _apart, _core

    X = np.zeros((20, 3))
    settings = {"hidden_layer_sizes": (3,), "max_iter": 2, "tol": 1e9}
    settings |= {"random_state": 0, "warm_start": True, "early_stopping": True}
    hand_over = _core.hand_over
    nth = width = 0

    def armed(*arguments):
        _testcapi.set_nomemory(nth, nth + width)
        hand_over(*arguments)

    def is_free():
        taken = _apart._at_once.acquire(timeout=9)
        if taken:
            _apart._at_once.release()
        return taken

    ends = set()
    with ThreadPoolExecutor(1) as another:
        for width, nth in itertools.product((1, 3), range(40)):
            _core.hand_over = hand_over
            model = MLPRegressor(**settings).fit(X, np.arange(20.0))
            before = model._model, len(model.loss_curve_)
            _core.hand_over = armed
            error = None
            try:
                model.fit(X, np.arange(20.0))
            except BaseException as caught:
                error = caught
            _testcapi.remove_mem_hooks()
            after = model._model, len(model.loss_curve_)
            happened = after[0] is not before[0]
            assert another.submit(is_free).result()
            if width > 1:  # nor may there be memory to make a list shorter
                continue
            assert after[1] == before[1] + 2 * happened, nth
            ends.add((type(error).__name__, happened))
    # It may also fail when all is done, in what scikit-learn does then.
    print(*sorted(ends - {("MemoryError", True)}))
"""


def test_memory_that_fails_as_a_fit_hands_over():
    """It has happened or it has not, and the next can happen."""
    pytest.importorskip("_testcapi")
    assert run(sys.executable, "-W", "ignore", "-c", textwrap.dedent(HANDING_OVER)) == (
        "('MemoryError', False) ('NoneType', True)\n"
    )


def test_whichever_allocation_of_python_fails():
    """A call ends with that, or as it should, here in a refusal: CPython does without
    some of what it asks for."""
    pytest.importorskip("_testcapi")
    here = f"import sys; sys.path.append({str(Path(__file__).parent)!r})"
    said = run(sys.executable, "-c", here + textwrap.dedent(ONE_BY_ONE))
    refusal = "MemoryError ValueError\n"
    assert said == refusal + refusal + "MemoryError NoneType\n"


# ---- networks that are too large ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("solver", "own", "double"), [("sgd", 3, 0), ("adam", 4, 0), ("lbfgs", 2, 27)]
)
def test_a_network_that_cannot_fit_is_refused_with_its_bytes(
    solver, own, double, dtype
):
    model = MLPRegressor(hidden_layer_sizes=(10**6, 10**6), solver=solver)
    weights = 4 * 10**6 + (10**6 + 1) * 10**6 + (10**6 + 1)
    n_bytes = weights * (own * np.dtype(dtype).itemsize + double * 8)
    before = vars(model).copy()
    words = rf"^hidden_layer_sizes=\[1000000, 1000000\] with 3 .* needs {n_bytes} bytes"
    with pytest.raises(MemoryError, match=words):
        model.fit(X.astype(dtype), t)
    assert vars(model) == before


@pytest.mark.parametrize("width", [2**31, 2**32, 2**62, 2**64])
def test_sizes_that_no_machine_can_count(width):
    for sizes in [(width,), (width, width), (width,) * 9]:
        with pytest.raises(MemoryError, match=r"needs \d+ bytes"):
            MLPClassifier(sizes).fit(X, t > 3)


def test_the_limit_is_the_least_of_all():
    most = _memory.limit()
    assert 0 < most <= sys.maxsize // 2
    if sys.platform != "linux" or PRELOADED:  # which maps terabytes
        return
    # A process that was given less can have less, and says so.
    code = """
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, resource.RLIM_INFINITY))
        import numpy as np
        from nnfast import MLPRegressor
        wide = MLPRegressor(hidden_layer_sizes=(20000, 20000))
        try:
            wide.fit(np.zeros((9, 3)), np.arange(9))
        except MemoryError as error:
            print(error)
    """
    said = run(sys.executable, "-c", textwrap.dedent(code))
    needed = 4 * 8 * (4 * 20000 + 20001 * 20000 + 20001)
    assert f"needs {needed} bytes, and this process can have {3 * 2**30}." in said


def test_a_container_says_what_it_may_have(tmp_path, monkeypatch):
    monkeypatch.setattr(_memory, "_CGROUPS", tmp_path)
    for text, swap, expected in [
        ("100", None, [100]),
        ("100", "7", [107]),
        ("max", "7", []),
        ("100", "max", [100 + _memory._swap()]),
    ]:
        (tmp_path / "memory.max").write_text(text + "\n")
        if swap is not None:
            (tmp_path / "memory.swap.max").write_text(swap + "\n")
        assert [*_memory._cgroup()] == expected
    (tmp_path / "memory.max").unlink()
    assert [*_memory._cgroup()] == []


def test_a_system_that_says_nothing_limits_nothing(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sysconf", raising=False)
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(_memory, "_CGROUPS", tmp_path)
    monkeypatch.setattr(_memory, "_MEMINFO", tmp_path / "none")
    assert _memory._swap() == 0
    assert _memory.limit() == sys.maxsize // 2


# ---- arrays that are moved ----


def test_an_array_at_work_cannot_be_resized():
    """Not even by who says that nobody refers to it: the core does."""
    net = _core.Net((3, 1), ("identity",), "squared_error")
    eye = sparse.csr_array(np.eye(6, 3))
    csr = (eye.data.copy(), eye.indices.astype("i4"), eye.indptr.astype("i8"))
    arrays = [
        np.zeros(net.size),
        np.zeros((2, net.size)),
        np.ones(6),
        np.zeros(net.size),
    ]
    y, rows, score_weight = np.zeros((6, 1)), np.arange(6), np.ones(6)
    resized = []

    def resize(event):
        for array in (*csr, *arrays, y, rows, score_weight):
            shape = array.shape
            with pytest.raises(ValueError, match="cannot resize"):
                array.resize((1000, 1000), refcheck=False)
            resized.append(array.shape != shape)

    theta, moments, weight, best = arrays
    net.train(
        theta,
        moments,
        csr,
        y,
        weight,
        twin.settings_of(max_iter=2, score="r2"),
        {},
        (rows, rows[::-1].copy(), score_weight),
        best,
        on_epoch=resize,
    )
    assert resized == [False] * 20
    for array in (*csr, *arrays, y, rows, score_weight):
        array.resize((2, 2), refcheck=False)  # nobody holds them any more


def test_an_array_that_is_checked_cannot_be_resized():
    """To look at millions of rows takes a while, in which signals come through."""
    n = 2**21 + 1
    X, y, weight = (np.ones(shape, np.float32) for shape in ((n, 1), (n, 1), n))
    net = _core.Net((1, 1), ("identity",), "squared_error")
    theta, out, slope, best = (
        np.zeros(shape, np.float32) for shape in (net.size, (n, 1), net.size, net.size)
    )
    moments, rows = np.zeros((2, net.size), np.float32), np.arange(n)
    settings = twin.settings_of(max_iter=1, batch_size=n, score="r2")
    split, large = (rows, rows[::-1].copy(), weight), np.ones((2 * n, 1))
    calls = {
        partial(net.predict, theta, X, out): (theta, X, out),
        partial(net.gradient, theta, X, y, weight, 0.1, slope): (X, y, weight, slope),
        partial(net.train, theta, moments, X, y, weight, settings, {}, split, best): (
            theta,
            moments,
            X,
            y,
            weight,
            *split,
            best,
        ),
        partial(_core.is_plain, large, 2): (large,),
    }

    def handle(signum, frame):
        for array in given:
            with pytest.raises(ValueError, match="cannot resize"):
                array.resize((3, 3), refcheck=False)
            held.append(array)

    before = signal.signal(signal.SIGINT, handle)
    try:
        for call, given in calls.items():
            held = []
            with_pending_interrupt(call)
            assert len(held) == len(given)
    finally:
        signal.signal(signal.SIGINT, before)


# ---- how much is held ----


@needs_shim
def test_many_fits_hold_no_more_than_few():
    """A fit that lost a block would add one for each."""
    found = growth.measure("fits", 1000)
    assert found["blocks"] < found["fits"]


@needs_shim
def test_the_peak_of_a_fit_is_what_the_page_says():
    for name, found in peak.measure([*peak.ALL]).items():
        assert found["measured"] <= peak.bound(peak.ALL[name], found), name


def test_the_page_is_what_the_figures_make_of_it():
    text = (Path(__file__).parents[1] / "docs" / "reliability.md").read_text()
    assert page.rows(text).keys() <= FIGURES.keys()
    again = page.with_row(text, "fits", page.rows(text)["fits"])
    assert again == text
