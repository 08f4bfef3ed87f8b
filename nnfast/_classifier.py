# SPDX-License-Identifier: BSD-3-Clause
"""The classifier: labels to targets, outputs to labels and probabilities."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if

from . import _labels
from ._base import BaseMLP, unchanged_on_failure
from ._constraints import CLASSIFIER
from ._scikit_learn import check_partial_fit_first_call, fit_context


def _is_stochastic(estimator: Any) -> bool:
    """For available_if: whether there is a partial_fit, or scikit-learn's words."""
    if estimator.solver not in ("sgd", "adam"):
        raise AttributeError(
            "partial_fit is only available for stochastic"
            f" optimizers. {estimator.solver} is not stochastic."
        )
    return True


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier, trained in C.

    Parameters, results and messages are those of scikit-learn's class of the same
    name; the parameters after ``max_fun`` are nnfast's own. Two classes and
    multi-label targets have logistic outputs, more classes a softmax.

    Parameters
    ----------
    hidden_layer_sizes : array-like of shape (n_layers - 2,) or int, default=(100,)
        The ith element is the number of neurons in the ith hidden layer. ``()`` is a
        linear model.

    activation : str or list of str, default="relu"
        Activation of the hidden layers, or a list with one name per hidden layer:
        'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', 'selu', 'gelu',
        'silu', 'mish', 'softplus', 'softsign' or 'hard_sigmoid', as PyTorch defines
        them, with its default constants.

    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
        'lbfgs' is a quasi-Newton method that uses all rows at every step; 'sgd' is
        stochastic gradient descent with momentum; 'adam' is the method of Kingma and
        Ba [3]_. For small data sets lbfgs often converges faster and further.

    alpha : float, default=0.0001
        Strength of the L2 penalty, ``alpha / 2`` times the sum of the squared weights
        (not the biases), divided by the sum of sample weights of the batch.

    batch_size : int or 'auto', default='auto'
        Rows per step of sgd and adam; 'auto' is ``min(200, n_samples)``.

    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        Schedule of sgd; other solvers ignore it. 'constant' stays at
        ``learning_rate_init``; 'invscaling' is ``learning_rate_init / t ** power_t``
        after t rows; 'adaptive' divides the rate by 5 whenever
        ``n_iter_no_change`` epochs bring no improvement, and ends below 1e-6.

    learning_rate_init : float, default=0.001
        The initial learning rate of sgd and adam.

    power_t : float, default=0.5
        Exponent of 'invscaling'.

    max_iter : int, default=200
        Maximum number of epochs (sgd, adam) or iterations (lbfgs).

    shuffle : bool, default=True
        Whether sgd and adam take the rows in a new random order in each epoch.

    random_state : int, RandomState instance or None, default=None
        Source of the initial weights, of the early-stopping split, of the seed of
        dropout (one number, drawn only if a rate is positive) and of the order of
        rows, drawn in this sequence. None is NumPy's global generator. In float64,
        the same seed gives scikit-learn's numbers.

    tol : float, default=1e-4
        An epoch that improves the loss (or validation score) by less counts as none.
        For lbfgs, the largest gradient component at which it ends.

    verbose : bool, default=False
        Whether to print each epoch's loss.

    warm_start : bool, default=False
        Whether fit goes on from the weights of the fit before.

    momentum : float, default=0.9
        Momentum of sgd, between 0 and 1.

    nesterovs_momentum : bool, default=True
        Whether sgd uses Nesterov's momentum.

    early_stopping : bool, default=False
        Whether sgd and adam set rows aside, end when the score on them stops
        improving, and keep the weights of the best epoch. The split
        keeps the proportions of two classes; of more it does not, as in scikit-learn.

    validation_fraction : float, default=0.1
        Share of the rows that early stopping sets aside.

    beta_1 : float, default=0.9
        Decay of adam's first moment, in [0, 1).

    beta_2 : float, default=0.999
        Decay of adam's second moment, in [0, 1).

    epsilon : float, default=1e-8
        Added to the root of adam's second moment.

    n_iter_no_change : int or np.inf, default=10
        Epochs without improvement after which sgd and adam end.

    max_fun : int, default=15000
        Maximum number of evaluations by lbfgs.

    loss : {'log_loss', 'squared_error'}, default='log_loss'
        'squared_error' is half the squared distance of the output probabilities from
        the 0/1 targets, summed over the outputs.

    init : str or pair of lists of arrays, default='auto'
        Initial weights. 'auto' is scikit-learn's Glorot uniform [1]_, biases
        included. With biases of zero: 'glorot_uniform' and 'glorot_normal' [1]_,
        'he_uniform' and 'he_normal' [2]_, 'lecun_normal', 'normal', and 'zeros', from
        which no hidden unit learns anything of its own. Or a pair
        (coefs, intercepts) in the form of the fitted attributes.

    init_scale : float, default=0.01
        Standard deviation for ``init='normal'``; refused with any other.

    dropout : float or list of float, default=0.0
        Share of hidden units that training leaves out at random [4]_, for all hidden
        layers or one per layer, in [0, 1). The others are scaled up, and prediction
        uses all. Refused with lbfgs.

    class_weight : dict, 'balanced' or None, default=None
        Weights of the classes, multiplied into the sample weights of training (not of
        the validation score). 'balanced' is
        ``n_samples / (n_classes * np.bincount(y))`` and refused by partial_fit; both
        are refused for multi-label targets.

    n_jobs : int or None, default=None
        Threads within one fit or predict. None is 1 unless the work is large enough
        to gain; -1 is all CPUs, -2 all but one. Results do not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    loss_ : float
        The latest loss, with the L2 penalty.

    best_loss_ : float or None
        The lowest loss of an epoch; None with early stopping. Not set by lbfgs.

    loss_curve_ : list of shape (n_iter_,)
        The loss of each epoch. Not set by lbfgs.

    validation_scores_ : list of shape (n_iter_,) or None
        Accuracy on the rows set aside, per epoch; None without early stopping.

    best_validation_score_ : float or None
        The highest of them.

    t_ : int
        Number of rows trained on.

    coefs_ : list of ndarray of shape (fan_in, fan_out)
        The weights of each layer: views of one vector. What is written or assigned
        here is what the next call uses.

    intercepts_ : list of ndarray of shape (fan_out,)
        The biases of each layer, likewise.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit; set only when all are strings.

    n_iter_ : int
        Number of epochs or iterations run.

    n_layers_ : int
        Number of layers, inputs and outputs included.

    n_outputs_ : int
        Number of outputs.

    out_activation_ : str
        Activation of the output layer.

    See Also
    --------
    MLPRegressor : Multi-layer perceptron regressor.

    References
    ----------
    .. [1] Glorot, X. and Bengio, Y. (2010). "Understanding the difficulty of training
       deep feedforward neural networks." AISTATS.
    .. [2] He, K. et al. (2015). "Delving deep into rectifiers: surpassing human-level
       performance on ImageNet classification." ICCV.
    .. [3] Kingma, D. P. and Ba, J. (2014). "Adam: a method for stochastic
       optimization." arXiv:1412.6980.
    .. [4] Srivastava, N. et al. (2014). "Dropout: a simple way to prevent neural
       networks from overfitting." JMLR 15.

    Examples
    --------
    >>> from nnfast import MLPClassifier
    >>> X = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> clf = MLPClassifier((4,), activation="tanh", solver="lbfgs", random_state=1)
    >>> clf.fit(X, [0, 1, 1, 0]).predict(X)
    array([0, 1, 1, 0])
    """

    _parameter_constraints = CLASSIFIER
    _validation_score = "accuracy"

    classes_: np.ndarray

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: str = "log_loss",
        init: str | tuple[Any, Any] = "auto",
        init_scale: float = 0.01,
        dropout: float | Sequence[float] = 0.0,
        class_weight: dict[Any, float] | str | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.init = init
        self.init_scale = init_scale
        self.dropout = dropout
        self.class_weight = class_weight
        self.n_jobs = n_jobs

    # ---- fitting ----

    @available_if(_is_stochastic)
    @fit_context
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> Self:
        """Train for one epoch over the given rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            The target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        classes : array-like of shape (n_classes,), default=None
            All classes that there will ever be; required by the first call.

        Returns
        -------
        self : object
            The model, one epoch on.
        """
        with unchanged_on_failure(self):
            if check_partial_fit_first_call(self, classes):
                self._label_binarizer = _labels.binarizer(y, classes)
            self._fit(X, y, sample_weight, incremental=True)
        return self

    def _check_combination(self, incremental: bool) -> None:
        super()._check_combination(incremental)
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
            _labels.check_known(y, self.classes_, same=self.warm_start)
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
        # Of two classes only, as in scikit-learn; bool, for the words of its errors.
        return y.astype(bool) if y.ndim == 2 and y.shape[1] == 1 else None

    # ---- predicting ----

    def predict(self, X: Any) -> np.ndarray:
        """Predict the classes of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The predicted classes.
        """
        outputs = self._forward(X)
        if outputs.shape[1] == 1:
            outputs = outputs.ravel()
        return self._label_binarizer.inverse_transform(outputs)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y_prob : ndarray of shape (n_samples, n_classes)
            Probabilities, columns in the order of ``classes_``.
        """
        outputs = self._forward(X)
        if len(self.classes_) == 1:
            return np.ones_like(outputs)
        if outputs.shape[1] == 1:
            return np.hstack([1 - outputs, outputs])
        return outputs

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
        """
        y_prob = self.predict_proba(X)
        saturated = y_prob < np.finfo(y_prob.dtype).tiny
        y_prob[saturated] = 1  # keeps the logarithm quiet
        log_y_prob = np.log(y_prob, out=y_prob)
        if saturated.any():
            exact = self._log_proba_of_logits(self._forward(X, output="identity"))
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
