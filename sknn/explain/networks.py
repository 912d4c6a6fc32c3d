"""The network inside an estimator, and the functions of it that are explained."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sknn.estimators.prediction import Predictor, input_gradients_of
from sknn.estimators.twins import twin_of
from sknn.network.data import ArrayLike, Inputs
from sknn.network.network import Network
from sknn.network.threads import active_fit


@dataclass(frozen=True)
class ExplainedNetwork:
    """Predictions and gradients of a network, in float64.

    Attributes
    ----------
    estimator : MLPClassifier or MLPRegressor
        The network itself.
    before : Pipeline or None
        What transforms the data for it.
    network : Network
    theta : ndarray
        Its parameters, as they were at first: a fit meanwhile changes nothing.
    outputs : list of int
        The outputs that are explained.
    """

    estimator: Any
    before: Any
    network: Network
    theta: np.ndarray
    outputs: list[int]

    @classmethod
    def of(cls, estimator: Any, target: Any) -> "ExplainedNetwork":
        """Find the network in a Pipeline, a search or by itself.

        ``target`` names the class, label or output to explain; None is all.
        """
        before, inner = None, estimator
        while not isinstance(inner, Predictor):
            check_is_fitted(inner)
            if hasattr(inner, "best_estimator_"):
                inner = inner.best_estimator_
            elif isinstance(inner, Pipeline) and before is None:
                before = inner[:-1] if len(inner) > 1 else None
                inner = inner[-1]
            else:
                raise TypeError(
                    f"{type(inner).__name__} has no gradient here. Pass an "
                    "MLPClassifier or MLPRegressor of sknn, a Pipeline that ends in "
                    "one, or a search with refit=True over one."
                )
        check_is_fitted(inner)
        inner = twin_of(inner, vars(inner))  # which stays, whatever a fit replaces
        network = inner._network_of_weights(np.dtype(np.float64))
        theta = network.vector_of(vars(inner))
        for placed in network.layout.layers:
            if not placed.spec.has_input_gradient:
                raise ValueError(
                    f"A network with {placed.spec.parameter} has no gradient for all "
                    "of its inputs, such as codes of categories. Encode these before "
                    "the network, by sklearn.preprocessing.OneHotEncoder, or use "
                    "sklearn.inspection.permutation_importance."
                )
        return cls(inner, before, network, theta, _outputs(inner, target))

    def inputs_of(self, X: ArrayLike, name: str) -> np.ndarray:
        """Return data as the network gets them: transformed, checked, in float64."""
        if self.before is not None:
            X = self.before.transform(X)
        try:
            X = self.estimator._validated_X(X)
        except ValueError as error:
            error.args = (str(error).replace("Input X", f"Input {name}"),)
            raise
        dense = X.toarray() if scipy.sparse.issparse(X) else X
        return np.ascontiguousarray(dense, dtype=np.float64)

    def usual_baseline(self) -> np.ndarray:
        """Return zeros, or the means where the network itself standardises."""
        statistics = getattr(self.estimator, "input_statistics_", None)
        if statistics is None:
            return np.zeros((1, self.network.n_features))
        return np.array(statistics[0][:1], dtype=np.float64)

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Return predictions of shape (n_points, n_outputs)."""
        with active_fit():
            predictions = self.network.predict(
                self.theta, Inputs.of(points, self.network.dtype)
            )
        return predictions[:, self.outputs]

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Return their gradients, of shape (n_points, n_outputs, n_features)."""
        inputs = Inputs.of(points, self.network.dtype)
        gradients = input_gradients_of(self.network, self.theta, inputs, self.outputs)
        return np.stack(gradients, axis=1)

    def feature_names(self) -> list[str]:
        """Return the names of the network's inputs."""
        names: Any = getattr(self.estimator, "feature_names_in_", None)
        if names is None and self.before is not None:
            with suppress(AttributeError, ValueError):  # not every transformer knows
                names = self.before.get_feature_names_out()
        if names is None:
            names = [f"x{k}" for k in range(self.network.n_features)]
        return [str(name) for name in names]

    def output_names(self) -> list[str]:
        """Return the names of the outputs that are explained."""
        names = _names_of_outputs(self.estimator)
        return [str(names[k]) for k in self.outputs]


def _names_of_outputs(estimator: Any) -> Sequence[Any]:
    """Return the classes or labels; numbers, where there are none."""
    classes = getattr(estimator, "classes_", None)
    n_outputs = int(estimator.n_outputs_)
    if classes is None:
        return range(n_outputs)
    # One output is the probability of the second class, or that of the only one.
    return list(classes) if len(classes) == n_outputs else [classes[-1]]


def _outputs(estimator: Any, target: Any) -> list[int]:
    """Return the positions of the outputs that are to be explained."""
    names = _names_of_outputs(estimator)
    if target is None:
        return list(range(len(names)))
    found = [k for k, name in enumerate(names) if name == target]
    if not found:
        raise ValueError(
            f"target={target!r} is none of the outputs of the network, "
            f"{[str(name) for name in names]}. Of two classes, the second is "
            "explained: what speaks for it speaks against the first."
        )
    return found
