# SPDX-License-Identifier: BSD-3-Clause
"""The classifier: labels to targets, outputs to labels and probabilities."""

from typing import Any, Self

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if

from . import _labels, _prepared
from ._apart import apart, of_one_model
from ._base import BaseMLP
from ._pieces import by_rows
from ._scikit_learn import check_partial_fit_first_call, fit_context
from ._validation import validate_inputs


def _is_stochastic(estimator: Any) -> bool:
    """For available_if: whether there is a partial_fit, or scikit-learn's words."""
    if estimator.solver not in ("sgd", "adam"):
        raise AttributeError(
            "partial_fit is only available for stochastic"
            f" optimizers. {estimator.solver} is not stochastic."
        )
    return True


class Classifier(ClassifierMixin, BaseMLP):
    """What MLPClassifier does."""

    classes_: np.ndarray

    @property
    def _validation_score(self) -> str:
        return "accuracy" if self._n_classes > 1 else "always_right"

    @property
    def _n_classes(self) -> int:
        """Length of ``classes_``, which a user can assign."""
        labels = self._label_binarizer
        if self.classes_ is labels.classes_:
            return len(labels.classes_)
        # What a first partial_fit is told of multi-label targets is kept, and not used.
        told = labels.y_type_.startswith("multilabel") and np.ndim(self.classes_) == 1
        if np.shape(self.classes_) != np.shape(labels.classes_) and not told:
            raise ValueError(
                f"classes_ must be an array of the {len(labels.classes_)} classes of"
                f" the fit; got {self.classes_!r}."
            )
        return len(self.classes_)

    # ---- fitting ----

    @available_if(_is_stochastic)
    @fit_context
    @apart
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> Self:
        """Train for one epoch over the given rows, with sgd or adam.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data, trained on in the type of the first call.

        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            The target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None is one for each.

        classes : array-like of shape (n_classes,), default=None
            All classes that there will ever be; required by the first call.

        Returns
        -------
        self : object
            The model, one epoch on.

        Raises
        ------
        ValueError, TypeError
            When an argument or parameter is not as documented, with early stopping,
            or when weights are no longer finite. The estimator is then as it was
            before.

        Examples
        --------
        >>> from nnfast import MLPClassifier
        >>> model = MLPClassifier(random_state=0)
        >>> for rows, labels in [([[0.0], [3.0]], [0, 1]), ([[1.0], [2.0]], [0, 1])]:
        ...     model = model.partial_fit(rows, labels, classes=[0, 1])
        >>> model.t_
        4
        """
        known = vars(self).get("classes_")
        nothing_new = classes is None or _labels.are_the_same(classes, known)
        first = known is None or not nothing_new
        if first and check_partial_fit_first_call(self, classes):
            self._label_binarizer = _labels.binarizer(y, classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def _check_combination(self, n_hidden: int, incremental: bool) -> None:
        super()._check_combination(n_hidden, incremental)
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight '{self.class_weight}' is not supported for partial_fit."
                " In order to use 'balanced' weights, use compute_class_weight("
                f"'{self.class_weight}', classes=classes, y=y) and pass the resulting"
                " weights as a dict."
            )

    def _network_loss(self) -> tuple[str, float]:
        return ("log_loss" if self.loss == "log_loss" else "brier"), 1.0

    def _encode(
        self, y: np.ndarray, dtype: Any, incremental: bool
    ) -> tuple[np.ndarray, int, str]:
        if hasattr(self, "classes_") and (self.warm_start or incremental):
            classes = self.classes_
            if not isinstance(classes, np.ndarray) or classes.ndim != 1:
                raise ValueError(
                    f"classes_ must be an array of one dimension; got {classes!r}."
                )
            _labels.check_known(y, classes, same=self.warm_start)
        else:
            self._label_binarizer = _labels.binarizer(y)
            self.classes_ = self._label_binarizer.classes_
        return _labels.encode(y, self._label_binarizer, dtype)

    def _training_weight(
        self, given: np.ndarray, y: np.ndarray, weight: np.ndarray | None
    ) -> np.ndarray | None:
        if self.class_weight is None:
            return weight
        if self._label_binarizer.y_type_.startswith("multilabel"):
            raise ValueError("class_weight is not supported for multi-label targets.")
        rows = _labels.row_weights(self.class_weight, self.classes_, given, y)
        return rows if weight is None else rows * weight

    def _stratify(self, y: np.ndarray) -> np.ndarray | None:
        if y.ndim != 2 or y.shape[1] != 1:  # of two classes only, as in scikit-learn
            return None
        second = y.astype(bool)
        if 2 <= np.count_nonzero(second) <= len(y) - 2:
            # The same split as of a column, but not by making words of the rows: that
            # takes a second for a million, and NumPy then swallows Ctrl-C.
            return second[:, 0]
        return second  # for the words of the error that there will be

    # ---- predicting ----

    @of_one_model
    def predict(self, X: Any) -> np.ndarray:
        """Predict the classes of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The predicted classes: labels, or 0 and 1 for multi-label targets.

        Raises
        ------
        NotFittedError
            Before the first fit.
        ValueError
            When X, or what was assigned to ``coefs_``, does not fit the model.

        Examples
        --------
        >>> from nnfast import MLPClassifier
        >>> model = MLPClassifier(solver="lbfgs", random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0]], [5, 5, 7]).predict([[0.5], [1.9]])
        array([5, 7])
        """

        def labels(rows: Any) -> np.ndarray:
            return _labels.decode(self._outputs(rows), self._label_binarizer)

        outputs = _prepared.outputs(self, X)
        if outputs is not None and self._n_classes > 0:  # which sees to classes_
            return _labels.decode(outputs, self._label_binarizer)
        y = by_rows(labels, validate_inputs(self, X), self._n_classes)
        _prepared.prepare(self, X)
        return y

    @of_one_model
    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y_prob : ndarray of shape (n_samples, n_classes)
            Probabilities, columns in the order of ``classes_``. Those of multi-label
            targets do not sum to one.

        Raises
        ------
        NotFittedError
            Before the first fit.
        ValueError
            When X, or what was assigned to ``coefs_``, does not fit the model.

        Examples
        --------
        >>> from nnfast import MLPClassifier
        >>> model = MLPClassifier(solver="lbfgs", random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0]], [5, 5, 7]).predict_proba([[0.1]]).round(2)
        array([[1., 0.]])
        """
        y_prob = _prepared.outputs(self, X, both=True)
        if y_prob is None or self._n_classes == 1:
            y_prob = self._proba(validate_inputs(self, X))
            _prepared.prepare(self, X)
        return y_prob

    def _proba(self, X: Any) -> np.ndarray:
        """predict_proba for an X that ``validate_inputs`` has passed."""
        if self._n_classes == 1:
            return np.ones_like(self._outputs(X))
        return self._outputs(X, both=True)

    @of_one_model
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Predict the logarithm of each class's probability.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        log_y_prob : ndarray of shape (n_samples, n_classes)
            Log-probabilities, columns in the order of ``classes_``: the logarithm of
            ``predict_proba(X)``, and finite where a probability rounds to zero.

        Raises
        ------
        NotFittedError
            Before the first fit.
        ValueError
            When X, or what was assigned to ``coefs_``, does not fit the model.

        Examples
        --------
        >>> from nnfast import MLPClassifier
        >>> model = MLPClassifier(solver="lbfgs", random_state=0)
        >>> model = model.fit([[0.0], [1.0], [2.0]], [5, 5, 7])
        >>> model.predict_proba([[1e4]])
        array([[0., 1.]])
        >>> bool(model.predict_log_proba([[1e4]])[0, 0] < -1000)
        True
        """
        return by_rows(self._log_proba, validate_inputs(self, X), self._n_classes)

    def _log_proba(self, X: Any) -> np.ndarray:
        """predict_log_proba for an X that ``validate_inputs`` has passed."""
        y_prob = self._proba(X)
        saturated = y_prob < np.finfo(y_prob.dtype).tiny
        y_prob[saturated] = 1  # keeps the logarithm quiet
        log_y_prob = np.log(y_prob, out=y_prob)
        if saturated.any():
            exact = self._log_proba_of_logits(self._outputs(X, output="identity"))
            log_y_prob[saturated] = exact[saturated]
        return log_y_prob

    def _log_proba_of_logits(self, logits: np.ndarray) -> np.ndarray:
        if self.out_activation_ == "softmax":
            return log_softmax(logits, axis=1)
        if logits.shape[1] == 1:
            logits = np.hstack([-logits, logits])
        return log_expit(logits)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
