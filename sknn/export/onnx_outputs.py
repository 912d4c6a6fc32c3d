"""What an estimator predicts, as outputs of an ONNX graph."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from sknn.export.exported import Exported
from sknn.export.folding import predicting_layers
from sknn.export.formula_check import activated, check_formula
from sknn.export.onnx_graph import Graph, Tensor
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import OUTPUT_ACTIVATIONS
from sknn.network.network import Network

ZIPMAPS = (False, True, "columns")


@dataclass(frozen=True)
class Output:
    """An output of the graph.

    Attributes
    ----------
    name : str
    dtype : dtype
        Of its elements; of kind "U" for text.
    shape : tuple
        Without the first dimension, the number of rows.
    keys : tuple of int, tuple of str or None
        Keys of the dict of each row, if it is a sequence of dicts.
    """

    name: str
    dtype: np.dtype
    shape: tuple[int, ...] = ()
    keys: tuple[Any, ...] | None = None


class Exporter:
    """Exports one fitted estimator.

    Parameters
    ----------
    estimator : estimator of sknn
        Fitted.
    zipmap : bool or "columns"
    nocl : bool
        See `sknn.onnx.to_onnx`.
    output_dtype : dtype or None
        float32 or float64, of numbers among the outputs. None: as predicted.

    Raises
    ------
    ValueError
        If the options contradict the estimator, or its class predicts in its own way.
    """

    def __init__(
        self,
        estimator: Any,
        zipmap: bool | str = False,
        nocl: bool = False,
        output_dtype: Any = None,
    ):
        self.exported = Exported.of(estimator)
        self.member = self.exported.member
        self.classifies = is_classifier(estimator)
        self.network = self.exported.network
        self.dtype = np.dtype(output_dtype or self.exported.dtype)
        self.zipmap, self.nocl = zipmap, nocl
        _check_options(estimator, zipmap, nocl)

    # Outputs ---------------------------------------------------------------------

    def outputs(self, has_columns: bool = False) -> list[Output]:
        """Return the outputs, in the order in which `add` adds them.

        Parameters
        ----------
        has_columns : bool, default=False
            Whether a regressor's only output is a column, of shape (n_samples, 1).
        """
        if not self.classifies:
            shape = self._regression_shape()
            return [Output("variable", self.dtype, shape or (1,) * has_columns)]
        scores = "probabilities" if self._has_probabilities else "scores"
        return [
            Output("label", self._label_dtype(), self._label_shape()),
            Output(scores, self.dtype, self._score_shape()),
        ]

    def zipped_outputs(self) -> list[Output]:
        """Return the outputs of a classifier with ``zipmap``."""
        labels = Output("output_label", self._label_dtype(), self._label_shape())
        keys = self._keys().tolist()
        if self.zipmap == "columns":
            letter = "s" if isinstance(keys[0], str) else "i"
            return [labels, *(Output(f"{letter}{key}", self.dtype) for key in keys)]
        name = "output_probability" if self._has_probabilities else "output_score"
        # ONNX has dicts of float32 only.
        return [labels, Output(name, np.dtype(np.float32), (), tuple(keys))]

    def add(self, graph: Graph, x: Tensor, has_columns: bool = False) -> list[Tensor]:
        """Add the networks and what follows them; return the outputs.

        Parameters
        ----------
        graph : Graph
        x : Tensor
            The rows, of shape (n_samples, n_features), in the dtype of the graph: those
            of a table, encoded.
        has_columns : bool, default=False
            As in `outputs`.
        """
        first, *others = (
            add_network(graph, x, *each) for each in self.exported.networks
        )
        predicted = first
        for other in others:
            predicted = predicted + other
        if others:
            predicted = predicted / float(1 + len(others))
        if self.classifies:
            labels, predicted = self._add_classes(graph, predicted)
            return [labels, self._as_output(self._tempered(predicted))]
        if self.exported.limits is not None:
            low, high = self.exported.limits
            wide = graph.in_dtype(np.float64)
            predicted = wide.cast(predicted, np.float64)
            predicted = wide.Min(wide.Max(predicted, low), high)
        if not (has_columns and self.network.n_outputs == 1):
            shape = (-1, *self._regression_shape())
            if shape != (-1, self.network.n_outputs):
                predicted = predicted.graph.reshape(predicted, shape)
        return [self._as_output(predicted)]

    def add_zipmap(self, graph: Graph, scores: Tensor) -> list[Tensor]:
        """Return what ``zipmap`` makes of probabilities or scores, an output of `add`.

        Parameters
        ----------
        graph : Graph
        scores : Tensor
            In the dtype of the outputs.
        """
        keys = self._keys().tolist()
        if not self._score_shape():  # one score for two classes
            scores = graph.reshape(scores, (-1, 1))
            if len(keys) == 2:
                scores = graph.Concat(-scores, scores, axis=1)
        if self.zipmap == "columns":
            columns = (graph.columns(scores, k, k + 1) for k in range(len(keys)))
            return [graph.reshape(column, (-1,)) for column in columns]
        is_text = isinstance(keys[0], str)
        name = "classlabels_strings" if is_text else "classlabels_int64s"
        if self.dtype != np.float32:
            scores = graph.cast(scores, np.float32)
        return [graph.ZipMap(scores, domain="ai.onnx.ml", **{name: keys})]

    # Regression ------------------------------------------------------------------

    def _regression_shape(self) -> tuple[int, ...]:
        if self.exported.is_hidden:
            return (self.network.n_outputs,)
        n_outputs, n_levels = self.network.n_outputs, len(self.member._levels())
        if n_levels > 1:
            n_targets = n_outputs // n_levels
            return (n_levels,) if n_targets == 1 else (n_targets, n_levels)
        return (n_outputs,) if n_outputs > 1 else ()

    # Classification --------------------------------------------------------------

    @property
    def _has_probabilities(self) -> bool:
        return self.network.link != "identity"

    def _label_dtype(self) -> np.dtype:
        if self.nocl or self.member._is_multilabel:
            return np.dtype(np.int64)
        dtype: np.dtype = self.member.classes_.dtype
        return np.dtype(str) if dtype.kind in "OUT" else dtype

    def _label_shape(self) -> tuple[int, ...]:
        return (self.network.n_outputs,) if self.member._is_multilabel else ()

    def _score_shape(self) -> tuple[int, ...]:
        n_outputs = self.network.n_outputs
        if n_outputs > 1:
            return (n_outputs,)
        if self.member._is_multilabel:
            return (1,)
        if self._has_probabilities:
            return (len(self.member.classes_),)
        return ()

    def _keys(self) -> np.ndarray:
        """Return the keys of dicts: the classes, which must be int64 or text."""
        classes: np.ndarray = self.member.classes_
        if self.nocl:
            return np.arange(len(classes))
        return classes if classes.dtype.kind in "OUT" else classes.astype(np.int64)

    def _add_classes(self, graph: Graph, predicted: Tensor) -> tuple[Tensor, Tensor]:
        """Return labels, and probabilities or scores."""
        member = self.member
        if member._is_multilabel:
            exceeds = graph.Greater(predicted, member._boundary)
            return graph.cast(exceeds, np.int64), predicted
        if self.network.n_outputs > 1:
            index = graph.ArgMax(predicted, axis=1, keepdims=0)
        else:
            exceeds = graph.Greater(predicted, member._boundary)
            index = graph.reshape(graph.cast(exceeds, np.int64), (-1,))
            predicted = self._scores_of_two(graph, predicted)
        if len(member.classes_) == 1:
            index = graph.Mul(index, graph.integers(0))
        if self.nocl:
            return index, predicted
        classes = graph.initializer(member.classes_, "classes")
        return graph.Gather(classes, index), predicted

    def _scores_of_two(self, graph: Graph, predicted: Tensor) -> Tensor:
        """Return what predict_proba or decision_function returns for one output."""
        if not self._has_probabilities:
            return graph.reshape(predicted, (-1,))
        if len(self.member.classes_) == 1:
            return 0 * predicted + 1
        return graph.Concat(1 - predicted, predicted, axis=1)

    def _tempered(self, predicted: Tensor) -> Tensor:
        """Return probabilities as the temperature makes them, in float64."""
        temperature = self.exported.temperature
        if temperature == 1.0:
            return predicted
        smallest = np.finfo(predicted.graph.dtype).tiny
        wide = predicted.graph.in_dtype(np.float64)
        positive = wide.Max(wide.cast(predicted, np.float64), smallest)
        logits = wide.node("Log", positive) / temperature
        return wide.node("Softmax", logits, axis=1)

    def _as_output(self, x: Tensor) -> Tensor:
        graph = x.graph
        return x if graph.dtype == self.dtype else graph.cast(x, self.dtype)


def add_network(graph: Graph, x: Tensor, network: Network, theta: np.ndarray) -> Tensor:
    """Add a network; return its predictions, of shape (n_samples, n_outputs)."""
    raw = add_layers(graph, x, network, theta)
    link = OUTPUT_ACTIVATIONS[network.link]
    predicted: Tensor = link.onnx(graph, raw, network.architecture.settings)
    if network.n_members > 1:
        shares = np.full((1, network.n_members), 1 / network.n_members)
        rows = (-1, network.n_members, network.n_outputs)
        mean = graph.MatMul(shares, graph.reshape(predicted, rows))
        predicted = graph.reshape(mean, (-1, network.n_outputs))
    if scaling := network.layout.output_scaling(theta):
        predicted = predicted * scaling[0] + scaling[1]
    return predicted


def add_layers(graph: Graph, x: Tensor, network: Network, theta: np.ndarray) -> Tensor:
    """Add the layers of a network; return its raw outputs, before the link.

    Raises
    ------
    ValueError
        If a layer or an activation has no definition for ONNX.
    """
    for layer in predicting_layers(network, theta):
        affine = layer.spec.affine(layer.arrays)
        if affine is None:
            x = layer.spec.onnx(graph, x, layer.arrays, layer.options)
        else:
            x = x * affine[0] + affine[1]
        x.width = layer.width
        if layer.activation is not None:
            y = _activated(graph, x, layer.activation)
            x = layer.spec.onnx_activated(graph, x, y, layer.arrays)
    return x


def _activated(graph: Graph, z: Tensor, name: str) -> Tensor:
    formula = ACTIVATIONS[name].onnx
    if formula is None:
        raise ValueError(
            f"The activation {name!r} cannot be exported to ONNX: it has no definition "
            "there. Register it with `onnx=`, as "
            f"register_activation({name!r}, ..., onnx=lambda g, z: g.Tanh(z)) does."
        )
    check_formula(graph.onnx, name, formula)
    return activated(graph, z, name, formula)


def _check_options(estimator: Any, zipmap: bool | str, nocl: bool) -> None:
    if not any(zipmap is choice or zipmap == choice for choice in ZIPMAPS):
        raise ValueError(
            f"zipmap must be True, False or 'columns', got {zipmap!r}: dicts, an "
            "array, or an output for each class."
        )
    if not isinstance(nocl, bool | np.bool_):
        raise ValueError(f"nocl must be True or False, got {nocl!r}.")
    if (zipmap or nocl) and not is_classifier(estimator):
        name, value = ("zipmap", zipmap) if zipmap else ("nocl", nocl)
        raise ValueError(
            f"{name}={value!r} is for classifiers, but {type(estimator).__name__} is "
            f"none. Leave {name} out."
        )
