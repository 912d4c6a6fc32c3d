"""Time of an epoch: every trainer and the floor, in turns, and the loss reached."""

import statistics
import warnings
from collections.abc import Iterator

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.cases import CASES
from benchmarks.peers import PEERS, TRAINERS, is_there, trainer
from benchmarks.peers.start import loss_of
from benchmarks.results import KEYS
from benchmarks.timing import in_turns, ratio, seconds


def rows(options) -> Iterator[dict]:
    """Yield a row for each case, dtype and activation."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name in options.cases:
        case = CASES[name]
        for dtype in options.dtypes:
            X, y = case.data(np.dtype(dtype))
            for activation in options.activations:
                key = (name, dtype, activation, options.cores)
                yield dict(zip(KEYS["training"], key, strict=True)) | measure(
                    case, X, y, activation, options
                )


def measure(case, X, y, activation: str, options) -> dict:
    """Return the milliseconds of an epoch, ratios and losses of each trainer."""
    peers = {
        name: trainer(name)(case, X, y, activation, options.cores)
        for name, library in TRAINERS.items()
        if name in ("sknn", *options.peers)
        and (case.density == 1 or library.takes_sparse)
        and is_there(library.needs)
    }
    losses, slowest = {}, 0.0
    for peer in peers.values():
        peer.train(2)  # compiles
        slowest = max(slowest, peer.seconds_per_epoch(1))
    n_epochs = max(1, min(200, round(options.seconds / slowest)))
    for name, peer in peers.items():
        peer.restart()
        peer.train(1 + n_epochs)
        losses[name] = loss_of(*peer.weights(), case, X, y, activation)
    if case.density == 1:
        from benchmarks.floor import Floor

        peers["floor"] = Floor(case, X.dtype, options.cores)
        peers["floor"].seconds_per_epoch(1)
    figures = in_turns(
        {
            name: timer(peer, n_epochs, options.seconds / 2)
            for name, peer in peers.items()
        },
        options.repeats,
    )
    row = {"epochs": n_epochs}
    for name in (*TRAINERS, "floor"):
        times = figures.get(name)
        row[f"{name} ms"] = 1e3 * statistics.median(times) if times else ""
    for name in PEERS:
        found = name in figures
        row[f"{name} / sknn"] = ratio(figures[name], figures["sknn"]) if found else ""
    dense = "floor" in figures
    row["sknn / floor"] = ratio(figures["sknn"], figures["floor"]) if dense else ""
    return row | {f"{name} loss": losses.get(name, "") for name in TRAINERS}


def timer(peer, n_epochs, least):
    """Return a function that times the epochs, the quick ones several times over."""
    once = seconds(peer.seconds_per_epoch, n_epochs)
    n_times = max(1, min(50, round(least / once)))
    return lambda: mean(peer, n_epochs, n_times)


def mean(peer, n_epochs: int, n_times: int) -> float:
    """Return the mean time of an epoch; a slope may come out below 0 by noise."""
    found = (peer.seconds_per_epoch(n_epochs) for _ in range(n_times))
    return max(statistics.fmean(found), 1e-9)
