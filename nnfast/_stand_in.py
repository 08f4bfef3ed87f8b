# SPDX-License-Identifier: BSD-3-Clause
"""The classes that stand in scikit-learn's place while nnfast is installed there.

Each is a subclass of nnfast's under scikit-learn's module and name, with the
parameters, their constraints and the documentation of scikit-learn's class, and the
state of its instances is scikit-learn's too. So a pickle of one is a pickle of
scikit-learn's estimator: what opens it is whatever class is found under that name.
"""

import copyreg
import warnings
from abc import ABCMeta
from functools import cache, wraps
from importlib import import_module
from inspect import signature
from itertools import takewhile
from typing import Any

from . import _conversion
from ._apart import copy_of_one_model
from ._install import MODULE
from ._mlp_classifier import MLPClassifier
from ._mlp_regressor import MLPRegressor
from ._weights import Weights

_OURS: dict[str, type] = {
    "MLPClassifier": MLPClassifier,
    "MLPRegressor": MLPRegressor,
}


@cache
def stand_in(original: Any) -> type:
    """The class in the place of one of scikit-learn's two."""
    ours = _OURS[original.__name__]
    known = signature(original).parameters

    @wraps(original.__init__)  # its signature is what get_params and clone read
    def __init__(self: Any, *args: Any, **parameters: Any) -> None:
        for name in parameters:
            if name not in known:
                raise TypeError(
                    f"{original.__name__}.__init__() got an unexpected keyword"
                    f" argument {name!r}"
                )
        ours.__init__(self, *args, **parameters)  # type: ignore[misc]

    made = _StandInMeta(
        original.__name__,
        (_StandIn, ours),
        {
            "__init__": __init__,
            "__doc__": original.__doc__,
            "__module__": original.__module__,
            "_parameter_constraints": original._parameter_constraints,
            "_replaces": original,
        },
    )
    original.register(made)  # code that holds scikit-learn's class knows ours too
    return made


def is_stand_in(found: type) -> bool:
    """Whether the class is one of ours, and not a subclass of one."""
    return "_replaces" in vars(found)


def reduce(estimator: Any) -> Any:
    """For pickle: an instance of whatever class has scikit-learn's name now.

    pickle refuses an instance of a class whose name belongs to another one.
    """
    state = estimator.__getstate__()
    # What object.__reduce_ex__ itself gives in protocols 0 and 1.
    rebuild = copyreg._reconstructor  # type: ignore[attr-defined]
    return rebuild, (_in_place(type(estimator)), object, None), state


def _in_place(kind: type) -> type:
    return getattr(import_module(kind.__module__), kind.__name__)


class _StandInMeta(ABCMeta):
    """Makes subclasses that ask more of scikit-learn's class than nnfast gives its."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **more: Any
    ) -> Any:
        made = super().__new__(cls, name, bases, namespace, **more)
        clashes = _clashes(made)
        if not clashes:
            return made
        reason = f"nnfast has no use or another one for its {', '.join(clashes)}"
        # A class between the two has been made already.
        if not any(map(is_stand_in, bases)):
            reason += "; nnfast.uninstall() before its base classes are made helps"
            warnings.warn(f"class {name}: {reason}", stacklevel=2)
            return made
        warnings.warn(
            f"class {name} stays a subclass of scikit-learn's: {reason}", stacklevel=2
        )
        bases = tuple(vars(base).get("_replaces", base) for base in bases)
        return type(bases[0])(name, bases, namespace, **more)


def _clashes(made: type) -> list[str]:
    """What of a subclass works with scikit-learn's class only.

    Methods that scikit-learn calls while it trains, names that nnfast has for its own,
    and parameters that only nnfast would act upon.
    """
    users = list(takewhile(lambda kind: not is_stand_in(kind), made.__mro__))
    if not 0 < len(users) < len(made.__mro__):
        return []
    replaced: Any = made.__mro__[len(users)]
    original = replaced._replaces
    private = {
        name
        for ancestor in (*original.__mro__, *replaced.__mro__)
        if ancestor.__module__ == MODULE or ancestor.__module__.startswith("nnfast.")
        for name, value in vars(ancestor).items()
        if name.startswith("_") and not name.startswith("__") and callable(value)
    }
    own = _conversion.own_parameters(_OURS[original.__name__]).keys()
    found: set[str] = set()
    for kind in users:
        found |= private & vars(kind).keys()
        if "__init__" in vars(kind):
            found |= own & signature(vars(kind)["__init__"]).parameters.keys()
    return sorted(found)


class _StandIn:
    """Training without nnfast's own parameters, and pickling in scikit-learn's form."""

    _jobs = None  # n_jobs is nnfast's own parameter

    def _fit(self, *arguments: Any, **more: Any) -> Any:
        """With those at their defaults: an attribute of such a name is the user's."""
        state = vars(self)
        own = _conversion.own_parameters(_conversion.ours_for(self))
        given = {name: state[name] for name in own if name in state}
        state.update(own)
        try:
            return super()._fit(*arguments, **more)  # type: ignore[misc]
        finally:
            state.update(given)

    def __getstate__(self) -> dict[str, Any]:
        one = copy_of_one_model(self)
        state = super(Weights, one).__getstate__()  # type: ignore[misc]
        return _conversion.scikit_learn_state(one, state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super(Weights, self).__setstate__(state)  # type: ignore[misc]
        _conversion.take_over(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        kind = type(self)
        if is_stand_in(kind) and kind is not _in_place(kind):
            return reduce(self)
        return super().__reduce_ex__(protocol)
