"""Print how fast products of matrices are: sknn's own beside BLAS, one thread each.

Shapes are those of a layer: a batch of n rows, from m inputs to p outputs. "forward"
is x W, "gradient" is the transpose of x times the gradient of the outputs. Both run in
turns; figures are the best of several, in billions of operations a second.

    python -m benchmarks.products
"""

import numba
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.machine import kernels, machine, rerun_without_kernel_choices
from benchmarks.timing import seconds
from sknn.jit.kernel import INTEGER, Array, driver
from sknn.kernels.gemm.operands import (
    NO_EPILOGUE,
    Epilogue,
    MatrixOperand,
    Product,
    VectorOperand,
)
from sknn.kernels.gemm.products import call_rows_product, rows_product

SHAPES = [
    (32, 20, 100),
    (200, 20, 100),
    (256, 50, 256),
    (256, 256, 256),
    (128, 784, 256),
    (256, 100, 1024),
]
N_TURNS, SECONDS = 9, 0.02


@driver((INTEGER, *[Array()] * 3, *[INTEGER] * 6))
def repeat(address, a, b, c, a_row, a_step, n, m, n_terms, n_times):
    """Multiply again and again, the result in c."""
    for _ in range(n_times):
        product = Product(
            a=MatrixOperand(a, 0, a_row, a_step),
            b=MatrixOperand(b, 0, m, 1),
            bias=VectorOperand(a, -1),
            epilogue=Epilogue(NO_EPILOGUE, 0.0, 0.0, a, 0),
            c=MatrixOperand(c, 0, m, 1),
            n=n,
            m=m,
            n_terms=n_terms,
        )
        call_rows_product(address, (product,))
    return 0.0


@numba.njit
def repeat_blas(a, b, c, n_times):
    """Multiply again and again with BLAS, the result in c."""
    for _ in range(n_times):
        np.dot(a, b, c)


def main():
    """Measure and print."""
    print(f"{machine()}; {kernels()}\n")
    print("| rows x inputs, outputs | dtype | product | sknn | BLAS | ratio |")
    print("|---|---|---|---|---|---|")
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        for shape in SHAPES:
            print_shape(shape, dtype)


def print_shape(shape, dtype):
    """Print the lines of a shape."""
    n, m, p = shape
    rng = np.random.RandomState(0)
    x, weights, delta = (
        rng.normal(size=size).astype(dtype) for size in ((n, m), (m, p), (n, p))
    )
    address = rows_product.address(dtype)
    work = 2 * n * m * p
    for name, a, b, strides, sizes in (
        ("forward", x, weights, (m, 1), (n, p, m)),
        ("gradient", x.T, delta, (1, m), (m, p, n)),
    ):
        c = np.empty(sizes[:2], dtype)
        own = (dtype, address, x.ravel(), b.ravel(), c.ravel(), *strides, *sizes)
        n_times = max(1, int(SECONDS * 5e10 / work))
        repeat(*own, 1)
        repeat_blas(a, b, c, 1)
        times = [
            (seconds(repeat, *own, n_times), seconds(repeat_blas, a, b, c, n_times))
            for _ in range(N_TURNS)
        ]
        ours, theirs = (
            1e-9 * work * n_times / min(t) for t in zip(*times, strict=True)
        )
        print(
            f"| {n} x {m}, {p} | {dtype} | {name} | {ours:.0f} | {theirs:.0f} "
            f"| {ours / theirs:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    rerun_without_kernel_choices()
    with threadpool_limits(1):
        main()
