"""Which attributes a fit leaves on an estimator, and which a new fit drops."""

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
