"""What the fitted attributes must be from which training goes on."""

from collections.abc import Callable, Mapping
from typing import Any

from sknn.estimators.attribute_checks import (
    StateError,
    check_is,
    is_array_of_reals,
    is_count,
    is_number,
    is_real,
)
from sknn.kernels.drivers import training as drivers
from sknn.kernels.optim.optimizers import OPTIMIZERS
from sknn.network.network import Network
from sknn.training.generator_state import check_generator_state

_Attributes = Mapping[str, Any]
# Whether a value is right, and what is expected.
_Check = tuple[Callable[[Any], bool], str]

_COUNT: _Check = is_count, "an integer that is not negative"
_REAL: _Check = is_real, "a finite number"
_BOOL: _Check = (lambda value: type(value) is bool), "True or False"
_SEED: _Check = (lambda value: is_count(value) and value < 2**63), "a seed"
_NUMBER: _Check = (lambda value: value is None or is_number(value)), "a number"
_LIST: _Check = (lambda value: value is None or type(value) is list), "a list"

VALUES: dict[str, _Check] = {
    "t_": _COUNT,
    "n_iter_": _COUNT,
    "_no_improvement_count": _COUNT,
    "loss_": _NUMBER,
    "best_loss_": _NUMBER,
    "best_validation_score_": _NUMBER,
    "loss_curve_": _LIST,
    "validation_scores_": _LIST,
}
_OPTIMIZER: dict[str, _Check] = {
    "product": _REAL,
    "n_steps": _COUNT,
    "n_epochs": _COUNT,
    "seed": _SEED,
    "learning_rate": _REAL,
    "learning_rate_init": _REAL,
}
_RESUME: dict[str, _Check] = {
    "has_stopped": _BOOL,
    "n_rows": _COUNT,
    "rows_done": _COUNT,
    "loss_of_rows_done": _NUMBER,
}


def check_optimizer(attributes: _Attributes, network: Network) -> None:
    """Check the state of the optimizer."""
    state = attributes.get("_optimizer_state")
    if state is None:
        return
    check_is(type(state) is dict, "_optimizer_state", state, "a dict")
    name = state["name"]
    check_is(type(name) is str, "_optimizer_state['name']", name, "a name")
    for key, (is_right, expected) in _OPTIMIZER.items():
        if not is_right(state[key]):
            check_is(False, f"_optimizer_state[{key!r}]", state[key], expected)
    if name not in OPTIMIZERS:
        return
    slots, shape = state["slots"], (OPTIMIZERS[name].n_slots, network.n_trained)
    if not (is_array_of_reals(slots) and slots.shape == shape):
        expected = f"an array of shape {shape} for the weights"
        check_is(False, "_optimizer_state['slots']", slots, expected)


def check_resume_state(attributes: _Attributes, network: Network) -> None:
    """Check where a fit is to be resumed."""
    state = attributes.get("_resume_state")
    if state is None:
        return
    check_is(type(state) is dict, "_resume_state", state, "a dict")
    if "n_iter_" not in attributes:
        raise StateError("it has no attribute 'n_iter_'")
    for key, (is_right, expected) in _RESUME.items():
        check_is(is_right(state[key]), f"_resume_state[{key!r}]", state[key], expected)
    most = state["n_rows"] * drivers.MOST_EPOCHS
    expected = f"at most {most}"
    rows_done = state["rows_done"]
    check_is(rows_done <= most, "_resume_state['rows_done']", rows_done, expected)
    theta = state["theta"]
    shape = (network.n_parameters,)
    fits = theta is None or (is_array_of_reals(theta) and theta.shape == shape)
    expected = f"an array of {network.n_parameters} numbers"
    check_is(fits, "_resume_state['theta']", theta, expected)
    _check_generator("_resume_state['random_state']", state["random_state"])


def check_split_state(attributes: _Attributes, network: Network) -> None:
    """Check the state of the generator that has drawn the validation set."""
    _check_generator("_split_state", attributes.get("_split_state"))


def _check_generator(name: str, state: Any) -> None:
    if state is not None:
        check_is(type(state) is dict, name, state, "the state of a random generator")
        try:
            check_generator_state(state)
        except Exception as error:  # a file may hold anything
            raise StateError(f"its {name} cannot be used: {error}") from error


def check_values(attributes: _Attributes, network: Network) -> None:
    """Check counters, losses and scores."""
    for name, (is_right, expected) in VALUES.items():
        if name in attributes and not is_right(attributes[name]):
            check_is(False, name, attributes[name], expected)


def check_history(
    attributes: _Attributes, network: Network | None = None, column: str | None = None
) -> None:
    """Check the history, which is a dict of lists; users may empty it.

    ``column`` is one whose numbers are checked too.
    """
    history = attributes.get("history_", {})
    check_is(type(history) is dict, "history_", history, "a dict of lists")
    for name, values in history.items():
        is_right = type(name) is str and type(values) is list
        check_is(is_right, f"history_[{name!r}]", values, "a list of numbers")
    values = history.get(column, [])
    if not set(map(type, values)) <= {float, int}:
        are_numbers = all(map(is_number, values))
        check_is(are_numbers, f"history_[{column!r}]", values, "a list of numbers")


TRAINING_CHECKS: dict[str, Callable[..., None]] = {
    "_optimizer_state": check_optimizer,
    "_resume_state": check_resume_state,
    "_split_state": check_split_state,
    "history_": check_history,
    "n_iter_": check_values,
}
