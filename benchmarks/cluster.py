"""One fit on a Dask cluster: two workers beside one, and what a step takes beside them.

Each worker is a process with one thread, and all are on this machine: what is sent goes
through its memory. The time of an epoch is that of the first worker, the median over
all epochs but the first.
"""

import multiprocessing
import secrets
import socket
import time
import warnings
from collections.abc import Iterator
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.cluster_estimate import COMPUTE, MESSAGE, REDUCE, SIZES
from benchmarks.peers import is_there
from benchmarks.timing import in_turns, ratio
from sknn import MLPClassifier
from sknn.distributed.sockets import SocketCollective

N_FEATURES = 100
# Widths, rows of an epoch, rows of a batch.
FITS = {
    "100": ((100,), 65_536, 256),
    "512, 512": ((512, 512), 16_384, 2_048),
    "1024, 1024": ((1024, 1024), 16_384, 4_096),
}
QUICK = ("100",)
EPOCHS = 5


def rows(options) -> Iterator[dict]:
    """Yield a row for each size of a sum, and for each network."""
    warnings.simplefilter("ignore")
    for size in SIZES:
        found = [_reduced(size) for _ in range(options.repeats)]
        yield {"what": REDUCE.format(size), "ms": 1000 * median(found)}
    yield {"what": MESSAGE, "ms": 1000 * median(_reduced(1) for _ in range(3)) / 2}
    if not is_there("distributed"):
        return
    from dask.distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, Client(cluster) as client:
        for network in QUICK if options.quick else FITS:
            yield _fits(client, network, options.repeats)


def _fits(client, network: str, repeats: int) -> dict:
    """Return the row of a network."""
    import dask.array as da

    widths, n_rows, batch_size = FITS[network]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, N_FEATURES), dtype=np.float32)
    y = (X[:, 0] > 0).astype(np.int64)
    one, two = (
        [
            da.from_array(array, chunks=(n_rows // n, *array.shape[1:]))
            for array in (X, y)
        ]
        for n in (1, 2)
    )
    parameters = {"hidden_layer_sizes": widths, "random_state": 0, "tol": None}
    parameters |= {"max_iter": EPOCHS, "batch_size": batch_size}
    half = parameters | {"batch_size": batch_size // 2}
    first, second = sorted(client.nthreads())

    def local(options: dict, n: int, *workers: str) -> float:
        """Return the longest epoch of workers that fit n rows each at once."""
        tasks = [
            client.submit(fit_locally, options, X[:n], y[:n], workers=[w], pure=False)
            for w in workers
        ]
        return max(client.gather(tasks))

    found = in_turns(
        {
            "local": lambda: local(parameters, n_rows, first),
            "one": lambda: on_cluster(client, one, parameters),
            "two": lambda: on_cluster(client, two, parameters),
            "one, half": lambda: on_cluster(client, one, half),
            "apart": lambda: local(half, n_rows // 2, first, second),
        },
        repeats,
    )
    n_steps = n_rows // batch_size
    # Of two workers each has half a batch a step; the rest of its time is the others'.
    beside = [
        1000 * (t2 / n_steps - t1 / (2 * n_steps))
        for t2, t1 in zip(found["two"], found["one, half"], strict=True)
    ]
    model = MLPClassifier(**parameters | {"max_iter": 1}).fit(X[:5000], y[:5000])
    arrays = [*model.coefs_, *model.intercepts_]
    return {
        "what": COMPUTE.format(network),
        "batch": batch_size,
        "parameters": sum(array.size for array in arrays),
        "ms": 1000 * median(found["one"]) / n_steps,
        "rows a second": n_rows / median(found["two"]),
        "one / local": ratio(found["local"], found["one"]),
        "two / one": ratio(found["one"], found["two"]),
        "apart / one": ratio(found["one"], found["apart"]),
        "ms beside": median(beside),
    }


def fit_locally(options: dict, X: np.ndarray, y: np.ndarray) -> float:
    """Return the seconds of an epoch with one thread of a worker, without others."""
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        return _epoch(MLPClassifier(**options).fit(X, y))


def on_cluster(client, data: list, options: dict) -> float:
    """Return the seconds of an epoch on as many workers as there are partitions."""
    from sknn.dask import DaskMLPClassifier

    return _epoch(DaskMLPClassifier(client=client, **options).fit(*data))


def _epoch(model) -> float:
    return float(median(model.history_["seconds"][1:]))


# Sums, without a cluster -------------------------------------------------------------


def _reduced(size: int) -> float:
    """Return the seconds of a sum of so many numbers over two processes."""
    context, secret = multiprocessing.get_context("spawn"), secrets.token_bytes(32)
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [each.getsockname() for each in listeners]
    other = context.Process(
        target=reduce_often, args=(1, listeners[1], addresses, secret, size)
    )
    other.start()
    try:
        return reduce_often(0, listeners[0], addresses, secret, size)
    finally:
        other.join()
        for listener in listeners:
            listener.close()


def reduce_often(rank: int, listener, addresses, secret: bytes, size: int) -> float:
    """Return the median of the seconds of a sum of so many numbers."""
    array, times = np.zeros(size, np.float32), []
    with SocketCollective(rank, listener, addresses, secret, 300) as collective:
        for _ in range(20 + min(500, 10**7 // size)):
            began = time.perf_counter()
            collective.all_reduce(array)
            times.append(time.perf_counter() - began)
    return median(times[10:])
