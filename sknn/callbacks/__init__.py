"""Callbacks for networks: a base class, checkpoints, Optuna, MLflow, progress bars.

They follow the protocol of ``sklearn.callback.FitCallback``, and work with versions of
scikit-learn that do not have it too. Set them on the network itself, which may be a
part of a Pipeline or a search:

>>> from sklearn.datasets import load_iris
>>> from sknn import MLPClassifier
>>> from sknn.callbacks import EpochCallback
>>> class StopAt(EpochCallback):
...     def __init__(self, loss):
...         self.loss = loss
...
...     def on_epoch_end(self, epoch, logs):
...         return logs["loss"] < self.loss
>>> X, y = load_iris(return_X_y=True)
>>> model = MLPClassifier(learning_rate_init=0.01, random_state=0)
>>> bool(model.set_callbacks(StopAt(0.2)).fit(X, y).loss_ < 0.2)
True

A search in several processes gives each of them a copy of the callbacks.
"""

from sknn.callbacks.checkpoint import ModelCheckpoint
from sknn.callbacks.epoch_callback import EpochCallback
from sknn.callbacks.mlflow_runs import MLflowCallback
from sknn.callbacks.optuna_pruning import OptunaPruningCallback
from sknn.callbacks.progress_bars import progress_bar

__all__ = [
    "EpochCallback",
    "MLflowCallback",
    "ModelCheckpoint",
    "OptunaPruningCallback",
    "progress_bar",
]


def __dir__() -> list[str]:
    return sorted(__all__)
