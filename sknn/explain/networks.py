"""The networks inside an estimator, and the functions of them that are explained."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sknn.ensemble.base import BaseEnsembleMLP, check_alike
from sknn.estimators.prediction import Predictor, input_gradients_of
from sknn.estimators.twins import twin_of
from sknn.explain.finishing import Finish, Limits, Temperature
from sknn.explain.tables import cells_of, names_of
from sknn.network.data import ArrayLike, Inputs
from sknn.network.layers.categorical import coded_columns
from sknn.network.tails import Tail, continuous_tail
from sknn.network.threads import active_fit
from sknn.tabular.base import BaseTabularMLP, Postprocessing
from sknn.tabular.encoder import TableEncoder

_UNKNOWN = -1  # the code of no category


@dataclass(frozen=True)
class ExplainedNetwork:
    """Predictions and gradients of a network, or of the mean of several, in float64.

    They are functions of *points*: the inputs; but where these have codes of
    categories, what each network reads behind the layer for codes, side by side. Rows
    of its tables can change continuously, as codes cannot. Of a tabular estimator, it
    is what each network reads behind all its embeddings, for the bends of those of
    numbers are many.

    Attributes
    ----------
    estimator : estimator
        Whose attributes name the outputs.
    members : list of MLPClassifier or MLPRegressor
        The networks.
    tails : list of Tail
        Of each network, the part that reads points. Parameters are as they were at
        first: a fit meanwhile changes nothing.
    before : Pipeline or None
        What transforms the data for it.
    encoder : TableEncoder or None
        What makes arrays of tables, of a tabular estimator.
    finish : Finish or None
        What follows the mean of predictions.
    outputs : list of int
        The outputs that are explained.
    """

    estimator: Any
    members: list[Any]
    tails: list[Tail]
    before: Any
    encoder: TableEncoder | None
    finish: Finish | None
    outputs: list[int]

    @classmethod
    def of(cls, estimator: Any, target: Any) -> "ExplainedNetwork":
        """Find the networks in a Pipeline, a search or by themselves.

        ``target`` names the class, label or output to explain; None is all.
        """
        before, inner = _found(estimator)
        check_is_fitted(inner)
        encoder, finish = None, None
        inner = twin_of(inner, vars(inner))  # which stays, whatever a fit replaces
        if isinstance(inner, BaseTabularMLP):
            encoder, finish = inner.encoder_, _finish_of(inner._postprocessing())
            inner = twin_of(inner.ensemble_, vars(inner.ensemble_))
        members = [inner]
        if isinstance(inner, BaseEnsembleMLP):
            members = [twin_of(each, vars(each)) for each in inner.estimators_]
        networks = [each._network_of_weights(np.dtype(np.float64)) for each in members]
        check_alike(networks)
        tails = [
            continuous_tail(network, network.vector_of(vars(each)), encoder is not None)
            for network, each in zip(networks, members, strict=True)
        ]
        outputs = _outputs(inner, target)
        return cls(inner, members, tails, before, encoder, finish, outputs)

    # Data ------------------------------------------------------------------------

    def inputs_of(self, X: ArrayLike, name: str) -> np.ndarray:
        """Return data as the networks get them: transformed, checked, in float64."""
        X = self._transformed(X)
        if self.encoder is not None:
            X = self.encoder.transform(X)
        try:
            X = self.members[0]._validated_X(X)
        except ValueError as error:
            error.args = (str(error).replace("Input X", f"Input {name}"),)
            raise
        dense = X.toarray() if scipy.sparse.issparse(X) else X
        return np.ascontiguousarray(dense, dtype=np.float64)

    def values_of(self, X: Any, inputs: np.ndarray) -> np.ndarray:
        """Return the values of the features: the inputs, or the cells of a table."""
        return inputs if self.encoder is None else cells_of(self._transformed(X))

    def _transformed(self, X: Any) -> Any:
        return X if self.before is None else self.before.transform(X)

    def usual_baseline(self) -> np.ndarray:
        """Return the inputs to compare with where the user names none.

        Of a table the medians of numbers, and no category; of arrays the means where
        the networks standardise, else zeros, and unknown codes.
        """
        if self.encoder is not None:
            return np.asarray(self.encoder._typical_row(), dtype=np.float64)
        layers = self.tails[0].whole.layout.layers
        row = np.zeros((1, self.tails[0].whole.n_features))
        if hasattr(self.members[0], "input_statistics_"):
            means = [each.input_statistics_[0][0] for each in self.members]
            row[0] = np.mean(means, axis=0)
        for placed in layers:
            if not placed.spec.has_input_gradient:
                columns = coded_columns(placed.layer.options)
                row[0, [column.number for column in columns]] = _UNKNOWN
        return row

    # Points ----------------------------------------------------------------------

    @property
    def _has_embeddings(self) -> bool:
        return any(tail.first for tail in self.tails)

    def points_of(self, inputs: np.ndarray) -> np.ndarray:
        """Return the points that inputs stand for."""
        if not self._has_embeddings:
            return inputs
        return np.hstack([tail.inputs_of(inputs) for tail in self.tails])

    def _parts(self, points: np.ndarray) -> Iterator[tuple[Tail, slice, Inputs]]:
        """Yield each network, the columns of points that it reads, and these."""
        start = 0
        for tail in self.tails:
            width = tail.network.n_features
            part = slice(start, start + width)
            of_part = np.ascontiguousarray(points[:, part])
            yield tail, part, Inputs.of(of_part, tail.network.dtype)
            start += width if self._has_embeddings else 0

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Return predictions of shape (n_points, n_outputs)."""
        predictions = self._mean(points)
        if self.finish is not None:
            predictions = self.finish.apply(predictions)
        return predictions[:, self.outputs]

    def _mean(self, points: np.ndarray) -> np.ndarray:
        """Return the mean of the networks' predictions, of all outputs."""
        with active_fit():
            predictions = [
                tail.network.predict(tail.theta, inputs)
                for tail, _, inputs in self._parts(points)
            ]
        mean: np.ndarray = np.mean(predictions, axis=0)
        return mean

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Return their gradients, of shape (n_points, n_outputs, n_columns)."""
        outputs = self.outputs
        if self.finish is not None:  # each of its outputs may depend on all
            outputs = list(range(self.tails[0].network.n_outputs))
        gradients = np.zeros((len(points), len(outputs), points.shape[1]))
        for tail, part, inputs in self._parts(points):
            found = input_gradients_of(tail.network, tail.theta, inputs, outputs)
            gradients[..., part] += np.stack(found, axis=1)
        gradients /= len(self.tails)
        if self.finish is None:
            return gradients
        return self.finish.gradients(self._mean(points), gradients)[:, self.outputs]

    # Features --------------------------------------------------------------------

    @cached_property
    def _features(self) -> np.ndarray:
        """The feature that each column of points belongs to."""
        tails = self.tails if self._has_embeddings else self.tails[:1]
        sources = np.concatenate([tail.sources for tail in tails])
        if self.encoder is not None:
            sources = self.encoder.output_columns_[sources]
        return sources

    def sums_over_features(self, values: np.ndarray) -> np.ndarray:
        """Return contributions of features, given those of the columns of points."""
        if not self._has_embeddings and self.encoder is None:
            return values
        names = self.feature_names()
        membership = np.zeros((len(self._features), len(names)))
        membership[np.arange(len(self._features)), self._features] = 1
        return values @ membership

    def feature_names(self) -> list[str]:
        """Return the names of the columns of a table, or of the networks' inputs."""
        if self.encoder is not None:
            return [str(name) for name in names_of(self.encoder)]
        names: Any = getattr(self.members[0], "feature_names_in_", None)
        if names is None and self.before is not None:
            with suppress(AttributeError, ValueError):  # not every transformer knows
                names = self.before.get_feature_names_out()
        if names is None:
            names = [f"x{k}" for k in range(self.tails[0].whole.n_features)]
        return [str(name) for name in names]

    def output_names(self) -> list[str]:
        """Return the names of the outputs that are explained."""
        names = _names_of_outputs(self.estimator)
        return [str(names[k]) for k in self.outputs]


def _found(estimator: Any) -> tuple[Any, Any]:
    """Return the steps before the networks, or None, and the networks' estimator."""
    before, inner = None, estimator
    while not isinstance(inner, Predictor | BaseEnsembleMLP | BaseTabularMLP):
        check_is_fitted(inner)
        if hasattr(inner, "best_estimator_"):
            inner = inner.best_estimator_
        elif isinstance(inner, Pipeline) and before is None:
            before = inner[:-1] if len(inner) > 1 else None
            inner = inner[-1]
        else:
            raise TypeError(
                f"{type(inner).__name__} has no gradient here. Pass an MLPClassifier "
                "or MLPRegressor of sknn, an ensemble, a tabular estimator, a Pipeline "
                "that ends in one, or a search with refit=True over one."
            )
    return before, inner


def _finish_of(postprocessing: Postprocessing) -> Finish | None:
    """Return postprocessing with its derivative; None if it changes nothing."""
    if postprocessing.temperature != 1.0:
        return Temperature(postprocessing.temperature)
    limits = postprocessing.limits
    return None if limits is None else Limits(*limits)


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
