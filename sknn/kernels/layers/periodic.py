"""Periodic embeddings: each column of numbers becomes itself and d - 1 sums of cosines.

A column is centred, scaled and squashed to s = u / sqrt(1 + (u / 3)**2), which stays
between -3 and 3, and becomes

    s,   W cos(2 pi f s + p) + b

with N_FREQUENCIES trained frequencies f and phases p of its own, and trained W and b
[1]_. Columns that are not embedded are passed on, behind all others. The integers of
the layer are the numbers of the embedded columns, then of those passed on.

References
----------
.. [1] "PBLD" of D. Holzmueller, L. Grinsztajn and I. Steinwart, "Better by Default:
   Strong Pre-Tuned MLPs and Boosted Trees on Tabular Data", NeurIPS 2024,
   https://arxiv.org/abs/2407.04491.
"""

from math import pi, sqrt

from sknn.jit.array_types import Integers, Matrix, Vector
from sknn.jit.kernel import inline_array, inline_scalar, kernel, matrix, vector
from sknn.kernels.batch import Batch, block_offset, input_delta_of, input_of, output_of
from sknn.kernels.layers.base import (
    LayerKernels,
    backward_signature,
    forward_signature,
    gradient_signature,
    thread_range,
)
from sknn.kernels.math.turns import cos_of_turns, sin_of_turns
from sknn.kernels.table import (
    BIAS,
    FAN_IN,
    FAN_OUT,
    N_COLUMNS,
    NEEDS_INPUT_DELTA,
    OPTION_1,
    OPTION_2,
    OPTION_3,
    RUNNING,
    SCRATCH,
    WEIGHTS,
)

N_FREQUENCIES = 16
# Columns of values that are kept of each input: s, the cosines, and the sines, which
# backward replaces by the gradients of the angles, in turns.
N_SCRATCH = 1 + 2 * N_FREQUENCIES
# Columns of the table: where frequencies and phases start in theta, and the number of
# embedded columns.
FREQUENCIES, PHASES, N_EMBEDDED = OPTION_1, OPTION_2, OPTION_3
_CLIP, _TURN = 3.0, 2.0 * pi


@inline_scalar
def _size(op: Integers) -> int:
    """Return d, the number of outputs of an embedded column."""
    n_passed = op[FAN_IN] - op[N_EMBEDDED]
    size: int = (op[FAN_OUT] - n_passed) // op[N_EMBEDDED]
    return size


@inline_scalar
def _scratch(op: Integers, batch: Batch, values: Vector) -> Matrix:
    """Return numbers of each input of a block, shape (n_rows, N_SCRATCH * fan_in).

    Forward sets these for backward and gradient. Columns N_SCRATCH * k and on are those
    of embedded column k: s, then N_FREQUENCIES cosines, then as many sines.
    """
    width = N_SCRATCH * op[FAN_IN]
    return matrix(values, block_offset(batch, op[SCRATCH], width), batch.n, width)


@inline_scalar
def _of_column(buffer: Vector, start: int, k: int) -> Vector:
    """Return frequencies or phases of a column, or their gradient: (N_FREQUENCIES,)."""
    return vector(buffer, start + k * N_FREQUENCIES, N_FREQUENCIES)


@inline_scalar
def _weights(op: Integers, buffer: Vector, k: int, size: int) -> Matrix:
    """Return W of a column, shape (d - 1, N_FREQUENCIES), or its gradient."""
    start = op[WEIGHTS] + k * (size - 1) * N_FREQUENCIES
    return matrix(buffer, start, size - 1, N_FREQUENCIES)


@inline_array
def _waves(
    s: float, frequencies: Vector, phases: Vector, cosines: Vector, sines: Vector
) -> None:
    """Set cosines and sines of 2 pi f s + p, all of shape (N_FREQUENCIES,)."""
    turn = frequencies.dtype.type(1 / _TURN)
    for f in range(N_FREQUENCIES):
        t = frequencies[f] * s + phases[f] * turn
        cosines[f] = cos_of_turns(t)
        sines[f] = sin_of_turns(t)


@inline_array
def _dot(x: Vector, y: Vector) -> float:
    """Return sum(x * y), over N_FREQUENCIES numbers."""
    total = x.dtype.type(0)
    for f in range(N_FREQUENCIES):
        total += x[f] * y[f]
    return total  # type: ignore[no-any-return]


@inline_array
def _add(total: Vector, factor: float, x: Vector) -> None:
    """Add factor * x to total, both of shape (N_FREQUENCIES,)."""
    for f in range(N_FREQUENCIES):
        total[f] += factor * x[f]


@inline_array
def _angle_gradient(weights: Matrix, delta: Vector, sines: Vector) -> None:
    """Set sines to -2 pi sin * (delta W), of shape (N_FREQUENCIES,).

    delta has the shape (d,); its first number is that of s.
    """
    turn = sines.dtype.type(-_TURN)
    for f in range(N_FREQUENCIES):
        total = sines.dtype.type(0)
        for j in range(weights.shape[0]):
            total += delta[j + 1] * weights[j, f]
        sines[f] = turn * sines[f] * total


@kernel(forward_signature)
def periodic_forward(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> float:
    """Set y in values: s and W cos(2 pi f s + p) + b; then the columns passed on.

    x is (n_rows, fan_in), y is (n_rows, n_embedded * d + n_passed). Of each embedded
    column, f and p are (N_FREQUENCIES,), W is (d - 1, N_FREQUENCIES), b is (d - 1,).
    Keeps s, the cosines and the sines.
    """
    size, n_embedded, dtype = _size(op), op[N_EMBEDDED], theta.dtype.type
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    kept, scales = (
        _scratch(op, batch, values),
        matrix(theta, op[RUNNING], 2, n_embedded),
    )
    one, part = dtype(1), dtype(1 / _CLIP)
    for i in range(batch.n):
        for k in range(n_embedded):
            u = (x[i, op[N_COLUMNS + k]] - scales[0, k]) * scales[1, k]
            s = u / sqrt(one + (u * part) * (u * part))
            own = vector(kept[i], N_SCRATCH * k, N_SCRATCH)
            cosines = vector(own, 1, N_FREQUENCIES)
            sines = vector(own, 1 + N_FREQUENCIES, N_FREQUENCIES)
            frequencies = _of_column(theta, op[FREQUENCIES], k)
            _waves(s, frequencies, _of_column(theta, op[PHASES], k), cosines, sines)
            weights = _weights(op, theta, k, size)
            own[0] = s
            y[i, k * size] = s
            for j in range(size - 1):
                bias = theta[op[BIAS] + k * (size - 1) + j]
                y[i, k * size + 1 + j] = bias + _dot(weights[j], cosines)
        for k in range(op[FAN_IN] - n_embedded):
            y[i, n_embedded * size + k] = x[i, op[N_COLUMNS + n_embedded + k]]
    return 0.0


@kernel(backward_signature)
def periodic_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Set the gradients of x in deltas, shape (n_rows, fan_in), and of the angles.

    Of each embedded column, with delta of shape (d,), those of f s + p / (2 pi) are
    g = -2 pi sin(2 pi f s + p) * (delta[1:] W), of shape (N_FREQUENCIES,); they replace
    the sines. That of x is (delta[0] + sum(f g)) ds / dx; of columns passed on, delta.
    """
    size, n_embedded, dtype = _size(op), op[N_EMBEDDED], theta.dtype.type
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    x_delta, kept = delta, _scratch(op, batch, values)
    if op[NEEDS_INPUT_DELTA]:  # else there is no room for it
        x_delta = input_delta_of(op, batch, deltas)
    scales = matrix(theta, op[RUNNING], 2, n_embedded)
    one, part = dtype(1), dtype(1 / _CLIP)
    for i in range(batch.n):
        for k in range(n_embedded):
            own = vector(kept[i], N_SCRATCH * k, N_SCRATCH)
            sines = vector(own, 1 + N_FREQUENCIES, N_FREQUENCIES)
            of_column = vector(delta[i], k * size, size)
            _angle_gradient(_weights(op, theta, k, size), of_column, sines)
            if op[NEEDS_INPUT_DELTA]:
                slope = of_column[0] + _dot(
                    _of_column(theta, op[FREQUENCIES], k), sines
                )
                number = op[N_COLUMNS + k]
                u = (x[i, number] - scales[0, k]) * scales[1, k]
                root = one / sqrt(one + (u * part) * (u * part))
                x_delta[i, number] = slope * scales[1, k] * root * root * root
        if op[NEEDS_INPUT_DELTA]:
            for k in range(op[FAN_IN] - n_embedded):
                number = op[N_COLUMNS + n_embedded + k]
                x_delta[i, number] = delta[i, n_embedded * size + k]
    return 0.0


@kernel(gradient_signature)
def periodic_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> float:
    """Set the gradients of W, b, f and p of each embedded column: sums over the rows.

    With the angles' gradients g of `periodic_backward`::

        W, of shape (d - 1, N_FREQUENCIES):  outer(delta[1:], cosines)
        b, of shape (d - 1,):                delta[1:]
        f, of shape (N_FREQUENCIES,):        s g
        p, of shape (N_FREQUENCIES,):        g / (2 pi)

    Each of n_threads threads sets those of its range of columns.
    """
    size, dtype = _size(op), gradient.dtype.type
    first, last = thread_range(thread, n_threads, op[N_EMBEDDED])
    delta, kept = output_of(op, batch, deltas), _scratch(op, batch, values)
    turn = dtype(1 / _TURN)
    for k in range(first, last):
        biases = vector(gradient, op[BIAS] + k * (size - 1), size - 1)
        biases[:] = 0
        _weights(op, gradient, k, size)[:] = 0
        _of_column(gradient, op[FREQUENCIES], k)[:] = 0
        _of_column(gradient, op[PHASES], k)[:] = 0
    for i in range(batch.n):
        for k in range(first, last):
            own = vector(kept[i], N_SCRATCH * k, N_SCRATCH)
            cosines = vector(own, 1, N_FREQUENCIES)
            angles = vector(own, 1 + N_FREQUENCIES, N_FREQUENCIES)
            weights = _weights(op, gradient, k, size)
            for j in range(size - 1):
                slope = delta[i, k * size + 1 + j]
                gradient[op[BIAS] + k * (size - 1) + j] += slope
                _add(weights[j], slope, cosines)
            _add(_of_column(gradient, op[FREQUENCIES], k), own[0], angles)
            _add(_of_column(gradient, op[PHASES], k), turn, angles)
    return 0.0


PERIODIC = LayerKernels(periodic_forward, periodic_backward, periodic_gradient)
