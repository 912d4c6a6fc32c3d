"""From tables of mixed columns to arrays for a network."""

from sknn.tabular.classifier import TabularMLPClassifier
from sknn.tabular.encoder import TableEncoder
from sknn.tabular.regressor import TabularMLPRegressor

__all__ = ["TableEncoder", "TabularMLPClassifier", "TabularMLPRegressor"]


def __dir__() -> list[str]:
    return sorted(__all__)
