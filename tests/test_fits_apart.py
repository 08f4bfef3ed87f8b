# SPDX-License-Identifier: BSD-3-Clause
"""A fit changes its estimator once, at its end: until then the estimator is as it was
for whoever looks at it, a second fit of it is refused, and wherever Ctrl-C comes, the
model is that before the fit or that after it.
"""

import copy
import itertools
import os
import pickle
import signal
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import nnfast
from nnfast import MLPClassifier, MLPRegressor, _apart, _core
from nnfast._prepared import Model

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.RandomState(0)
X = rng.normal(size=(40, 3))
y = rng.randint(0, 3, 40)
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
BUSY = "This MLPClassifier is being fitted already, "

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")


class Output:
    """A standard output that runs an action at the first line that is printed to it."""

    def __init__(self, action):
        self.action, self.outcome = action, None

    def write(self, text):
        action, self.action = self.action, None
        if action is not None:
            self.outcome = outcome_of(action)

    def flush(self):
        pass


def outcome_of(action):
    """What it returns or raises."""
    try:
        return action()
    except Exception as error:
        return error


def during_a_fit(monkeypatch, model, action, method="fit"):
    """The outcome of an action in the middle of a fit of the model."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Output(action))
        getattr(model.set_params(verbose=True), method)(X, y)
        return sys.stdout.outcome


def elsewhere(action):
    """The same action, in a thread of its own."""

    def call():
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(action).result()

    return call


def here(action):
    return action


def new():
    return MLPClassifier(**SMALL)


def fitted():
    return new().fit(X, y)


def state(model):
    return joblib.hash(vars(model))


def bits(model):
    return b"".join(array.tobytes() for array in (*model.coefs_, *model.intercepts_))


# ---- one fit at a time ----


@pytest.mark.parametrize("where", [here, elsewhere])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("begin", [new, fitted])
def test_a_second_fit_of_one_estimator_is_refused(begin, method, where, monkeypatch):
    model, alone = begin(), begin()
    during_a_fit(monkeypatch, alone, None)
    for second in (
        lambda: model.fit(X, y),
        lambda: model.partial_fit(X, y, classes=[0, 1, 2]),
    ):
        error = during_a_fit(monkeypatch, model, where(second))
        assert isinstance(error, RuntimeError)
        place = "further up in this thread" if where is here else "in another thread"
        assert str(error).startswith(f"{BUSY}{place}: an estimator can be fitted once")
        assert bits(model) == bits(alone)
    getattr(model, method)(X, y)  # the fit has ended


def test_other_estimators_can_be_fitted_meanwhile(monkeypatch):
    for where in (here, elsewhere):
        model, other = new(), new()
        during_a_fit(monkeypatch, model, where(partial(other.fit, X, y)))
        assert bits(other) == bits(model) == bits(fitted())


def test_a_fit_that_failed_has_ended():
    """Also while its exception, and with that its frames, is kept."""
    model = new()
    kept = outcome_of(lambda: model.fit(X, y[1:]))
    assert isinstance(kept, ValueError)
    assert bits(model.fit(X, y)) == bits(fitted())


def test_a_fit_is_not_refused_for_one_that_ends_just_then(monkeypatch):
    ended = [weakref.ref(_apart._Fit())]

    class AtWork(dict):
        """Knows of a fit when it is first asked, and that has ended."""

        def setdefault(self, key, default):
            return ended.pop() if ended else super().setdefault(key, default)

    monkeypatch.setattr(_apart, "_at_work", AtWork())
    model = new().fit(X, y)
    assert not ended
    assert not _apart._at_work
    assert bits(model) == bits(fitted())


def test_threads_that_all_fit_and_predict_with_one_model():
    """Each fit is whole or refused; each prediction and each copy is of one model."""
    rounds, wide = 200, {**SMALL, "hidden_layer_sizes": (100,)}
    twin, model = (MLPClassifier(**wide).fit(X, y) for _ in range(2))
    known = {twin.predict_proba(X).tobytes(): 0}
    done, seen, refused = [], [], []

    def learn():
        try:
            model.partial_fit(X, y)
        except RuntimeError as error:
            refused.append(str(error))
        else:
            done.append(1)

    def look():
        seen.append(model.predict_proba(X).tobytes())

    def copy_it():
        seen.append(copy.copy(model).predict_proba(X).tobytes())

    with ThreadPoolExecutor(8) as pool:
        actions = [learn, look, learn, copy_it] * rounds
        list(pool.map(lambda action: action(), actions))
    for _ in done:
        known[twin.partial_fit(X, y).predict_proba(X).tobytes()] = len(known)
    assert len(done) + len(refused) == 2 * rounds
    assert model.t_ == len(X) * (len(done) + wide["max_iter"])
    assert bits(model) == bits(twin)
    assert len(seen) == 2 * rounds
    assert set(seen) <= known.keys()
    assert all(words.startswith(BUSY) for words in refused)


# ---- who looks meanwhile ----


@pytest.mark.parametrize("where", [here, elsewhere])
def test_predictions_meanwhile_are_those_of_the_model_before(where, monkeypatch):
    look = where(lambda: model.predict_proba(X).tobytes())
    model = new()
    assert isinstance(during_a_fit(monkeypatch, model, look), NotFittedError)
    for method, settings in [
        ("fit", {"random_state": 1}),
        ("fit", {"random_state": 1, "hidden_layer_sizes": (7, 2)}),
        ("fit", {"warm_start": True}),
        ("partial_fit", {}),
    ]:
        model = fitted().set_params(**settings)
        before = model.predict_proba(X).tobytes()
        assert during_a_fit(monkeypatch, model, look, method) == before
        assert model.predict_proba(X).tobytes() != before


def test_the_estimator_meanwhile_is_what_it_was(monkeypatch):
    for model in (new(), fitted(), fitted().set_params(warm_start=True)):
        model.set_params(random_state=1)
        before = state(model.set_params(verbose=True))
        assert during_a_fit(monkeypatch, model, partial(state, model)) == before
        assert state(model) != before


def test_parameters_set_meanwhile_are_for_the_next_fit(monkeypatch):
    model = new()
    during_a_fit(monkeypatch, model, lambda: model.set_params(alpha=9.0, max_iter=1))
    assert (model.alpha, model.max_iter, model.n_iter_) == (9.0, 1, SMALL["max_iter"])
    assert bits(model) == bits(fitted())


def test_parameters_set_meanwhile_stay_when_the_fit_fails(monkeypatch):
    class Full(Output):
        def write(self, text):
            model.set_params(alpha=9.0)
            raise OSError("no space left")

    model = new().set_params(verbose=True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Full(None))
        with pytest.raises(OSError, match="no space left"):
            model.fit(X, y)
    assert vars(model) == vars(new().set_params(verbose=True, alpha=9.0))


class Overtaken(MLPClassifier):
    """One whose prediction is overtaken by something that changes the model."""

    def _outputs(self, *args, **kwargs):
        outputs = super()._outputs(*args, **kwargs)
        action = vars(self).pop("action", None)
        if action is not None:
            action()
        return outputs


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_a_prediction_is_of_one_model(method):
    """One during which a fit ends is that of the new model, whole."""
    for change, target in (("fit", y + 10), ("fit", y % 2), ("partial_fit", y)):
        model = Overtaken(**SMALL).fit(X, y)
        model.action = partial(getattr(model, change), X, target)
        overtaken = getattr(model, method)(X)
        assert "action" not in vars(model)
        np.testing.assert_array_equal(overtaken, getattr(model, method)(X))


def test_a_prediction_that_another_model_makes_impossible_is_of_the_new_one():
    model = Overtaken(**SMALL).fit(X, y)

    def change():
        model.fit(X, y % 2)
        raise IndexError("as a class that is gone would")

    model.action = change
    assert set(model.predict(X)) <= {0, 1}
    model.action = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        model.predict(X)


def handing_over(monkeypatch, model, at_work=True):
    """Make that moment of another thread's fit last; return the fit, to be kept."""
    fit = _apart._Fit()
    known = _apart._Known(fit)
    known.thread = elsewhere(threading.get_ident)()
    model._model = known
    if at_work:
        monkeypatch.setitem(_apart._at_work, id(model), known)
    return fit


@pytest.mark.parametrize(
    "look",
    [
        MLPClassifier.predict_proba,
        lambda model, X: bits(copy.copy(model)),
        lambda model, X: bits(pickle.loads(pickle.dumps(model))),
        lambda model, X: bits(model.to_sklearn()),
    ],
)
def test_who_comes_while_another_thread_hands_over_waits(look, monkeypatch):
    """With a GIL nobody comes then."""
    after = fitted().partial_fit(X, y)

    def end(seconds):
        model._parameters[:] = after._parameters
        model._model = object()

    monkeypatch.setattr(_apart, "time", SimpleNamespace(sleep=end))
    model = fitted()
    fit = handing_over(monkeypatch, model)
    np.testing.assert_array_equal(look(model, X), look(after, X))
    del fit


def test_nobody_waits_for_a_fit_that_is_not_at_work(monkeypatch):
    """One that failed, or in a forked child one of a thread that it lacks."""
    monkeypatch.setattr(_apart, "time", SimpleNamespace())  # which cannot sleep
    before = fitted().predict_proba(X)
    model = fitted()
    fit = handing_over(monkeypatch, model, at_work=False)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    model.set_params(random_state=1)
    # Nor while a fit of this thread's own is at work.
    look = partial(model.predict_proba, X)
    np.testing.assert_array_equal(during_a_fit(monkeypatch, model, look), before)
    assert type(model._model) is Model
    del fit


def test_a_copy_of_what_is_being_fitted_first_waits_for_no_fit(monkeypatch):
    model = new()
    fit = handing_over(monkeypatch, model, at_work=False)
    for made in (copy.copy(model), pickle.loads(pickle.dumps(model))):
        assert "_model" not in vars(made)
        assert bits(made.fit(X, y)) == bits(fitted())
    with pytest.raises(NotFittedError):
        model.predict(X)
    del fit


# ---- forks ----


@forks
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_is_not_kept_from_fitting_by_a_thread_that_it_lacks(monkeypatch):
    expected = bits(fitted())
    model, pids = new(), []

    def fork():
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            os._exit(0 if bits(model.fit(X, y)) == expected else 1)
        pids.append(pid)

    during_a_fit(monkeypatch, model, elsewhere(fork))
    assert os.waitpid(pids[0], 0)[1] == 0


@forks
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_in_the_middle_of_its_fit_is_kept_from_a_second_one(monkeypatch):
    model, parent, pids = new(), os.getpid(), []

    def fork():
        pids.append(os.fork())
        return outcome_of(lambda: model.fit(X, y))

    try:
        error = during_a_fit(monkeypatch, model, fork)
        well = isinstance(error, RuntimeError) and bits(model) == bits(fitted())
    finally:
        if os.getpid() != parent:
            os._exit(0 if sys.exc_info()[0] is None and well else 1)
    assert well
    assert os.waitpid(pids[0], 0)[1] == 0


def test_what_goes_as_a_fit_hands_over_may_predict(monkeypatch):
    """It goes when all is done."""
    looks = []

    class Last:
        def __del__(self):
            looks.append((type(model._model), model.predict(X).shape))

    def assign():
        model.loss_ = Last()  # what the fit has learnt takes its place

    model = new()
    during_a_fit(monkeypatch, model, assign)
    assert looks == [(Model, (len(X),))]
    assert bits(model) == bits(fitted())


@forks
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_waits_until_another_thread_has_handed_over():
    """With a GIL it never comes at such a moment; here the moment lasts."""
    begun, ended = threading.Event(), []

    def hand_over():
        with _apart._at_once:
            begun.set()
            time.sleep(0.1)
            ended.append(True)

    thread = threading.Thread(target=hand_over)
    thread.start()
    begun.wait()
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        os._exit(0 if ended and bits(new().fit(X, y)) == bits(fitted()) else 1)
    thread.join()
    assert os.waitpid(pid, 0)[1] == 0


def test_views_of_another_network_are_given_back_as_a_fit_goes_on(monkeypatch):
    """It hands over a network of its own, and the next one can hand over."""
    model = fitted().set_params(warm_start=True)
    views, n_outputs = (model.coefs_, model.intercepts_), len(model.intercepts_[-1])
    model.coefs_ = [np.ones((X.shape[1], 2)), np.ones((2, n_outputs))]
    model.intercepts_ = [np.ones(2), np.ones(n_outputs)]
    model.set_params(hidden_layer_sizes=(2,))

    def give_back():
        model.coefs_, model.intercepts_ = views

    during_a_fit(monkeypatch, model, give_back)
    assert not _apart._at_once._is_owned()
    assert [w.shape for w in model.coefs_] == [(X.shape[1], 2), (2, n_outputs)]
    assert model._owns_views()


def test_a_model_that_becomes_another_as_its_fit_goes_on(monkeypatch):
    """What the fit hands over is whole: widths, weights and views of them."""
    model = fitted().set_params(warm_start=True)
    other = MLPClassifier(**SMALL | {"hidden_layer_sizes": (2,)}).fit(X, y)
    during_a_fit(monkeypatch, model, lambda: model.__setstate__(other.__getstate__()))
    assert model._owns_views()
    assert [w.shape for w in model.coefs_] == [w.shape for w in fitted().coefs_]


def is_free(lock):
    """Whether this thread can have it."""
    taken = lock.acquire(blocking=False)
    if taken:
        lock.release()
    return taken


# ---- Ctrl-C ----

NNFAST = os.path.dirname(nnfast.__file__)


def interrupted_at(place, call):
    """Call with Ctrl-C where so many lines of nnfast have run; False: it has ended.

    In the file that hands over it can come between any two instructions.
    """
    count = itertools.count()

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.startswith(NNFAST):
            return None
        frame.f_trace_opcodes = frame.f_code.co_filename.endswith("_apart.py")
        if event in ("line", "opcode") and next(count) == place:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    with np.errstate():  # NumPy's own can be kept from ending, as any such block
        sys.settrace(trace)
        try:
            call()
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
    return False


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("fit", {}),
        ("fit", {"warm_start": True}),
        ("fit", {"warm_start": True, "early_stopping": True}),
        ("fit", {"warm_start": True, "solver": "lbfgs"}),
        ("partial_fit", {}),
    ],
)
def test_ctrl_c_at_every_line_of_a_fit(method, settings):
    """The model is that before the fit or that after it, and can be fitted again."""
    settings = {**SMALL, **settings, "max_iter": 2}

    def begin():
        model = MLPRegressor(**{**settings, "random_state": 1}).fit(X, y)
        return model.set_params(**settings)

    model = begin()
    before = state(model)
    whole = {before, state(getattr(model, method)(X, y))}
    assert len(whole) == 2
    seen = set()
    for place in itertools.count():
        if seen != {before}:
            model, seen = begin(), set()
        stopped = interrupted_at(place, partial(getattr(model, method), X, y))
        seen.add(state(model))
        assert seen <= whole, place
        if not stopped:
            break
    assert seen == whole - {before}
    assert place > 100
    assert elsewhere(partial(is_free, _apart._at_once))()


def test_curves_are_cut_again_where_the_end_of_a_fit_fails(monkeypatch):
    settings = {**SMALL, "early_stopping": True, "warm_start": True}
    model = MLPRegressor(**settings).fit(X, y)
    before, hand_over = state(model), _core.hand_over
    held = model.loss_curve_, model.validation_scores_

    def failing(lock, state, begun, ended, grown, *others):
        assert len(grown) == 2
        hand_over(lock, state, begun, ended, [*grown, (1, 2)], *others)

    with monkeypatch.context() as patch:
        patch.setattr(_core, "hand_over", failing)
        with pytest.raises(TypeError, match=r"^grown must be pairs of two lists, got "):
            model.fit(X, y)
    assert state(model) == before
    assert elsewhere(partial(is_free, _apart._at_once))()
    model.fit(X, y)
    assert held[0] is model.loss_curve_
    assert held[1] is model.validation_scores_
