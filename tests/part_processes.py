"""Fits of one network in several processes, each with a part of the rows."""

import copy
import multiprocessing
import secrets
import signal
import socket
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from queue import Queue

from sklearn.exceptions import ConvergenceWarning

from sknn.callbacks import EpochCallback
from sknn.distributed.collective import Collective
from sknn.distributed.sockets import SocketCollective
from sknn.estimators.first_pass import merged
from sknn.estimators.parts import DataPart, fit_part, survey_part

PATIENCE = 200  # seconds, for a machine that is busy with other tests
AFTER_A_FAILURE = 5  # for others, of which one may be frozen


class Alone(Collective):
    """A process without others."""

    rank, size, timeout = 0, 1, 1.0

    def exchange(self, messages):
        return messages

    def close(self):
        pass

    def abort(self, reason):
        pass


def fit_alone(model, batches, **options):
    return fit_part(
        model,
        DataPart(batches, merged([survey_part(model, batches)]), Alone()),
        **options,
    )


class QueueCollective(Collective):
    """Threads that pass messages by queues: all that another framework has to do."""

    def __init__(self, rank, queues):
        self.rank, self.size, self.timeout = rank, len(queues), PATIENCE
        self._queues = queues  # from a rank to a rank

    def exchange(self, messages):
        for queue, message in zip(self._queues[self.rank], messages, strict=True):
            queue.put(message)
        return [to[self.rank].get(timeout=self.timeout) for to in self._queues]

    def abort(self, reason):
        pass

    def close(self):
        pass


def fit_in_threads(model, parts, callbacks=None, resumes=False):
    """Return the estimators that threads end with, of which each has a part."""
    found = merged([survey_part(model, batches) for batches in parts])
    queues = [[Queue() for _ in parts] for _ in parts]

    def fit(rank):
        own = copy.deepcopy(model)
        if callbacks and rank in callbacks:
            own.set_callbacks(callbacks[rank])
        part = DataPart(parts[rank], found, QueueCollective(rank, queues))
        return fit_part(own, part, resumes=resumes)

    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(fit, range(len(parts))))


def rows_of_processes(bounds):
    """Return the rows of each process; there may be none."""
    return [slice(a, b) for a, b in pairwise(bounds)]


class StopAfter(EpochCallback):
    """A callback that stops training after an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs):
        return epoch == self.epoch


class KillAfter:
    """A callback that ends or stops its process after an epoch."""

    def __init__(self, number):
        self.number = number

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.parent is not None:
            signal.raise_signal(self.number)

    def teardown(self, estimator, context):
        pass


def work(rank, addresses, listener, secret, timeouts, model, part, validation, pipe):
    """Train in this process; send the fitted estimator, or the error."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    batches, found = part
    try:
        with SocketCollective(
            rank, listener, addresses, secret, *timeouts
        ) as collective:
            own = DataPart(batches, found, collective)
            fitted = fit_part(model, own, validation)
        pipe.send(fitted)
    except Exception as error:
        pipe.send(error)


def fit_in_processes(
    model,
    parts,
    validation=(None, None, None),
    timeouts=(PATIENCE, PATIENCE),
    callbacks=None,
):
    """Return what each process ends with: an estimator, an error, or None.

    ``parts`` has the batches of each; ``callbacks`` maps ranks to a callback.
    ``timeouts`` are that of the work and that of the signs of life.
    """
    surveys = [survey_part(model, batches) for batches in parts]
    found = merged([each for each in surveys if each is not None])
    context, secret = multiprocessing.get_context("spawn"), secrets.token_bytes(32)
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in parts]
    addresses = [each.getsockname() for each in listeners]
    processes, pipes = [], []
    for rank, batches in enumerate(parts):
        own = copy.copy(model)
        if callbacks and rank in callbacks:
            own.set_callbacks(callbacks[rank])
        ours, theirs = context.Pipe()
        arguments = (rank, addresses, listeners[rank], secret, timeouts, own)
        arguments += ((batches, found), validation, theirs)
        processes.append(context.Process(target=work, args=arguments))
        pipes.append(ours)
        processes[-1].start()
        theirs.close()
        listeners[rank].close()
    try:
        ends = []
        for pipe in pipes:
            failed = any(isinstance(end, Exception) for end in ends)
            ends.append(_received(pipe, AFTER_A_FAILURE if failed else PATIENCE))
        return ends
    finally:
        for process in processes:
            process.kill()
            process.join()


def _received(pipe, patience):
    try:
        return pipe.recv() if pipe.poll(patience) else None
    except EOFError:
        return None
