"""Whole epochs of stochastic training on data in memory."""

import warnings
from collections.abc import Callable
from functools import partial
from math import isfinite
from time import perf_counter
from typing import Any

import numpy as np

from sknn.kernels.drivers import training as drivers
from sknn.kernels.drivers.barrier import N_SHARED
from sknn.kernels.losses.table import Loss
from sknn.kernels.optim import regularization
from sknn.kernels.optim.optimizers import Optimizer
from sknn.network.data import TrainingData, aligned_empty, read_only
from sknn.network.network import Network
from sknn.network.rate_factors import learning_rate_segments, weight_decay_segments
from sknn.network.threads import (
    WORTH_A_TEAM_THREAD,
    CalledOffError,
    ThreadCountTuner,
    is_shared,
    n_threads_for,
    run_together_or_alone,
)
from sknn.training.annealing import AnnealedArrays
from sknn.training.options import TrainingOptions
from sknn.training.progress import TrainingState
from sknn.training.shuffling import orders_at_a_time

# Calls between the warnings below and the user's call of ``fit``.
_STACKLEVEL = 6


class EpochRunner:
    """Runs epochs: allocates their workspace once, and calls the compiled driver.

    Whoever has the rows elsewhere, such as in blocks of a file or on other machines,
    puts another object with ``run`` and ``max_epochs`` in its place.

    Parameters
    ----------
    network : Network
    loss : Loss
    data : TrainingData
    state : TrainingState
        Its parameters, optimizer state and counters are updated in place.

    Attributes
    ----------
    max_epochs : int
        Most epochs that a call of ``run`` takes.
    is_off : callable
        Returns True where ``run`` is to raise a CalledOffError between two calls of the
        driver. Set it where there is such a reason.
    n_batches : int
        Batches in an epoch.
    """

    def __init__(
        self, network: Network, loss: Loss, data: TrainingData, state: TrainingState
    ):
        self._network, self._loss = network, loss
        self._data, self._state = data, state
        options, n_rows = state.options, data.n_rows
        self._batch_size = _checked_batch_size(options, n_rows)
        self._smallest = network.smallest_batch(self._batch_size)
        # Remaining rows that are too few for a batch join the one before them.
        self._most = min(n_rows, self._batch_size + self._smallest - 1)
        self._block = network.training_block(self._most)
        _warn_of_single_rows(network, self._batch_size, state)
        is_sparse = data.inputs.is_sparse
        self.max_epochs = min(
            drivers.MOST_EPOCHS,
            orders_at_a_time(n_rows),
            network.epochs_a_call(n_rows, self._batch_size, is_sparse),
        )
        n_left = n_rows % self._batch_size
        self.n_batches = n_rows // self._batch_size + (n_left >= self._smallest)
        self._ranges = network.calls(n_rows, self._batch_size, is_sparse)
        ends = self._ranges
        if len(ends) > 1 and n_rows - ends[-1][0] < self._smallest:
            ends[-2:] = [(ends[-2][0], n_rows)]
        self.is_off: Callable[[], bool] = lambda: False
        self._check_rows_done()

    def _check_rows_done(self) -> None:
        """Raise a ValueError unless an interrupted epoch can go on between batches."""
        n_rows, done = self._data.n_rows, int(self._state.counters[drivers.ROWS])
        n_left = n_rows - done
        is_between = done % self._batch_size == 0 and n_left >= self._smallest
        if done and n_left and not is_between:
            raise ValueError(
                f"resume_fit cannot go on after {done} of {n_rows} rows, the number in "
                f"_resume_state['rows_done'], in batches of {self._batch_size} rows: "
                "it can go on only between two batches. Set batch_size as it was in "
                "fit, or call fit."
            )

    def prepare(self) -> None:
        """Compile what ``run`` calls, if need be. Call it once, before ``run``."""
        network = self._network
        shared = np.zeros(N_SHARED, dtype=np.int64)
        prepare = self._driver(shared)
        # Threads share the blocks of a batch.
        work = network.training_multiplications(self._batch_size)
        work *= self._block < self._batch_size
        self._call: Callable[..., float]
        if is_shared(work, WORTH_A_TEAM_THREAD):
            self._call = _on_threads(prepare, work, shared)
        else:
            self._call = prepare(thread=0, n_threads=1)

    def set_epoch(self, epoch: int, learning_rates: list[float]) -> None:
        """Say which epoch is the next one. Call it before ``run``.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0 on, by which regularization is annealed.
        learning_rates : list of float
            Learning rate of each batch of an epoch, or one for all of them.
        """
        self._learning_rates = np.array(learning_rates)
        self._annealed.set_epoch(epoch)

    def run(self, orders: np.ndarray, n_epochs: int) -> bool:
        """Train for some epochs; return whether everything is known to be finite.

        Parameters
        ----------
        orders : ndarray of shape (n_epochs or 1, n_rows or 0)
            Order of the rows in each epoch, or in all of them.
        n_epochs : int
        """
        counters, rates = self._state.counters, self._learning_rates
        result = np.nan
        for start, stop in self._ranges:
            start = max(start, int(counters[drivers.ROWS]))
            if start < stop:  # else done before an interrupt
                if self.is_off():
                    raise CalledOffError
                left = rates[start // self._batch_size :] if len(rates) > 1 else rates
                result = self._call(orders, n_epochs, start, stop, read_only(left))
        return isfinite(counters[drivers.LOSS] + result)

    def _driver(self, shared: np.ndarray) -> Callable[..., Callable[..., float]]:
        """Return the driver with all arguments that stay the same."""
        network, data, state, most = self._network, self._data, self._state, self._most
        options, dtype = state.options, network.dtype
        optimizer = options.stochastic_optimizer
        assert optimizer is not None, "L-BFGS has no epochs"
        in_place = data.rows is None and not options.shuffle
        gathers = not in_place and not data.inputs.is_sparse
        gathered = aligned_empty(
            (most, data.inputs.n_features) if gathers else (0, 0), dtype
        )
        # Compiled while the kernels of the operations are.
        for kernel in (
            drivers.epochs,
            self._loss.train,
            optimizer.rates,
            optimizer.step,
        ):
            kernel.request(dtype)
        operations = network.operations(data.inputs.is_sparse, training=True)
        n_sums = max(most // self._block, network.n_trained // drivers.CHUNK) + 1
        self._annealed = annealed = AnnealedArrays(
            options.annealing,
            operations.table,
            options.regularization.settings(options.solver),
            network.settings,
            self._loss.chosen_by == "label_smoothing",
        )
        return partial(
            drivers.epochs.prepare,
            dtype,
            ops=annealed.operations,
            constrained=network.constrained,
            theta=state.theta,
            gradient=aligned_empty(network.n_trained, dtype),
            values=network.buffer(most, operations.n_columns),
            deltas=network.buffer(most, operations.n_columns),
            **data.arguments,
            sample_weight=data.sample_weight,
            mean_class_weight=data.mean_class_weight,
            gathered=gathered,
            gathered_data=read_only(gathered.ravel()),
            batch_size=self._batch_size,
            smallest=self._smallest,
            block=self._block,
            seed=state.seed,
            loss=self._loss.train.address(dtype),
            loss_settings=read_only(annealed.loss_settings),
            loss_scale=self._loss.reported_scale(network.n_outputs),
            **_optimization(optimizer, network, state),
            **_regularization(options, network, annealed),
            counters=state.counters,
            sums=np.empty(drivers.N_RATES + n_sums),
            shared=shared,
        )


def _optimization(
    optimizer: Optimizer, network: Network, state: TrainingState
) -> dict[str, Any]:
    """Return the driver's arguments for the optimizer, but for the learning rates."""
    options, segments = state.options, learning_rate_segments(network.layout)
    settings = optimizer.settings(options.optimizer)
    return {
        "rates": optimizer.rates.address(network.dtype),
        "step": optimizer.step.address(network.dtype),
        "step_settings": read_only(np.array(settings, dtype=float)),
        "alpha": options.regularization.l2,
        "n_weights": network.n_weights,
        "rate_ends": segments.ends,
        "rate_factors": segments.factors,
        "optimizer_state": state.optimizer_state,
        "momentum_product": state.momentum_product,
    }


def _regularization(
    options: TrainingOptions, network: Network, annealed: AnnealedArrays
) -> dict[str, Any]:
    """Return the driver's arguments for what the optimizer's own pass does not do."""
    dtype, decay = network.dtype, weight_decay_segments(network.layout)
    settings = annealed.regularization_settings
    shapes = settings[regularization.L1 : regularization.MAX_NORM].any()
    constrains = settings[regularization.MAX_NORM] > 0
    settings[regularization.L2] = options.regularization.l2
    return {
        "shape": regularization.shape_gradient.address(dtype) if shapes else 0,
        "constrain": regularization.constrain.address(dtype) if constrains else 0,
        "regularization_settings": read_only(settings),
        "decay_ends": decay.ends,
        "decay_factors": decay.factors,
    }


def _on_threads(
    prepare: Callable[..., Callable[..., float]],
    n_multiplications: float,
    shared: np.ndarray,
) -> Callable[..., float]:
    """Return what runs a driver on one thread, or on as many as pay."""
    threads, tuner = [prepare(thread=0)], ThreadCountTuner()

    def run(
        orders: np.ndarray, n_epochs: int, start: int, stop: int, rates: np.ndarray
    ) -> float:
        n = tuner.choose(n_threads_for(n_multiplications, WORTH_A_TEAM_THREAD))
        threads.extend(prepare(thread=k) for k in range(len(threads), n))
        began = perf_counter()
        arguments = (orders, n_epochs, start, stop, rates)
        result: float = run_together_or_alone(
            lambda n: [partial(run, *arguments, n) for run in threads[:n]], n, shared
        )
        tuner.note(n, n_epochs * (stop - start), perf_counter() - began)
        return result

    return run


def _checked_batch_size(options: TrainingOptions, n_rows: int) -> int:
    """Return the number of rows of a batch; warn if there are fewer rows."""
    if options.batch_size != "auto" and int(options.batch_size) > n_rows:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to "
            "be clipped",
            stacklevel=_STACKLEVEL,
        )
    return options.rows_of_batch(n_rows)


def _warn_of_single_rows(
    network: Network, batch_size: int, state: TrainingState
) -> None:
    is_needed = network.smallest_batch(2) > 1  # for a variance
    if is_needed and batch_size == 1 and state.n_samples_seen == 0:
        warnings.warn(
            "normalization='batch' needs batches of two rows or more to learn its "
            "running statistics, but each batch has one row: nothing is normalised. "
            "Set a larger batch_size, or normalization='layer'.",
            stacklevel=_STACKLEVEL,
        )
