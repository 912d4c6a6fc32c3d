"""Load the kernels that a fit calls, before it allocates.

Memory that runs out while LLVM loads or compiles a kernel may end the process. So LLVM
is asked while the weights, the gradients and the batches of the fit are not there yet.
"""

from collections.abc import Iterator

import numpy as np

from sknn.jit.kernel import CompiledFunction
from sknn.kernels.drivers import gradient, parallel, prediction
from sknn.kernels.drivers import training as drivers
from sknn.kernels.losses.table import OUTPUT_ACTIVATIONS, Loss
from sknn.kernels.optim import regularization, sums
from sknn.network.network import Network
from sknn.training.options import TrainingOptions
from sknn.training.shuffling import kernel_for


def load_kernels(
    network: Network,
    loss: Loss,
    options: TrainingOptions,
    *,
    is_sparse: bool,
    is_part: bool,
    is_evaluated: bool,
    n_rows: int,
    max_iter: int,
    random_state: np.random.RandomState,
) -> None:
    """Load, or compile, what training calls. What is loaded costs microseconds.

    Parameters
    ----------
    network : Network
    loss : Loss
    options : TrainingOptions
    is_sparse : bool
        Whether the rows are CSR.
    is_part : bool
        Whether several processes train the network together.
    is_evaluated : bool
        Whether the network predicts after each epoch.
    n_rows, max_iter : int
        Rows of an epoch, and the most epochs.
    random_state : RandomState
        Shuffles the rows.
    """
    dtype = network.dtype
    wanted = [*_kernels_of(options, loss, dtype, is_part)]
    if options.shuffle and options.stochastic_optimizer is not None:
        is_watched = is_evaluated or bool(options.verbose)
        n_orders = 1 if is_watched else min(drivers.MOST_EPOCHS, max_iter)
        if shuffle := kernel_for(n_orders, n_rows, random_state):
            wanted.insert(0, (shuffle, dtype))
    if is_evaluated:
        wanted += [(prediction.predict, dtype), (_link_of(network), dtype)]
    for kernel, its_dtype in wanted:  # compiled while those of the layers are
        kernel.request(its_dtype)
    network.operations(is_sparse, training=options.solver != "lbfgs")
    for kernel, its_dtype in wanted:
        kernel.address(its_dtype)


def _link_of(network: Network) -> CompiledFunction:
    return OUTPUT_ACTIVATIONS[network.link].apply


def _kernels_of(
    options: TrainingOptions, loss: Loss, dtype: np.dtype, is_part: bool
) -> Iterator[tuple[CompiledFunction, np.dtype]]:
    """Yield what trains, but for the kernels of layers, each with its dtype."""
    optimizer = options.stochastic_optimizer
    if optimizer is None:
        yield gradient.loss_gradient, dtype
        yield loss.train, dtype
        for kernel in (sums.dot, sums.quasi_newton):
            yield kernel, np.dtype(np.float64)
        return
    if is_part:
        yield parallel.batch_gradient, dtype
        yield parallel.optimizer_step, dtype
    else:
        yield drivers.epochs, dtype
    settings = options.regularization.settings(options.solver)
    of_regularization = regularization.kernels_for(settings)
    for each in (loss.train, optimizer.rates, optimizer.step, *of_regularization):
        if each is not None:
            yield each, dtype
