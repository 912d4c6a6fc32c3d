"""The parts of the docstrings that both estimators share."""

import inspect

_SHARED = {
    "parameters": """\
hidden_layer_sizes : array-like of int or int, default=(100,)
    Number of neurons in each hidden layer; ``()`` makes a linear model.
activation : {'identity', 'logistic', 'tanh', 'relu'}, default='relu'
    Activation of the hidden layers: ``x``, ``1 / (1 + exp(-x))``, ``tanh(x)`` or
    ``max(0, x)``.
solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
    'adam' is stochastic gradient descent with adaptive steps [1]_, 'sgd' the plain
    one with momentum, 'lbfgs' scipy's quasi-Newton method, which looks at all rows
    in each step and suits small data.
alpha : float, default=0.0001
    Strength of the L2 penalty on the weights, not on the biases. It is divided by the
    number of rows of the batch (or the sum of their weights), so that it weighs more
    in smaller batches.
batch_size : int, default='auto'
    Rows in a batch; 'auto' is ``min(200, n_samples)``. Not used by 'lbfgs'.
learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
    Schedule of the learning rate, for ``solver='sgd'``. 'invscaling' divides the
    initial rate by ``(t + 1) ** power_t`` after each epoch, with t the number of
    samples seen. 'adaptive' divides the rate by 5 whenever training would otherwise
    stop, until it is as low as 1e-6.
learning_rate_init : float, default=0.001
    Initial learning rate of 'sgd' and 'adam'.
power_t : float, default=0.5
    Exponent of 'invscaling'.
max_iter : int, default=200
    The most epochs, or iterations of 'lbfgs'.
shuffle : bool, default=True
    Whether to draw a new order of the rows in each epoch. Not used by 'lbfgs'.
random_state : int, RandomState instance or None, default=None
    Draws the initial weights, the validation set and the order of the rows. An int
    makes every call of ``fit`` give the same result.
tol : float, default=1e-4
    Training stops when the loss, or the validation score, has not improved by at
    least this much for more than ``n_iter_no_change`` epochs. For 'lbfgs', the
    largest entry of the gradient at which to stop.
verbose : bool or int, default=False
    Whether to print a line for each epoch or iteration.
warm_start : bool, default=False
    Whether ``fit`` goes on from the weights of the last call. The layers must not
    have changed. With early stopping, the same rows are held out each time.
momentum : float, default=0.9
    Momentum of 'sgd', from 0 to 1.
nesterovs_momentum : bool, default=True
    Whether the momentum of 'sgd' takes Nesterov's form.
early_stopping : bool, default=False
    Whether to hold out a validation set, to stop when its score (accuracy or R^2)
    no longer improves, and to keep the weights that scored best. Not used by 'lbfgs'.
validation_fraction : float, default=0.1
    Share of the rows held out by early stopping. They are drawn class by class, but
    for multilabel targets and where a class is too rare to be on both sides.
beta_1 : float, default=0.9
    Decay of the mean of the gradient in 'adam', in [0, 1).
beta_2 : float, default=0.999
    Decay of the mean of its square in 'adam', in [0, 1).
epsilon : float, default=1e-8
    Keeps 'adam' from dividing by zero.
n_iter_no_change : int, default=10
    Epochs without improvement that are waited for; ``np.inf`` waits for ever. Not
    used by 'lbfgs'.
max_fun : int, default=15000
    The most evaluations of the loss by 'lbfgs'.""",
    "attributes": """\
coefs_ : list of ndarray of shape (fan_in, fan_out)
    Weights of each layer, float32 or float64 as X was. Views of one vector.
intercepts_ : list of ndarray of shape (fan_out,)
    Biases of each layer.
n_features_in_ : int
    Number of features seen in ``fit``.
feature_names_in_ : ndarray of shape (n_features_in_,)
    Names of the features, where X had names.
loss_ : float
    Loss of the last epoch, penalty included: the mean over its batches.
loss_curve_ : list of float
    Loss of each epoch. Not for 'lbfgs', as the next three.
best_loss_ : float or None
    Lowest loss; None with early stopping.
validation_scores_ : list of float or None
    Validation score of each epoch; None without early stopping.
best_validation_score_ : float or None
    Highest validation score; None without early stopping.
n_iter_ : int
    Epochs, or iterations of 'lbfgs', of the last call.
t_ : int
    Samples seen in training: epochs times rows.
n_layers_ : int
    Number of layers, those of the inputs and outputs included.
n_outputs_ : int
    Number of outputs of the network.""",
    "notes": """\
Features of very different size slow training down or make it diverge: put a
``StandardScaler`` in front.

Initial weights are drawn by the rule of Glorot and Bengio [2]_.

References
----------
.. [1] D. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", 2014,
   https://arxiv.org/abs/1412.6980.
.. [2] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep
   feedforward neural networks", AISTATS 2010.""",
}


def documented(estimator: type) -> type:
    """Fill the shared parts into the docstring of an estimator."""
    text = inspect.cleandoc(estimator.__doc__ or "")
    for name, part in _SHARED.items():
        text = text.replace(f"{{{name}}}", part)
    estimator.__doc__ = text
    return estimator
