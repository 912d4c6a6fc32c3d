"""The driver of products for initial weights that depend on the data.

BLAS divides sums among its threads, so that their number would change the last bits of
the weights. The kernels of products always sum in the same order.
"""

from sknn.jit.array_types import Matrix
from sknn.jit.kernel import INTEGER, Array, driver, flat
from sknn.kernels.gemm.operands import (
    NO_EPILOGUE,
    Epilogue,
    MatrixOperand,
    Product,
    VectorOperand,
)
from sknn.kernels.gemm.products import call_dots_product

_READ_ONLY = Array(ndim=2, is_read_only=True)


@driver((INTEGER, _READ_ONLY, _READ_ONLY, Array(ndim=2)))
def weighted_sums(
    dots_product: int, rows: Matrix, weights: Matrix, out: Matrix
) -> float:
    """Set out to rows @ weights.T.

    Parameters
    ----------
    dots_product : int
        Address of the kernel `dots_product`.
    rows : ndarray of shape (n_rows, fan_in)
    weights : ndarray of shape (fan_out, fan_in)
    out : ndarray of shape (n_rows, fan_out)
    """
    n_rows, fan_in = rows.shape
    fan_out, memory = out.shape[1], flat(out)
    product = Product(
        a=MatrixOperand(flat(rows), 0, fan_in, 1),
        b=MatrixOperand(flat(weights), 0, fan_in, 1),
        bias=VectorOperand(memory, -1),
        epilogue=Epilogue(NO_EPILOGUE, 0.0, 0.0, memory, 0),
        c=MatrixOperand(memory, 0, fan_out, 1),
        n=n_rows,
        m=fan_out,
        n_terms=fan_in,
    )
    call_dots_product(dots_product, (product,))
    return 0.0
