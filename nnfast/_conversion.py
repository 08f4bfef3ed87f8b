# SPDX-License-Identifier: BSD-3-Clause
"""From scikit-learn's estimators to nnfast's and back: attributes, bit for bit.

Both have the same parameters and fitted attributes under the same names. What differs
is converted here and nowhere else: θ and the moments are flat vectors in nnfast and
lists of arrays, all weights before all biases, in scikit-learn; scikit-learn keeps
the best weights beside the last; nnfast has parameters of its own.
"""

import reprlib
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import fields, replace
from functools import cache
from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from . import _parameters
from ._apart import copy_of_one_model
from ._install import MODULE, NAMES, scikit_learns
from ._scikit_learn import mlp_optimizers
from ._stochastic import Optimizer

_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")


def from_sklearn(estimator: Any) -> Any:
    """Convert scikit-learn's MLPClassifier or MLPRegressor to nnfast's.

    Parameters, fitted attributes and the optimizer's state are taken over bit for
    bit: predictions are the same up to rounding, and ``partial_fit`` and
    ``warm_start`` go on where the estimator is.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Fitted or not. It is left as it is.

    Returns
    -------
    nnfast.MLPClassifier or nnfast.MLPRegressor
        It shares no memory with ``estimator``: arrays and ``random_state`` are
        copied, as ``sklearn.base.clone`` copies parameters.

    Raises
    ------
    TypeError
        When it is anything else. A subclass is refused too, because its code would
        be lost.

    ValueError
        When ``coefs_`` or ``intercepts_`` are no longer the arrays of one network.

    See Also
    --------
    MLPClassifier.to_sklearn : The way back.

    Examples
    --------
    >>> import nnfast
    >>> from sklearn.neural_network import MLPRegressor
    >>> theirs = MLPRegressor(solver="lbfgs", random_state=0).fit([[0], [1]], [0, 1])
    >>> nnfast.from_sklearn(theirs)
    MLPRegressor(random_state=0, solver='lbfgs')
    """
    kind = type(estimator)
    if kind.__module__ != MODULE or kind.__name__ not in NAMES:
        raise TypeError(
            "from_sklearn converts scikit-learn's MLPClassifier and MLPRegressor, not"
            f" their subclasses or anything else; got an instance of"
            f" {kind.__module__}.{kind.__qualname__}."
        )
    state = estimator.__getstate__()
    state.pop("_sklearn_version", None)
    converted = ours_for(estimator).__new__(ours_for(estimator))
    _copy_into(converted, state, estimator)
    take_over(converted)
    return converted


def to_sklearn(estimator: Any) -> Any:
    """scikit-learn's estimator for nnfast's: BaseMLP.to_sklearn documents it."""
    kind, ours = type(estimator), ours_for(estimator)
    if not is_own_class(estimator):
        raise TypeError(
            f"to_sklearn converts nnfast's own classes; the code of their subclass"
            f" {kind.__module__}.{kind.__qualname__} would be lost."
        )
    one = copy_of_one_model(estimator)
    lacking = [f"{name}={reprlib.repr(v)}" for name, v in _lacking(one).items()]
    if lacking:
        raise ValueError(
            f"scikit-learn's {ours.__name__} cannot do {', '.join(lacking)}: this"
            " network cannot be converted."
        )
    state = vars(one).copy()
    if "coefs_" in state:
        state["coefs_"], state["intercepts_"] = _parameters.views(*one._theta())
    theirs = scikit_learns(ours.__name__)
    converted = theirs.__new__(theirs)
    _copy_into(converted, scikit_learn_state(one, state), estimator)
    return converted


def scikit_learn_state(estimator: Any, state: dict[str, Any]) -> dict[str, Any]:
    """The attributes in ``state``, nnfast's, as scikit-learn's estimator has them.

    Nothing is copied: arrays are views of the estimator's.
    """
    dropped = {"_parameters", "_widths", "_model", "n_jobs"}
    for name, default in own_parameters(ours_for(estimator)).items():
        # A user's attribute of that name stays, and the loss that is one there.
        if name != "loss" and _same(state.get(name), default):
            dropped.add(name)
    state = {name: value for name, value in state.items() if name not in dropped}
    if "coefs_" in state:
        # One list, as scikit-learn has after early stopping. Without it, nothing
        # reads the best ones: there it is a copy of the initial weights.
        state["_best_coefs"] = state["coefs_"]
        state["_best_intercepts"] = state["intercepts_"]
    optimizer = state.pop("_optimizer", None)
    if optimizer is not None:
        theta, widths = estimator._theta()
        if not optimizer.belongs_to(theta):
            optimizer = Optimizer.begin(estimator, theta)
        state["_optimizer"] = _their_optimizer(optimizer, widths)
    return state


def take_over(estimator: Any) -> None:
    """Turn the attributes of an estimator, scikit-learn's so far, into nnfast's."""
    state = vars(estimator)
    for name, default in own_parameters(ours_for(estimator)).items():
        state.setdefault(name, default)
    for name in ("_best_coefs", "_best_intercepts"):
        state.pop(name, None)
    if "coefs_" not in state:
        return
    try:
        widths = _parameters.widths_of(estimator.coefs_, estimator.intercepts_, None)
        theta = _flat([*estimator.coefs_, *estimator.intercepts_], widths)
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"coefs_ and intercepts_ are not those of a network: {error}"
        ) from error
    estimator._adopt(theta, widths)
    optimizer = state.get("_optimizer")
    if optimizer is not None:
        optimizer = _our_optimizer(optimizer, estimator)
    estimator._optimizer = optimizer


def ours_for(estimator: Any) -> Any:
    """nnfast's class for an estimator of either library."""
    from ._mlp_classifier import MLPClassifier
    from ._mlp_regressor import MLPRegressor

    return MLPClassifier if isinstance(estimator, ClassifierMixin) else MLPRegressor


def is_own_class(estimator: Any) -> bool:
    """Whether it is of nnfast's class, or of the one in scikit-learn's place."""
    kind, ours = type(estimator), ours_for(estimator)
    return kind is ours or (kind.__module__, kind.__name__) == (MODULE, ours.__name__)


@cache
def own_parameters(ours: Any) -> dict[str, Any]:
    """The parameters that scikit-learn's class does not have, with their defaults."""
    theirs = signature(scikit_learns(ours.__name__)).parameters
    return {
        name: parameter.default
        for name, parameter in signature(ours).parameters.items()
        if name not in theirs
    }


def _lacking(estimator: Any) -> dict[str, Any]:
    """What the network uses and scikit-learn's class does not have."""
    if isinstance(estimator, ClassifierMixin):
        losses, outputs = ["log_loss"], ["logistic", "softmax"]
    else:
        losses, outputs = ["squared_error", "poisson"], ["identity", "exp"]
    defaults = own_parameters(ours_for(estimator)).items()
    possible: dict[str, Sequence[Any]] = {
        **{name: [default] for name, default in defaults if name != "n_jobs"},
        "activation": _ACTIVATIONS,
        "loss": losses,
    }
    if hasattr(estimator, "out_activation_"):
        possible["out_activation_"] = outputs
    used = {name: getattr(estimator, name) for name in possible}
    return {
        name: value
        for name, value in used.items()
        if not any(_same(value, known) for known in possible[name])
    }


def _same(value: Any, known: Any) -> bool:
    """Equal, where value may be an array or a list of them."""
    return value is known or (np.isscalar(value) and bool(value == known))


def _copy_into(target: Any, state: dict[str, Any], source: Any) -> None:
    """Make a copy of the state the attributes of target."""
    # Requests for metadata know whose they are. In 1.7 that is a name, and a clone's
    # are still those of the estimator that was cloned.
    memo = {id(source): target}
    request = state.get("_metadata_request")
    if request is not None:
        for part in (request, *vars(request).values()):
            owner = getattr(part, "owner", None)
            if owner is not None and not isinstance(owner, str):
                memo[id(owner)] = target
    vars(target).update(deepcopy(state, memo))


def _their_optimizer(optimizer: Optimizer, widths: tuple[int, ...]) -> Any:
    adam, sgd = mlp_optimizers()
    lists = []
    for moment in optimizer.moments:
        coefs, intercepts = _parameters.views(moment, widths)
        lists.append([*coefs, *intercepts])
    rate = optimizer.learning_rate_init
    if optimizer.solver == "adam":
        betas = (optimizer.beta_1, optimizer.beta_2)
        theirs = adam([], rate, *betas, optimizer.epsilon)
        theirs.ms, theirs.vs = lists
    else:
        momentum = (optimizer.momentum, optimizer.nesterov)
        theirs = sgd([], rate, optimizer.lr_schedule, *momentum, optimizer.power_t)
        (theirs.velocities,) = lists
    theirs.learning_rate = optimizer.learning_rate
    if optimizer.t:  # sgd too: no use for scikit-learn, but nnfast counts on
        theirs.t = optimizer.t
    return theirs


def _our_optimizer(theirs: Any, estimator: Any) -> Optimizer:
    adam, _ = mlp_optimizers()
    if isinstance(theirs, adam):
        solver, lists = "adam", [theirs.ms, theirs.vs]
    else:
        solver, lists = "sgd", [theirs.velocities]
    theta, widths = estimator._theta()
    begun = Optimizer.begin(estimator, theta)
    known = {
        field.name: type(getattr(begun, field.name))(getattr(theirs, field.name))
        for field in fields(Optimizer)
        if hasattr(theirs, field.name)
    }
    moments = np.array([_flat(arrays, widths) for arrays in lists])
    return replace(begun, **known, solver=solver, moments=moments)


def _flat(arrays: Sequence[Any], widths: tuple[int, ...]) -> np.ndarray:
    """One vector in the order of θ from scikit-learn's list, in its own type.

    Unlike what a user assigns, infinities may be in it: a second moment overflows
    while the weights stay finite.
    """
    arrays = [np.asarray(array) for array in arrays]
    single = all(array.dtype == np.float32 for array in arrays)
    flat = _parameters.zeros(widths, np.float32 if single else np.float64)
    coefs, intercepts = _parameters.views(flat, widths)
    for view, array in zip([*coefs, *intercepts], arrays, strict=True):
        if view.shape != array.shape:
            raise ValueError(f"an array has shape {array.shape}, not {view.shape}.")
        view[...] = array
    return flat
