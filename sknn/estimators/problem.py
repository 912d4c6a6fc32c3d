"""The problem that a fit solves: data, network and loss, all checked."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sknn.estimators.batch_source import refuse_unwrapped
from sknn.estimators.embeddings import embedding_layers
from sknn.estimators.missing import refuse_missing_in_fit
from sknn.estimators.parameters import (
    NetworkOptions,
    architecture_of,
    initializers_of,
)
from sknn.estimators.shared_members import with_members
from sknn.estimators.standardizing import check_standardize_y, with_standardization
from sknn.estimators.state_checks import check_fitted, dtype_to_go_on_with
from sknn.estimators.validation import (
    check_same_shape,
    check_some_weight,
    make_training_data,
    weights_of,
)
from sknn.kernels.losses.table import LOSSES, Loss
from sknn.network.data import TrainingData
from sknn.network.layers.base import Layer
from sknn.network.layout import Architecture
from sknn.network.network import Network
from sknn.network.network import network as network_of
from sknn.training.memory import check_memory
from sknn.training.monitor import Rows
from sknn.training.options import LossOptions, TrainingOptions, select
from sknn.training.task import FitTask, Runner

# From which the form of y is judged, in fit and in partial_fit.
_FEWEST_ROWS = {False: 2, True: 10}


class FitCall(NamedTuple):
    """The arguments of a call of ``fit``, ``partial_fit`` or ``resume_fit``.

    Attributes
    ----------
    X, y, sample_weight
        Training data, as the user gave them.
    validation : tuple
        X_val, y_val and sample_weight_val.
    incremental, resumes : bool
        Whether this is ``partial_fit``, or ``resume_fit``.
    keeps_known : bool
        Whether weights and classes that the estimator has stay, as in these two.
    groups : array-like or None
        The group of each row, for ``validation_splitter``.
    """

    X: Any
    y: Any
    sample_weight: Any = None
    validation: tuple[Any, Any, Any] = (None, None, None)
    incremental: bool = False
    resumes: bool = False
    keeps_known: bool = False
    groups: Any = None

    @property
    def goes_on(self) -> bool:
        """Whether weights and classes that the estimator has stay."""
        return self.incremental or self.resumes or self.keeps_known

    @property
    def has_validation(self) -> bool:
        """Whether a validation set was given."""
        return any(argument is not None for argument in self.validation[:2])


class Problem(NamedTuple):
    """What to minimise, in which network and on which data.

    Attributes
    ----------
    X, y, sample_weight
        What the user gave, checked.
    data : TrainingData
        The same for the kernels, with weights of classes.
    loss : Loss
    loss_options : LossOptions
    options : TrainingOptions
    network : Network
    draw : callable
        ``draw(random_state)`` returns initial parameters.
    is_first : bool
        Whether training starts from these; else it goes on from fitted ones.
    n_rows : int
        Rows to train on, and perhaps to hold out; data may be some of them.
    make_runner : callable or None, default=None
        As of `FitTask`; None where the data are all rows.
    """

    X: Any
    y: Any
    sample_weight: np.ndarray | None
    data: TrainingData
    loss: Loss
    loss_options: LossOptions
    options: TrainingOptions
    network: Network
    draw: Callable[[np.random.RandomState], np.ndarray]
    is_first: bool
    n_rows: int
    make_runner: Callable[[FitTask], Runner] | None = None

    def on_rows(self, rows: np.ndarray | None, options: TrainingOptions) -> "Problem":
        """Return the problem on some of the rows, or all, with other options."""
        data = self.data._replace(rows=rows)
        draw: Any = partial(self.draw, data=data)  # type: ignore[call-arg]
        return self._replace(data=data, options=options, draw=draw)


def starts_anew(estimator: Any, call: FitCall) -> bool:
    """Return whether to draw weights, rather than to go on from fitted ones."""
    goes_on = estimator.warm_start or call.goes_on
    if not (goes_on and hasattr(estimator, "coefs_")):
        return True
    check_fitted(estimator)
    return False


def define(estimator: Any, call: FitCall, parameters: dict[str, Any]) -> Problem:
    """Check the data; return the problem; set the attributes learnt from y."""
    is_first = starts_anew(estimator, call)
    refuse_unwrapped(call.X, call.y)
    refuse_missing_in_fit((call.X, call.y, call.sample_weight), call.validation)
    X, y = estimator._validated(call.X, call.y, reset=is_first)
    y = estimator._learn_targets(y, call.goes_on)
    if is_first:
        estimator._warn_of_encoding(call.y, y, _FEWEST_ROWS[call.incremental])
    targets = estimator._encode(y)
    loss, loss_options = LOSSES[estimator._loss_name()], select(LossOptions, parameters)
    loss.check_targets(targets, loss_options)
    fitted_dtype = None if is_first else dtype_to_go_on_with(estimator)
    dtype = fitted_dtype or X.dtype
    sample_weight = weights_of(call.sample_weight, X, dtype)
    factors = estimator._class_weights(y, sample_weight, call.incremental)
    data = make_training_data(X, targets, sample_weight, factors, dtype)
    if factors is not None:
        check_some_weight(data.weights, dtype)
    return problem_of(
        estimator,
        parameters,
        Rows(X, y, sample_weight),
        data,
        estimator._n_outputs(targets),
        (loss, loss_options),
        is_first,
        data.n_rows,
    )


def problem_of(
    estimator: Any,
    parameters: dict[str, Any],
    rows: Rows,
    data: TrainingData,
    n_outputs: int,
    loss: tuple[Loss, LossOptions],
    is_first: bool,
    n_rows: int,
    make_runner: Callable[[FitTask], Runner] | None = None,
) -> Problem:
    """Return the problem on data that were checked, if it fits into memory.

    Parameters
    ----------
    estimator : BaseMLP
    parameters : dict
        Of the estimator.
    rows : Rows
    data : TrainingData
        The same rows in the form of the kernels.
    n_outputs : int
        Number of outputs before the loss multiplies it.
    loss : tuple of Loss and LossOptions
    is_first, n_rows, make_runner
        As of `Problem`.
    """
    options = TrainingOptions.of(parameters)
    network, initializers = _network_for(
        estimator, select(NetworkOptions, parameters), data, n_outputs, loss, is_first
    )
    check_memory(network, n_rows, data.inputs.is_sparse, options)
    draw = partial(network.initial_parameters, data=data, **initializers)
    return Problem(
        *rows, data, *loss, options, network, draw, is_first, n_rows, make_runner
    )


def _network_for(
    estimator: Any,
    options: NetworkOptions,
    data: TrainingData,
    n_outputs: int,
    loss: tuple[Loss, LossOptions],
    is_first: bool,
) -> tuple[Network, dict[str, Any]]:
    """Return the network, and what else ``initial_parameters`` takes.

    ``n_outputs`` is the number of outputs before the loss multiplies it.
    """
    check_standardize_y(options, estimator._loss_name())
    definition, loss_options = loss
    n_outputs *= definition.outputs_per_target(loss_options)
    settings = definition.settings_of(loss_options)
    architecture = architecture_of(
        options, data.inputs.n_features, n_outputs, definition.link, settings
    )
    names = getattr(estimator, "feature_names_in_", None)
    fitted = () if is_first else _layers(estimator)
    embeddings = embedding_layers(options, data, names, fitted)
    layers = with_members(architecture.layers, options, data.inputs, embeddings)
    layers = estimator._change_layers((*embeddings, *layers))
    layers = with_standardization(layers, options, data.inputs, embeddings, fitted)
    architecture = architecture._replace(layers=layers)
    # Checked where training goes on too, which does not use them.
    initializers = initializers_of(options, architecture.n_hidden)
    network = network_of(architecture, data.inputs.data.dtype)
    if not is_first:
        check_same_shape(estimator, network)
    return network, initializers


def _layers(estimator: Any) -> tuple[Layer, ...]:
    """Return the layers of a fitted network; none where the user set the weights."""
    known = getattr(estimator, "_architecture", None)
    return Architecture.of_plain(known).layers if known else ()
