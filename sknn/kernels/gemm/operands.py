"""What matrix products take: operands in place, as records."""

from typing import NamedTuple

from sknn.jit.array_types import Vector
from sknn.jit.kernel import INTEGER, REAL, Array, Record

# Epilogues, applied to an element x of the product before it is stored, with y the
# element of ``gate`` in the same position:
#   NO_EPILOGUE     x
#   RELU            max(0, x)
#   RELU_GRAD       x if y != 0 else 0
#   QUADRATIC_GRAD  x (p + y (q - y))
NO_EPILOGUE, RELU, RELU_GRAD, QUADRATIC_GRAD = 0, 1, 2, 3


class MatrixOperand(NamedTuple):
    """A matrix that lies in a 1-D array, from ``offset`` on, with strides in elements.

    Columns are contiguous, which is a column stride of 1, unless stated otherwise.
    """

    array: Vector
    offset: int
    row_stride: int
    column_stride: int


class VectorOperand(NamedTuple):
    """A contiguous vector that lies in a 1-D array, from ``offset`` on; -1: none."""

    array: Vector
    offset: int


class Epilogue(NamedTuple):
    """What is done to the elements of a product before they are stored.

    Attributes
    ----------
    function : int
        NO_EPILOGUE, RELU, RELU_GRAD or QUADRATIC_GRAD.
    p, q : float
        Coefficients of QUADRATIC_GRAD.
    gate, gate_offset : ndarray and int
        Matrix of the shape and the strides of the product, and its offset.
    """

    function: int
    p: float
    q: float
    gate: Vector
    gate_offset: int


class Product(NamedTuple):
    """The product c = epilogue(a b + bias), or epilogue(a b.T + bias).

    Attributes
    ----------
    a : MatrixOperand
        Shape (n, n_terms), with any strides.
    b : MatrixOperand
        Shape (n_terms, m) or, where it is transposed, (m, n_terms).
    bias : VectorOperand
        Shape (m,).
    epilogue : Epilogue
    c : MatrixOperand
        Output, shape (n, m).
    n, m, n_terms : int
    """

    a: MatrixOperand
    b: MatrixOperand
    bias: VectorOperand
    epilogue: Epilogue
    c: MatrixOperand
    n: int
    m: int
    n_terms: int


MATRIX_OPERAND = Record(MatrixOperand, (Array(), INTEGER, INTEGER, INTEGER))
VECTOR_OPERAND = Record(VectorOperand, (Array(), INTEGER))
EPILOGUE = Record(Epilogue, (INTEGER, REAL, REAL, Array(), INTEGER))
PRODUCT = Record(
    Product,
    (
        MATRIX_OPERAND, MATRIX_OPERAND, VECTOR_OPERAND, EPILOGUE, MATRIX_OPERAND,
        INTEGER, INTEGER, INTEGER,
    ),
)  # fmt: skip
