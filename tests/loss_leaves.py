"""Losses and links by their leaves, and examples to run them on."""

import numpy as np
import pytest

from sknn.jit.kernel import call
from sknn.kernels.batch import Batch
from sknn.kernels.losses.table import (
    CLASSIFICATION_LOSSES,
    LOSSES,
    OUTPUT_ACTIVATIONS,
    REGRESSION_LOSSES,
)
from sknn.network.data import read_only
from sknn.training.options import LossOptions, select

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
FLOAT64 = DTYPES[1]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)

DEFAULTS = {
    "delta": 1.0,
    "quantile": 0.5,
    "power": 1.5,
    "label_smoothing": 0.1,
    "focal_gamma": 2.0,
}
# Other values of the parameters that each loss is tested with.
VARIANTS = {
    "huber": [{"delta": 0.3}, {"delta": 5.0}],
    "quantile": [{"quantile": 0.2}, {"quantile": (0.1, 0.9)}],
    "tweedie": [{"power": power} for power in (1, 1.0001, 1.9, 2, 2.3, 3)],
    "smoothed_log_loss": [{"label_smoothing": 0.6}],
    "binary_smoothed_log_loss": [{"label_smoothing": 0.6}],
    "focal": [{"focal_gamma": gamma} for gamma in (0, 0.5, 5)],
    "binary_focal": [{"focal_gamma": gamma} for gamma in (0, 0.5, 5)],
}
CASES = [
    pytest.param(name, {**DEFAULTS, **changes}, id=f"{name}-{changes}")
    for name in LOSSES
    for changes in [{}, *VARIANTS.get(name, [])]
]
cases = pytest.mark.parametrize(("name", "parameters"), CASES)
BY_CLASS = [name for name in CLASSIFICATION_LOSSES if not name.startswith("binary_")]
N_OUTPUTS = 4


def run_link(address, raw, settings):
    call(address, (raw, settings))


def run_loss(address, raw, targets, batch, delta, settings):
    return call(address, (raw, targets, batch, delta, settings))


def apply_link(link, raw, settings=(0.0,) * 4):
    result = raw.copy()
    run_link(
        OUTPUT_ACTIVATIONS[link].apply.address(raw.dtype),
        result,
        read_only(np.array(settings)),
    )
    return result


def options_of(parameters):
    return select(LossOptions, parameters)


def loss_of(name, targets, raw, parameters=DEFAULTS, weights=(), rows=(), first=0):
    """Return the loss of a batch and its gradient, in the dtype of raw."""
    dtype = raw.dtype
    batch = Batch(
        read_only(np.empty(0, dtype)),
        0,
        read_only(np.empty(0, np.int32)),
        read_only(np.empty(0, np.int64)),
        read_only(np.array(weights, dtype=dtype)),
        read_only(np.array(rows, dtype=np.int64)),
        first,
        len(raw),
        0,
        len(raw),
        key=0,
    )
    delta = np.full_like(raw, np.nan)
    value = run_loss(
        LOSSES[name].train.address(dtype),
        np.ascontiguousarray(raw),
        read_only(np.array(targets, dtype=dtype, order="C")),
        batch,
        delta,
        read_only(np.array(LOSSES[name].settings_of(options_of(parameters)))),
    )
    return value, delta


def example(name, parameters, n=30):
    """Return targets of a loss and raw outputs for them."""
    rng = np.random.RandomState(0)
    n_levels = LOSSES[name].outputs_per_target(options_of(parameters))
    raw = rng.normal(size=(n, N_OUTPUTS * n_levels))
    if name in BY_CLASS:
        return rng.randint(N_OUTPUTS, size=(n, 1)).astype(float), raw
    if name in CLASSIFICATION_LOSSES:
        return rng.randint(2, size=(n, N_OUTPUTS)).astype(float), raw
    if name == "gamma" or (name == "tweedie" and parameters["power"] >= 2):
        return rng.gamma(2.0, size=(n, N_OUTPUTS)), raw
    if REGRESSION_LOSSES[name].positive_only:
        return rng.poisson(1.5, size=(n, N_OUTPUTS)).astype(float), raw
    return rng.normal(size=(n, N_OUTPUTS)), raw
