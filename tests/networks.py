"""Small networks for every entry of the tables, and differences of their losses."""

import numpy as np
import scipy.sparse

from sknn import MLPClassifier, MLPRegressor
from sknn.kernels.losses.table import LOSSES
from sknn.network.data import Inputs, TrainingData, read_only
from sknn.network.layout import Architecture, mlp_layers
from sknn.network.network import Network
from sknn.training.options import LossOptions, TrainingOptions, select
from sknn.training.progress import TrainingState
from sknn.training.stochastic import train_stochastic
from sknn.training.task import FitTask

N_ROWS, N_FEATURES, N_OUTPUTS = 11, 4, 3
FLOAT64 = np.dtype(np.float64)
SEED = 1234


def _numbers(rng):
    return rng.normal(size=(N_ROWS, N_OUTPUTS))


def _counts(rng):
    return rng.poisson(2.0, size=(N_ROWS, N_OUTPUTS))


def _amounts(rng):
    return rng.gamma(2.0, size=(N_ROWS, N_OUTPUTS))


def _labels(rng):
    return rng.randint(2, size=(N_ROWS, N_OUTPUTS))


def _classes(rng):
    return rng.randint(N_OUTPUTS, size=(N_ROWS, 1))


TARGETS = {
    "squared_error": _numbers,
    "absolute_error": _numbers,
    "huber": _numbers,
    "log_cosh": _numbers,
    "quantile": _numbers,
    "poisson": _counts,
    "gamma": _amounts,
    "tweedie": _counts,
    "binary_log_loss": _labels,
    "binary_smoothed_log_loss": _labels,
    "binary_focal": _labels,
    "binary_hinge": _labels,
    "log_loss": _classes,
    "smoothed_log_loss": _classes,
    "focal": _classes,
    "hinge": _classes,
}

PARAMETERS = {
    **MLPClassifier().get_params(),
    **MLPRegressor().get_params(),
    # One step along the gradient of all rows, with a rate of one.
    "solver": "sgd",
    "nesterovs_momentum": False,
    "momentum": 0.0,
    "learning_rate_init": 1.0,
    "batch_size": N_ROWS,
    "shuffle": False,
    "alpha": 0.3,
    "tol": 0.0,
    # The settings of losses.
    "delta": 0.8,
    "quantile": (0.2, 0.7),
    "label_smoothing": 0.2,
    "focal_gamma": 1.5,
}
LOSS_OPTIONS = select(LossOptions, PARAMETERS)


def make_training_data(loss, weighted=False, sparse=False):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(N_ROWS, N_FEATURES))
    if sparse:
        X[rng.uniform(size=X.shape) < 0.6] = 0
        X = scipy.sparse.csr_array(X)
    weights = read_only(rng.uniform(0, 2, size=N_ROWS if weighted else 0))
    targets = TARGETS[loss](np.random.RandomState(1)).astype(float)
    return TrainingData(Inputs.of(X, FLOAT64), read_only(targets), weights, weights)


def mlp_architecture(units, activations, link, settings=(), **options):
    """Return the architecture of a perceptron with so many units in each layer."""
    n_features, *hidden, n_outputs = units
    layers = mlp_layers(hidden, n_outputs, activations, **options)
    return Architecture(n_features, layers, link, settings)


def network_of(hidden, activation, loss, **options):
    """Return a network; ``activation`` is one name, or one for each hidden layer."""
    loss = LOSSES[loss]
    n_outputs = N_OUTPUTS * loss.outputs_per_target(LOSS_OPTIONS)
    names = (activation,) * len(hidden) if isinstance(activation, str) else activation
    return Network(
        mlp_architecture(
            (N_FEATURES, *hidden, n_outputs),
            names,
            loss.link,
            loss.settings_of(LOSS_OPTIONS),
            **options,
        ),
        FLOAT64,
    )


def parameters_of(network, seed=2):
    """Draw all that is trained, gains and shifts too; running statistics are fixed."""
    rng = np.random.RandomState(seed)
    n_layers = len(network.hidden_widths) + 1
    drawn = ("glorot_uniform",) * n_layers, "zeros", ("tanh",) * n_layers
    theta = network.initial_parameters(rng, *drawn)
    n, m = network.n_weights, network.n_trained
    theta[n:m] += rng.uniform(-0.5, 0.5, size=m - n)
    return theta


TOLERANCE = {"rtol": 1e-7, "atol": 1e-9}


def differences(function, x, n, step=1e-4):
    """Return the gradient for the first n entries, or None if a kink is near.

    The differences are of fourth order. Where a kink is near, those of half the step
    are others.
    """
    gradient = np.empty(n)
    for i in range(n):
        e = np.zeros_like(x)
        e[i] = step

        def slope(k, e=e):
            return (function(x + k * e) - function(x - k * e)) / (2 * k * step)

        half, whole, double = slope(0.5), slope(1), slope(2)
        gradient[i] = (4 * whole - double) / 3
        if not np.allclose(gradient[i], (4 * half - whole) / 3, **TOLERANCE):
            return None
    return gradient


def point_and_differences(network, function):
    """Return parameters, and the gradient of a function there, far from its kinks."""
    for seed in range(2, 50):
        theta = parameters_of(network, seed)
        gradient = differences(function, theta, network.n_trained)
        if gradient is not None:
            return theta, gradient
    raise AssertionError("The function has a kink everywhere.")


def with_gradient_of_the_sum(network, loss, problem, alpha, value_of):
    """Return the function whose gradient training follows.

    It differs from the loss that is reported, ``value_of(x)``, by the number of
    outputs where that is a mean over them.
    """
    scale = LOSSES[loss].reported_scale(network.n_outputs)

    def function(x):
        penalty = 0.5 * alpha * np.sum(x[: network.n_weights] ** 2) / problem.size
        return (value_of(x) - penalty) / scale + penalty

    return function


def task_of(network, loss, data, theta, parameters, seed=0):
    """Return a fit of a network from theta on, ready to train."""
    state = TrainingState.start(network, theta, TrainingOptions.of(parameters))
    state.n_rows = data.n_rows
    return FitTask(network, loss, data, state, np.random.RandomState(seed))


def one_step(network, loss, problem, theta, **parameters):
    """Train for one batch of all rows; return the loss before it and theta after it."""
    parameters = {**PARAMETERS, **parameters}
    task = task_of(network, LOSSES[loss], problem, theta.copy(), parameters)
    task.state.seed = SEED
    train_stochastic(task._replace(is_incremental=True))
    return task.state.loss, task.state.theta
