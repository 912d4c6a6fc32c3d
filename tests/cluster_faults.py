"""Make a fault in a fit on a Dask cluster of processes; print what came of it.

``python tests/cluster_faults.py CASE`` prints, as JSON, the error of the fit, how many
seconds after the fault it came, what is left on the workers, and what a second fit on
the same cluster gives.
"""

import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dask
import dask.array as da
import joblib
import numpy as np
import psutil
from dask.distributed import Client, LocalCluster, Security

from sknn.callbacks import EpochCallback, ModelCheckpoint
from sknn.dask import DaskMLPRegressor

ENDLESS = 10**7
# On a busy machine a worker takes longer to come back than a LocalCluster waits.
PATIENT = {
    "distributed.comm.timeouts.connect": "60s",
    "distributed.deploy.lost-worker-timeout": "300s",
}
SMALL = {"hidden_layer_sizes": (7,), "random_state": 0, "tol": None, "batch_size": 20}
# At port 0 the web page takes a free port; None would take the usual one.
OPTIONS = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}

rng = np.random.RandomState(0)
X = rng.normal(size=(320, 5))
y = X @ [1.0, -2.0, 0.5, 0.0, 1.0]
XX, YY = da.from_array(X, chunks=(80, 5)), da.from_array(y, chunks=80)


class Tell(EpochCallback):
    """Writes a file after an epoch, so that the fault comes in the midst of the fit."""

    def __init__(self, path, epoch=3, then=None):
        self.path, self.epoch, self.then = path, epoch, then

    def on_epoch_end(self, epoch, logs):
        if epoch == self.epoch:
            Path(self.path).write_text("begun")
            if self.then:
                self.then()


# What is left ------------------------------------------------------------------------


def left_in(ports, dask_worker):
    """Return tasks, threads of a fit, and sockets that are not of the cluster."""
    tasks = [f"{key}: {each.state}" for key, each in dask_worker.state.tasks.items()]
    threads = [t.name for t in threading.enumerate() if t.name.startswith("sknn")]
    process = psutil.Process()
    sockets = [
        f"{each.status} {each.laddr} {each.raddr}"
        for each in process.net_connections("inet")
        if not {end.port for end in (each.laddr, each.raddr) if end} & {*ports}
    ]
    return tasks + threads + sockets


def ports_of(client):
    """Return the ports of the scheduler, the workers and their nannies."""
    info = client.sync(client.scheduler.identity, n_workers=-1)
    found = [int(info["address"].rpartition(":")[2])]
    for address, worker in info["workers"].items():
        found += worker["services"].values()
        found += [int(a.rpartition(":")[2]) for a in (address, worker["nanny"])]
    return found


def left_on(client, n_workers, seconds=40):
    """Return what is left on the workers, once there is nothing or after some time."""
    ends = time.monotonic() + seconds
    while True:
        try:
            found = client.run(left_in, ports_of(client))
        except OSError as error:  # of a worker that is being replaced
            found = {"": [str(error)]}
        is_over = len(found) == n_workers and not any(found.values())
        if is_over or time.monotonic() > ends:
            return [each for of_worker in found.values() for each in of_worker]
        time.sleep(0.1)


# Faults ------------------------------------------------------------------------------


def workers_of(client):
    """Return the addresses and process numbers of workers, in the order of ranks."""
    return sorted(client.run(os.getpid).items())


def kill(client, rank):
    pid = workers_of(client)[rank][1]
    return lambda: os.kill(pid, signal.SIGKILL)


def freeze(client, rank):
    pid = workers_of(client)[rank][1]
    threading.Timer(25, os.kill, (pid, signal.SIGCONT)).start()
    return lambda: os.kill(pid, signal.SIGSTOP)


def hog(client, rank):
    """Let a worker take more memory than its nanny allows."""
    worker = workers_of(client)[rank][0]

    def take():
        def allocate():
            import numpy as np

            pieces = []
            for _ in range(400):
                pieces.append(np.ones(2**20))
            import time

            time.sleep(60)

        def start():
            import threading

            threading.Thread(target=allocate, daemon=True).start()

        client.run(start, workers=[worker])

    return take


def close(client, rank):
    worker = workers_of(client)[rank][0]
    return lambda: client.retire_workers([worker], close_workers=True)


def restart(client, rank):
    return lambda: client.restart(wait_for_workers=False)


FROM_OUTSIDE = {
    "killed, first": (kill, 0),
    "killed, second": (kill, 1),
    "frozen, first": (freeze, 0),
    "frozen, second": (freeze, 1),
    "out of memory": (hog, 1),
    "retired": (close, 1),
    "restarted": (restart, 1),
}


def fit_with_a_fault(client, case, folder):
    """Fit; make the fault once there were epochs."""
    make, rank = FROM_OUTSIDE[case]
    worker, inject, began = workers_of(client)[rank][0], make(client, rank), []
    path = Path(folder, "begun")

    def wait_and_inject():
        while not path.exists():
            time.sleep(0.05)
        began.append(time.monotonic())
        inject()

    thread = threading.Thread(target=wait_and_inject, daemon=True)
    thread.start()
    found = {"worker": worker, **error_of(client, Tell(path))}
    found["seconds"] = found.pop("at") - began[0] if began else None
    return found


def error_of(client, *callbacks, data=(XX, YY), **options):
    """Return the error of a fit without end."""
    model = DaskMLPRegressor(client=client, max_iter=ENDLESS, **SMALL, **options)
    model.set_callbacks(*callbacks)
    try:
        model.fit(*data)
    except BaseException as error:
        return {
            "type": type(error).__name__,
            "error": str(error),
            "notes": getattr(error, "__notes__", []),
            "at": time.monotonic(),
            "fitted": hasattr(model, "coefs_"),
        }
    return {"error": None}


def raise_in_a_callback(client, folder):
    def fail():
        raise RuntimeError("the callback failed")

    return error_of(client, Tell(Path(folder, "begun"), then=fail))


def run_out_of_memory(client, folder):
    """Allocate more than the system grants, in a callback on the first worker."""

    def allocate():
        import resource

        import numpy as np

        limit, most = resource.getrlimit(resource.RLIMIT_AS)
        used = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, most))
        try:
            np.ones(2**27)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (limit, most))

    return error_of(client, Tell(Path(folder, "begun"), then=allocate))


def raise_in_a_partition(client, folder):
    def fail(block, block_info=None):
        if block_info[0]["chunk-location"][0] == 3:
            raise ValueError("this partition is broken")
        return block

    broken = XX.map_blocks(fail, dtype=float, meta=np.empty((0, 0)))
    return error_of(client, data=(broken, YY))


def stay_in_a_callback(client, folder):
    """Keep the other worker waiting, with signs of life."""
    wait = lambda: time.sleep(8)  # noqa: E731
    return error_of(client, Tell(Path(folder, "begun"), then=wait), timeout=2)


FROM_INSIDE = {
    "a callback raises": raise_in_a_callback,
    "MemoryError": run_out_of_memory,
    "a partition raises": raise_in_a_partition,
    "a callback stays": stay_in_a_callback,
}


# A client that is gone ---------------------------------------------------------------


def fit_until_killed(address, path):
    """Fit without end, in a process that will be killed."""
    with Client(address) as client:
        error_of(client, Tell(path))


def lose_a_client(client, folder):
    """Kill a process whose fit has begun."""
    path = Path(folder, "begun")
    arguments = [sys.executable, __file__, "as a client", client.scheduler.address]
    process = subprocess.Popen([*arguments, str(path)])
    while not path.exists():
        time.sleep(0.05)
    process.kill()
    process.wait()
    return {"error": None, "exit": process.returncode}


# Going on ---------------------------------------------------------------------------


def go_on(client, folder):
    """Kill a worker; go on from the last checkpoint, to the end of a whole fit."""
    path, n_epochs = Path(folder, "net.joblib"), 12
    whole = DaskMLPRegressor(client=client, max_iter=n_epochs, **SMALL).fit(XX, YY)
    pid = workers_of(client)[1][1]

    class KillOther(EpochCallback):
        def on_epoch_end(self, epoch, logs):
            if epoch == 4:
                os.kill(pid, signal.SIGKILL)
                time.sleep(1)

    model = DaskMLPRegressor(client=client, max_iter=n_epochs, **SMALL)
    model.set_callbacks(ModelCheckpoint(path), KillOther())
    try:
        model.fit(XX, YY)
        error = None
    except BaseException as raised:
        error = str(raised)
    wait_for_workers(client)
    stored = joblib.load(path)
    model = DaskMLPRegressor.from_local(stored, client=client).resume_fit(XX, YY)
    same = [
        (a == b).all()
        for name in ("coefs_", "intercepts_")
        for a, b in zip(getattr(model, name), getattr(whole, name), strict=True)
    ]
    return {
        "error": error,
        "n_stored": stored.n_iter_,
        "n_iter": model.n_iter_,
        "same": bool(all(same)) and model.loss_curve_ == whole.loss_curve_,
    }


def wait_for_workers(client, n_workers=2):
    while len(client.nthreads()) < n_workers:
        time.sleep(0.1)


# Nothing fails ---------------------------------------------------------------------


def fit_twice_at_once(client, folder):
    """Fit in two threads, which share the workers; each worker has one thread."""
    options = {"client": client, "max_iter": 20, **SMALL}
    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(DaskMLPRegressor(**options).fit, XX, YY) for _ in range(2)]
        first, second = (fit.result(timeout=120) for fit in fits)
    return {"error": None, "same": first.loss_curve_ == second.loss_curve_}


class LookAtSockets(EpochCallback):
    """Writes the classes of the sockets of a worker that are connected."""

    def __init__(self, path):
        self.path = path

    def on_epoch_end(self, epoch, logs):
        found = []
        for each in gc.get_objects():
            # Not isinstance, which asks objects of all kinds for their class.
            is_open = issubclass(type(each), socket.socket) and each.fileno() >= 0
            if is_open and each.family in (socket.AF_INET, socket.AF_INET6):
                with contextlib.suppress(OSError):
                    found.append((type(each).__name__, each.getpeername()[1]))
        Path(self.path).write_text(json.dumps(found))


def fit_with_tls(client, folder):
    """Fit; tell which connections there were."""
    path = Path(folder, "sockets")
    model = DaskMLPRegressor(client=client, max_iter=2, **SMALL)
    model.set_callbacks(LookAtSockets(path)).fit(XX, YY)
    found, known = json.loads(path.read_text()), {*ports_of(client)}
    return {
        "error": None,
        "classes": sorted({name for name, _ in found}),
        "of the fit": sum(port not in known for _, port in found),
        "address": client.scheduler.address,
    }


def security(folder):
    """Return what a cluster needs to encrypt everything."""
    key, certificate = (str(Path(folder, name)) for name in ("key.pem", "cert.pem"))
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=sknn"
    subprocess.run(
        [*command.split(), "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    files = {
        f"tls_{role}_{kind}": path
        for role in ("client", "scheduler", "worker")
        for kind, path in (("key", key), ("cert", certificate))
    }
    return Security(require_encryption=True, tls_ca_file=certificate, **files)


OTHERS = {
    "the client is killed": lose_a_client,
    "going on": go_on,
    "two fits at once": fit_twice_at_once,
    "TLS": fit_with_tls,
}


def main(case):
    warnings.simplefilter("ignore")
    limit = 800 * 2**20 if case == "out of memory" else 0
    options = {"n_workers": 2, "memory_limit": limit, **OPTIONS}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        if case == "TLS":
            options |= {"security": security(folder), "protocol": "tls://"}
        cluster = stack.enter_context(LocalCluster(**options))
        client = stack.enter_context(Client(cluster))
        if case in FROM_OUTSIDE:
            found = fit_with_a_fault(client, case, folder)
        else:
            found = {**FROM_INSIDE, **OTHERS}[case](client, folder)
        n_workers = 1 if case == "retired" else 2
        wait_for_workers(client, n_workers)
        found["left"] = left_on(client, n_workers)
        again = DaskMLPRegressor(client=client, max_iter=2, **SMALL).fit(XX, YY)
        found["again"] = again.n_iter_
        found["left again"] = left_on(client, n_workers)
    print(json.dumps(found))


if __name__ == "__main__":
    with dask.config.set(PATIENT):
        if sys.argv[1] == "as a client":
            fit_until_killed(*sys.argv[2:])
        else:
            main(sys.argv[1])
