# SPDX-License-Identifier: BSD-3-Clause
"""MLPClassifier: its parameters and attributes. What it does is in _classifier."""

from collections.abc import Sequence
from typing import Any

from ._classifier import Classifier
from ._constraints import CLASSIFIER


class MLPClassifier(Classifier):
    """Multi-layer perceptron classifier, trained in C.

    Parameters, results and messages are those of scikit-learn's class of the same
    name; the parameters after ``max_fun`` are nnfast's own. Two classes and
    multi-label targets have logistic outputs, more classes a softmax.

    Parameters
    ----------
    hidden_layer_sizes : array-like of shape (n_layers - 2,) or int, default=(100,)
        The ith element is the number of neurons in the ith hidden layer. ``()`` is a
        linear model.

    activation : str or list of str, default='relu'
        Activation of the hidden layers, or a list with one per hidden layer. With σ the
        logistic function and Φ the normal distribution's, each as PyTorch defines it:

        - 'identity', x
        - 'logistic', σ(x) = 1 / (1 + exp(-x))
        - 'tanh', tanh(x)
        - 'relu', max(0, x)
        - 'leaky_relu' [5]_, x if x > 0, else 0.01 x
        - 'elu' [6]_, x if x > 0, else exp(x) - 1
        - 'selu' [7]_ equation 2, 1.0507 x if x > 0, else 1.0507 · 1.6733 (exp(x) - 1)
        - 'gelu' [8]_, x Φ(x)
        - 'silu' [8]_, x σ(x)
        - 'mish' [9]_, x tanh(log(1 + exp(x)))
        - 'softplus' [10]_, log(1 + exp(x))
        - 'softsign' [11]_, x / (1 + |x|)
        - 'hard_sigmoid', x / 6 + 1 / 2, between 0 and 1

    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
        'lbfgs' is a quasi-Newton method, SciPy's, that uses all rows at every step;
        'sgd' is stochastic gradient descent with momentum; 'adam' is the method of
        Kingma and Ba [3]_, in the form at the end of their section 2. For small data
        sets lbfgs often converges faster and further.

    alpha : float, default=0.0001
        Strength of the L2 penalty, not negative: ``alpha / 2`` times the sum of the
        squared weights (not the biases), divided by the sum of the sample weights of
        the batch.

    batch_size : int or 'auto', default='auto'
        Rows per step of sgd and adam; 'auto' is ``min(200, n_samples)``. More than
        there are rows brings a warning, and means all of them.

    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        Schedule of sgd; other solvers ignore it. 'constant' stays at
        ``learning_rate_init``; 'invscaling' is, after each epoch,
        ``learning_rate_init / (t_ + 1) ** power_t``; 'adaptive' divides the rate by 5
        instead of ending after ``n_iter_no_change``, and ends when it is 1e-6 or less.

    learning_rate_init : float, default=0.001
        The initial learning rate of sgd and adam, positive.

    power_t : float, default=0.5
        Exponent of 'invscaling', not negative.

    max_iter : int, default=200
        Maximum number of epochs (sgd, adam) or iterations (lbfgs). To reach it brings a
        ConvergenceWarning.

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

    verbose : bool or int, default=False
        Whether to print each epoch's loss, and validation score.

    warm_start : bool, default=False
        Whether fit goes on from the weights of the fit before, with a new optimizer.

    momentum : float, default=0.9
        Momentum of sgd, in [0, 1].

    nesterovs_momentum : bool, default=True
        Whether sgd uses Nesterov's momentum.

    early_stopping : bool, default=False
        Whether sgd and adam set rows aside, end when the score on them stops
        improving, and keep the weights of the best epoch. The split
        keeps the proportions of two classes; of more it does not, as in scikit-learn.

    validation_fraction : float, default=0.1
        Share of the rows that early stopping sets aside, in [0, 1); two rows at least.

    beta_1 : float, default=0.9
        Decay of adam's first moment, in [0, 1).

    beta_2 : float, default=0.999
        Decay of adam's second moment, in [0, 1).

    epsilon : float, default=1e-8
        Added to the root of adam's second moment, positive.

    n_iter_no_change : int or np.inf, default=10
        Solvers sgd and adam end when more epochs than this, one after the other, bring
        no improvement.

    max_fun : int, default=15000
        Maximum number of evaluations by lbfgs. To reach it brings a ConvergenceWarning.

    loss : {'log_loss', 'squared_error'}, default='log_loss'
        What a row adds to the mean that is minimised. With p its probabilities and y
        its 0/1 targets, summed over outputs, of which two classes have one: 'log_loss'
        is -y log(p) for a softmax, -y log(p) - (1 - y) log(1 - p) for logistic outputs;
        'squared_error' is (p - y)² / 2, half of Brier's score [13]_ as scikit-learn's
        ``brier_score_loss`` has it.

    init : str or pair of lists of arrays, default='auto'
        Initial weights. 'auto' is scikit-learn's 'glorot_uniform', biases included,
        with 2 in place of 6 below for logistic layers. The others leave biases at zero,
        and draw a layer's weights with the standard deviation

        - 'glorot_uniform', 'glorot_normal' [1]_ equation 16, sqrt(2 / (in + out)): the
          uniform draws reach to sqrt(6 / (in + out))
        - 'he_uniform', 'he_normal' [2]_ equation 10, sqrt(2 / in)
        - 'lecun_normal' [12]_ section 4.6, sqrt(1 / in)
        - 'normal', ``init_scale``
        - 'zeros', 0: no hidden unit then learns anything of its own

        from numbers of inputs and outputs. Or a pair (coefs, intercepts) in the form of
        the fitted attributes, which is copied.

    init_scale : float, default=0.01
        Standard deviation for ``init='normal'``; refused with any other.

    dropout : float or list of float, default=0.0
        Share of hidden units that each training step leaves out at random [4]_, in
        [0, 1), for all hidden layers or one per layer. The others are scaled by
        1 / (1 - share), and prediction uses all. Refused with lbfgs.

    class_weight : dict, 'balanced' or None, default=None
        Weights of the classes, by label, multiplied into the sample weights of training
        (not of the validation score). 'balanced' is
        ``n_samples / (n_classes * np.bincount(y))`` and refused by partial_fit; both
        are refused for multi-label targets.

    n_jobs : int or None, default=None
        The most threads within one fit or predict, which uses as many of them as make
        it faster. None is all CPUs within OMP_NUM_THREADS; -1 is all CPUs, -2 all but
        one. Results do not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    loss_ : float
        The latest loss, with the L2 penalty.

    best_loss_ : float or None
        The lowest loss of an epoch; None with early stopping. Not set by lbfgs.

    loss_curve_ : list of float
        The loss of each epoch, those of earlier warm fits and of partial_fit included.
        Not set by lbfgs.

    validation_scores_ : list of float or None
        Accuracy on the rows set aside, per epoch; None without early stopping. Not set
        by lbfgs.

    best_validation_score_ : float or None
        The highest of them. Not set by lbfgs.

    t_ : int
        Number of rows that sgd and adam trained on, each as often as they did.

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
        Number of epochs or iterations of the latest call.

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
    .. [5] Maas, A. L. et al. (2013). "Rectifier nonlinearities improve neural network
       acoustic models." ICML.
    .. [6] Clevert, D.-A. et al. (2016). "Fast and accurate deep network learning by
       exponential linear units (ELUs)." ICLR.
    .. [7] Klambauer, G. et al. (2017). "Self-normalizing neural networks." NeurIPS.
    .. [8] Hendrycks, D. and Gimpel, K. (2016). "Gaussian error linear units (GELUs)."
       arXiv:1606.08415.
    .. [9] Misra, D. (2019). "Mish: a self regularized non-monotonic activation
       function." arXiv:1908.08681.
    .. [10] Dugas, C. et al. (2001). "Incorporating second-order functional knowledge
       for better option pricing." NeurIPS.
    .. [11] Bergstra, J. et al. (2009). "Quadratic polynomials learn better image
       features." Université de Montréal, technical report 1337.
    .. [12] LeCun, Y. et al. (1998). "Efficient BackProp." In "Neural networks: tricks
       of the trade." Springer.
    .. [13] Brier, G. W. (1950). "Verification of forecasts expressed in terms of
       probability." Monthly Weather Review 78.

    Examples
    --------
    >>> from nnfast import MLPClassifier
    >>> X = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> y = ["equal", "different", "different", "equal"]
    >>> clf = MLPClassifier((4,), activation="tanh", solver="lbfgs", random_state=1)
    >>> clf.fit(X, y).predict([[1, 0]])
    array(['different'], dtype='<U9')
    >>> clf.score(X, y)
    1.0
    """

    _parameter_constraints = CLASSIFIER

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
