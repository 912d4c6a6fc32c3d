"""How many threads BLAS may use while a network trains or predicts."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

# OpenBLAS itself stays on one thread for products of fewer multiplications.
NEVER_SPLIT = 2**18
# A second thread pays only for products of at least this many.
WORTHWHILE = 2**24

_lock = threading.Lock()
_users = 0
_limiter: Any = None


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def blas_threads_for(n_multiplications: int) -> Iterator[None]:
    """Keep BLAS on one thread unless the largest product is worth more.

    The limit belongs to the process. It is set by the first of several fits that run
    at the same time in threads and lifted by the last, so that none of them restores
    a limit that another one had set.
    """
    global _users, _limiter
    if not NEVER_SPLIT <= n_multiplications < WORTHWHILE:
        yield
        return
    with _lock:
        if _users == 0:
            _limiter = _controller().limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limiter.restore_original_limits()
