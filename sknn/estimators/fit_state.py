"""What a fitted estimator keeps of its training, for the calls that go on from it."""

from typing import Any

import numpy as np

from sknn.kernels.drivers import training as drivers
from sknn.network.data import TrainingData
from sknn.network.layers.table import parameters_of_layers
from sknn.network.network import Network
from sknn.training.progress import Progress
from sknn.training.schedules import schedule_name
from sknn.training.stochastic import new_state, optimizer_name

# Attributes of a stochastic fit, which lbfgs does not have.
STOCHASTIC_ATTRIBUTES = {
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "_no_improvement_count",
    "_optimizer_state",
    "_resume_state",
    "_split_state",
}


def forget(estimator) -> None:
    """Begin anew: drop what belongs to training before this."""
    estimator.t_ = 0
    arrays = {array.attribute for array in parameters_of_layers()}
    own = STOCHASTIC_ATTRIBUTES | {"history_"} | arrays
    for name in own & vars(estimator).keys():
        delattr(estimator, name)


def forget_optimizer(estimator) -> None:
    """Drop what a stochastic solver would go on from, after L-BFGS.

    What can be seen of its fit stays, as in scikit-learn.
    """
    for name in {"_optimizer_state", "_resume_state"} & vars(estimator).keys():
        delattr(estimator, name)


def progress_of(
    estimator, network: Network, theta: np.ndarray, parameters: dict
) -> Progress:
    """Return where training stands: at its start, or where the last call left it.

    This is what a warm start goes on from: the weights and the history.
    """
    history = getattr(estimator, "history_", {})
    progress = Progress(
        theta,
        *new_state(network, parameters),
        float(parameters["learning_rate_init"]),
        n_samples_seen=estimator.t_,
        n_without_improvement=getattr(estimator, "_no_improvement_count", 0),
        history={name: list(column) for name, column in history.items()},
    )
    progress.loss = history.get("loss", [np.nan])[-1]
    best_loss = getattr(estimator, "best_loss_", None)
    if best_loss is not None:
        progress.best_loss = best_loss
    best_score = getattr(estimator, "best_validation_score_", None)
    if best_score is not None:
        progress.best_score = best_score
        progress.best_theta = theta.copy()
    return progress


def take_optimizer(progress: Progress, estimator, parameters: dict) -> bool:
    """Go on with the state of the optimizer too; return whether it is the same one."""
    state = getattr(estimator, "_optimizer_state", None)
    if state is None or state["name"] != optimizer_name(parameters):
        return False
    progress.optimizer_state = state["slots"].copy()
    progress.momentum_product = np.array([state["product"]])
    progress.counters[drivers.STEPS] = state["n_steps"]
    progress.n_epochs = state["n_epochs"]
    progress.seed = state["seed"]
    # States of earlier versions lack the two values below.
    schedule, initial = schedule_name(parameters), parameters["learning_rate_init"]
    begun = (state["learning_rate_init"], state.get("schedule", schedule))
    if begun == (initial, schedule):
        progress.learning_rate = state["learning_rate"]
    progress.is_exhausted = state.get("is_exhausted", False)
    return True


def resume(
    estimator, progress: Progress, problem: TrainingData, is_same_optimizer: bool
) -> np.random.RandomState:
    """Go on from the very point at which a fit ended; return its generator."""
    state = getattr(estimator, "_resume_state", None)
    if state is None or not is_same_optimizer:
        raise ValueError(
            "There is no fit to go on with: resume_fit needs a call of fit with "
            f"the same stochastic solver before it, not {estimator.solver!r} or "
            "partial_fit."
        )
    if state["n_rows"] != problem.n_rows:
        raise ValueError(
            f"resume_fit must get the data of the fit that it goes on with: it had "
            f"{state['n_rows']} rows to train on, these are {problem.n_rows}."
        )
    progress.n_iter = estimator.n_iter_
    progress.has_stopped = state["has_stopped"]
    progress.counters[drivers.ROWS] = state["rows_done"]
    progress.counters[drivers.LOSS] = state["loss_of_rows_done"]
    if state["theta"] is not None:
        progress.theta = state["theta"].copy()
    random_state = np.random.RandomState()
    if state["random_state"] is not None:
        random_state.set_state(state["random_state"])
    return random_state


def store_stochastic(estimator, progress: Progress, parameters: dict) -> None:
    """Set the attributes that a stochastic fit leaves."""
    history, stops_early = progress.history, parameters["early_stopping"]
    estimator.loss_curve_ = history.get("loss", [])
    estimator.best_loss_ = None if stops_early else progress.best_loss
    estimator.validation_scores_ = history.get("val_score")
    estimator.best_validation_score_ = progress.best_score if stops_early else None
    estimator._no_improvement_count = progress.n_without_improvement
    estimator._optimizer_state = {
        "name": optimizer_name(parameters),
        "slots": progress.optimizer_state,
        "product": float(progress.momentum_product[0]),
        "n_steps": int(progress.counters[drivers.STEPS]),
        "n_epochs": progress.n_epochs,
        "seed": progress.seed,
        "learning_rate": progress.learning_rate,
        "learning_rate_init": float(parameters["learning_rate_init"]),
        "schedule": schedule_name(parameters),
        "is_exhausted": progress.is_exhausted,
    }


def to_resume(progress: Progress, random_state: dict, n_rows: int) -> dict[str, Any]:
    """Return what ``resume_fit`` needs beyond the state of the optimizer.

    ``random_state`` is the state of the generator before the rows were shuffled.
    """
    is_over = progress.has_stopped
    is_last = progress.result is progress.theta
    return {
        "has_stopped": is_over,
        "n_rows": n_rows,
        "random_state": None if is_over else random_state,
        "rows_done": int(progress.counters[drivers.ROWS]),
        "loss_of_rows_done": float(progress.counters[drivers.LOSS]),
        "theta": None if is_last or is_over else progress.theta,
    }
