"""Softmax of the rows of a matrix.

For few classes the overhead of a loop over the classes exceeds its work. So the matrix
is transposed, and each step handles a class for a vector of rows. With many classes the
rows stay as they are, and each step handles a vector of classes.

`softmax_intrinsics.py` implements the first four functions as intrinsics.
"""

from sknn.jit.array_types import Matrix
from sknn.jit.kernel import flat, inline_array, intrinsic, matrix, scratch
from sknn.kernels.math.elementary import exp

# The transposition moves CLASSES classes at a time, to memory padded to a multiple.
CLASSES = 4
_MAX_CLASSES = 32  # of transposed rows
_MAX_LANES = 16  # elements of the widest vector
_SCRATCH = _MAX_LANES * _MAX_CLASSES

_intrinsic = intrinsic("sknn.kernels.math.softmax_intrinsics")


@_intrinsic
def fill_columns(rows: Matrix, columns: Matrix) -> None:
    """Set columns to (rows - max(rows, axis=1)).T.

    ``rows`` has shape (n_rows, n_classes), ``columns`` its transpose. The memory after
    columns is padded to a multiple of CLASSES classes, and overwritten.
    """
    columns[:] = (rows - rows.max(axis=1, keepdims=True)).T


@_intrinsic
def fill_rows(rows: Matrix, columns: Matrix) -> None:
    """Set rows to (columns / sum(columns, axis=0)).T.

    ``rows`` has shape (n_rows, n_classes), ``columns`` its transpose.
    """
    # np.sum would add a single column in another order.
    rows[:] = (columns * (1 / sum(columns))).T


@_intrinsic
def lower_rows(rows: Matrix, lower: Matrix) -> None:
    """Subtract the maximum of each row.

    Set lower, which may be rows, to rows - max(rows, axis=1); both of shape
    (n_rows, n_classes), with n_classes greater than the lanes of a vector.
    """
    lower[:] = rows - rows.max(axis=1, keepdims=True)


@_intrinsic
def divide_rows(rows: Matrix, probabilities: Matrix) -> None:
    """Divide each row by its sum.

    Set probabilities, which may be rows, to rows / sum(rows, axis=1); both of shape
    (n_rows, n_classes), with n_classes greater than the lanes of a vector.
    """
    probabilities[:] = rows / rows.sum(axis=1, keepdims=True)


@inline_array
def fill_softmax(raw: Matrix, out: Matrix) -> None:
    """Set out to exp(raw - max) / sum(exp(raw - max)), row by row.

    ``out`` may be raw; both have shape (n_rows, n_classes).
    """
    n_rows, n_classes = raw.shape
    is_wide = n_classes > _MAX_CLASSES
    padded = (n_classes + CLASSES - 1) // CLASSES * CLASSES
    block = n_rows if is_wide else _SCRATCH // padded // _MAX_LANES * _MAX_LANES
    memory = scratch(raw[0, 0], _SCRATCH)
    for first in range(0, n_rows, block):
        n = block if first + block < n_rows else n_rows - first
        rows = matrix(raw, first * n_classes, n, n_classes)
        probabilities = matrix(out, first * n_classes, n, n_classes)
        if is_wide:
            lower_rows(rows, probabilities)
            exponents = flat(probabilities)
        else:
            columns = matrix(memory, 0, n_classes, n)
            fill_columns(rows, columns)
            exponents = flat(columns)
        for k in range(exponents.size):
            exponents[k] = exp(exponents[k])
        if is_wide:
            divide_rows(probabilities, probabilities)
        else:
            fill_rows(probabilities, columns)
