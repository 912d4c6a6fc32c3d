"""Products of matrices in the kernels, for random shapes, against plain NumPy.

All memory that the kernels get lies between guards: NaN before and behind what they
read, so that a number from beyond spoils the result, and known bytes around what they
write. What is to be written is NaN at first, so that nothing is taken for written.
"""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
from containers import SPARSE
from fuzzing import amounts, holds, names_in, run
from hypothesis import strategies as st
from networks import LOSS_OPTIONS, PARAMETERS, differences, mlp_architecture, task_of
from numpy.testing import assert_allclose
from strategies import FLOATS, seeds

import sknn.network.data
import sknn.network.network
import sknn.training.minibatches
import sknn.training.progress
from sknn.kernels.losses.table import LOSSES
from sknn.network.data import Inputs, TrainingData, read_only
from sknn.network.network import Network
from sknn.training.stochastic import train_stochastic

GUARD = 64  # elements on either side, as many as the widest tile might overrun


class Guards:
    """Stands in for NumPy's and sknn's allocation; knows what it has handed out."""

    def __init__(self):
        self.handed_out = []

    def empty(self, shape, dtype=np.float64):
        n, dtype = int(np.prod(shape)), np.dtype(dtype)
        # A cache line before each, as sknn's own memory has, if the guard is whole.
        memory = sknn.network.data.aligned_empty(max(n + 2 * GUARD, 1024), dtype)
        memory[:] = np.nan if dtype.kind == "f" else -1
        self.handed_out.append((memory, n, memory.tobytes()))
        return memory[GUARD : GUARD + n].reshape(shape)

    def zeros(self, shape, dtype=np.float64):
        array = self.empty(shape, dtype)
        array[...] = 0
        return array

    def empty_like(self, array):
        return self.empty(array.shape, array.dtype)

    def copy_of(self, array):
        """Return a copy between guards."""
        array = np.asarray(array)
        if array.dtype.kind != "f":
            return array
        copy = self.empty(array.shape, array.dtype)
        copy[...] = array
        return copy

    def __getattr__(self, name):
        return getattr(np, name)

    def check(self):
        for memory, n, before in self.handed_out:
            size, end = memory.itemsize, memory.itemsize * (GUARD + n)
            after = memory.tobytes()
            assert after[: GUARD * size] == before[: GUARD * size], "written before"
            assert after[end:] == before[end:], "written behind"


class Guarded:
    """Within it, networks and training allocate between guards."""

    def __enter__(self):
        self.guards = Guards()
        self.kept = {}
        for module in (
            sknn.network.network,
            sknn.training.minibatches,
            sknn.training.progress,
        ):
            self.kept[module] = module.np, module.aligned_empty
            module.np, module.aligned_empty = self.guards, self.guards.empty
        return self.guards

    def __exit__(self, *exception):
        for module, (numpy, aligned_empty) in self.kept.items():
            module.np, module.aligned_empty = numpy, aligned_empty
        if exception[0] is None:
            self.guards.check()


# Widths around those of vectors and tiles, primes, and some that are large.
widths = st.one_of(
    st.integers(1, 70),
    st.sampled_from([1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65]),
    st.sampled_from([97, 127, 128, 129, 191, 192, 193, 255, 256, 257, 300]),
)
row_counts = st.one_of(st.integers(1, 20), st.sampled_from([31, 32, 33, 64, 97, 200]))
LINEAR = {"identity": lambda z: z, "relu": lambda z: np.maximum(z, 0)}


class Example:
    """A network of linear pieces, its data, and the same in plain NumPy."""

    def __init__(self, draw, units, container):
        self.dtype = np.dtype(draw(st.sampled_from(FLOATS)))
        rng = np.random.RandomState(draw(seeds))
        n, n_outputs = draw(row_counts), units[-1]
        activation = draw(st.sampled_from(sorted(LINEAR)))
        self.activations = (activation,) * (len(units) - 2)
        self.network = Network(
            mlp_architecture(units, self.activations, "identity", (0.0,) * 4),
            self.dtype,
        )
        X = rng.normal(size=(n, units[0])).astype(self.dtype)
        if container != "dense":
            X[rng.uniform(size=X.shape) < 0.7] = 0
        self.X = X.astype(np.float64)
        S = X if container == "dense" else scipy.sparse.csr_array(SPARSE[container](X))
        self.inputs = Inputs.of(S, self.dtype)
        scale = np.sqrt([m + 1 for m, _ in pairwise(units)])
        self.coefs = [
            (rng.normal(size=shape) / s).astype(self.dtype)
            for shape, s in zip(pairwise(units), scale, strict=True)
        ]
        self.intercepts = [rng.normal(size=m).astype(self.dtype) for m in units[1:]]
        self.targets = rng.normal(size=(n, n_outputs)).astype(self.dtype)
        self.theta = self.network.pack(
            {"coefs_": self.coefs, "intercepts_": self.intercepts}
        )

    def guarded(self, guards):
        """Return theta and the problem, with all that can be read between guards."""
        arrays = (read_only(guards.copy_of(each)) for each in self.inputs[:3])
        inputs = Inputs(*arrays, *self.inputs[3:])
        targets = read_only(guards.copy_of(self.targets))
        nothing = read_only(np.empty(0, self.dtype))
        return guards.copy_of(self.theta), TrainingData(
            inputs, targets, nothing, nothing
        )

    def outputs(self):
        """Return the outputs of each layer."""
        x, found = self.X, []
        functions = [*(LINEAR[name] for name in self.activations), LINEAR["identity"]]
        for W, b, f in zip(self.coefs, self.intercepts, functions, strict=True):
            x = f(x @ W.astype(np.float64) + b)
            found.append(x)
        return found

    def gradient(self, rows=slice(None)):
        """Return half the squared error of some rows, summed, and its gradient."""
        outputs = [each[rows] for each in self.outputs()]
        delta = outputs[-1] - self.targets[rows]
        value, parts = 0.5 * np.sum(delta**2), []
        for k in range(len(self.coefs) - 1, -1, -1):
            x = outputs[k - 1] if k else self.X[rows]
            parts.append((x.T @ delta, delta.sum(axis=0)))
            delta = delta @ self.coefs[k].astype(np.float64).T
            if k and self.activations[0] == "relu":
                delta = delta * (outputs[k - 1] > 0)
        return value, *zip(*parts[::-1], strict=True)

    def descend(self, order, batch_size, rate):
        """Take a step for each batch; return False once they diverge.

        Errors of rounding grow with the weights then.
        """
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            _, *slopes = self.gradient(rows)
            self.coefs, self.intercepts = (
                [W - rate / len(rows) * slope for W, slope in zip(*pair, strict=True)]
                for pair in zip((self.coefs, self.intercepts), slopes, strict=True)
            )
            if max(np.abs(W).max() for W in self.coefs) > 10:
                return False
        return True

    def assert_close_parts(self, theta, coefs, intercepts):
        """Compare a vector of parameters, or their gradient."""
        parts = self.network.unpack(theta)
        pairs = zip(
            (*parts["coefs_"], *parts["intercepts_"]),
            (*coefs, *intercepts),
            strict=True,
        )
        for actual, expected in pairs:
            self.assert_close(actual, expected)

    def assert_close(self, actual, expected):
        """Compare to rounding of sums as long as they are here."""
        eps = np.finfo(self.dtype).eps * 50
        scale = max(np.abs(expected).max(), 1.0)
        assert_allclose(actual, expected, rtol=eps, atol=eps * scale)


@st.composite
def examples(draw):
    units = tuple(draw(st.lists(widths, min_size=2, max_size=4)))
    container = draw(st.sampled_from(["dense", "dense", "dense", *sorted(SPARSE)]))
    return Example(draw, units, container)


@holds(120, example=examples())
def products_of_a_prediction(example):
    with Guarded() as guards:
        theta, problem = example.guarded(guards)
        found = example.network.predict(theta, problem.inputs)
    example.assert_close(found, example.outputs()[-1])


@holds(120, example=examples())
def products_of_a_gradient(example):
    # Where a sum is nearly zero, rounding decides what relu does with it.
    near = [np.abs(h[h != 0]).min(initial=1.0) for h in example.outputs()[:-1]]
    if "relu" in example.activations and min(near) < 1e4 * np.finfo(example.dtype).eps:
        return
    expected, *slopes = example.gradient()
    with Guarded() as guards:
        theta, problem = example.guarded(guards)
        value, gradient = example.network.loss_gradient(
            theta, LOSSES["squared_error"], problem
        )
    assert_allclose(value, expected, rtol=1e3 * np.finfo(example.dtype).eps)
    example.assert_close_parts(gradient, *slopes)


@holds(40, example=examples())
def products_of_a_layer_and_of_the_inputs(example):
    """Hidden layers, and the gradient with respect to the inputs."""
    outputs = example.outputs()
    for k, expected in enumerate(outputs):
        with Guarded() as guards:
            theta, problem = example.guarded(guards)
            found = example.network.hidden_outputs(theta, problem.inputs, k)
        example.assert_close(found, expected)
    if set(example.activations) <= {"identity"}:
        with Guarded() as guards:
            theta, problem = example.guarded(guards)
            found = example.network.input_gradient(theta, problem.inputs, np.ones_like)
        chain = np.ones(example.coefs[-1].shape[1])
        for W in example.coefs[::-1]:
            chain = W.astype(np.float64) @ chain
        example.assert_close(found, np.tile(chain, (len(example.X), 1)))


@holds(40, example=examples(), data=st.data())
def products_of_an_epoch(example, data):
    """Gradient descent on batches, gathered or in place; the last one may be short."""
    n, is_identity = len(example.X), set(example.activations) <= {"identity"}
    batch_size = data.draw(st.integers(max(1, n // 5), n)) if is_identity else n
    shuffle, seed, rate = data.draw(st.booleans()), data.draw(seeds), 1e-3
    parameters = {**PARAMETERS, "learning_rate_init": rate, "alpha": 0.0}
    parameters |= {"shuffle": shuffle, "batch_size": batch_size}
    with Guarded() as guards:
        theta, problem = example.guarded(guards)
        loss = LOSSES["squared_error"]
        task = task_of(example.network, loss, problem, theta, parameters, seed=seed)
        order = np.arange(n)
        if shuffle:
            np.random.RandomState(seed).shuffle(order)
        if not example.descend(order, batch_size, rate):
            return
        train_stochastic(task._replace(is_incremental=True))
    example.assert_close_parts(theta, example.coefs, example.intercepts)


@holds(
    25,
    units=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    activation=st.sampled_from(["tanh", "softplus", "gelu"]),
    loss=st.sampled_from(["squared_error", "log_cosh", "binary_log_loss", "log_loss"]),
    normalization=st.sampled_from([None, "layer", "batch"]),
    is_sparse=st.booleans(),
    seed=seeds,
)
def gradients_are_differences(units, activation, loss, normalization, is_sparse, seed):
    rng = np.random.RandomState(seed)
    n, n_hidden = 7, len(units) - 2
    settings = LOSSES[loss].settings_of(LOSS_OPTIONS)
    network = Network(
        mlp_architecture(
            tuple(units),
            (activation,) * n_hidden,
            LOSSES[loss].link,
            settings,
            normalization=normalization,
        ),
        np.float64,
    )
    X = rng.normal(size=(n, units[0]))
    targets = rng.normal(size=(n, units[-1]))
    if loss == "log_loss":
        targets = rng.randint(units[-1], size=(n, 1)).astype(float)
    elif loss == "binary_log_loss":
        targets = (targets > 0).astype(float)
    inputs = Inputs.of(scipy.sparse.csr_array(X) if is_sparse else X, network.dtype)
    weights = read_only(rng.uniform(0, 2, size=n))
    problem = TrainingData(inputs, read_only(targets), weights, weights)
    theta = rng.uniform(-1, 1, size=network.n_parameters)
    theta[network.n_trained :] = 1.0  # running statistics: variances are positive

    def value(x):
        return network.loss_gradient(x, LOSSES[loss], problem)[0]

    expected = differences(value, theta, network.n_trained)
    if expected is not None:  # too curved for differences, seldom
        _, gradient = network.loss_gradient(theta, LOSSES[loss], problem)
        assert_allclose(gradient, expected, rtol=1e-6, atol=1e-7)


@amounts
@pytest.mark.parametrize("name", names_in(__name__))
def test_property(name, factor):
    run(name, factor)


@pytest.mark.parametrize("where", [-1, 3])
def test_guards_notice(where):
    """A write before or behind an array is an error; within, it is none."""
    guards = Guards()
    array = guards.empty(3)
    array[:] = 1.0
    guards.check()
    guards.handed_out[0][0][GUARD + where] = 0.0
    with pytest.raises(AssertionError, match="written"):
        guards.check()
