"""The three steps of a fit: prepare a task, train, publish fitted attributes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import is_regressor

from sknn.estimators import fit_state
from sknn.estimators.callbacks import epoch_callbacks
from sknn.estimators.held_out import given_rows, hold_out
from sknn.estimators.metrics import metrics_of
from sknn.estimators.missing import refuse_missing_in_fit
from sknn.estimators.parameters import (
    STOCHASTIC_SOLVERS,
    NetworkOptions,
    architecture_of,
    check_effects,
    defaults_of,
    initializers_of,
    parameters_of,
)
from sknn.estimators.scale_check import warn_of_other_scale
from sknn.estimators.validation import (
    check_same_shape,
    make_training_data,
    weights_of,
)
from sknn.kernels.losses.table import LOSSES, Loss
from sknn.network.data import TrainingData
from sknn.network.network import Network
from sknn.network.network import network as network_of
from sknn.network.threads import active_fit
from sknn.training.lbfgs import train_lbfgs
from sknn.training.memory import check_memory
from sknn.training.monitor import Monitor, Rows, Validation
from sknn.training.options import LossOptions, TrainingOptions, select
from sknn.training.progress import TrainingState
from sknn.training.shuffling import random_state_of
from sknn.training.stochastic import train_stochastic
from sknn.training.task import FitTask


@dataclass(frozen=True)
class FitCall:
    """The arguments of a call of ``fit``, ``partial_fit`` or ``resume_fit``.

    Attributes
    ----------
    X, y, sample_weight
        Training data, as the user gave them.
    validation : tuple
        X_val, y_val and sample_weight_val.
    incremental, resumes : bool
        Whether this is ``partial_fit``, or ``resume_fit``.
    """

    X: Any
    y: Any
    sample_weight: Any = None
    validation: tuple[Any, Any, Any] = (None, None, None)
    incremental: bool = False
    resumes: bool = False

    @property
    def has_validation(self) -> bool:
        """Whether a validation set was given."""
        return any(argument is not None for argument in self.validation[:2])


def prepare(estimator: Any, call: FitCall) -> FitTask:
    """Check parameters and data; return the task; set the attributes learnt from y.

    Parameters
    ----------
    estimator : BaseMLP
        The twin that becomes the estimator if the fit succeeds.
    call : FitCall
    """
    parameters = parameters_of(estimator)
    estimator_type: type = type(estimator)
    check_effects(parameters, defaults_of(estimator_type), call.has_validation)
    options = TrainingOptions.of(parameters)
    goes_on = estimator.warm_start or call.incremental or call.resumes
    is_first = not (goes_on and hasattr(estimator, "coefs_"))
    _check_holding_out(estimator, call)
    refuse_missing_in_fit((call.X, call.y, call.sample_weight), call.validation)
    X, y = estimator._validated(call.X, call.y, reset=is_first)
    y = estimator._learn_targets(y, call.incremental or call.resumes)
    targets = estimator._encode(y)
    loss, loss_options = LOSSES[estimator._loss_name()], select(LossOptions, parameters)
    loss.check_targets(targets, loss_options)
    network, draw = _network(
        estimator,
        select(NetworkOptions, parameters),
        (X.shape[1], estimator._n_outputs(targets)),
        (loss, loss_options),
        None if is_first else estimator.coefs_[0].dtype,
        X.dtype,
    )
    check_memory(network, X.shape[0], scipy.sparse.issparse(X), options)
    metrics = metrics_of(parameters["metrics"])
    sample_weight = weights_of(call.sample_weight, X, network.dtype)
    factors = estimator._class_weights(y, sample_weight, call.incremental)
    data = make_training_data(X, targets, sample_weight, factors, network.dtype)
    del targets, factors  # which may be larger
    random_state = random_state_of(estimator.random_state)
    state, is_same_optimizer = _state(
        estimator, call, network, options, random_state, draw if is_first else None
    )
    rows, validation = Rows(X, y, sample_weight), None
    if call.has_validation:
        validation = given_rows(
            estimator, call.validation, loss, loss_options, data.targets
        )
        if is_first or not call.incremental:  # later batches may differ
            _warn_of_other_scale(estimator, rows, data, validation)
    elif _holds_out(estimator) and estimator.solver in STOCHASTIC_SOLVERS:
        data, rows, validation = hold_out(estimator, rows, data, random_state)
    monitor = None
    if validation is not None or metrics:
        monitor = _monitor(estimator, network, loss, rows, validation, metrics)
    state.n_rows = data.n_rows
    if call.resumes:
        stored = vars(estimator) if is_same_optimizer else {}
        random_state = state.load_resume_state(stored)
    return FitTask(network, loss, data, state, random_state, monitor, call.incremental)


def train_and_publish(estimator: Any, call: FitCall, task: FitTask) -> None:
    """Train, telling callbacks of each epoch; set the fitted attributes."""
    is_lbfgs = estimator.solver == "lbfgs"
    with (
        epoch_callbacks(
            estimator,
            partial(_attributes, task.network),
            task.max_iter - (0 if call.incremental else task.state.n_iter),
            call.X,
            call.y,
            call.sample_weight,
            "lbfgs-iter" if is_lbfgs else "epoch",
        ) as after_epoch,
        active_fit(),
    ):
        if is_lbfgs:
            train_lbfgs(task, after_epoch)
        else:
            if not call.incremental:
                task.state.shuffle_state = task.random_state.get_state(legacy=False)
            train_stochastic(task, after_epoch)
        publish(estimator, task)


def publish(estimator: Any, task: FitTask) -> None:
    """Set the fitted attributes of an estimator."""
    state = task.state
    if estimator.solver == "lbfgs":
        fit_state.forget_optimizer(estimator)
    else:
        if isinstance(task.monitor, Monitor) and not task.is_incremental:
            task.monitor.check_scores(state, task.max_iter)
        vars(estimator).update(state.state_dict())
    vars(estimator).update(_attributes(task.network, state, is_end=True))


# ---------------------------------------------------------------------------------


def _holds_out(estimator: Any) -> bool:
    return bool(estimator.early_stopping or estimator.validate)


def _check_holding_out(estimator: Any, call: FitCall) -> None:
    if _holds_out(estimator) and call.incremental and call.validation[0] is None:
        name = "early_stopping" if estimator.early_stopping else "validate"
        raise ValueError(f"partial_fit does not support {name}=True")


def _warn_of_other_scale(
    estimator: Any, rows: Rows, data: TrainingData, validation: Validation
) -> None:
    are_numbers = is_regressor(estimator)
    warn_of_other_scale(
        rows.X,
        validation.rows.X,
        data.targets if are_numbers else None,
        validation.data.targets if are_numbers else None,
    )


def _monitor(
    estimator: Any,
    network: Network,
    loss: Loss,
    train: Rows,
    validation: Validation | None,
    metrics: dict[str, str | Callable[..., Any]],
) -> Monitor:
    return Monitor(
        network,
        loss,
        train,
        validation,
        scoring=estimator.scoring,
        metrics=metrics,
        default_score=estimator._default_score(),
        stops_early=estimator.early_stopping and estimator.solver != "lbfgs",
        estimator_of=partial(_as_of, estimator, network),
    )


def _network(
    estimator: Any,
    options: NetworkOptions,
    widths: tuple[int, int],
    loss: tuple[Loss, LossOptions],
    fitted_dtype: np.dtype | None,
    dtype: np.dtype,
) -> tuple[Network, Callable[[np.random.RandomState], np.ndarray]]:
    """Return the network, and a function that draws its initial parameters.

    ``widths`` are the numbers of features and of outputs; ``fitted_dtype`` is that of
    the weights that training goes on from, if it does.
    """
    (n_features, n_outputs), (definition, loss_options) = widths, loss
    n_outputs *= definition.outputs_per_target(loss_options)
    settings = definition.settings_of(loss_options)
    architecture = architecture_of(
        options, n_features, n_outputs, definition.link, settings
    )
    layers = estimator._change_layers(architecture.layers)
    architecture = architecture._replace(layers=layers)
    # Checked where training goes on too, which does not use them.
    initializers = initializers_of(options, architecture.n_hidden)
    network = network_of(architecture, fitted_dtype or dtype)
    if fitted_dtype is not None:
        check_same_shape(estimator, network)
    return network, partial(network.initial_parameters, **initializers)


def _state(
    estimator: Any,
    call: FitCall,
    network: Network,
    options: TrainingOptions,
    random_state: np.random.RandomState,
    draw: Callable[[np.random.RandomState], np.ndarray] | None,
) -> tuple[TrainingState, bool]:
    """Return where training starts, and whether the optimizer goes on.

    ``draw`` returns initial parameters; None where training goes on.
    """
    estimator.n_layers_ = network.architecture.n_hidden + 2
    estimator.n_outputs_ = network.n_outputs
    estimator.out_activation_ = network.link
    estimator._architecture = network.architecture.to_plain()
    if draw is not None:
        theta = draw(random_state)
        fit_state.forget(estimator)
    else:
        theta = network.pack(vars(estimator))
    # What a callback or a metric copies of the estimator must fit together.
    vars(estimator).update(network.unpack(theta))
    state = TrainingState.start(network, theta, options)
    state.load_state_dict(vars(estimator))
    is_same = (call.incremental or call.resumes) and state.load_optimizer_state(
        vars(estimator)
    )
    if network.draws and not is_same:
        state.seed = int(random_state.randint(2**31))
    return state, is_same


def _as_of(estimator: Any, network: Network, theta: np.ndarray) -> Any:
    """Return an estimator that predicts with theta; it shares all else."""
    twin = estimator._with({**vars(estimator), **network.unpack(theta)})
    # Its rows come as arrays, whatever the user's had for names.
    vars(twin).pop("feature_names_in_", None)
    return twin


def _attributes(
    network: Network, state: TrainingState, is_end: bool = False
) -> dict[str, Any]:
    """Return the fitted attributes as they are after an epoch, or at the end."""
    theta = state.result if is_end else state.theta.copy()
    history = state.history
    if not is_end:
        history = {name: list(column) for name, column in history.items()}
    return {
        **network.unpack(theta),
        "loss_": state.loss,
        "n_iter_": state.n_iter,
        "t_": state.n_samples_seen,
        "history_": history,
    }
