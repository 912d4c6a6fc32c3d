"""Which attributes a fit leaves on an estimator, and which a new fit drops."""

from typing import Any

from sknn.network.layers.table import parameters_of_layers

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


def forget(estimator: Any) -> None:
    """Drop the attributes of earlier fits."""
    estimator.t_ = 0
    arrays = {array.attribute for array in parameters_of_layers()}
    names = STOCHASTIC_ATTRIBUTES | {"history_"} | arrays
    for name in names & vars(estimator).keys():
        delattr(estimator, name)


def forget_optimizer(estimator: Any) -> None:
    """Drop the optimizer's state of a stochastic fit, after one by L-BFGS.

    Public attributes stay, as in scikit-learn.
    """
    for name in {"_optimizer_state", "_resume_state"} & vars(estimator).keys():
        delattr(estimator, name)
