"""Minibatch training on rows in memory: the workspace, and calls of the driver."""

import warnings
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from sknn.kernels.drivers import training as drivers
from sknn.kernels.drivers.barrier import N_SHARED
from sknn.kernels.drivers.steps import CHUNK, N_RATES
from sknn.kernels.losses.table import Loss
from sknn.kernels.optim import regularization
from sknn.kernels.optim.optimizers import Optimizer
from sknn.network.data import TrainingData, aligned_empty, read_only
from sknn.network.network import Network
from sknn.network.rate_factors import learning_rate_segments, weight_decay_segments
from sknn.network.threads import (
    WORTH_A_TEAM_THREAD,
    ThreadCountTuner,
    is_shared,
    n_threads_for,
    run_together_or_alone,
)
from sknn.training.annealing import AnnealedArrays
from sknn.training.options import TrainingOptions
from sknn.training.progress import TrainingState

# Takes orders, n_epochs, start, stop and learning rates; see ``drivers.epochs``.
DriverCall = Callable[[np.ndarray, int, int, int, np.ndarray], float]

# Calls between the warnings below and the user's call of ``fit``.
_STACKLEVEL = 7


class Minibatches:
    """Divides rows into minibatches, and calls the compiled driver for them.

    Parameters
    ----------
    network : Network
    loss : Loss
    state : TrainingState
        Its parameters, optimizer state and counters are updated in place.
    n_rows : int
        Rows of an epoch.
    is_sparse : bool
        Whether the rows are CSR.

    Attributes
    ----------
    size : int
        Rows of a batch.
    smallest : int
        Fewer rows that are left join the batch before them.
    most : int
        Most rows of a batch.
    number : int
        Batches in an epoch.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        state: TrainingState,
        n_rows: int,
        is_sparse: bool,
    ):
        self._network, self._loss, self._state = network, loss, state
        self._n_rows, self._is_sparse = n_rows, is_sparse
        self.size = _checked_batch_size(state.options, n_rows)
        self.smallest = network.smallest_batch(self.size)
        self.most = min(n_rows, self.size + self.smallest - 1)
        self.number = n_rows // self.size + (n_rows % self.size >= self.smallest)
        self._part = network.part(self.most)
        self._most_at_once = self._part or self.most
        self._block = network.training_block(self._most_at_once)
        self._given_rates: list[float] = []
        self._learning_rates = read_only(np.empty(0))
        self._tuner = ThreadCountTuner()
        _warn_of_single_rows(network, self.size, state)
        self._check_rows_done()

    def _check_rows_done(self) -> None:
        """Raise a ValueError unless an interrupted epoch can go on between batches."""
        n_rows, done = self._n_rows, int(self._state.counters[drivers.ROWS])
        n_left = n_rows - done
        is_between = done % self.size == 0 and n_left >= self.smallest
        if done and n_left and not is_between:
            raise ValueError(
                f"resume_fit cannot go on after {done} of {n_rows} rows, the number in "
                f"_resume_state['rows_done'], in batches of {self.size} rows: "
                "it can go on only between two batches. Set batch_size as it was in "
                "fit, or call fit."
            )

    def ranges(self, n_rows: int) -> list[tuple[int, int]]:
        """Return from where to where each call of the driver goes, in whole batches."""
        return with_rest(
            self._network.calls(n_rows, self.size, self._is_sparse),
            n_rows,
            self.smallest,
        )

    def prepare(self, gathers: bool) -> None:
        """Allocate the workspace; load what calls need, unless it is loaded.

        ``gathers`` says whether the rows of a batch have to be copied together.
        """
        workspace = self.workspace(gathers)
        self._shared = workspace["shared"]
        self._driver = partial(drivers.epochs.prepare, self._network.dtype, **workspace)
        # Threads share the blocks of a batch.
        n_rows = self._part or self.size
        work = self._network.training_multiplications(n_rows)
        self._work = work * (self._block < n_rows)

    def set_epoch(self, epoch: int, learning_rates: list[float]) -> None:
        """Say which epoch is the next one, before its first call.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0 on, by which regularization is annealed.
        learning_rates : list of float
            Learning rate of each batch of an epoch, or one for all of them.
        """
        if learning_rates != self._given_rates:
            self._given_rates = learning_rates
            self._learning_rates = read_only(np.array(learning_rates))
        self._annealed.set_epoch(epoch)

    def learning_rates(self, first: int) -> np.ndarray:
        """Return the learning rates of the batches from a row of the epoch on."""
        rates = self._learning_rates
        return rates[first // self.size :] if rates.size > 1 else rates

    def call_for(self, data: TrainingData, rows_before: int = 0) -> DriverCall:
        """Return a function that trains on rows.

        Parameters
        ----------
        data : TrainingData
        rows_before : int, default=0
            Rows of the epoch that come before these, in other blocks.
        """
        prepare = partial(
            self._driver,
            **arguments_of(data),
            rows_before=rows_before,
        )
        if is_shared(self._work, WORTH_A_TEAM_THREAD):
            return _on_threads(prepare, self._work, self._shared, self._tuner)
        return prepare(thread=0, n_threads=1)

    def workspace(self, gathers: bool) -> dict[str, Any]:
        """Allocate the workspace; return all arguments of drivers that stay the same.

        The kernels are loaded before, by `load_kernels`.
        """
        network, state, most = self._network, self._state, self._most_at_once
        options, dtype = state.options, network.dtype
        optimizer = options.stochastic_optimizer
        assert optimizer is not None, "L-BFGS has no epochs"
        gathers = gathers and not self._is_sparse
        gathered = aligned_empty(
            (most, network.n_features) if gathers else (0, 0), dtype
        )
        operations = network.operations(self._is_sparse, training=True)
        n_sums = max(most // self._block, network.n_trained // CHUNK) + 1
        self._annealed = annealed = AnnealedArrays(
            options.annealing,
            operations.table,
            options.regularization.settings(options.solver),
            network.settings,
            self._loss.chosen_by == "label_smoothing",
        )
        return {
            "ops": annealed.operations,
            "constrained": network.constrained,
            "theta": state.theta,
            "gradient": aligned_empty(network.n_trained, dtype),
            "part_gradient": aligned_empty(network.n_trained * bool(self._part), dtype),
            "values": network.buffer(most, operations),
            "deltas": network.buffer(most, operations),
            "gathered": gathered,
            "gathered_data": read_only(gathered.ravel()),
            "batch_size": self.size,
            "smallest": self.smallest,
            "part": self._part,
            "block": self._block,
            "seed": state.seed,
            "loss": self._loss.train.address(dtype),
            "loss_settings": read_only(annealed.loss_settings),
            "loss_scale": self._loss.reported_scale(network.n_outputs),
            **_optimization(optimizer, network, state),
            **_regularization(options, network, annealed),
            "counters": state.counters,
            "sums": np.empty(n_sums),
            "step_rates": np.empty(N_RATES),
            "shared": np.zeros(N_SHARED, dtype=np.int64),
        }


def arguments_of(data: TrainingData) -> dict[str, Any]:
    """Return the drivers' arguments for rows."""
    return {
        **data.arguments,
        "sample_weight": data.sample_weight,
        "mean_class_weight": data.mean_class_weight,
    }


def with_rest(
    ranges: list[tuple[int, int]], n_rows: int, smallest: int
) -> list[tuple[int, int]]:
    """Return ranges of rows, of which the last has taken in a rest of too few rows."""
    if len(ranges) > 1 and n_rows - ranges[-1][0] < smallest:
        return [*ranges[:-2], (ranges[-2][0], n_rows)]
    return ranges


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
    shape, constrain = regularization.kernels_for(settings)
    settings[regularization.L2] = options.regularization.l2
    return {
        "shape": shape.address(dtype) if shape else 0,
        "constrain": constrain.address(dtype) if constrain else 0,
        "regularization_settings": read_only(settings),
        "decay_ends": decay.ends,
        "decay_factors": decay.factors,
    }


def _on_threads(
    prepare: Callable[..., Callable[..., float]],
    n_multiplications: float,
    shared: np.ndarray,
    tuner: ThreadCountTuner,
) -> DriverCall:
    """Return what runs a driver on one thread, or on as many as pay."""
    threads = [prepare(thread=0)]

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
