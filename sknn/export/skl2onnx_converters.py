"""Converters of our estimators for skl2onnx."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, is_classifier

from sknn._extras import import_extra
from sknn.export.exported import check_encoder, is_exportable
from sknn.export.onnx_graph import Graph, Tensor
from sknn.export.onnx_outputs import Exporter, Output
from sknn.export.onnx_tables import add_encoder, columns_of
from sknn.tabular.base import BaseTabularMLP
from sknn.tabular.encoder import TableEncoder

_ZIPMAP = "SknnZipMap"
_OF_CLASSIFIERS = {"zipmap": [True, False, "columns"], "nocl": [True, False]}
_OF_TABLES = {"missing_text": None}  # any text
# Of operators of which skl2onnx would take versions that it refuses afterwards.
_VERSIONS = {"LabelEncoder": 2}


def register(estimators: Sequence[type]) -> None:
    """Register classes with skl2onnx: see `sknn.onnx.register_skl2onnx`."""
    skl2onnx = import_extra("skl2onnx", "onnx")
    registration = import_extra("skl2onnx.common._registration", "onnx")
    for estimator in estimators:
        is_type = isinstance(estimator, type)
        if not (is_type and (is_exportable(estimator) or _encodes(estimator))):
            raise TypeError(
                "register_skl2onnx takes MLPClassifier, MLPRegressor, ensembles, "
                "tabular estimators, TableEncoder, HiddenLayerTransformer, or classes "
                "derived from them, got "
                f"{estimator!r}."
            )
    registration.register_shape_calculator(_ZIPMAP, _set_zipped_types, overwrite=True)
    registration.register_converter(_ZIPMAP, _convert_zipmap, overwrite=True)
    for estimator in estimators:
        options: dict[str, Any] = {}
        if issubclass(estimator, ClassifierMixin):
            options |= _OF_CLASSIFIERS
        if _takes_tables(estimator):
            options |= _OF_TABLES
        encodes = _encodes(estimator)
        skl2onnx.update_registered_converter(
            estimator,
            f"Sknn{estimator.__name__}",
            _set_type_of_encoder if encodes else _set_types,
            _convert_encoder if encodes else _convert,
            parser=_parse_encoder if encodes else _parse,
            options=options or None,
        )


def _parse(
    scope: Any, model: Any, inputs: list[Any], custom_parsers: Any = None
) -> list[Any]:
    """Declare the operator of an estimator, and that of ZipMap; return the outputs."""
    options = {"zipmap": True} if is_classifier(model) else {}
    zipmap = scope.get_options(model, options).get("zipmap", False)
    exporter = _exporter(scope, model, inputs, zipmap)
    operator = _operator(scope, model, inputs)
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
    exporter = _exporter(scope, operator.raw_operator, operator.inputs)
    weights, encoder = exporter.network.dtype, exporter.exported.encoder
    onnx, unique_name = import_extra("onnx", "onnx"), scope.get_unique_variable_name
    if encoder is not None:
        graph = Graph(onnx, weights, unique_name)
        x = _add_encoder(graph, scope, operator, encoder)
    else:
        (variable,) = operator.inputs
        given = _dtype_of(variable.type)
        # The dtype in which predict would compute.
        dtype = np.result_type(given, weights) if given.kind == "f" else weights
        graph = Graph(onnx, dtype, unique_name)
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


# Tables ------------------------------------------------------------------------------


def _encodes(estimator: type) -> bool:
    return issubclass(estimator, TableEncoder)


def _takes_tables(estimator: type) -> bool:
    return issubclass(estimator, TableEncoder | BaseTabularMLP)


def _parse_encoder(
    scope: Any, encoder: Any, inputs: list[Any], custom_parsers: Any = None
) -> list[Any]:
    """Declare the operator of an encoder; return its output."""
    check_encoder(encoder)
    operator = _operator(scope, encoder, inputs)
    operator.outputs.append(_declare(scope, _output_of(encoder)))
    return list(operator.outputs)


def _set_type_of_encoder(operator: Any) -> None:
    """Set the type of the output of an encoder."""
    (variable,) = operator.outputs
    variable.set_type(_type_of(_output_of(operator.raw_operator)))


def _convert_encoder(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of an encoder."""
    onnx, encoder = import_extra("onnx", "onnx"), operator.raw_operator
    graph = Graph(onnx, encoder.dtype, scope.get_unique_variable_name)
    x = _add_encoder(graph, scope, operator, encoder)
    _add_to_container(graph, [x], operator.outputs, container)


def _output_of(encoder: Any) -> Output:
    n_outputs = len(encoder.get_feature_names_out())
    return Output("encoded", np.dtype(encoder.dtype), (n_outputs,))


def _add_encoder(graph: Graph, scope: Any, operator: Any, encoder: Any) -> Tensor:
    """Add the nodes of an encoder; return its output."""
    model = operator.raw_operator
    options = scope.get_options(model, {"missing_text": ""})
    inputs = _in_order(operator.inputs, getattr(encoder, "feature_names_in_", ()))
    widths = [variable.type.shape[1] for variable in inputs]
    if sum(widths) != encoder.n_features_in_:
        raise ValueError(
            f"{type(model).__name__} takes {encoder.n_features_in_} columns, got "
            f"{sum(widths)}. Pass initial_types with an input for each column."
        )
    dtypes = [
        _dtype_of(variable.type)
        for variable, width in zip(inputs, widths, strict=True)
        for _ in range(width)
    ]
    dtypes = [np.dtype(str) if dtype.kind == "O" else dtype for dtype in dtypes]
    tensors = (Tensor(graph, each.full_name, 1) for each in inputs)
    columns = columns_of(graph, zip(tensors, widths, strict=True))
    return add_encoder(graph, encoder, columns, dtypes, options["missing_text"])


def _in_order(inputs: list[Any], names: Sequence[str]) -> list[Any]:
    """Return inputs in the order of the table, where they have the names of columns."""
    by_name = {variable.raw_name: variable for variable in inputs}
    if len(by_name) == len(inputs) and by_name.keys() == set(names):
        return [by_name[name] for name in names]
    return inputs


# ---------------------------------------------------------------------------------


def _operator(scope: Any, model: Any, inputs: list[Any]) -> Any:
    """Declare the operator of an estimator."""
    operators = import_extra("skl2onnx._supported_operators", "onnx")
    alias = operators._get_sklearn_operator_name(type(model))
    operator = scope.declare_local_operator(alias, model)
    operator.inputs = inputs
    return operator


def _exporter(
    scope: Any, model: Any, inputs: list[Any], zipmap: bool | str = False
) -> Exporter:
    if len(inputs) != 1 and not _takes_tables(type(model)):
        raise ValueError(
            f"{type(model).__name__} takes one input with a column for each feature, "
            f"got {len(inputs)} inputs. Put a ColumnTransformer before it."
        )
    options = {"nocl": False} if is_classifier(model) else {}
    nocl = scope.get_options(model, options).get("nocl", False)
    given = {_dtype_of(variable.type) for variable in inputs}
    # As other converters have it, so that their nodes can follow.
    output_dtype = np.float64 if np.dtype(np.float64) in given else np.float32
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
            op_version=_VERSIONS.get(node.op_type),
            name=node.name,
            **{attribute.name: get_value(attribute) for attribute in node.attribute},
        )
