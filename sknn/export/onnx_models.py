"""ONNX models of fitted estimators."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline

from sknn._extras import import_extra
from sknn._version import __version__
from sknn.export.exported import is_exportable
from sknn.export.onnx_graph import Graph, Tensor, unique_names
from sknn.export.onnx_outputs import Exporter, Output
from sknn.export.onnx_tables import (
    TableInput,
    add_encoder,
    columns_of,
    inputs_of,
)

DEFAULT_OPSET = 17
LOWEST_OPSET = 13
_ML_OPSET = 2  # in which ZipMap is defined, and LabelEncoder
MISSING_TEXT = "missing_text"  # key of what stands for it, in the metadata
_ML = "ai.onnx.ml"


class Inputs(NamedTuple):
    """What users say of the inputs: see `sknn.onnx.to_onnx`."""

    encoded: bool = False
    input_types: Mapping[str, Any] | None = None
    missing_text: str = ""


def model_of(
    estimator: Any,
    zipmap: bool | str,
    nocl: bool,
    target_opset: int | Mapping[str, int] | None,
    inputs: Inputs,
) -> Any:
    """Return the ONNX model of a fitted estimator: see `sknn.onnx.to_onnx`."""
    onnx = import_extra("onnx", "onnx")
    check_is_exportable(estimator)
    opset, ml_opset = opsets_of(onnx, target_opset)
    exporter = Exporter(estimator, zipmap, nocl)
    tables = _inputs_of(exporter, type(estimator).__name__, inputs)
    unique_name = unique_names([each.name for each in tables])
    outputs = [
        replace(output, name=unique_name(output.name))
        for output in (exporter.zipped_outputs() if zipmap else exporter.outputs())
    ]
    graph = Graph(onnx, exporter.network.dtype, unique_name)
    x = _add_inputs(graph, exporter, tables, inputs)
    tensors = exporter.add(graph, x)
    if zipmap:
        tensors = [tensors[0], *exporter.add_zipmap(graph, tensors[1])]
    for output, tensor in zip(outputs, tensors, strict=True):
        graph.name_output(tensor, output.name)
    helper = onnx.helper
    proto = helper.make_graph(
        graph.nodes,
        type(estimator).__name__,
        [
            helper.make_tensor_value_info(
                each.name, element_type(onnx, each.dtype), [None, each.width], each.text
            )
            for each in tables
        ],
        [_value_info(onnx, output) for output in outputs],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", opset)]
    if any(node.domain == _ML for node in graph.nodes):
        _check_ml_opset(graph, ml_opset)
        opsets.append(helper.make_opsetid(_ML, ml_opset))
    model = helper.make_model(
        proto,
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="sknn",
        producer_version=__version__,
    )
    if exporter.exported.encoder is not None and not inputs.encoded:
        helper.set_model_props(model, {MISSING_TEXT: inputs.missing_text})
    onnx.checker.check_model(model)
    return model


def _inputs_of(exporter: Exporter, name: str, inputs: Inputs) -> list[TableInput]:
    """Return the inputs of the graph."""
    encoder = exporter.exported.encoder
    if encoder is not None and not inputs.encoded:
        return inputs_of(encoder, inputs.input_types, inputs.missing_text)
    for option, value in inputs._asdict().items():
        is_known = option == "encoded" and encoder is not None
        if value != Inputs._field_defaults[option] and not is_known:
            raise ValueError(
                f"{option}={value!r} is for estimators that take tables, from the "
                f"table, but {name} takes an array here. Leave {option} out."
            )
    network = exporter.network
    return [TableInput("X", network.dtype, network.n_features, "")]


def _add_inputs(
    graph: Graph, exporter: Exporter, tables: Sequence[TableInput], inputs: Inputs
) -> Tensor:
    """Return the inputs as an array, in the dtype of the graph."""
    tensors = [Tensor(graph, each.name, each.width) for each in tables]
    encoder = exporter.exported.encoder
    if encoder is None or inputs.encoded:
        return tensors[0]
    widths = [each.width for each in tables]
    columns = columns_of(graph, zip(tensors, widths, strict=True))
    dtypes = [each.dtype for each in tables for _ in range(each.width)]
    return add_encoder(graph, encoder, columns, dtypes, inputs.missing_text)


def _check_ml_opset(graph: Graph, ml_opset: int) -> None:
    if ml_opset < 2 and any(node.op_type == "LabelEncoder" for node in graph.nodes):
        raise ValueError(
            f"Tables with categories need version 2 of {_ML!r}, got target_opset with "
            f"{ml_opset}."
        )


def check_is_exportable(estimator: Any) -> None:
    """Refuse what is not a fitted estimator of sknn."""
    if isinstance(estimator, Pipeline):
        raise TypeError(
            "sknn.onnx.to_onnx takes an estimator of sknn, got a Pipeline. Convert it "
            "by skl2onnx.to_onnx(pipeline, X), which knows our estimators once "
            "sknn.onnx is imported; or its last step alone, as pipeline[-1]."
        )
    if not is_exportable(type(estimator)):
        raise TypeError(
            "sknn.onnx.to_onnx takes a fitted MLPClassifier or MLPRegressor of sknn, "
            "an ensemble, a tabular estimator or a HiddenLayerTransformer, "
            f"got {estimator!r}."
        )


def opsets_of(
    onnx: Any, target_opset: int | Mapping[str, int] | None
) -> tuple[int, int]:
    """Return the versions of the operators of ONNX and of ai.onnx.ml."""
    newest = onnx.defs.onnx_opset_version()
    ml_opset = _ML_OPSET
    if target_opset is None:
        return min(DEFAULT_OPSET, newest), ml_opset
    opset: Any = target_opset
    if isinstance(target_opset, Mapping):
        unknown = sorted(set(target_opset) - {"", _ML})
        if unknown:
            raise ValueError(
                f"target_opset has the domains {unknown}, but the graph has only "
                f"operators of '' and {_ML!r}."
            )
        opset = target_opset.get("", min(DEFAULT_OPSET, newest))
        ml_opset = target_opset.get(_ML, ml_opset)
    is_integer = isinstance(opset, int | np.integer) and not isinstance(opset, bool)
    if not (is_integer and LOWEST_OPSET <= opset <= newest):
        raise ValueError(
            f"target_opset must be an integer from {LOWEST_OPSET} to {newest}, the "
            f"newest of onnx {onnx.__version__}, got {opset!r}."
        )
    return int(opset), int(ml_opset)


def _value_info(onnx: Any, output: Output) -> Any:
    """Return the declaration of an output."""
    helper = onnx.helper
    if output.keys is None:
        element = element_type(onnx, output.dtype)
        return helper.make_tensor_value_info(
            output.name, element, [None, *output.shape]
        )
    is_text = isinstance(output.keys[0], str)
    key = onnx.TensorProto.STRING if is_text else onnx.TensorProto.INT64
    number = helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [])
    rows = helper.make_sequence_type_proto(helper.make_map_type_proto(key, number))
    return helper.make_value_info(output.name, rows)


def element_type(onnx: Any, dtype: np.dtype) -> int:
    """Return ONNX's number for a dtype."""
    if dtype.kind in "OUT":
        return int(onnx.TensorProto.STRING)
    return int(onnx.helper.np_dtype_to_tensor_dtype(dtype))
