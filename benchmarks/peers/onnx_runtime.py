"""onnxruntime: a fitted network as a graph of Gemm and activation nodes."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

_NODES = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}
# A graph says which version of the operators it means; old enough to run anywhere.
_OPSET, _IR = 17, 8


class OnnxRuntime:
    """Predicts what ``predict`` of the estimator does: labels, or numbers.

    The probabilities are left out where labels are asked for: the largest output is
    the largest probability.
    """

    def __init__(self, weights, biases, case, activation: str, cores: int = 1):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores
        options.inter_op_num_threads = 1
        model = graph_of(weights, biases, case, activation)
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def predict(self, X) -> np.ndarray:
        return self.session.run(None, {"X": X})[0]


def graph_of(weights, biases, case, activation: str):
    """Return the network as a model of onnx."""
    dtype = helper.np_dtype_to_tensor_dtype(weights[0].dtype)
    nodes, constants, x = [], [], "X"

    def add(name, operation, *inputs, **attributes):
        nodes.append(helper.make_node(operation, list(inputs), [name], **attributes))
        return name

    def constant(name, values):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        own = constant(f"W{layer}", weight), constant(f"b{layer}", bias)
        x = add(f"z{layer}", "Gemm", x, *own)
        if layer < len(weights) - 1:
            x = add(f"h{layer}", _NODES[activation], x)
    kind = TensorProto.INT64
    if case.n_outputs == 1:
        kind = dtype
        add("y", "Identity", x)
    elif case.n_outputs == 2:
        zero = constant("zero", np.zeros((), weights[0].dtype))
        add("y", "Cast", add("positive", "Greater", x, zero), to=kind)
    else:
        add("y", "ArgMax", x, axis=1, keepdims=0)
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("X", dtype, [None, case.n_features])],
        [helper.make_tensor_value_info("y", kind, None)],
        constants,
    )
    return helper.make_model(
        graph, ir_version=_IR, opset_imports=[helper.make_opsetid("", _OPSET)]
    )
