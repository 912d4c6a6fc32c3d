"""Builds ONNX graphs. Layers, activations and losses say by it what they compute."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.special
from numpy.polynomial.chebyshev import chebinterpolate

if TYPE_CHECKING:
    pass

_ERF_DEGREE = 24  # errors below 5e-15


class Tensor:
    """A tensor of a graph. Arithmetic with tensors, numbers and arrays adds nodes."""

    __array_ufunc__ = None  # lets NumPy's arrays leave arithmetic to this class

    def __init__(self, graph: "Graph", name: str, width: int):
        self.graph = graph
        self.name = name
        self.width = width  # number of columns, where it has two dimensions

    def __add__(self, other: Any) -> "Tensor":
        return self.graph.node("Add", self, other)

    def __sub__(self, other: Any) -> "Tensor":
        return self.graph.node("Sub", self, other)

    def __mul__(self, other: Any) -> "Tensor":
        return self.graph.node("Mul", self, other)

    def __truediv__(self, other: Any) -> "Tensor":
        return self.graph.node("Div", self, other)

    def __radd__(self, other: Any) -> "Tensor":
        return self.graph.node("Add", other, self)

    def __rsub__(self, other: Any) -> "Tensor":
        return self.graph.node("Sub", other, self)

    def __rmul__(self, other: Any) -> "Tensor":
        return self.graph.node("Mul", other, self)

    def __rtruediv__(self, other: Any) -> "Tensor":
        return self.graph.node("Div", other, self)

    def __neg__(self) -> "Tensor":
        return self.graph.node("Neg", self)


class Graph:
    """Nodes and constants of an ONNX graph, in one floating-point type.

    ``graph.Tanh(z)`` adds a node with the operator Tanh and returns its output. So does
    the name of any other operator. Numbers and arrays among the inputs become constants
    in the type of the graph.

    Parameters
    ----------
    onnx : module
    dtype : dtype
        float32 or float64.
    unique_name : callable
        Takes a name and returns one that no other tensor of the graph has.
    """

    def __init__(self, onnx: Any, dtype: np.dtype, unique_name: Callable[[str], str]):
        self.onnx = onnx
        self.dtype = np.dtype(dtype)
        self.unique_name = unique_name
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._constants: dict[tuple[Any, ...], str] = {}

    def __getattr__(self, operator: str) -> Callable[..., Tensor]:
        if not operator[:1].isupper():
            raise AttributeError(f"Graph has no attribute {operator!r}")
        return partial(self.node, operator)

    def node(
        self, operator: str, *inputs: Any, domain: str = "", **attributes: Any
    ) -> Tensor:
        """Add a node; return its output, as wide as the first tensor among inputs."""
        tensors = [x if isinstance(x, Tensor) else self.constant(x) for x in inputs]
        output = self.unique_name(operator.lower())
        self.nodes.append(
            self.onnx.helper.make_node(
                operator,
                [tensor.name for tensor in tensors],
                [output],
                name=self.unique_name(f"{operator}_node"),
                domain=domain,
                **attributes,
            )
        )
        first = next((x for x in inputs if isinstance(x, Tensor)), tensors[0])
        return Tensor(self, output, first.width)

    def in_dtype(self, dtype: Any) -> "Graph":
        """Return this graph, with numbers as constants in another dtype."""
        graph = copy(self)
        graph.dtype = np.dtype(dtype)
        return graph

    # Constants -------------------------------------------------------------------

    def constant(self, values: Any) -> Tensor:
        """Return numbers in the floating-point type of the graph."""
        return self.initializer(np.asarray(values, dtype=self.dtype), "constant")

    def integers(self, *values: int) -> Tensor:
        """Return a vector of int64."""
        return self.initializer(np.array(values, dtype=np.int64), "integers")

    def initializer(self, array: np.ndarray, name: str) -> Tensor:
        """Return a constant array of numbers, bool or text; equal ones only once."""
        is_text = array.dtype.kind in "OUT"
        content = tuple(array) if is_text else array.tobytes()
        key = (str(array.dtype), array.shape, content)
        if key not in self._constants:
            self._constants[key] = self.unique_name(name)
            stored = array.astype(object) if is_text else np.ascontiguousarray(array)
            stored = stored.reshape(array.shape)
            proto = self.onnx.numpy_helper.from_array(stored, self._constants[key])
            self.initializers.append(proto)
        return Tensor(self, self._constants[key], array.shape[-1] if array.ndim else 1)

    # What takes several nodes ----------------------------------------------------

    def dense(self, x: Tensor, coef: np.ndarray, intercept: np.ndarray) -> Tensor:
        """Return x coef + intercept."""
        weights = self.initializer(coef.astype(self.dtype), "coefs")
        biases = self.initializer(intercept.astype(self.dtype), "intercepts")
        y = self.node("Gemm", x, weights, biases)
        y.width = coef.shape[1]
        return y

    def mean_of_rows(self, x: Tensor) -> Tensor:
        """Return the mean of each row, shape (n_rows, 1)."""
        # ReduceMean takes its axes in two ways, which depend on the opset.
        mean = self.node("MatMul", x, np.full((x.width, 1), 1 / x.width))
        mean.width = 1
        return Tensor(self, mean.name, x.width)  # it broadcasts to this width

    def expm1(self, z: Tensor) -> Tensor:
        """Return exp(z) - 1 for z <= 0, without cancellation near 0."""
        t = self.node("Tanh", z * 0.5)
        return 2 * t / (1 - t)

    def softplus(self, z: Tensor) -> Tensor:
        """Return log(1 + exp(z)). onnxruntime has Softplus in float32 only."""
        return self.Relu(z) + self.Log(1 + self.Exp(-self.Abs(z)))

    def erf(self, z: Tensor) -> Tensor:
        """Return erf(z). onnxruntime has Erf in float32 only.

        In float64, erf(z) = sign(z) (1 - exp(-z**2) erfcx(|z|)), with erfcx a
        polynomial in 2 / (2 + |z|).
        """
        if self.dtype == np.float32:
            return self.node("Erf", z)
        size = self.Abs(z)
        erfcx = self.chebyshev(_erfcx_coefficients(), 4 / (2 + size) - 1)
        complement = self.Exp(-(size * size)) * erfcx
        signed: Tensor = self.Sign(z) * (1 - complement)
        return signed

    def chebyshev(self, coefficients: np.ndarray, u: Tensor) -> Tensor:
        """Return a sum of Chebyshev polynomials of u, by Clenshaw's recurrence."""
        first, *others, last = coefficients.tolist()
        b: Any = last
        before: Any = 0.0
        for c in reversed(others):
            b, before = (2 * u) * b - before + c, b
        total: Tensor = u * b - before + first
        return total

    def cos(self, z: Tensor) -> Tensor:
        """Return cos(z). onnxruntime has Cos in float32 only, and Sin in both."""
        return self.node("Sin", z + np.pi / 2)

    def where(self, condition: Tensor, yes: float, no: float) -> Tensor:
        """Return one number where a condition holds and another where it does not."""
        return self.node("Where", condition, yes, no)

    def cast(self, x: Tensor, dtype: Any) -> Tensor:
        """Return x in another dtype, in the graph of it if it is a float."""
        dtype = np.dtype(dtype)
        graph = self.in_dtype(dtype) if dtype.kind == "f" else self
        to = self.onnx.helper.np_dtype_to_tensor_dtype(dtype)
        return graph.node("Cast", x, to=to)

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Return x in another shape; one of its numbers may be -1."""
        return self.node("Reshape", x, self.integers(*shape))

    def columns(self, x: Tensor, start: int, stop: int, axis: int = 1) -> Tensor:
        """Return some columns of x."""
        limits = (self.integers(number) for number in (start, stop, axis))
        return self.node("Slice", x, *limits)

    def take_columns(self, x: Tensor, numbers: Sequence[int]) -> Tensor:
        """Return the columns of x with these numbers."""
        y = self.node("Gather", x, self.integers(*numbers), axis=1)
        y.width = len(numbers)
        return y

    def rows_of(self, table: np.ndarray, index: Tensor) -> Tensor:
        """Return rows of a constant table, by a vector of their numbers."""
        y = self.node("Gather", table, index, axis=0)
        y.width = table.shape[1]
        return y

    def codes_of(self, x: Tensor, codes: Mapping[Any, int], unseen: int) -> Tensor:
        """Return the code of each value of x, which is text or int64, as int64."""
        keys = list(codes)
        name = "keys_strings" if isinstance(keys[0], str) else "keys_int64s"
        return self.LabelEncoder(
            x,
            domain="ai.onnx.ml",
            values_int64s=[*codes.values()],
            default_int64=unseen,
            **{name: keys},
        )

    def concatenated(self, *tensors: Tensor) -> Tensor:
        """Return the columns of several tensors, side by side."""
        y = self.node("Concat", *tensors, axis=1)
        y.width = sum(tensor.width for tensor in tensors)
        return y

    def name_output(self, x: Tensor, name: str) -> None:
        """Make x an output of the graph, with this name."""
        if not any(x.name in node.output for node in self.nodes):  # an input
            x = self.node("Identity", x)
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [name if other == x.name else other for other in names]


@cache
def _erfcx_coefficients() -> np.ndarray:
    """Return Chebyshev coefficients of erfcx(x) in u = 4 / (2 + x) - 1."""

    def erfcx(u: np.ndarray) -> Any:
        return scipy.special.erfcx(4 / (1 + u) - 2)

    coefficients: np.ndarray = chebinterpolate(erfcx, _ERF_DEGREE)
    return coefficients


def unique_names(taken: Sequence[str]) -> Callable[[str], str]:
    """Return a function that makes names differ from each other and those taken."""
    counts = Counter(taken)

    def unique_name(name: str) -> str:
        counts[name] += 1
        unique = name if counts[name] == 1 else f"{name}_{counts[name]}"
        return unique if unique == name or not counts[unique] else unique_name(name)

    return unique_name
