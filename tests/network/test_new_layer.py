"""Two kinds of layers that only tests define, in all that estimators do.

A trained factor for each input, ``y = x * s``, is defined in this file alone; and an
embedding, which replaces a column of integer codes by the rows of a trained table, in
``embedding_layer.py``. Whatever else is known of a layer is derived from its
``LayerSpec``: no file of the package is changed.
"""

import pickle
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import scipy.sparse
import skops.io
from embedding_layer import (
    DIM,
    ESTIMATORS,
    N_CODES,
    N_FEATURES,
    NUMBERS,
    SMALL,
    Embedding,
    X,
    assert_same_fit,
    both,
    fitted,
    own_arrays,
)
from networks import (
    FLOAT64,
    TOLERANCE,
    differences,
    point_and_differences,
    with_gradient_of_the_sum,
)
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPClassifier, MLPRegressor
from sknn.displays import NetworkDisplay
from sknn.estimators import parameters
from sknn.io import TRUSTED_TYPES
from sknn.jit.kernel import kernel, vector
from sknn.kernels.batch import input_delta_of, input_of, output_of
from sknn.kernels.layers.base import (
    LayerKernels,
    backward_signature,
    forward_signature,
    gradient_signature,
)
from sknn.kernels.losses.table import LOSSES
from sknn.kernels.table import FAN_IN, NEEDS_INPUT_DELTA, WEIGHTS
from sknn.network.data import Inputs, TrainingData, read_only
from sknn.network.layers.base import Layer, LayerParameter, LayerSpec
from sknn.network.layers.table import LAYERS, register
from sknn.network.layout import Architecture, mlp_layers
from sknn.network.network import Network
from sknn.training.lbfgs import objective

mpl.use("Agg")

# The factors: y = x * s -----------------------------------------------------------


@kernel(forward_signature)
def scaling_forward(op, batch, theta, values):
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    factors = vector(theta, op[WEIGHTS], op[FAN_IN])
    for i in range(batch.n):
        for j in range(op[FAN_IN]):
            y[i, j] = x[i, j] * factors[j]
    return 0.0


@kernel(backward_signature)
def scaling_backward(op, batch, theta, gradient, values, deltas):
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    delta, x_delta = output_of(op, batch, deltas), input_delta_of(op, batch, deltas)
    factors = vector(theta, op[WEIGHTS], op[FAN_IN])
    for i in range(batch.n):
        for j in range(op[FAN_IN]):
            x_delta[i, j] = delta[i, j] * factors[j]
    return 0.0


@kernel(gradient_signature)
def scaling_gradient(op, batch, gradient, values, deltas, thread, n_threads):
    if thread > 0:
        return 0.0
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    total = vector(gradient, op[WEIGHTS], op[FAN_IN])
    total[:] = 0
    for i in range(batch.n):
        for j in range(op[FAN_IN]):
            total[j] += x[i, j] * delta[i, j]
    return 0.0


class Scaling(LayerSpec):
    """A trained factor for each input."""

    name = "scaling"
    description = "multiplies each input by a trained factor"
    arrays = (
        LayerParameter(
            "factors_", lambda fan_in, fan_out, options: (fan_in,), initial=1.0
        ),
    )
    kernels = LayerKernels(scaling_forward, scaling_backward, scaling_gradient)
    skips_input_delta = True


FIRST = {
    "scaling": Layer("scaling"),
    "embedding": Layer("embedding", (N_CODES, DIM)),
}
WIDTHS = {"scaling": N_FEATURES, "embedding": N_FEATURES - 1 + DIM}
kinds = pytest.mark.parametrize("kind", FIRST)


@pytest.fixture(autouse=True)
def new_kinds():
    register("scaling", Scaling())
    register("embedding", Embedding())
    yield
    for kind in FIRST:
        del LAYERS[kind]


@pytest.fixture
def as_first(monkeypatch):
    """Return a function that puts a layer before those of all estimators."""
    layers_of = parameters.layers_of

    def put(kind):
        def with_first(*arguments):
            return (FIRST[kind], *layers_of(*arguments))

        monkeypatch.setattr(parameters, "layers_of", with_first)

    return put


def by_numpy(model, inputs):
    """Return raw outputs of tanh networks, found in NumPy."""
    if hasattr(model, "factors_"):
        h = inputs * model.factors_[0]
    else:
        rows = model.tables_[0][inputs[:, 0].astype(int)]
        h = np.column_stack([rows, inputs[:, 1:]]) + model.table_shifts_[0]
    for k, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        h = h @ W + b
        h = np.tanh(h) if k < len(model.coefs_) - 1 else h
    return h


# The network ---------------------------------------------------------------------


def places(kind, hidden):
    """Return networks with the layer at the inputs and, for factors, elsewhere."""
    names, rates = ("tanh",) * len(hidden), (0.3,) + (0.0,) * len(hidden)
    for options in ({}, {"normalization": "layer"}, {"dropout": rates}):
        layers = mlp_layers(hidden, 3, names, **options)
        yield (FIRST[kind], *layers)
        if "dropout" in options:
            yield (layers[0], FIRST[kind], *layers[1:])
        if kind == "scaling":
            for k in range(len(layers)):
                yield (*layers[: k + 1], FIRST[kind], *layers[k + 1 :], layers[-1])
    if kind == "scaling":  # all of them read what a layer that learns has written
        yield (FIRST["embedding"], FIRST[kind], *mlp_layers(hidden, 3, names))


@kinds
@pytest.mark.parametrize("hidden", [(), (5,), (17, 16)], ids=str)
@pytest.mark.default_cases(3)
def test_gradient_of_all_parameters(kind, hidden):
    """Of those of the layer, too, and of all around it, by differences."""
    n = 11
    weights = read_only(np.random.RandomState(3).uniform(0, 2, size=n))
    targets = read_only(np.random.RandomState(1).normal(size=(n, 3)))
    problem = TrainingData(Inputs.of(X[:n], FLOAT64), targets, weights, weights)
    loss = LOSSES["squared_error"]
    for layers in places(kind, hidden):
        settings = loss.settings_of({})
        network = Network(
            Architecture(N_FEATURES, layers, loss.link, settings), FLOAT64
        )

        def evaluate(x, network=network):
            return objective(network, loss, problem, 0.7, x)

        function = with_gradient_of_the_sum(
            network, "squared_error", problem, 0.7, lambda x: evaluate(x)[0]
        )
        theta, expected = point_and_differences(network, function)
        assert_allclose(evaluate(theta)[1], expected, **TOLERANCE)


@kinds
def test_memory_for_the_gradient_of_the_inputs(kind):
    """There is some in training for a kernel that does not skip this gradient."""
    network = Network(
        Architecture(N_FEATURES, (FIRST[kind], Layer("dense", (2,))), "identity"),
        FLOAT64,
    )
    operations = network.operations(False, training=True)
    expected = {"scaling": 4 + 2, "embedding": 8 + 4 + 2}
    assert operations.n_columns == expected[kind]


def test_attributes_lie_in_order():
    """Weights and tables, which are penalised, first; then all else that is trained."""
    layers = (FIRST["scaling"], FIRST["embedding"], *mlp_layers((3,), 1, ("tanh",)))
    network = Network(Architecture(N_FEATURES, layers, "identity"), FLOAT64)
    assert list(network.layout.shapes) == [
        *("coefs_", "tables_", "intercepts_", "factors_", "table_shifts_")
    ]  # fmt: skip
    assert network.n_weights == 8 * 3 + 3 * 1 + N_CODES * DIM
    assert network.n_trained == network.n_weights + 3 + 1 + N_FEATURES + 8


def test_an_attribute_means_the_same_in_all_kinds():
    class Wrong(Scaling):
        arrays = (Scaling.arrays[0]._replace(is_penalized=True),)

    with pytest.raises(ValueError, match="'wrong' has an attribute 'factors_' unlike"):
        register("wrong", Wrong())
    assert "wrong" not in LAYERS


# The estimators ------------------------------------------------------------------


@kinds
@both
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_it_learns_and_predicts(kind, estimator, solver, as_first):
    as_first(kind)
    rate = {"learning_rate_init": 0.02}
    model = fitted(estimator, solver=solver, max_iter=150, **rate)
    plain = model.predict(X)
    raw = by_numpy(model, X)
    expected = raw.argmax(axis=1) if estimator is MLPClassifier else raw.ravel()
    assert_allclose(plain, expected, rtol=1e-10, atol=1e-12)
    assert model.score(X, ESTIMATORS[estimator]) > 0.8
    first = (model.factors_ if kind == "scaling" else model.tables_)[0]
    assert not np.all(first == 1)
    assert model.coefs_[0].shape == (WIDTHS[kind], 6)
    assert model.n_layers_ == 4
    assert model.n_features_in_ == N_FEATURES
    assert model.hidden_activations(X, -1).shape == (120, 5)


@kinds
@both
@pytest.mark.parametrize("options", [{}, {"normalization": "batch"}], ids=str)
def test_input_gradients(kind, estimator, options, as_first):
    as_first(kind)
    model = fitted(estimator, **options)
    predict = getattr(model, "predict_proba", model.predict)
    found = model.input_gradients(X[:9])
    for i in range(9):
        for j in range(N_FEATURES):
            for k in range(model.n_outputs_):

                def output(x, i=i, j=j, k=k):
                    row = X[i : i + 1].copy()
                    row[0, j] += x[0]
                    return predict(row).reshape(-1)[k]

                own = found.reshape(9, -1, N_FEATURES)[i, k, j]
                if kind == "embedding" and j == 0:
                    assert own == 0  # a code has no slope
                else:
                    assert_allclose(own, differences(output, np.zeros(1), 1)[0], 1e-6)


@kinds
@both
@pytest.mark.parametrize("options", [{}, {"dropout": 0.2, "input_dropout": 0.1}])
def test_training_goes_on(kind, estimator, options, as_first):
    as_first(kind)
    y = ESTIMATORS[estimator]
    whole = fitted(estimator, max_iter=12, **options)
    part = pickle.loads(pickle.dumps(fitted(estimator, max_iter=5, **options)))
    assert_same_fit(part.set_params(max_iter=12).resume_fit(X, y), whole)
    before = [array.copy() for array in own_arrays(whole)]
    whole.partial_fit(X, y)
    assert all((a != b).any() for a, b in zip(own_arrays(whole), before, strict=True))
    warm = fitted(estimator, warm_start=True, **options)
    before = [array.copy() for array in own_arrays(warm)]
    warm.set_params(learning_rate_init=1e-12, max_iter=1).fit(X, y)
    for array, expected in zip(own_arrays(warm), before, strict=True):
        assert_allclose(array, expected, atol=1e-9)


@kinds
@both
def test_training_goes_on_with_the_same_layers_only(
    kind, estimator, as_first, monkeypatch
):
    y = ESTIMATORS[estimator]
    without = fitted(estimator)
    as_first(kind)
    model = fitted(estimator)
    with pytest.raises(ValueError, match="the layers it began with: the weights are"):
        without.partial_fit(X, y)
    monkeypatch.setitem(FIRST, "embedding", Layer("embedding", (N_CODES + 1, DIM)))
    if kind == "embedding":
        with pytest.raises(
            ValueError, match=r"embedding \(3, 5\).* now embedding \(4, 5"
        ):
            model.partial_fit(X, y)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="the layers it began with: the weights are"):
        model.partial_fit(X, y)


@kinds
@both
def test_a_new_fit_drops_what_it_does_not_have(kind, estimator, as_first, monkeypatch):
    as_first(kind)
    model = fitted(estimator, normalization="batch")
    own = {"scaling": {"factors_"}, "embedding": {"tables_", "table_shifts_"}}[kind]
    assert own | {"gains_", "shifts_", "running_statistics_"} < set(vars(model))
    monkeypatch.undo()
    model.set_params(normalization=None).fit(X, ESTIMATORS[estimator])
    assert not (own | {"gains_", "shifts_", "running_statistics_"}) & set(vars(model))
    assert_same_fit(model, fitted(estimator))


@kinds
@both
@pytest.mark.parametrize(
    "copy",
    [
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES),
    ],
    ids=["pickle", "skops"],
)
def test_stored_and_loaded(kind, estimator, copy, as_first):
    as_first(kind)
    model = fitted(estimator)
    other = copy(model)
    assert_same_fit(other, model)
    assert_array_equal(other.predict(X), model.predict(X))
    single = X.astype(np.float32)
    assert_allclose(other.predict(single), model.predict(single), rtol=1e-5)


@kinds
@both
def test_stored_arrays_that_do_not_fit_are_refused(kind, estimator, as_first):
    as_first(kind)
    model = fitted(estimator)
    state = model.__getstate__()
    first, *others = state["_architecture"]["layers"]
    wrong = {
        "scaling": [{"factors_": [np.ones(N_FEATURES + 1)]}, {"factors_": []}],
        "embedding": [
            {"tables_": [np.ones((2, DIM))]},
            {"tables_": [np.ones((N_CODES, DIM), complex)]},
            {"table_shifts_": [np.ones(3)]},
        ],
    }[kind]
    wrong += [{"coefs_": [np.ones((3, 6)), *model.coefs_[1:]]}, {"n_features_in_": 9}]
    for layers in (
        others,
        [(*first[:1], (10**6, DIM), None), *others],
        [(*first[:1], (-1, DIM), None), *others],
        [(*first[:2], "relu"), *others],
    ):
        wrong.append({"_architecture": state["_architecture"] | {"layers": layers}})
    for changes in wrong:
        with pytest.raises(ValueError, match="cannot be read by sknn"):
            object.__new__(estimator).__setstate__(state | changes)


@kinds
@both
@pytest.mark.default_cases(1)
def test_a_process_that_does_not_know_the_layer_refuses_it(
    kind, estimator, as_first, tmp_path
):
    as_first(kind)
    (tmp_path / "model").write_bytes(pickle.dumps(fitted(estimator)))
    script = f"import pickle; pickle.load(open({str(tmp_path / 'model')!r}, 'rb'))"
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"its layer '{kind}' is not known" in run.stderr


@kinds
@both
def test_sparse_inputs_are_refused(kind, estimator, as_first):
    as_first(kind)
    message = rf"first layer of this network, '{kind}', takes dense inputs only. Pass X"
    model, y = estimator(**SMALL), ESTIMATORS[estimator]
    sparse = scipy.sparse.csr_array(X)
    with pytest.raises(ValueError, match=message):
        model.fit(sparse, y)
    assert not hasattr(model, "coefs_")
    model.fit(X, y)
    for use in (model.predict, model.input_gradients, model.hidden_activations):
        with pytest.raises(ValueError, match=message):
            use(sparse)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(sparse, y)


SUMMARIES = {
    "scaling": "input: scaling                  (None, 4)            4",
    "embedding": "input: embedding 3 x 5          (None, 8)           23",
}


@kinds
def test_summary_and_drawing(kind, as_first, capsys):
    as_first(kind)
    model = fitted(MLPRegressor)
    model.summary()
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines[5] == SUMMARIES[kind]
    total = sum(array.size for array in own_arrays(model))
    assert last == f"parameters: {total}"
    display = NetworkDisplay.from_estimator(model)
    title, *_ = (label.get_text() for label in display.ax_.get_xticklabels())
    text = LAYERS[kind].text(FIRST[kind])
    assert title == f"Input\n{WIDTHS[kind]} neurons\n{text}"
    assert len(display.neurons_[0].get_offsets()) == WIDTHS[kind]
    display.figure_.canvas.draw()


def test_a_layer_too_large_for_the_memory_is_refused(as_first, monkeypatch):
    as_first("embedding")
    monkeypatch.setitem(FIRST, "embedding", Layer("embedding", (10**12, 10**3)))
    with pytest.raises(MemoryError, match=r"for the 1\d{15} parameters"):
        MLPRegressor(**SMALL).fit(X, NUMBERS)
