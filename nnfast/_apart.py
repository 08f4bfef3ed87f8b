# SPDX-License-Identifier: BSD-3-Clause
"""A fit works on a copy of the estimator and hands over what it learnt at once.

Until then the estimator is as it was, whatever ends the fit and whoever looks at it
meanwhile: another thread, a signal handler, a callback. One fit of an estimator can be
at work at a time. A prediction is of one model: of that before such a moment or of that
after it.

"At once" is one call of the core: CPython runs no signal handler in it, and no other
thread. Where there is no GIL, threads that predict or save wait until it is over.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, NamedTuple

from . import _core, _parameters, _pieces

# Lists that go on growing, in the user's sight, when a fit goes on.
_CURVES = ("loss_curve_", "validation_scores_")


class Longer(NamedTuple):
    """A curve as the fit found it, and what the fit adds: it is not copied for that."""

    before: Sequence[Any]
    more: list[Any]


class _Fit:
    """A fit at work. It ends with its last reference, which no exception keeps."""

    __slots__ = ("__weakref__",)


class _Known(weakref.ref[_Fit]):
    """What others have of a fit: whether it goes on, and in which thread.

    At the moment when the fit hands over it is the estimator's ``_model``.
    """

    __slots__ = ("thread",)
    thread: int


# By the id of the estimator, which lives as long as its fit does.
_at_work: dict[int, _Known] = {}

# Held at such a moment, which no fork in another thread may cut short: without a GIL
# one could. The core takes and returns it too, or an interrupt could keep it.
_at_once = threading.RLock()


def _forget_other_threads() -> None:
    """In a forked child, where only the thread that forked goes on with its fits."""
    for key, fit in list(_at_work.items()):
        if fit() is None or fit.thread != threading.get_ident():
            del _at_work[key]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_at_once.acquire,
        after_in_parent=_at_once.release,
        after_in_child=_at_once.release,
    )
    os.register_at_fork(after_in_child=_forget_other_threads)


def apart(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method that fits: what it is given as self is a copy of the estimator."""
    incremental = method.__name__ == "partial_fit"

    @wraps(method)
    def fit(self: Any, *args: Any, **more: Any) -> Any:
        key, this = id(self), _Fit()
        # Where it comes to stand among the fits at work, it goes with this one.
        mine = _Known(this, partial(_at_work.pop, key))
        mine.thread = threading.get_ident()
        try:
            while (known := _at_work.setdefault(key, mine)) is not mine:
                if _at_work.get(key) is known:
                    _refuse(self, known.thread)
            before = vars(self).copy()
            copy = like(self, before)
            method(copy, *args, **more)
            resumed = "coefs_" in before and (incremental or copy.warm_start)
            _hand_over(self, before, vars(copy), resumed, mine)
        finally:
            del mine, this  # no call, so that no signal can come in between
        return self

    return fit


def _refuse(estimator: Any, thread: int) -> None:
    """RuntimeError for a fit while another is at work in a thread."""
    here = thread == threading.get_ident()
    raise RuntimeError(
        f"This {type(estimator).__name__} is being fitted already,"
        f" {'further up in this thread' if here else 'in another thread'}: an estimator"
        " can be fitted once at a time. Fit a clone of it, or wait for that fit to end."
    )


def like(one: Any, attributes: dict[str, Any]) -> Any:
    """Another of its class with these attributes, in less time than copy.copy takes."""
    copy = object.__new__(type(one))
    vars(copy).update(attributes)
    return copy


def _hand_over(
    estimator: Any,
    before: dict[str, Any],
    after: dict[str, Any],
    resumed: bool,
    fit: _Known,
) -> None:
    """Make the estimator what its copy has become, or leave it as it is.

    What the fit has not touched is left alone: parameters may have been set meanwhile.
    A fit that went on writes into the memory and the lists there are, where views that
    the user holds look; a new one leaves them to whoever still holds them.
    """
    state = vars(estimator)
    learnt, gone = _core.changes(before, after)
    model = learnt.pop("_model")
    theta, widths = after["_parameters"], after["_widths"]
    memory = None
    if resumed and _can_take(estimator, theta, widths):
        del learnt["_parameters"]
        memory = estimator._parameters, theta
    else:
        coefs, intercepts = _parameters.views(theta, widths)
        learnt |= {"_parameters": theta, "_widths": widths}
        learnt |= {"coefs_": coefs, "intercepts_": intercepts}
    grown = []
    for name in _CURVES:
        curve = learnt.get(name)
        if isinstance(curve, Longer):
            if isinstance(curve.before, list) and state.get(name) is curve.before:
                grown.append((curve.before, curve.more))
                del learnt[name]
            else:
                learnt[name] = [*curve.before, *curve.more]
    _core.hand_over(_at_once, state, fit, model, grown, learnt, gone, memory)


def _can_take(estimator: Any, theta: Any, widths: tuple[int, ...]) -> bool:
    """Whether θ fits into the memory that the user's views look at. They may have been
    exchanged since the fit began, for those of another network."""
    if not estimator._owns_views() or estimator._widths != widths:
        return False
    held = estimator._parameters
    return held.dtype == theta.dtype and held.flags.writeable


def _model_of(estimator: Any) -> object:
    """Its ``_model``, when no fit in another thread is handing over to it."""
    while type(model := vars(estimator).get("_model")) is _Known:
        if _at_work.get(id(estimator)) is not model:
            break  # left behind by a fit that failed
        if model.thread == threading.get_ident():
            break  # it goes on when this has returned
        time.sleep(0)
    return model


def of_one_model(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method that predicts: a fit that ends meanwhile does not mix two models.

    Every fit that ends leaves another ``_model`` behind. A prediction that finds one is
    repeated with a copy of the model.
    """

    @wraps(method)
    def predict(self: Any, X: Any) -> Any:
        model = vars(self).get("_model")
        if type(model) is _Known:  # else a row is predicted without this call
            model = _model_of(self)
        try:
            result = method(self, X)
        except Exception:
            if vars(self).get("_model") is model:
                raise
        else:
            if vars(self).get("_model") is model:
                return result
        return method(copy_of_one_model(self), X)

    return predict


def copy_of_one_model(estimator: Any) -> Any:
    """A copy that shares nothing with the estimator that a fit writes into."""
    while True:
        model = _model_of(estimator)
        state = vars(estimator).copy()
        copy = like(estimator, state)
        for name in _CURVES:
            if isinstance(state.get(name), list):
                setattr(copy, name, state[name].copy())
        if "coefs_" in state and copy._owns_views():
            copy._adopt(_pieces.copy(copy._parameters), copy._widths)
        if vars(estimator).get("_model") is model:
            return copy
