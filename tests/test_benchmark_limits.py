"""The limits that the benchmarks state: that what is timed is what it is said to be."""

from argparse import Namespace

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose

from benchmarks import alone, limits, peak, tables, targets
from benchmarks.blas import BlasProducts
from benchmarks.cases import Case
from benchmarks.peers import trainer
from sknn.kernels import table
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.network.data import Inputs
from sknn.network.network import cached_theta

CASE = Case(30, 20, 3, (18,), 32)


def fitted(case, X, y, activation="tanh"):
    peer = trainer("sknn")(case, X, y, activation)
    peer.train(1)
    network, theta = cached_theta(vars(peer.model))
    return peer, network, theta, Inputs.of(peer.X, peer.X.dtype)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_matrix])
def test_products_are_those_of_the_network_without_activations(kind, activation):
    X, y = CASE.data(np.dtype(float))
    peer, network, theta, inputs = fitted(CASE, kind(X), y, activation)
    (W, V), (b, c) = peer.weights()
    hidden = X @ W + b
    run = alone.training_products(network, theta, inputs, CASE.n_rows)
    _, ops, _, gradient, values, deltas, *_ = run.args
    start = int(ops[-1, table.OUTPUT]) * CASE.n_rows
    delta = deltas[start : start + 3 * CASE.n_rows].reshape(-1, 3).copy()
    run(2)
    found = network.unpack(np.append(gradient, theta[network.n_trained :]))
    assert_allclose(values[: hidden.size], hidden.ravel(), rtol=1e-10)
    assert_allclose(found["coefs_"][1], hidden.T @ delta, rtol=1e-10)
    assert_allclose(found["coefs_"][0], X.T @ (delta @ V.T), rtol=1e-10)
    assert_allclose(found["intercepts_"][0], (delta @ V.T).sum(axis=0), rtol=1e-10)

    run = alone.prediction_products(network, theta, inputs)
    run(1)
    values = run.args[3][start : start + 3 * CASE.n_rows]
    assert_allclose(values, (hidden @ V + c).ravel(), rtol=1e-10)


def test_operations_are_those_of_the_products_by_blas():
    case = CASE._replace(n_rows=70, hidden=(18, 5))
    _, network, _, inputs = fitted(case, *case.data(np.dtype(float)))
    n_training = n_forward = 0
    for n_batches, has_inputs, x, weights, *_ in BlasProducts(case, np.float64).layers:
        one = 2 * n_batches * x.shape[0] * weights.size
        n_forward += one
        n_training += (2 + has_inputs) * one
    assert alone.operations(network, inputs, training=True) == n_training
    assert alone.operations(network, inputs, training=False) == n_forward
    sparse = Inputs.of(scipy.sparse.csr_matrix(np.eye(70, 20)), np.dtype(float))
    others = 2 * 70 * (18 * 5 + 5 * 3)
    assert alone.operations(network, sparse, training=False) == 2 * 20 * 18 + others


def test_an_activation_alone_gets_as_many_numbers_as_in_the_network(monkeypatch):
    calls = []
    monkeypatch.setattr(alone, "activate_again", lambda *own: calls.append(own))
    case = CASE._replace(n_rows=1024, hidden=(30, 5))
    _, network, _, inputs = fitted(case, *case.data(np.dtype(float)))
    alone.activations(network, inputs, training=True)(3)
    assert [own[-1] * alone.PIECE for own in calls] == [3 * 1024 * 30, 3 * 1024 * 5]
    tanh = [leaf.address(np.dtype(float)) for leaf in ACTIVATIONS["tanh"][:2]]
    # A product sees to the slope of the wide layer.
    assert [list(own[1:3]) for own in calls] == [[tanh[0], 0], tanh]
    calls.clear()
    alone.activations(network, inputs, training=False)(1)
    assert all(list(own[1:3]) == [tanh[0], 0] for own in calls)


def test_an_activation_alone_is_applied_again_and_again():
    dtype = np.dtype(float)
    forward, backward = (leaf.address(dtype) for leaf in ACTIVATIONS["tanh"][:2])
    numbers, z, delta = (np.full(4, x) for x in (0.5, 7.0, 7.0))
    alone.activate_again(dtype, forward, backward, numbers, z, delta, 2)
    once, twice = np.tanh(0.5), np.tanh(np.tanh(0.5))
    assert_allclose(z, twice)
    assert_allclose(delta, 0.5 * (1 - once**2) * (1 - twice**2))


def test_a_step_alone_is_one_of_adam():
    _, network, theta, _ = fitted(CASE, *CASE.data(np.dtype(float)))
    run = alone.adam(network, theta, 1, 30)
    _, _, own, gradient, optimizer_state, rates, n_weights, alpha, size, *_ = run.args
    before, (mean, square) = own.copy(), optimizer_state.copy()
    run(1)
    penalty = alpha * before * (np.arange(before.size) < n_weights)
    g = (gradient + penalty) / size
    mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g**2
    assert_allclose(optimizer_state, [mean, square], rtol=1e-12)
    step = rates[0] * mean / (np.sqrt(square) + 1e-8)
    assert_allclose(own, before - step, rtol=1e-12)


def test_limits_are_scikit_learns_time_beside_the_parts():
    options = Namespace(
        cases=["iris-sized"], dtypes=["float64"], activations=["tanh"],
        repeats=1, seconds=0.001,
    )  # fmt: skip
    rows = list(limits.rows(options))
    assert [row["work"] for row in rows] == list(tables.WORKS)
    for row in rows:
        parts = [row[f"{name} ms"] or 0 for name in tables.PARTS]
        assert all(part > 0 for part in parts[: 3 if row["work"] == "epoch" else 2])
        assert_allclose(row["limit"], row["scikit-learn ms"] / sum(parts))
        assert row["of the peak"] > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loop_of_the_peak_computes(dtype):
    run, _ = peak._loop(np.dtype(dtype))
    assert run(1) == 0.75 * peak.N_SUMS
    assert run(60) == peak.N_SUMS


# What is said of targets --------------------------------------------------------------


def a_row(ratio, activation="relu", case="small batch", **others):
    row = {"case": case, "dtype": "float64", "activation": activation, "cores": "1"}
    return row | {"scikit-learn / sknn": str(ratio)} | others


def a_limit(limit, activation, work):
    return a_row(0, activation, work=work) | {"limit": str(limit)}


def test_a_missed_target_says_what_its_limit_is():
    training = [a_row(24, "relu"), a_row(20, "tanh"), a_row(26, "logistic")]
    bounds = [
        a_limit(limit, activation, work)
        for activation, limit in [("relu", 27), ("tanh", 22.5), ("logistic", 25.5)]
        for work in ("epoch", "predict")
    ]
    results = {"training": training, "limits": bounds}
    found = {target.what: target for target in targets.targets(results)}
    missed = found["scikit-learn: batch 32, lowest"]
    assert missed[2:5] == ("20", "**no**", "22.5")
    assert missed.about == (
        "1 of 3 cases meet it, 2 could (lowest: small batch, float64, tanh; "
        "geometric mean 23.2, of the limits 24.9)."
    )
    assert found["scikit-learn: geometric mean"].limit == ""
    table = targets.table(results)
    assert "batch 32, lowest | at least 25 | 20 | **no** | 22.5 |" in table
    assert "\n- scikit-learn: batch 32, lowest: 1 of 3 cases meet it, 2 could" in table
    assert "[Limits](#limits)" in table


def test_an_activation_beside_relu_has_itself_on_top_as_its_limit():
    rows = [
        {"case": case, "dtype": "float64", "tanh / relu": ratio, "logistic / relu": "1"}
        for case, ratio in [("small batch", "1.5"), ("defaults", "1.2")]
    ]
    bounds = [
        a_limit(9, activation, work) | {"sknn ms": whole, "activation ms": alone}
        for activation, whole, alone in [("relu", "10", ""), ("tanh", "14", "4")]
        for work in ("epoch", "predict")
    ]
    missed, met = targets.targets({"activations": rows, "limits": bounds})
    assert missed[:5] == (
        "tanh beside relu, highest",
        "at most 1.3",
        "1.5",
        "**no**",
        "1.4",
    )
    assert missed.about == (
        "1 of 2 cases meet it (highest: small batch, float64; geometric mean 1.34)."
    )
    assert met[1:] == ("at most 1.3", "1", "yes", "", "")
    (missed, _) = targets.targets({"activations": rows})
    assert missed.limit == ""


def test_without_limits_a_missed_target_says_how_many_meet_it():
    rows = [a_row(3.5, "relu", rows="20000"), a_row(5, "tanh", rows="20000")]
    (missed, *_) = targets.targets({"predict": rows})
    assert missed[1:5] == ("at least 4", "3.5", "**no**", "")
    assert missed.about == (
        "1 of 2 cases meet it "
        "(lowest: small batch, float64, relu; geometric mean 4.18)."
    )
    assert "#limits" not in targets.table({"predict": rows})


def test_limits_of_predictions_are_those_of_20_000_rows():
    rows = [a_row(2, "tanh", rows=count) for count in ("1", "20000")]
    bounds = [a_limit(2.5, "tanh", "predict"), a_limit(9, "tanh", "epoch")]
    found = targets.targets({"predict": rows, "limits": bounds})
    assert [target.limit for target in found if not target.limit] == [""]
    assert found[1].limit == "2.5"
    assert "0 of 1 cases meet it, no other could" in found[1].about


def test_the_limits_are_written_and_drawn():
    pictures = pytest.importorskip("benchmarks.pictures")
    row = a_limit(22.5, "tanh", "epoch") | {"sknn ms": "2", "scikit-learn ms": "40"}
    row |= {"products ms": "1", "activation ms": "", "Adam ms": "0.5"}
    row |= {"GFLOP/s": "90.4", "of the peak": "0.7"}
    (text,) = [line for line in tables.limits([row]).splitlines() if "small" in line]
    assert text.split(" | ")[3:9] == ["2", "1", "0.5", "25%", "40", "**0.00**"]
    other = row | {"work": "predict", "Adam ms": "", "dtype": "float32"}
    figure = pictures.limits([row, other])
    widths = [bar.get_width() for axes in figure.axes for bar in axes.patches]
    assert widths == [0.5, 0, 0.25, 0.25, 0.5, 0, 0, 0.5]


def test_parts_that_take_longer_than_the_whole_are_shares_of_their_sum():
    pictures = pytest.importorskip("benchmarks.pictures")
    row = a_limit(22.5, "tanh", "epoch") | {"sknn ms": "2", "scikit-learn ms": "40"}
    row |= {"products ms": "2", "activation ms": "0.5", "Adam ms": ""}
    (axes, *_) = pictures.limits([row]).axes
    assert_allclose([bar.get_width() for bar in axes.patches], [0.8, 0.2, 0, 0])
