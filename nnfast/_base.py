# SPDX-License-Identifier: BSD-3-Clause
"""What both estimators share: fitting, going on, predicting.

A fit is given a copy of the estimator (see ``_apart``), so one that fails leaves the
estimator as it was.
"""

from abc import ABC, abstractmethod
from functools import lru_cache, partial
from typing import Any, Self

import numpy as np
from sklearn.utils import Tags

from . import _core, _lbfgs, _stochastic, _threads
from ._apart import apart
from ._constraints import (
    OUTPUT_ACTIVATIONS,
    check_combination,
    dropout_rates,
    hidden_activations,
    hidden_widths,
)
from ._data import Data, cast, cast_inputs, input_arrays, mean_width
from ._failure import BadParameterNamed
from ._generators import Draws
from ._initialization import initialize
from ._parameters import check_training_memory
from ._pieces import by_rows, copy, is_large
from ._private_views import PrivateViews
from ._saving import Saving
from ._scikit_learn import fit_context
from ._validation import validate_training, validate_weight

# Making one takes a good part of the time of predicting a row; they are values.
_net = lru_cache(maxsize=32)(_core.Net)


class BaseMLP(PrivateViews, Saving, ABC):
    """Multi-layer perceptron; use MLPClassifier or MLPRegressor."""

    n_iter_: int
    n_layers_: int
    out_activation_: str
    loss_: float
    t_: int

    @abstractmethod
    def __init__(self) -> None: ...

    def set_params(self, **params: Any) -> Self:
        """Set parameters; all of them, or none when one is unknown.

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            When a name is not that of a parameter.

        Examples
        --------
        >>> from nnfast import MLPRegressor
        >>> MLPRegressor().set_params(alpha=0.1, solver="lbfgs")
        MLPRegressor(alpha=0.1, solver='lbfgs')
        """
        before = self.__dict__.copy()
        try:
            return super().set_params(**params)
        except BaseException:
            set_so_far = params.keys() & before.keys()
            self.__dict__.update({name: before[name] for name in set_so_far})
            raise

    # ---- what a subclass says ----

    @property
    @abstractmethod
    def _validation_score(self) -> str:
        """The core's name of the score that early stopping uses."""

    @abstractmethod
    def _encode(
        self, y: np.ndarray, dtype: Any, incremental: bool
    ) -> tuple[np.ndarray, int, str]:
        """Targets as the core wants them, number of outputs, output activation."""

    @abstractmethod
    def _network_loss(self) -> tuple[str, float]:
        """The core's name of the loss, and Huber's delta."""

    def _check_combination(self, n_hidden: int, incremental: bool) -> None:
        check_combination(self, n_hidden)

    def _training_weight(
        self, given: np.ndarray, y: np.ndarray, weight: np.ndarray | None
    ) -> np.ndarray | None:
        """Sample weights of training, from the targets as given and as encoded."""
        return weight

    def _stratify(self, y: np.ndarray) -> np.ndarray | None:
        """What the early-stopping split keeps the proportions of."""
        return None

    # ---- fitting ----

    @fit_context
    @apart
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model to data matrix X and targets y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. float32 is trained in float32, all else in float64; with
            ``warm_start=True`` a model that was fitted before keeps its type. CSR is
            trained as it is, CSC is turned into CSR; neither is ever made dense.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target values (class labels in classification, real numbers in
            regression).

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None is one for each.

        Returns
        -------
        self : object
            The fitted model.

        Raises
        ------
        ValueError, TypeError
            When an argument or parameter is not as documented, or training ends in
            weights that are not finite. The estimator is then as it was before.

        Warns
        -----
        ConvergenceWarning
            When ``max_iter`` or ``max_fun`` is reached.
        UserWarning
            When Ctrl-C ended sgd or adam: the model is the one trained so far. With
            lbfgs, KeyboardInterrupt comes through and nothing is changed.

        Examples
        --------
        >>> from nnfast import MLPClassifier
        >>> X = [[0.0], [1.0], [2.0], [3.0]]
        >>> model = MLPClassifier(solver="lbfgs", random_state=0)
        >>> model.fit(X, ["low", "low", "high", "high"]).predict([[0.5], [2.5]])
        array(['low', 'high'], dtype='<U4')
        """
        return self._fit(X, y, sample_weight, incremental=False)

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, incremental: bool) -> Self:
        with BadParameterNamed(self), Draws(self.random_state) as draws:
            hidden = hidden_widths(self.hidden_layer_sizes)
            self._check_combination(len(hidden), incremental)
            resume = hasattr(self, "coefs_") and (self.warm_start or incremental)
            theta = dtype = None
            if resume:
                theta, fitted_widths = self._theta()
                theta, dtype = copy(theta), theta.dtype
            X, given = validate_training(self, X, y, dtype)
            y, n_outputs, output = self._encode(given, X.dtype, incremental)
            weight = validate_weight(sample_weight, X)
            widths = (X.shape[1], *hidden, n_outputs)

            check_training_memory(widths, X.dtype, self.solver)

            draws.begin()
            if theta is not None:
                self._check_features(X, fitted_widths)
                widths = self._same_network(fitted_widths, widths, output)
            else:
                theta = initialize(
                    self.init,
                    self.init_scale,
                    widths,
                    self._scaled_for(len(widths) - 1),
                    draws,
                    X.dtype,
                )
                self.out_activation_ = output

            training_weight = self._training_weight(given, y, weight)
            if training_weight is not None:
                training_weight = cast(training_weight, X.dtype, "class_weight")
                if training_weight.sum() == 0:
                    raise ValueError(
                        "sample_weight (times class_weight) must not sum to zero in"
                        f" {X.dtype}."
                    )
            data = Data(X, y, training_weight)
            theta, attributes = self._solve(
                widths, theta, data, weight, draws, resume, incremental
            )
            if draws.begun is not None or not hasattr(self, "_random_state"):
                self._random_state = draws.generator()
            self.n_layers_, self.n_outputs_ = len(widths), n_outputs
            self.__dict__.update(attributes)
            self._learn(theta, widths)
        return self

    def _scaled_for(self, n_layers: int) -> tuple[str, ...]:
        """The activation that init="auto" scales each layer for.

        The output layer follows the last hidden one, as in scikit-learn; without
        any, the parameter itself says.
        """
        hidden = hidden_activations(self.activation, n_layers - 1)
        last = self.activation if isinstance(self.activation, str) else "identity"
        return (*hidden, hidden[-1] if hidden else last)

    def _same_network(
        self, fitted: tuple[int, ...], widths: tuple[int, ...], output: str
    ) -> tuple[int, ...]:
        """The fitted widths; ValueError where a fit cannot go on with them.

        Other hidden widths are ignored by sgd and adam, as in scikit-learn, which
        fails or scrambles memory where the depth differs or with lbfgs.
        """
        ignored = self.solver != "lbfgs" and len(widths) == len(fitted)
        if widths[1:-1] != fitted[1:-1] and not ignored:
            raise ValueError(
                f"hidden_layer_sizes={list(widths[1:-1])} differs from the fitted"
                f" {list(fitted[1:-1])}: set warm_start=False to fit a new network."
            )
        if output != self._output:
            raise ValueError(
                f"loss={self.loss!r} and the targets ask for output activation"
                f" {output!r}, but {type(self).__name__} was fitted with"
                f" {self.out_activation_!r}: set warm_start=False to fit a new network."
            )
        if widths[-1] != fitted[-1]:
            raise ValueError(
                f"y has {widths[-1]} outputs, but {type(self).__name__} was fitted"
                f" with {fitted[-1]}."
            )
        return fitted

    def _solve(
        self,
        widths: tuple[int, ...],
        theta: np.ndarray,
        data: Data,
        score_weight: np.ndarray | None,
        draws: Draws,
        resume: bool,
        incremental: bool,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Run the solver from θ, which it may overwrite."""
        net = self._network(widths, self._output, *self._network_loss())
        count_threads = partial(
            self._count_threads, data.X, widths, passes=_threads.PASSES_OF_A_STEP
        )
        if self.solver == "lbfgs":
            n_threads = count_threads(data.n_rows)
            theta, attributes = _lbfgs.minimize(self, net, theta, data, n_threads)
            # A new network has no moments to go on from.
            t = getattr(self, "t_", 0) if resume else 0
            optimizer = getattr(self, "_optimizer", None) if resume else None
            return theta, {"t_": t, "_optimizer": optimizer, **attributes}
        return _stochastic.train(
            self,
            net,
            theta,
            data,
            score_weight=score_weight,
            dropout=dropout_rates(self.dropout, len(widths) - 2),
            draws=draws,
            resume=resume,
            incremental=incremental,
            count_threads=count_threads,
        )

    @property
    def _jobs(self) -> int | None:
        """How many threads the user grants."""
        return self.n_jobs

    def _count_threads(
        self, X: Any, widths: tuple[int, ...], n_rows: int, passes: int = 1
    ) -> int:
        """Threads for work that takes n_rows rows of X through it at a time."""
        little = type(X) is np.ndarray and _threads.is_little(
            widths, X.dtype.itemsize, n_rows, passes
        )
        return _threads.count(self._jobs, little)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # ---- what a user can assign ----

    @property
    def _output(self) -> str:
        """The activation of the last layer."""
        output = self.out_activation_
        if not isinstance(output, str) or output not in OUTPUT_ACTIVATIONS:
            raise ValueError(
                f"out_activation_ must be a str among {sorted(OUTPUT_ACTIVATIONS)};"
                f" got {output!r}."
            )
        return output

    def _check_features(self, X: Any, widths: tuple[int, ...]) -> None:
        if X.shape[1] != widths[0]:
            raise ValueError(
                f"n_features_in_ is {self.n_features_in_}, but coefs_[0] has"
                f" {widths[0]} rows."
            )

    # ---- predicting ----

    def _network(
        self, widths: tuple[int, ...], output: str, loss: str, huber_delta: float = 1.0
    ) -> Any:
        hidden = hidden_activations(self.activation, len(widths) - 2)
        return _net(widths, (*hidden, output), loss, huber_delta)

    def _predicting_network(self, widths: tuple[int, ...], output: str) -> Any:
        # Any loss that the output allows will do: prediction does not read it.
        loss = "brier" if output == "softmax" else "squared_error"
        return self._network(widths, output, loss)

    def _outputs(
        self, X: Any, output: str | None = None, both: bool = False
    ) -> np.ndarray:
        """The network's outputs for an X that ``validate_inputs`` has passed.

        Another activation of the last layer than the fitted one can be given. With
        ``both`` a single output has its complement, 1 - output, before it, in memory
        as scikit-learn has them: column after column.
        """
        theta, widths = self._theta()
        self._check_features(X, widths)
        dtype = theta.dtype
        if X.dtype != dtype:
            # The type that X @ coefs_ has in NumPy, of the two that the core knows.
            single = np.result_type(X.dtype, dtype) == np.float32
            dtype = np.dtype(np.float32 if single else np.float64)
            theta = cast(theta, dtype, "coefs_")
        if X.dtype != dtype and is_large(X.shape[0], mean_width(X)):

            def outputs(rows: Any) -> np.ndarray:
                return self._outputs(cast_inputs(rows, dtype), output, both)

            return by_rows(outputs, X, mean_width(X))
        X = cast_inputs(X, dtype)
        n_rows = X.shape[0]
        both = both and widths[-1] == 1
        net = self._predicting_network(widths, output or self._output)
        result = np.empty((2, n_rows) if both else (n_rows, widths[-1]), dtype)
        n_threads = self._count_threads(X, widths, n_rows)
        net.predict(theta, input_arrays(X), result, n_threads)
        return result.T if both else result
