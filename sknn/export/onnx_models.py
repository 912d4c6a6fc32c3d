"""ONNX models of fitted estimators."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sknn._extras import import_extra
from sknn._version import __version__
from sknn.estimators.base import BaseMLP
from sknn.export.onnx_graph import Graph, Tensor, unique_names
from sknn.export.onnx_outputs import Exporter, Output

DEFAULT_OPSET = 17
LOWEST_OPSET = 13
_ML_OPSET = 1  # in which ZipMap is defined
_ML = "ai.onnx.ml"


def model_of(
    estimator: Any,
    zipmap: bool | str,
    nocl: bool,
    target_opset: int | Mapping[str, int] | None,
) -> Any:
    """Return the ONNX model of a fitted estimator: see `sknn.onnx.to_onnx`."""
    onnx = import_extra("onnx", "onnx")
    check_is_exportable(estimator)
    opset, ml_opset = opsets_of(onnx, target_opset)
    exporter = Exporter(estimator, zipmap, nocl)
    outputs = exporter.zipped_outputs() if zipmap else exporter.outputs()
    names = ["X", *(output.name for output in outputs)]
    graph = Graph(onnx, exporter.network.dtype, unique_names(names))
    x = Tensor(graph, "X", exporter.network.n_features)
    tensors = exporter.add(graph, x)
    if zipmap:
        tensors = [tensors[0], *exporter.add_zipmap(graph, tensors[1])]
    for output, tensor in zip(outputs, tensors, strict=True):
        graph.name_output(tensor, output.name)
    helper = onnx.helper
    float_type = helper.np_dtype_to_tensor_dtype(graph.dtype)
    proto = helper.make_graph(
        graph.nodes,
        type(estimator).__name__,
        [helper.make_tensor_value_info("X", float_type, [None, x.width])],
        [_value_info(onnx, output) for output in outputs],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", opset)]
    if any(node.domain == _ML for node in graph.nodes):
        opsets.append(helper.make_opsetid(_ML, ml_opset))
    model = helper.make_model(
        proto,
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="sknn",
        producer_version=__version__,
    )
    onnx.checker.check_model(model)
    return model


def check_is_exportable(estimator: Any) -> None:
    """Refuse what is not a fitted estimator of sknn."""
    if isinstance(estimator, Pipeline):
        raise TypeError(
            "sknn.onnx.to_onnx takes an estimator of sknn, got a Pipeline. Convert it "
            "by skl2onnx.to_onnx(pipeline, X), which knows our estimators once "
            "sknn.onnx is imported; or its last step alone, as pipeline[-1]."
        )
    if not isinstance(estimator, BaseMLP):
        raise TypeError(
            "sknn.onnx.to_onnx takes a fitted MLPClassifier or MLPRegressor of sknn, "
            f"got {estimator!r}."
        )
    check_is_fitted(estimator, "coefs_")


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
