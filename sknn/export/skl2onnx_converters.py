"""Converters of our estimators for skl2onnx."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from sknn._extras import import_extra
from sknn.estimators.base import BaseMLP
from sknn.estimators.classification import BaseClassifier
from sknn.export.onnx_graph import Graph, Tensor
from sknn.export.onnx_outputs import Exporter, Output

_ZIPMAP = "SknnZipMap"
_OPTIONS = {"zipmap": [True, False, "columns"], "nocl": [True, False]}


def register(estimators: Sequence[type]) -> None:
    """Register classes with skl2onnx: see `sknn.onnx.register_skl2onnx`."""
    skl2onnx = import_extra("skl2onnx", "onnx")
    registration = import_extra("skl2onnx.common._registration", "onnx")
    for estimator in estimators:
        if not (isinstance(estimator, type) and issubclass(estimator, BaseMLP)):
            raise TypeError(
                "register_skl2onnx takes MLPClassifier, MLPRegressor, or classes "
                f"derived from them, got {estimator!r}."
            )
    registration.register_shape_calculator(_ZIPMAP, _set_zipped_types, overwrite=True)
    registration.register_converter(_ZIPMAP, _convert_zipmap, overwrite=True)
    for estimator in estimators:
        skl2onnx.update_registered_converter(
            estimator,
            f"Sknn{estimator.__name__}",
            _set_types,
            _convert,
            parser=_parse,
            options=_OPTIONS if issubclass(estimator, BaseClassifier) else None,
        )


def _parse(
    scope: Any, model: Any, inputs: list[Any], custom_parsers: Any = None
) -> list[Any]:
    """Declare the operator of an estimator, and that of ZipMap; return the outputs."""
    options = {"zipmap": True} if is_classifier(model) else {}
    zipmap = scope.get_options(model, options).get("zipmap", False)
    exporter = _exporter(scope, model, inputs, zipmap)
    alias = import_extra(
        "skl2onnx._supported_operators", "onnx"
    )._get_sklearn_operator_name(type(model))
    operator = scope.declare_local_operator(alias, model)
    operator.inputs = inputs
    for output in exporter.outputs(has_columns=True):
        operator.outputs.append(_declare(scope, output))
    if not zipmap:
        return list(operator.outputs)
    zip_operator = scope.declare_local_operator(_ZIPMAP)
    zip_operator.inputs = operator.outputs
    zip_operator.exporter = exporter
    for output in exporter.zipped_outputs():
        zip_operator.outputs.append(_declare(scope, output))
    zip_operator.init_status(is_evaluated=True)
    return list(zip_operator.outputs)


def _set_types(operator: Any) -> None:
    """Set the types of the outputs of an estimator."""
    exporter = _exporter(operator.scope_inst, operator.raw_operator, operator.inputs)
    outputs = exporter.outputs(has_columns=True)
    for variable, output in zip(operator.outputs, outputs, strict=False):
        variable.set_type(_type_of(output))


def _set_zipped_types(operator: Any) -> None:
    """Set the types of the outputs of ZipMap."""
    outputs = operator.exporter.zipped_outputs()
    for variable, output in zip(operator.outputs, outputs, strict=True):
        variable.set_type(_type_of(output))


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of an estimator."""
    (variable,) = operator.inputs
    exporter = _exporter(scope, operator.raw_operator, operator.inputs)
    given = _dtype_of(variable.type)
    weights = exporter.network.dtype
    # The dtype in which predict would compute.
    dtype = np.result_type(given, weights) if given.kind == "f" else weights
    graph = Graph(import_extra("onnx", "onnx"), dtype, scope.get_unique_variable_name)
    x = Tensor(graph, variable.full_name, exporter.network.n_features)
    if given != dtype:
        x = graph.cast(x, dtype)
    tensors = exporter.add(graph, x, has_columns=True)
    _add_to_container(graph, tensors, operator.outputs, container)


def _convert_zipmap(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of ZipMap."""
    labels, scores = operator.inputs
    exporter = operator.exporter
    onnx = import_extra("onnx", "onnx")
    graph = Graph(onnx, exporter.dtype, scope.get_unique_variable_name)
    tensors = [Tensor(graph, labels.full_name, 1)]
    tensors += exporter.add_zipmap(graph, Tensor(graph, scores.full_name, 1))
    _add_to_container(graph, tensors, operator.outputs, container)


# ---------------------------------------------------------------------------------


def _exporter(
    scope: Any, model: Any, inputs: list[Any], zipmap: bool | str = False
) -> Exporter:
    if len(inputs) != 1:
        raise ValueError(
            f"{type(model).__name__} takes one input with a column for each feature, "
            f"got {len(inputs)} inputs. Put a ColumnTransformer before it."
        )
    options = {"nocl": False} if is_classifier(model) else {}
    nocl = scope.get_options(model, options).get("nocl", False)
    given = _dtype_of(inputs[0].type)
    # As other converters have it, so that their nodes can follow.
    output_dtype = np.float64 if given == np.float64 else np.float32
    return Exporter(model, zipmap, nocl, output_dtype)


def _dtype_of(variable_type: Any) -> np.dtype:
    """Return the dtype of a type of skl2onnx."""
    data_types = import_extra("skl2onnx.common.data_types", "onnx")
    helper = import_extra("onnx", "onnx").helper
    element = data_types.guess_proto_type(variable_type)
    dtype: np.dtype = helper.tensor_dtype_to_np_dtype(element)
    return dtype


def _type_of(output: Output) -> Any:
    """Return the type that skl2onnx has for an output."""
    types = import_extra("skl2onnx.common.data_types", "onnx")
    if output.keys is not None:
        is_text = isinstance(output.keys[0], str)
        key = types.StringTensorType if is_text else types.Int64TensorType
        rows = types.DictionaryType(key([]), types.FloatTensorType([]))
        return types.SequenceType(rows)
    names = {"b": "Boolean", "U": "String", "f4": "Float", "f8": "Double"}
    kind, size = output.dtype.kind, output.dtype.itemsize
    name = names.get(kind) or names.get(f"{kind}{size}")
    if name is None:
        name = {"i": "Int", "u": "UInt", "f": "Float"}[kind] + str(8 * size)
    return getattr(types, f"{name}TensorType")([None, *output.shape])


def _declare(scope: Any, output: Output) -> Any:
    return scope.declare_local_variable(output.name, _type_of(output))


def _add_to_container(
    graph: Graph, tensors: list[Tensor], variables: list[Any], container: Any
) -> None:
    """Add the nodes and constants of a graph, and name its outputs."""
    for tensor, variable in zip(tensors, variables, strict=False):
        graph.name_output(tensor, variable.full_name)
    container.initializers.extend(graph.initializers)
    get_value = graph.onnx.helper.get_attribute_value
    for node in graph.nodes:
        container.add_node(
            node.op_type,
            list(node.input),
            list(node.output),
            op_domain=node.domain,
            name=node.name,
            **{attribute.name: get_value(attribute) for attribute in node.attribute},
        )
