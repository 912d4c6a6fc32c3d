"""Ensembles: several networks trained side by side, whose predictions are averaged."""

from sknn.ensemble.classifier import EnsembleMLPClassifier
from sknn.ensemble.regressor import EnsembleMLPRegressor

__all__ = ["EnsembleMLPClassifier", "EnsembleMLPRegressor"]
