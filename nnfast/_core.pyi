# SPDX-License-Identifier: BSD-3-Clause
"""The C core as Python sees it: arrays and plain numbers only.

Every array is demanded as documented (C-contiguous, aligned, native byte order,
the dtype of ``parameters``) and never converted: a wrong one raises TypeError or
ValueError that names it. The GIL is released while the core works, but for what is
``Prepared``.
"""

from collections.abc import Callable
from typing import Any, final

import numpy as np

_Real = np.ndarray[Any, np.dtype[np.float32 | np.float64]]

# A matrix: an array, or the parts of one in CSR: the stored values, their columns, and
# where each row starts among them (one entry more than there are rows).
_CSR = tuple[
    _Real, np.ndarray[Any, np.dtype[np.int32]], np.ndarray[Any, np.dtype[np.int64]]
]
_Matrix = _Real | _CSR

activations: tuple[str, ...]
"""Names of the activations that a hidden layer can have."""

losses: tuple[str, ...]
"""Names of the losses."""

isas: tuple[str, ...]
"""Names of the instruction sets that were compiled in and that this CPU runs."""

isa: str
"""The instruction set in use, picked at import."""

vector_bytes: int
"""Bytes of its vectors."""

def is_plain(array: object, ndim: int, /) -> bool:
    """Whether an object needs no validation.

    So does a non-empty ndarray (no subclass) with that many dimensions, C-contiguous,
    aligned, native float32 or float64, all finite.
    """

def are_views(
    parameters: object, widths: object, coefs: object, intercepts: object, /
) -> bool:
    """Whether two lists or tuples are the views of a vector of parameters.

    So they are when they hold plain arrays, one for each layer of the network with
    these widths, each at its place in the vector; see ``is_plain``, but numbers may be
    any. Whatever else is given is none.
    """

def class_numbers(labels: object, classes: object, /) -> np.ndarray | None:
    """Return the number of each label's class.

    None where labels or classes are no plain int64 (see ``is_plain``), or where a label
    is not found in the classes, which are in ascending order.
    """

def changes(
    before: dict[str, Any], after: dict[str, Any], /
) -> tuple[dict[str, Any], list[str]]:
    """Return the items of ``after`` that are other objects or missing in ``before``,
    and the names that only ``before`` has."""

def hand_over(
    lock: object,
    state: dict[str, Any],
    begun: object,
    ended: object,
    grown: list[tuple[list[Any], list[Any]]],
    learnt: dict[str, Any],
    gone: list[str],
    memory: tuple[np.ndarray, np.ndarray] | None,
    /,
) -> None:
    """Make an estimator what its fit has made of a copy of it, all at once.

    Holding the lock, ``state["_model"]`` becomes ``begun``, the first list of each pair
    grows by the second, what was learnt comes into the state, the second array's bytes
    come into the first, what is gone leaves the state, and ``state["_model"]`` becomes
    ``ended``. No signal handler and, where there is a GIL, no other thread runs in
    between. An exception, MemoryError say, leaves everything as it was.
    """

@final
class Net:
    """The shape of a network: an immutable value.

    Parameters
    ----------
    widths : tuple of int
        Inputs, hidden widths, outputs.
    activations : tuple of str
        One per hidden layer, then the output's, which may be ``"exp"`` or
        ``"softmax"`` too.
    loss : str
        ``log_loss``, ``squared_error``, ``brier``, ``absolute_error``, ``huber``,
        ``log_cosh`` or ``poisson``.
    huber_delta : float
        Read by ``huber`` only.
    """

    def __new__(
        cls,
        widths: tuple[int, ...],
        activations: tuple[str, ...],
        loss: str,
        huber_delta: float = 1.0,
    ) -> Net: ...
    @property
    def size(self) -> int:
        """Number of weights and biases: the length of ``parameters``."""
    def predict(
        self,
        parameters: _Real,
        X: _Matrix,
        out: _Real,
        n_threads: int = 1,
        isa: str | None = None,
    ) -> None:
        """Write the outputs of X (n, inputs) into out (n, outputs).

        For a single output out may be (2, n), which gets 1 - output and the output.
        Ctrl-C raises KeyboardInterrupt.
        """
    def gradient(
        self,
        parameters: _Real,
        X: _Matrix,
        y: np.ndarray,
        sample_weight: _Real | None,
        alpha: float,
        gradient: _Real,
        n_threads: int = 1,
        isa: str | None = None,
    ) -> float:
        """Objective at ``parameters``; its gradient is written into ``gradient``.

        y is (n, outputs) of the dtype of X, or, for a softmax output, int64 class
        numbers of shape (n,).
        """
    def train(
        self,
        parameters: _Real,
        moments: _Real,
        X: _Matrix,
        y: np.ndarray,
        sample_weight: _Real | None,
        settings: dict[str, Any],
        state: dict[str, Any],
        validation: tuple[_Matrix, np.ndarray, _Real | None] | None = None,
        best_parameters: _Real | None = None,
        bit_generator: Any | None = None,
        on_epoch: Callable[[dict[str, Any]], None] | None = None,
        isa: str | None = None,
    ) -> dict[str, Any]:
        """Train ``parameters`` and ``moments`` in place: the whole of a stochastic fit.

        Parameters
        ----------
        moments : array of shape (1, size) for sgd (velocity) or (2, size) for adam
            First and second moments; zeros before the first call.
        settings : dict, every key required
            solver, learning_rate (the schedule), learning_rate_init, power_t,
            momentum, nesterovs_momentum, beta_1, beta_2, epsilon, alpha, batch_size,
            max_iter, tol, n_iter_no_change, dropout (tuple of one rate per hidden
            layer, or None), dropout_seed (int), score ("accuracy",
            "r2" or, of one class, "always_right"), n_threads.
        state : dict
            Where an earlier call ended: learning_rate, n_updates, n_seen,
            no_improvement, best_loss, best_score. An empty dict begins afresh.
        validation : tuple (X, y, sample_weight), optional
            Stop on its score instead of the training loss; ``best_parameters`` then
            receives the parameters of the best epoch.
        bit_generator : numpy.random.BitGenerator, optional
            Source of the order of rows, which is drawn even where one batch of all rows
            needs none; None takes them in order. Its lock is held.
        on_epoch : callable, optional
            Called at each epoch's end with a dict: n_iter, loss, score (or None),
            learning_rate, event ("", "stop", "learning_rate_lowered",
            "learning_rate_too_small").

        Returns
        -------
        dict
            The new state (as ``state``) with, besides: loss_curve and scores (lists of
            np.float64 and of float, one per completed epoch), stop ("max_iter",
            "no_improvement", "not_finite", "interrupted"), first_bad_epoch (0: none).

        Ctrl-C does not raise: the call returns with stop "interrupted", parameters
        and moments as after the last whole step. Any other exception, from a signal
        handler or from ``on_epoch``, is raised.
        """

@final
class Prepared:
    """Predictions of an estimator as it was when this was made.

    Parameters
    ----------
    net : Net
        Its network.
    views : tuple
        The arguments of ``are_views``, with the parameters of that network.
    attributes : dict
        Attributes by name: what the predictions depend on.
    absent : str
        An attribute with which there would be no prediction without further checks.
    most_rows : int
        So many are predicted while the GIL is held.
    """

    def __new__(
        cls,
        net: Net,
        views: tuple[object, object, object, object],
        attributes: dict[str, object],
        absent: str,
        most_rows: int,
    ) -> Prepared: ...
    def predict(
        self, state: dict[str, Any], X: object, both: bool, /
    ) -> np.ndarray | None:
        """Return the outputs of X, with both=True as ``Net.predict`` writes them.

        None where X has not such rows, is not plain (see ``is_plain``) or of another
        type than the parameters; where state, the estimator's attributes, has not the
        very objects, or has the absent one; or where the arrays are views no more.
        """
