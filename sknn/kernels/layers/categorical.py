"""Columns of codes become rows of trained tables, or indicators.

A column with the codes 0, ..., n - 1 has a table of n + 1 rows of d numbers; the code
k becomes row k. All else, such as -1, is unknown and becomes the last row. All tables
lie in one array, one after another. A column with d = 0 has no table: k becomes a 1 in
place k of n numbers, the others 0, or -1 and 1 where n is 2; unknown ones are zeros.

Columns of numbers are passed on, before all others. The integers of the layer are, for
each column of codes, its number, n, d, where its table starts in the array, and where
its outputs start; then the numbers of the columns passed on.
"""

from sknn.jit.array_types import Integers, Vector
from sknn.jit.kernel import inline_array, inline_scalar, kernel, vector
from sknn.kernels.batch import Batch, input_delta_of, input_of, output_of
from sknn.kernels.layers.base import (
    LayerKernels,
    add,
    backward_signature,
    forward_signature,
    gradient_signature,
    thread_range,
)
from sknn.kernels.table import (
    FAN_IN,
    N_COLUMNS,
    NEEDS_INPUT_DELTA,
    OPTION_1,
    WEIGHTS,
)

N_INTEGERS = 5  # of each column of codes
N_CODED = OPTION_1  # column of the table: the number of these columns


@inline_scalar
def _column(op: Integers, k: int) -> tuple[int, int, int, int, int]:
    """Return number, n, d, start of table and start of outputs of a column of codes.

    It is the k-th of these columns.
    """
    start = N_COLUMNS + N_INTEGERS * k
    return op[start], op[start + 1], op[start + 2], op[start + 3], op[start + 4]


@inline_scalar
def _passed(op: Integers, k: int) -> int:
    """Return the number of the k-th of the columns that are passed on."""
    number: int = op[N_COLUMNS + N_INTEGERS * op[N_CODED] + k]
    return number


@inline_scalar
def _code_of(x: float, n_codes: int) -> int:
    """Return x as a code if it is one of 0, ..., n_codes - 1, else n_codes."""
    code = int(x) if 0 <= x < n_codes else n_codes
    return code if code == x else n_codes


@inline_array
def _copy(source: Vector, target: Vector) -> None:
    """Set target to source; both of shape (d,)."""
    for j in range(target.size):
        target[j] = source[j]


@kernel(forward_signature)
def categorical_forward(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> float:
    """Set y in values: columns passed on, then rows of tables or indicators.

    x is (n_rows, fan_in), y is (n_rows, fan_out), each table is (n + 1, d). For each
    column of codes, with outputs from o on and the code c, which is n if unknown::

        d > 0:  y[o : o + d] = table[c]
        d = 0:  y[o : o + n] = (0, ..., n - 1) == c
        d = 0 and n <= 2:  y[o] = 1 if c = 1, -1 if c = 0, 0 if unknown
    """
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    zero, one = theta.dtype.type(0), theta.dtype.type(1)
    for i in range(batch.n):
        for k in range(op[FAN_IN] - op[N_CODED]):
            y[i, k] = x[i, _passed(op, k)]
        for k in range(op[N_CODED]):
            number, n_codes, size, start, first = _column(op, k)
            code = _code_of(x[i, number], n_codes)
            if size > 0:
                row = vector(theta, op[WEIGHTS] + start + code * size, size)
                _copy(row, vector(y[i], first, size))
            elif n_codes <= 2:
                sign = one if code == 1 else -one
                y[i, first] = zero if code == n_codes else sign
            else:
                for j in range(n_codes):
                    y[i, first + j] = one if j == code else zero
    return 0.0


@kernel(backward_signature)
def categorical_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Set the gradient of x in deltas, of shape (n_rows, fan_in).

    It is delta for columns passed on, and 0 for columns of codes.
    """
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    delta, x_delta = output_of(op, batch, deltas), input_delta_of(op, batch, deltas)
    for i in range(batch.n):
        for k in range(op[FAN_IN] - op[N_CODED]):
            x_delta[i, _passed(op, k)] = delta[i, k]
        for k in range(op[N_CODED]):
            number, _, _, _, _ = _column(op, k)
            x_delta[i, number] = 0
    return 0.0


@kernel(gradient_signature)
def categorical_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> float:
    """Set the gradients of the tables, each of shape (n + 1, d).

    That of row c of a table is the sum of delta, of shape (n_rows, fan_out), over the
    rows of code c, in the d outputs of the column. Each of n_threads threads sets those
    of its range of columns.
    """
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    begin, end = thread_range(thread, n_threads, op[N_CODED])
    for k in range(begin, end):
        _, n_codes, size, start, _ = _column(op, k)
        vector(gradient, op[WEIGHTS] + start, (n_codes + 1) * size)[:] = 0
    for i in range(batch.n):
        for k in range(begin, end):
            number, n_codes, size, start, first = _column(op, k)
            code = _code_of(x[i, number], n_codes)
            row = vector(gradient, op[WEIGHTS] + start + code * size, size)
            add(row, vector(delta[i], first, size))
    return 0.0


ONE_HOT = LayerKernels(categorical_forward, categorical_backward, None)
CATEGORICAL = ONE_HOT._replace(gradient=categorical_gradient)
