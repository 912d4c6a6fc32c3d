"""When the parameters of both estimators have an effect; errors and warnings if not."""

from collections.abc import Callable, Set
from typing import Any

import numpy as np

from sknn.estimators.idle_annealings import STRENGTHS, idle_annealings
from sknn.estimators.parameters import NUMERIC_EMBEDDINGS
from sknn.estimators.suggestions import did_you_mean
from sknn.estimators.uses import Given, Use, users
from sknn.kernels.losses.table import LOSSES, losses_of_classifier
from sknn.kernels.optim.optimizers import OPTIMIZERS
from sknn.training.options import LossOptions, select
from sknn.training.schedules import (
    SCHEDULES,
    SKLEARN_SCHEDULES,
    ScheduleOptions,
    schedule_name,
)
from sknn.training.scorers import CALIBRATED, scorer_names
from sknn.training.user_warnings import warn_user

# With other values the parameter is ignored with a warning. scikit-learn's parameters
# are not listed: they are ignored without a warning, as in scikit-learn.
USES: dict[str, Use] = {
    "rho": Use("solver", users("rho", OPTIMIZERS)),
    "decay_rate": Use("learning_rate", users("decay_rate", SCHEDULES)),
    "decay_epochs": Use("learning_rate", users("decay_epochs", SCHEDULES)),
    "scoring": Use("early_stopping", [True]),
    "restore_best_weights": Use("early_stopping", [True]),
    "validation_splitter": Use("early_stopping", [True]),
    "numeric_embedding_size": Use("numeric_embedding", sorted(NUMERIC_EMBEDDINGS)),
    "n_bins": Use("numeric_embedding", ["piecewise_linear"]),
    "categorical_embedding_size": Use("categorical_features", Given((...,))),
    "member_factors": Use("n_shared_members", Given((32,))),
    "delta": Use("loss", users("delta", LOSSES)),
    "quantile": Use("loss", users("quantile", LOSSES)),
    "power": Use("loss", users("power", LOSSES)),
    "label_smoothing": Use("loss", ["log_loss"]),
    "focal_gamma": Use("loss", users("focal_gamma", losses_of_classifier())),
}

# Parameters that L-BFGS cannot honour, and why: these are refused. The functions return
# whether a value asks for what L-BFGS cannot do.
_RANDOM = "its line search needs a loss that is the same in each evaluation"
_BATCHES = "it makes no steps on batches"
_NO_RATE = "it has no learning rate"
_NOT_FOR_LBFGS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "dropout": (lambda value: bool(np.any(np.asarray(value, object) != 0)), _RANDOM),
    "input_dropout": (lambda value: value != 0, _RANDOM),
    "normalization": (lambda value: value == "batch", _BATCHES),
    "l1_ratio": (lambda value: value != 0, "it needs a smooth penalty"),
    "weight_decay": (lambda value: value not in ("auto", 0), _BATCHES),
    "parametrization": (lambda value: value == "ntk", _NO_RATE),
    "max_norm": (lambda value: value is not None, _BATCHES),
    "clipvalue": (lambda value: value is not None, _BATCHES),
    "global_clipnorm": (lambda value: value is not None, _BATCHES),
    "tol": (lambda value: value is None, "it stops where the gradient vanishes"),
}
# Parameters that L-BFGS does not use: these give a warning.
_IGNORED_BY_LBFGS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "warmup_epochs": (lambda value: value != 0, _NO_RATE),
    "learning_rate": (lambda value: value not in SKLEARN_SCHEDULES, _NO_RATE),
    "scoring": (lambda value: value is not None, "it does not stop early"),
    "restore_best_weights": (lambda value: not value, "it does not stop early"),
    "validate": (bool, "it trains on all rows; pass X_val and y_val to fit"),
    "validation_splitter": (lambda value: value is not None, "it holds out no rows"),
    **dict.fromkeys(STRENGTHS, (lambda value: value is not None, "it has no epochs")),
}


def _are_equal(value: Any, default: Any) -> bool:
    try:
        return np.array_equal(value, default)
    except AttributeError:  # of NumPy 2.0, on text beside numbers
        return False


def check_effects(
    parameters: dict[str, Any], defaults: dict[str, Any], is_validated: bool = False
) -> None:
    """Refuse unknown scorers and what the solver cannot do; warn of unused parameters.

    Parameters
    ----------
    parameters, defaults : dict
        By the names of parameters.
    is_validated : bool, default=False
        Whether the call got a validation set.
    """
    _check_scoring(parameters["scoring"])
    is_lbfgs = parameters["solver"] == "lbfgs"
    if is_lbfgs:
        _refuse_for_lbfgs(parameters, defaults)
    schedule_options = select(ScheduleOptions, parameters)
    key = None if is_lbfgs else schedule_name(schedule_options)
    schedule = SCHEDULES[key] if key else None
    if parameters["tol"] is None and schedule and schedule.lower:
        raise ValueError(
            "tol=None cannot be used with learning_rate="
            f"{parameters['learning_rate']!r}, which lowers the rate when the loss has "
            "not improved by tol. Give tol a number, or use another learning_rate."
        )
    used = {"scoring", "validate"} if is_validated else set()
    if parameters["validate"] and not is_lbfgs:
        used |= {"scoring", "validation_splitter"}
    ignored = _warn_for_lbfgs(parameters, defaults, used) if is_lbfgs else set()
    for name, message in idle_annealings(parameters):
        if name not in ignored:
            warn_user(message)
    _warn_of_unused(parameters, defaults, used | ignored)


def _check_scoring(scoring: Any) -> None:
    """Refuse the name of a scorer that there is not."""
    if not isinstance(scoring, str):
        return
    scorers = {"loss", *scorer_names()}
    if scoring not in scorers:
        raise ValueError(
            "scoring must name a scorer of sklearn.metrics.get_scorer_names(), or "
            f"be 'loss', {CALIBRATED!r}, a callable or None. Got {scoring!r}."
            f"{did_you_mean('scoring', scoring, scorers)}"
        )


def _refuse_for_lbfgs(parameters: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Refuse what L-BFGS cannot do."""
    for name, (asks, reason) in _NOT_FOR_LBFGS.items():
        if asks(parameters[name]):
            raise ValueError(
                f"{name}={parameters[name]!r} cannot be used with solver='lbfgs': "
                f"{reason}. Use another solver, or leave {name} at its default, "
                f"{defaults[name]!r}."
            )


def _warn_for_lbfgs(
    parameters: dict[str, Any], defaults: dict[str, Any], used: Set[str]
) -> set[str]:
    """Warn of parameters that L-BFGS does not use; return their names.

    ``used`` are the names of those that have an effect all the same.
    """
    ignored = set()
    for name, (asks, reason) in _IGNORED_BY_LBFGS.items():
        if name not in used and asks(parameters.get(name)):
            ignored.add(name)
            warn_user(
                f"{name}={parameters[name]!r} has no effect with solver='lbfgs': "
                f"{reason}. Use another solver, or leave {name} at its default, "
                f"{defaults[name]!r}."
            )
    return ignored


def _warn_of_unused(
    parameters: dict[str, Any], defaults: dict[str, Any], done: Set[str]
) -> None:
    """Warn of parameters that another one leaves without an effect.

    ``done`` are the names of those that are used, or that there was a warning of.
    """
    for name, (other, values) in USES.items():
        if name not in parameters or name in done:
            continue
        value, default = parameters[name], defaults[name]
        is_default = value is default or _are_equal(value, default)
        if parameters[other] not in values and not is_default:
            if other == "loss":  # refuses what none of these losses could take
                options = select(LossOptions, parameters)
                for loss in values:
                    LOSSES[loss].settings_of(options)
            needed = " or ".join(f"{other}={value!r}" for value in values)
            needed = needed.replace("=Ellipsis", "=[...]")
            warn_user(
                f"{name}={value!r} has no effect with {other}={parameters[other]!r}; "
                f"it belongs to {needed}. Leave {name} at its default, {default!r}, "
                f"or change {other}."
            )
