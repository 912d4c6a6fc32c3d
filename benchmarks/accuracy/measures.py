"""What is told of predictions: measures of error, for all of which lower is better."""

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score, zero_one_loss
from sklearn.metrics import root_mean_squared_error as rmse

CLASSES = ("error", "log loss", "1 - AUC")
NUMBERS = ("RMSE",)
ALL = (*CLASSES, *NUMBERS)


def of_classes(y, predicted, probabilities) -> dict[str, float]:
    """Return the share of errors, the log loss and what the AUC lacks of 1.

    Of more than two classes, it is the mean AUC of each class against the others.
    """
    probabilities = np.asarray(probabilities, np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    is_binary = probabilities.shape[1] == 2
    scores = probabilities[:, 1] if is_binary else probabilities
    return {
        "error": zero_one_loss(y, np.ravel(predicted)),
        "log loss": log_loss(y, probabilities),
        "1 - AUC": 1 - roc_auc_score(y, scores, multi_class="ovr"),
    }


def of_numbers(y, predicted) -> dict[str, float]:
    """Return the root mean squared error in standard deviations of the true values."""
    return {"RMSE": rmse(y, np.ravel(predicted)) / np.std(y)}
