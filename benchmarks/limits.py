"""How fast training and prediction could be if all but their arithmetic took no time.

What cannot be left out is timed alone, at the speed of the package's own kernels: the
products, the activation on numbers in the nearest cache, and Adam. It runs in turns
with the whole and with scikit-learn. The limit is scikit-learn's time beside the sum of
these parts: the ratio that there would be if nothing else took any time.
"""

import statistics
from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from benchmarks import alone
from benchmarks.cases import chosen
from benchmarks.peak import operations_a_second
from benchmarks.peers import trainer
from benchmarks.predict import rows_of
from benchmarks.results import KEYS
from benchmarks.tables import PARTS
from benchmarks.timing import in_turns, many, ratio, seconds
from benchmarks.training import epochs_in, pace, timer
from sknn.network.data import Inputs
from sknn.network.network import cached_theta

N_ROWS = 20_000  # to predict
SLOW = 0.1  # seconds of an epoch: all is then measured three times at most
LIBRARIES = {"sknn": 3, "scikit-learn": 1}  # and the fewest epochs of a slope


def rows(options) -> Iterator[dict]:
    """Yield two rows, an epoch and a prediction, for each case, dtype, activation."""
    for name, case, dtype, X, y in chosen(options):
        for activation in options.activations:
            peers = {k: trainer(k)(case, X, y, activation) for k in LIBRARIES}
            peers["sknn"].train(1)  # compiles
            paces = {k: pace(peer) for k, peer in peers.items()}
            own = Namespace(**vars(options))
            if max(paces.values()) > SLOW:
                own.repeats = min(3, options.repeats)
            for work, found in (
                ("epoch", epoch(peers, paces, own)),
                ("predict", prediction(peers, own)),
            ):
                key = (name, dtype, activation, work)
                yield dict(zip(KEYS["limits"], key, strict=True)) | found


def epoch(peers: dict, paces: dict, options) -> dict:
    """Measure an epoch; ``paces`` are about the times of one."""
    own = peers["sknn"]
    network, theta = cached_theta(vars(own.model))
    inputs, batch_size = Inputs.of(own.X, own.X.dtype), own.case.batch_size
    n_steps = -(-inputs.n_samples // batch_size)
    parts = {
        "products": alone.training_products(network, theta, inputs, batch_size),
        "activation": alone.activations(network, inputs, training=True),
        "Adam": alone.adam(network, theta, n_steps, batch_size),
    }
    least, whole = options.seconds / 2, {}
    for name, once in paces.items():
        n_epochs = max(LIBRARIES[name], epochs_in(least, [once]))
        whole[name] = timer(peers[name], n_epochs, least / 2, once)
    n_operations = alone.operations(network, inputs, training=True)
    return measured(whole, parts, n_operations, own.X.dtype, options)


def prediction(peers: dict, options) -> dict:
    """Measure a prediction of 20,000 rows."""
    X = rows_of(peers["sknn"].X, N_ROWS)
    network, theta = cached_theta(vars(peers["sknn"].model))
    inputs = Inputs.of(X, X.dtype)
    parts = {
        "products": alone.prediction_products(network, theta, inputs),
        "activation": alone.activations(network, inputs, training=False),
    }
    whole = {
        name: partial(many, partial(peer.model.predict, X), options.seconds / 4, 200)
        for name, peer in peers.items()
    }
    n_operations = alone.operations(network, inputs, training=False)
    return measured(whole, parts, n_operations, X.dtype, options)


def measured(whole, parts, n_operations: int, dtype: np.dtype, options) -> dict:
    """Return milliseconds, the ratio that there is and its limit, and the pace."""
    parts = {
        name: again(run, options.seconds / 8) for name, run in parts.items() if run
    }
    peak = {"peak": partial(operations_a_second, dtype)}
    figures = in_turns({**whole, **parts, **peak}, options.repeats)
    row = {
        f"{name} ms": 1e3 * statistics.median(figures[name]) if name in figures else ""
        for name in (*LIBRARIES, *PARTS)
    }
    sums = [sum(turn) for turn in zip(*(figures[name] for name in parts), strict=True)]
    paces = [n_operations / t for t in figures["products"]]
    return row | {
        "scikit-learn / sknn": ratio(figures["scikit-learn"], figures["sknn"]),
        "limit": ratio(figures["scikit-learn"], sums),
        "GFLOP/s": 1e-9 * statistics.median(paces),
        "of the peak": ratio(paces, figures["peak"]),
    }


def again(run: Callable[[int], float], least: float) -> Callable[[], float]:
    """Return a function that times a part, over so often that it takes a while."""
    run(1)  # compiles
    once = seconds(run, 3) / 3
    n_times = max(1, min(2000, round(least / once)))
    return lambda: seconds(run, n_times) / n_times
