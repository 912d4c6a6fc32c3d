"""Fitted networks to and from scikit-learn, PyTorch and Keras.

The functions take over weights, activations, normalisation and dropout, so that
predictions are equal up to rounding. What one side has and the other has not is refused
by name. Slopes, epsilons and other numbers are read from the model.

>>> import sklearn.neural_network
>>> from sklearn.datasets import load_iris
>>> from sknn.convert import from_sklearn
>>> X, y = load_iris(return_X_y=True)
>>> model = sklearn.neural_network.MLPClassifier(solver="lbfgs", alpha=1.0)
>>> bool((from_sklearn(model.fit(X, y)).predict(X) == model.predict(X)).all())
True
"""

from typing import TYPE_CHECKING, Any

from sknn.estimators.classifier import MLPClassifier
from sknn.estimators.regressor import MLPRegressor
from sknn.export import keras_models, sklearn_models, torch_models
from sknn.network.data import ArrayLike

if TYPE_CHECKING:
    import keras
    import torch

__all__ = [
    "from_keras",
    "from_sklearn",
    "from_torch",
    "to_keras",
    "to_sklearn",
    "to_torch",
]


def __dir__() -> list[str]:
    return sorted(__all__)


def from_sklearn(model: Any) -> MLPClassifier | MLPRegressor:
    """Return the estimator of sknn that predicts what scikit-learn's does.

    Parameters
    ----------
    model : sklearn.neural_network.MLPClassifier or MLPRegressor
        Fitted.

    Returns
    -------
    estimator : MLPClassifier or MLPRegressor
        With the same parameters, weights, classes and loss curve. ``partial_fit`` and
        warm starts go on from there, with an optimizer that begins anew.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If it is something else.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> from sknn.convert import from_sklearn
    >>> X, y = load_iris(return_X_y=True)
    >>> theirs = MLPClassifier((5,), solver="lbfgs", random_state=0).fit(X, y)
    >>> ours = from_sklearn(theirs)
    >>> bool((ours.predict(X) == theirs.predict(X)).all())
    True
    """
    estimator: MLPClassifier | MLPRegressor = sklearn_models.from_sklearn(model)
    return estimator


def to_sklearn(estimator: MLPClassifier | MLPRegressor) -> Any:
    """Return the estimator of scikit-learn that predicts what ours does.

    Batch normalisation becomes a part of the weights, and dropout is left out. What
    reads scikit-learn's networks, such as emlearn, which writes C code for
    microcontrollers, then reads ours.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted.

    Returns
    -------
    model : sklearn.neural_network.MLPClassifier or MLPRegressor
        With those parameters that scikit-learn has.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is something else.
    ValueError
        If scikit-learn has no such network: layer normalisation, an activation other
        than identity, logistic, tanh and relu, several of them, the hinge loss, or
        several levels of quantiles.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknn import MLPClassifier
    >>> from sknn.convert import to_sklearn
    >>> X, y = load_iris(return_X_y=True)
    >>> ours = MLPClassifier((5,), solver="lbfgs", random_state=0).fit(X, y)
    >>> theirs = to_sklearn(ours)
    >>> type(theirs).__module__.partition(".")[0]
    'sklearn'
    >>> bool((ours.predict(X) == theirs.predict(X)).all())
    True
    """
    return sklearn_models.to_sklearn(estimator)


def from_torch(
    model: "torch.nn.Sequential",
    *,
    classes: ArrayLike = None,
    multilabel: bool = False,
) -> MLPClassifier | MLPRegressor:
    """Return the estimator that predicts what a PyTorch model does in evaluation.

    Parameters
    ----------
    model : torch.nn.Sequential
        Of Linear, BatchNorm1d, LayerNorm, Dropout and activations. It may end with
        Softmax, LogSoftmax or Sigmoid, or with raw outputs.
    classes : array-like of shape (n_classes,), default=None
        The label of each output, in their order; for a model with one output the labels
        that 0 and 1 stand for. None: a regressor.
    multilabel : bool, default=False
        Whether each output is a label of its own, which rows may have or not.

    Returns
    -------
    estimator : MLPClassifier or MLPRegressor

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    TypeError
        If the model is not Sequential.
    ValueError
        If sknn has no such network. The message names the module.

    Examples
    --------
    >>> from torch import nn  # doctest: +SKIP
    >>> from sknn.convert import from_torch
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU())  # doctest: +SKIP
    >>> network = from_torch(model)  # doctest: +SKIP
    >>> network.predict([[5.1, 3.5, 1.4, 0.2]])  # doctest: +SKIP
    """
    estimator: MLPClassifier | MLPRegressor = torch_models.from_torch(
        model, classes, multilabel
    )
    return estimator


def to_torch(
    estimator: MLPClassifier | MLPRegressor, *, logits: bool = False
) -> "torch.nn.Sequential":
    """Return a PyTorch model that predicts what a fitted estimator does.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted.
    logits : bool, default=False
        Whether to leave out the output activation, as PyTorch's losses expect.

    Returns
    -------
    model : torch.nn.Sequential
        In evaluation mode and the dtype of the weights. It returns probabilities, of
        the second class where there are two; or predictions, of shape (n_samples,
        n_outputs).

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is something else.
    ValueError
        If PyTorch has no such module: the activation step and those that users
        register; and without ``logits`` the exponential of log-linear regression and
        several levels of quantiles.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknn import MLPClassifier
    >>> from sknn.convert import to_torch
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((5,), solver="lbfgs", random_state=0).fit(X, y)
    >>> module = to_torch(network)  # doctest: +SKIP
    >>> probabilities = module(torch.from_numpy(X))  # doctest: +SKIP
    """
    return torch_models.to_torch(estimator, logits)


def from_keras(
    model: "keras.Sequential",
    *,
    classes: ArrayLike = None,
    multilabel: bool = False,
) -> MLPClassifier | MLPRegressor:
    """Return the estimator that predicts what a Keras model does.

    Parameters
    ----------
    model : keras.Sequential
        Of Dense, BatchNormalization, LayerNormalization, Dropout and activations. It
        may end with softmax, sigmoid or, for a regressor, exponential.
    classes : array-like of shape (n_classes,), default=None
        As in `from_torch`.
    multilabel : bool, default=False
        As in `from_torch`.

    Returns
    -------
    estimator : MLPClassifier or MLPRegressor

    Raises
    ------
    ImportError
        If Keras is not installed.
    TypeError
        If the model is not Sequential.
    ValueError
        If it is not built, if its weights are not all of float32 or all of float64, or
        if sknn has no such network. The message names the layer.

    Examples
    --------
    >>> from keras import Sequential, layers  # doctest: +SKIP
    >>> from sknn.convert import from_keras
    >>> model = Sequential([layers.Dense(8, "relu"), layers.Dense(1)])  # doctest: +SKIP
    >>> model.build((None, 4))  # doctest: +SKIP
    >>> from_keras(model).predict([[5.1, 3.5, 1.4, 0.2]])  # doctest: +SKIP
    """
    estimator: MLPClassifier | MLPRegressor = keras_models.from_keras(
        model, classes, multilabel
    )
    return estimator


def to_keras(
    estimator: MLPClassifier | MLPRegressor, *, logits: bool = False
) -> "keras.Sequential":
    """Return a Keras model that predicts what a fitted estimator does.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted.
    logits : bool, default=False
        Whether to leave out the output activation.

    Returns
    -------
    model : keras.Sequential
        In the dtype of the weights. It is not compiled. It returns what the model of
        `to_torch` does.

    Raises
    ------
    ImportError
        If Keras is not installed.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is something else.
    ValueError
        If Keras has no such layer: the activation step and those that users register;
        and without ``logits`` several levels of quantiles.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sknn import MLPRegressor
    >>> from sknn.convert import to_keras
    >>> X, y = load_diabetes(return_X_y=True)
    >>> network = MLPRegressor(solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
    >>> to_keras(network).predict(X)  # doctest: +SKIP
    """
    return keras_models.to_keras(estimator, logits)
