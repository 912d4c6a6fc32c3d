"""Time of an epoch: all trainers and the products by BLAS, in turns; the losses."""

import statistics
from collections.abc import Iterator

from benchmarks import cache_line
from benchmarks.cases import chosen
from benchmarks.peers import PEERS, TRAINERS, is_there, trainer
from benchmarks.peers.start import loss_of
from benchmarks.results import KEYS
from benchmarks.timing import in_turns, ratio, seconds

# On several cores times vary more, and epochs are to take so many times as long.
ON_CORES = 3


def rows(options) -> Iterator[dict]:
    """Yield a row for each case, dtype and activation."""
    for name, case, dtype, X, y in chosen(options):
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
    paces = {}
    for name, peer in peers.items():
        peer.train(1)  # compiles
        paces[name] = pace(peer)
    is_shared = options.cores > 1
    wanted = options.seconds * (ON_CORES if is_shared else 1)
    n_epochs = epochs_in(wanted, paces.values())
    epochs = dict.fromkeys([*peers, "BLAS"], n_epochs)
    if is_shared:
        epochs["sknn"] = epochs_in(wanted, [paces["sknn"]])
    if case.density == 1:
        from benchmarks.blas import BlasProducts

        peers["BLAS"] = BlasProducts(case, X.dtype, options.cores)
        peers["BLAS"].seconds_per_epoch(1)
        paces["BLAS"] = peers["BLAS"].seconds_per_epoch(1)
    functions = {
        name: timer(peer, epochs[name], options.seconds / 2, paces[name])
        for name, peer in peers.items()
    }
    if is_shared:
        functions["line"] = cache_line.nanoseconds
    figures = in_turns(functions, options.repeats)
    if is_shared:  # as many epochs as the others
        peers["sknn"].train(1 + n_epochs)
    losses = {
        name: loss_of(*peer.weights(), case, X, y, activation)
        for name, peer in peers.items()
        if name != "BLAS"
    }
    row = {"epochs": n_epochs}
    for name in (*TRAINERS, "BLAS"):
        times = figures.get(name)
        row[f"{name} ms"] = 1e3 * statistics.median(times) if times else ""
    for name in PEERS:
        found = name in figures
        row[f"{name} / sknn"] = ratio(figures[name], figures["sknn"]) if found else ""
    dense = "BLAS" in figures
    row["sknn / BLAS"] = ratio(figures["sknn"], figures["BLAS"]) if dense else ""
    row |= {f"{name} loss": losses.get(name, "") for name in TRAINERS}
    return row | {"line ns": cache_line.median(figures.get("line", []))}


def pace(peer) -> float:
    """Return about the time of an epoch."""
    peer.restart()
    once = seconds(peer.train, 1)
    if once > 0.02:
        return once
    found = statistics.median(peer.seconds_per_epoch(10) for _ in range(3))
    return max(found, 0.01 * once)


def epochs_in(wanted: float, paces) -> int:
    """Return how many epochs take the slowest the wanted time.

    More where the fastest would be done within what a fit costs besides its epochs.
    """
    return max(1, min(200, round(max(wanted / max(paces), 0.005 / min(paces)))))


def timer(peer, n_epochs: int, least: float, once: float):
    """Return a function that times the epochs, the quick ones several times over.

    ``once`` is about the time of an epoch. A slope may come out below 0 by noise.
    """
    n_times = max(1, min(30, round(least / (n_epochs * once))))

    def median() -> float:
        found = (peer.seconds_per_epoch(n_epochs) for _ in range(n_times))
        return max(statistics.median(found), 1e-9)

    return median
