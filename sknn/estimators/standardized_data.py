"""Data as networks that standardise are trained on them."""

from functools import partial
from typing import Any

import numpy as np

from sknn.estimators.problem import FitCall, Problem
from sknn.kernels.losses.table import Loss
from sknn.network.data import ArrayLike, TrainingData
from sknn.network.network import Network
from sknn.training.monitor import Validation
from sknn.training.options import LossOptions


def learn_statistics(
    estimator: Any,
    network: Network,
    theta: np.ndarray,
    data: TrainingData,
    y: ArrayLike,
    *,
    is_first: bool,
) -> None:
    """Let the network learn means and deviations of the rows to train on.

    Parameters
    ----------
    estimator : BaseMLP
    network : Network
    theta : ndarray of shape (n_parameters,)
        Its parameters, of which those that are not trained are changed.
    data : TrainingData
        The rows to train on.
    y : array-like
        Their targets, checked, as the user gave them.
    is_first : bool
        Whether to forget rows before these.
    """
    if network.layout.converts_targets:
        data = data._replace(targets=estimator._encode(y).astype(np.float64))
    network.layout.update_statistics(theta, data, is_first)


def standardized(
    network: Network,
    theta: np.ndarray,
    loss: tuple[Loss, LossOptions],
    name: Any,
    data: TrainingData,
    targets: np.ndarray,
) -> TrainingData:
    """Return data as the kernels of training take them.

    Parameters
    ----------
    network : Network
    theta : ndarray of shape (n_parameters,)
        Its parameters.
    loss : tuple of Loss and LossOptions
    name : str
        Of the loss.
    data : TrainingData
        The rows to train on.
    targets : ndarray of shape (n_samples, n_targets)
        Their targets, encoded, in any dtype.

    Raises
    ------
    ValueError
        If a loss that the user has registered is not defined for standardised targets.
    """
    layout, (definition, options) = network.layout, loss
    data = data._replace(inputs=layout.converted_inputs(theta, data.inputs))
    if not layout.converts_targets:
        return data
    targets = layout.converted_targets(theta, targets.astype(np.float64))
    try:
        definition.check_targets(targets, options)
    except ValueError as error:
        raise ValueError(
            f"standardize_y=True gives targets that loss={name!r} refuses: {error}"
        ) from error
    return data._replace(targets=targets)


def standardized_sets(
    estimator: Any,
    call: FitCall,
    problem: Problem,
    theta: np.ndarray,
    data: TrainingData,
    validation: Validation | None = None,
) -> tuple[TrainingData, Validation | None]:
    """Learn means and deviations of the rows to train on; return what they change.

    A warm start and ``resume_fit`` keep those that the weights were trained with.

    Parameters
    ----------
    estimator : BaseMLP
    call : FitCall
    problem : Problem
    theta : ndarray of shape (n_parameters,)
        The parameters to start from, of which those that are not trained are changed.
    data : TrainingData
        The rows to train on.
    validation : Validation or None, default=None
    """
    network = problem.network
    if not network.layout.has_statistics:
        return data, validation
    is_first = problem.is_first or hasattr(estimator, "_is_untrained")
    if is_first or call.incremental:
        learn_statistics(estimator, network, theta, data, problem.y, is_first=is_first)
    loss = problem.loss, problem.loss_options
    convert = partial(standardized, network, theta, loss, estimator.loss)
    if validation is not None:
        targets = estimator._encode(validation.rows.y)
        validation = validation._replace(data=convert(validation.data, targets))
    return convert(data, estimator._encode(problem.y)), validation
