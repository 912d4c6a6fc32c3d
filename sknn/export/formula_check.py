"""Checks what users say about their activations in ONNX."""

from typing import Any

import numpy as np

from sknn.export.onnx_graph import Graph, Tensor, unique_names
from sknn.network.registry import DEFINITIONS

_OPSET = 17
_TOLERANCE = 1e-5
_POINTS = np.linspace(-5.3, 4.7, 21)


def activated(graph: Graph, z: Tensor, name: str, formula: Any) -> Tensor:
    """Add an activation's ``onnx`` formula to the graph, and return its output for z.

    Raises
    ------
    ValueError
        If the output is not a tensor.
    """
    y = formula(graph, z)
    if not isinstance(y, Tensor):
        raise ValueError(
            f"The activation {name!r} cannot be exported to ONNX: its `onnx` returned "
            f"{y!r}, which is not a tensor of the graph. Return for example g.Tanh(z)."
        )
    return y


def check_formula(onnx: Any, name: str, formula: Any) -> None:
    """Compare an activation that a user registered with its ``onnx``.

    Parameters
    ----------
    onnx : module
    name : str
        Of the activation. Nothing is checked unless a user registered it.
    formula : callable
        Its ``onnx``.

    Raises
    ------
    ValueError
        If they differ.
    """
    definition = DEFINITIONS.get(("activation", name))
    if definition is None:
        return
    function = definition.arguments[0]
    expected = np.array([function(z) for z in _POINTS])
    values = _evaluated(onnx, name, formula)
    errors = np.abs(values - expected)
    if not (errors <= _TOLERANCE * np.maximum(1, np.abs(expected))).all():
        k = int(np.argmax(np.where(np.isnan(errors), np.inf, errors)))
        raise ValueError(
            f"The activation {name!r} cannot be exported to ONNX: its `onnx` gives "
            f"{values[k]:.6g} at z = {_POINTS[k]:g}, but its function gives "
            f"{expected[k]:.6g}."
        )


def _evaluated(onnx: Any, name: str, formula: Any) -> np.ndarray:
    """Evaluate the formula at ``_POINTS`` with onnx's reference evaluator."""
    from onnx.reference import ReferenceEvaluator

    helper, double = onnx.helper, onnx.TensorProto.DOUBLE
    graph = Graph(onnx, np.dtype(np.float64), unique_names(["z", "y"]))
    y = activated(graph, Tensor(graph, "z", len(_POINTS)), name, formula)
    graph.name_output(y, "y")
    inputs, outputs = (
        [helper.make_tensor_value_info(tensor, double, [1, None])]
        for tensor in ("z", "y")
    )
    proto = helper.make_graph(graph.nodes, name, inputs, outputs, graph.initializers)
    opsets = [helper.make_opsetid("", _OPSET)]
    try:
        evaluator = ReferenceEvaluator(helper.make_model(proto, opset_imports=opsets))
        (values,) = evaluator.run(None, {"z": _POINTS[None, :]})
    except Exception as error:
        raise ValueError(
            f"The activation {name!r} cannot be exported to ONNX: its `onnx` cannot be "
            f"evaluated: {error}"
        ) from error
    row: np.ndarray = np.broadcast_to(values, (1, len(_POINTS)))[0]
    return row
