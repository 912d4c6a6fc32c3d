"""A layer that embeds a column of codes, and estimators to try new layers with."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sknn import MLPClassifier, MLPRegressor
from sknn.jit.kernel import inline_scalar, kernel, matrix, vector
from sknn.kernels.batch import input_delta_of, input_of, output_of
from sknn.kernels.layers.base import (
    LayerKernels,
    backward_signature,
    forward_signature,
    gradient_signature,
)
from sknn.kernels.table import BIAS, FAN_IN, FAN_OUT, OPTION_1, WEIGHTS
from sknn.network.layers.base import LayerParameter, LayerSpec

# The embedding: a row of a table in place of the first column, then the others, and a
# trained shift for each of its outputs ------------------------------------------------


@inline_scalar
def code_of(op, value):
    """Return which row of the table a number asks for: the nearest that is there."""
    last = op[OPTION_1] - 1
    return last if value >= last else (int(value) if value > 0 else 0)


@kernel(forward_signature)
def embedding_forward(op, batch, theta, values):
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    n_others = op[FAN_IN] - 1
    dim = op[FAN_OUT] - n_others
    rows = matrix(theta, op[WEIGHTS], op[OPTION_1], dim)
    shifts = vector(theta, op[BIAS], op[FAN_OUT])
    for i in range(batch.n):
        code = code_of(op, x[i, 0])
        for j in range(dim):
            y[i, j] = rows[code, j] + shifts[j]
        for j in range(n_others):
            y[i, dim + j] = x[i, 1 + j] + shifts[dim + j]
    return 0.0


@kernel(backward_signature)
def embedding_backward(op, batch, theta, gradient, values, deltas):
    delta, x_delta = output_of(op, batch, deltas), input_delta_of(op, batch, deltas)
    n_others = op[FAN_IN] - 1
    dim = op[FAN_OUT] - n_others
    for i in range(batch.n):
        x_delta[i, 0] = 0
        for j in range(n_others):
            x_delta[i, 1 + j] = delta[i, dim + j]
    return 0.0


@kernel(gradient_signature)
def embedding_gradient(op, batch, gradient, values, deltas, thread, n_threads):
    if thread > 0:
        return 0.0
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    dim = op[FAN_OUT] - op[FAN_IN] + 1
    rows = matrix(gradient, op[WEIGHTS], op[OPTION_1], dim)
    shifts = vector(gradient, op[BIAS], op[FAN_OUT])
    rows[:] = 0
    shifts[:] = 0
    for i in range(batch.n):
        code = code_of(op, x[i, 0])
        for j in range(dim):
            rows[code, j] += delta[i, j]
        for j in range(op[FAN_OUT]):
            shifts[j] += delta[i, j]
    return 0.0


class Embedding(LayerSpec):
    """Rows of a table in place of codes. Options: number of rows, and of columns."""

    name = "embedding"
    description = "rows of a trained table in place of codes"
    arrays = (
        LayerParameter(
            "tables_", lambda fan_in, fan_out, options: options, is_penalized=True
        ),
        LayerParameter(
            "table_shifts_", lambda fan_in, fan_out, options: (fan_out,), column=BIAS
        ),
    )
    kernels = LayerKernels(embedding_forward, embedding_backward, embedding_gradient)

    def check(self, fan_in, options):
        if not (len(options) == 2 and all(type(n) is int and n > 0 for n in options)):
            raise ValueError(f"its embedding is {options}")

    def output_width(self, fan_in, options):
        return fan_in - 1 + options[1]

    def fill_row(self, row, placed, use):
        row[OPTION_1] = placed.layer.options[0]

    def initialize(self, arrays, random_state, initialization):
        arrays["tables_"][:] = random_state.normal(size=arrays["tables_"].shape)
        arrays["table_shifts_"][:] = 0

    def text(self, layer):
        n, dim = layer.options
        return f"embedding {n} x {dim}"


N_CODES, DIM, N_FEATURES = 3, 5, 4
rng = np.random.RandomState(0)
X = np.column_stack([rng.randint(N_CODES, size=120), rng.normal(size=(120, 3))])
NUMBERS = X[:, 0] - X[:, 1] + 0.1 * rng.normal(size=120)
CLASSES = np.digitize(NUMBERS, [0, 1])
SMALL = {"hidden_layer_sizes": (6, 5), "max_iter": 8, "random_state": 0}
ESTIMATORS = {MLPClassifier: CLASSES, MLPRegressor: NUMBERS}
both = pytest.mark.parametrize("estimator", ESTIMATORS)


def fitted(estimator, **options):
    options = {"activation": "tanh", **SMALL, **options}
    return estimator(**options).fit(X, ESTIMATORS[estimator])


def own_arrays(model):
    """Return all fitted arrays of an estimator."""
    names = ("factors_", "tables_", "table_shifts_", "gains_", "shifts_")
    names = ("coefs_", "intercepts_", "running_statistics_", *names)
    return [part for name in names for part in getattr(model, name, ())]


def assert_same_fit(one, other):
    for part, expected in zip(own_arrays(one), own_arrays(other), strict=True):
        assert_array_equal(part, expected)
