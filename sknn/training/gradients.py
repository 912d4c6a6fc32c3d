"""The gradient of the loss that training minimises, over all rows at once."""

import numpy as np

from sknn.kernels.losses.table import Loss
from sknn.network.data import TrainingData
from sknn.network.network import Network
from sknn.network.network import network as network_of
from sknn.training.options import RegularizationOptions


def training_gradient(
    network: Network,
    loss: Loss,
    data: TrainingData,
    options: RegularizationOptions,
    theta: np.ndarray,
) -> np.ndarray:
    """Return the gradient that a step of training takes, with all rows in the batch.

    With the penalties on the weights, divided by the size of the batch as the loss is.
    Without dropout, decay, clipping and max-norm, which change a step and are no part
    of the loss.

    Parameters
    ----------
    network : Network
    loss : Loss
    data : TrainingData
    options : RegularizationOptions
    theta : ndarray of shape (n_parameters,)

    Returns
    -------
    gradient : ndarray of shape (n_trained,)
    """
    without_draws = network_of(network.architecture.without_draws(), network.dtype)
    # A copy of theta, for running statistics are written into it.
    _, gradient = without_draws.loss_gradient(theta.copy(), loss, data, training=True)
    weights = theta[: network.n_weights]
    penalty = options.l2 * weights + options.l1 * np.sign(weights)
    gradient[: weights.size] += penalty.astype(network.dtype)
    gradient /= network.dtype.type(data.size)
    return gradient
