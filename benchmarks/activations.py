"""What tanh and logistic cost beside relu, and the softmax and log loss in all.

The loss is weighed by fitting the same targets, as indicators, by squared error: the
network and all products are the same, and what is left of the difference is the
softmax and the logarithm.
"""

import statistics
from collections.abc import Iterator

import numpy as np

from benchmarks.cases import chosen
from benchmarks.peers.estimators import Sknn
from benchmarks.timing import in_turns, ratio
from benchmarks.training import epochs_in, pace, timer

NAMES = ("relu", "tanh", "logistic")


class Indicators(Sknn):
    """The case with indicators of the classes as targets of a regression."""

    def __init__(self, case, X, y, activation):
        y = np.asarray(y)
        if case.n_outputs > 2:
            y = np.eye(case.n_outputs, dtype=X.dtype)[y]
        super().__init__(case._replace(n_outputs=1), X, y.astype(X.dtype), activation)


def rows(options) -> Iterator[dict]:
    """Yield a row for each case and dtype."""
    for name, case, dtype, X, y in chosen(options):
        yield {"case": name, "dtype": dtype} | measure(case, X, y, options)


def measure(case, X, y, options) -> dict:
    """Return the milliseconds of an epoch with each, ratios, and the loss's share."""
    peers = {name: Sknn(case, X, y, name) for name in NAMES}
    if case.n_outputs > 1:
        peers["squared error"] = Indicators(case, X, y, "relu")
    for peer in peers.values():
        peer.train(1)
    once = pace(peers["relu"])
    n_epochs = epochs_in(options.seconds / 2, [once])
    figures = in_turns(
        {
            name: timer(peer, n_epochs, options.seconds / 2, once)
            for name, peer in peers.items()
        },
        options.repeats,
    )
    row = {f"{name} ms": 1e3 * statistics.median(figures[name]) for name in NAMES}
    for name in NAMES[1:]:
        row[f"{name} / relu"] = ratio(figures[name], figures["relu"])
    row["share of the loss"] = ""
    if "squared error" in figures:
        row["share of the loss"] = 1 - ratio(figures["squared error"], figures["relu"])
    return row
