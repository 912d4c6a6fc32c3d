"""Which attributes a fit leaves on an estimator, and which a new fit drops."""

from typing import Any

from sknn.network.layers.table import attributes_of_layers

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
# Attributes of every fit, beside the parameters of layers.
_ALWAYS = {
    "n_features_in_",
    "feature_names_in_",
    "history_",
    "loss_",
    "n_iter_",
    "t_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "classes_",
    "_label_binarizer",
    "_architecture",
    "_theta_cache",
    "_checked",
    "_checked_training",
}


def fitted_attributes() -> set[str]:
    """Return all attributes that a fit may set."""
    return STOCHASTIC_ATTRIBUTES | _ALWAYS | attributes_of_layers()


def forget(estimator: Any) -> None:
    """Drop the attributes of earlier fits."""
    estimator.t_ = 0
    names = STOCHASTIC_ATTRIBUTES | {"history_"} | attributes_of_layers()
    for name in names & vars(estimator).keys():
        delattr(estimator, name)


def forget_optimizer(estimator: Any) -> None:
    """Drop the optimizer's state of a stochastic fit, after one by L-BFGS.

    Public attributes stay, as in scikit-learn.
    """
    for name in {"_optimizer_state", "_resume_state"} & vars(estimator).keys():
        delattr(estimator, name)
