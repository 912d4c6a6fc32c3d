"""How the time per row and epoch grows with rows, features, width, depth and batch.

Each series varies one number of scikit-learn's defaults in float32, on one core; its
points are measured in turns.
"""

import statistics
import warnings
from collections.abc import Iterator
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.blas import BlasProducts
from benchmarks.cases import CASES, Case
from benchmarks.peers.estimators import Sknn
from benchmarks.timing import in_turns, ratio
from benchmarks.training import epochs_in, pace, timer

BASE = CASES["defaults"]
SERIES = {
    "rows": (10_000, 30_000, 100_000, 300_000, 1_000_000),
    "features": (5, 10, 20, 50, 100, 200, 500, 1000),
    "width": (10, 25, 50, 100, 200, 400, 800),
    "depth": (1, 2, 3, 4, 6, 8),
    "batch": (8, 16, 32, 64, 128, 200, 500, 1000, 5000),
}


def case_of(series: str, value: int) -> Case:
    """Return the default case with one number changed."""
    if series in ("width", "depth"):
        hidden = (value,) if series == "width" else BASE.hidden * value
        return BASE._replace(hidden=hidden)
    names = {"rows": "n_rows", "features": "n_features", "batch": "batch_size"}
    return BASE._replace(**{names[series]: value})


def rows(options) -> Iterator[dict]:
    """Yield a row for each point of each series."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    for series, values in SERIES.items():
        chosen = values[:3] if options.quick else values
        cases = {value: case_of(series, value) for value in chosen}
        functions = {}
        for value, case in cases.items():
            products = BlasProducts(case, np.float32)
            products.seconds_per_epoch(1)
            n = epochs_in(options.seconds / 2, [products.seconds_per_epoch(1)])
            functions["sknn", value] = _timer(case, options)
            functions["BLAS", value] = partial(products.seconds_per_epoch, n)
        figures = {
            (name, value): [1e9 * t / cases[value].n_rows for t in times]
            for (name, value), times in in_turns(functions, options.repeats).items()
        }
        for value in chosen:
            ours, blas = (figures[name, value] for name in ("sknn", "BLAS"))
            yield {
                "series": series,
                "value": value,
                "ns per row": statistics.median(ours),
                "BLAS ns per row": statistics.median(blas),
                "sknn / BLAS": ratio(ours, blas),
                "beside the first": ratio(ours, figures["sknn", chosen[0]]),
            }


def _random_data(case):
    """Return random data: what they are does not matter here."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((case.n_rows, case.n_features), dtype=np.float32)
    return X, (X[:, 0] > 0).astype(np.int64)


def _timer(case, options):
    peer = Sknn(case, *_random_data(case), "relu")
    peer.train(1)
    once = pace(peer)
    return timer(peer, epochs_in(options.seconds, [once]), options.seconds, once)
