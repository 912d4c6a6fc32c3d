"""The order of the rows in each epoch."""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache, partial
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sknn.jit.kernel import Driver
from sknn.kernels.math import mt19937_shuffle as kernel
from sknn.network.data import TrainingData
from sknn.training.progress import TrainingState

# Orders of so many rows in all are drawn at a time, which stay in the cache.
_ROWS_AT_A_TIME = 2**15
# With fewer rows, in all orders of a call, compiling and calling the kernel do not pay.
_FEWEST_ROWS = kernel.N_WORDS


def orders_at_a_time(n_rows: int) -> int:
    """Return how many orders may be asked for at a time."""
    return max(1, _ROWS_AT_A_TIME // n_rows)


class _AnyState(np.random.SeedSequence):
    """An entropy source of zeros, for a generator that is seeded later."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        return np.zeros(n_words, dtype)


_ANY_STATE = _AnyState(0)


def random_state_of(random_state: object) -> np.random.RandomState:
    """Return what scikit-learn's ``check_random_state`` does, in a third of the time.

    NumPy asks the system for a random state first, even if a seed will replace it.
    """
    generator: np.random.RandomState
    if not isinstance(random_state, Integral):
        generator = check_random_state(random_state)
        return generator
    generator = np.random.RandomState(np.random.MT19937(_ANY_STATE))
    generator.seed(int(random_state))
    return generator


def kernel_for(
    n_orders: int, n_rows: int, random_state: np.random.RandomState
) -> Driver | None:
    """Return the kernel that makes so many orders; None where NumPy does."""
    by_kernel = _shuffles_by_kernel(random_state, n_orders * n_rows)
    return kernel.shuffle if by_kernel else None


def orders(
    data: TrainingData,
    state: TrainingState,
    shuffles: bool,
    random_state: np.random.RandomState,
    most: int,
) -> Callable[[int], np.ndarray]:
    """Return a function of n that returns the orders of the rows in the next n epochs.

    ``most`` is the largest n. It is to be 1 where no more orders may be drawn than are
    used.

    They have the shape (n, n_rows); or (1, n_rows), where all are the same, with no
    rows if that is as they are.
    """
    rows = np.arange(0) if data.rows is None else data.rows
    if not shuffles:
        return lambda n: rows[np.newaxis]
    n_rows = data.n_rows
    drawn = np.arange(most * n_rows).reshape(most, n_rows)
    if len(rows):
        drawn[0] = rows
    # The same draws, and so the same orders, as sklearn.utils.shuffle's.
    shuffle = shuffler(random_state, drawn, state.theta.dtype)
    last, n_before = 0, state.n_iter

    def draw(n: int) -> np.ndarray:
        nonlocal last, n_before
        while n_before > 0:  # a fit that goes on repeats what it drew
            shuffle(last, 1)
            last, n_before = 0, n_before - 1
        shuffle(last, n)
        last = n - 1
        return drawn if n == most else drawn[:n]

    return draw


class BlockOrders:
    """The orders of the rows in blocks of data, which are shuffled each by itself.

    With one block they are those of `orders`.

    Parameters
    ----------
    sizes : sequence of int
        Rows of each block of an epoch.
    n_epochs : int
        Epochs that have been trained; a fit that goes on repeats what it drew.
    random_state : RandomState or None
        None where the rows keep their order.
    dtype : dtype
        Says which version of the kernel to use.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        n_epochs: int,
        random_state: np.random.RandomState | None,
        dtype: np.dtype,
    ):
        self._order = np.arange(0)
        if random_state is None:
            return
        self._order = np.arange(max(sizes))
        self._shuffle = shuffler(random_state, self._order[np.newaxis], dtype)
        for _ in range(n_epochs * len(sizes)):
            self._shuffle(0, 1)

    def next(self, n_rows: int) -> np.ndarray:
        """Return the order of the rows in the next block, of shape (1, n_rows or 0)."""
        order = self._order
        if len(order):
            self._shuffle(0, 1)
            if n_rows < len(order):
                order = order[order < n_rows]
        return order[np.newaxis]


def shuffler(
    random_state: np.random.RandomState, orders: np.ndarray, dtype: np.dtype
) -> Callable[[int, int], object]:
    """Return a function of ``last`` and n that makes orders of the first n rows.

    They are what ``random_state.shuffle`` makes, one after the other, of the order in
    the row ``last``. ``dtype`` says which version of the kernel to use.
    """
    if not _shuffles_by_kernel(random_state, orders.size):
        return partial(_shuffle_by_numpy, random_state, list(orders))
    generator: Any = random_state._bit_generator
    run = kernel.shuffle.prepare(
        dtype,
        keeps_gil=True,
        state=_state_of(generator),
        words=np.empty(kernel.N_WORDS, np.int32),
        orders=orders,
    )

    def shuffle(last: int, n: int) -> None:
        with generator.lock:
            run(last, n)

    return shuffle


def _shuffles_by_kernel(random_state: np.random.RandomState, n_rows: int) -> bool:
    """Return whether the kernel makes orders of so many rows in all, or NumPy."""
    return (
        n_rows >= _FEWEST_ROWS
        and type(random_state) is np.random.RandomState
        and type(getattr(random_state, "_bit_generator", None)) is np.random.MT19937
        and _is_where_expected()
    )


def _shuffle_by_numpy(
    random_state: np.random.RandomState, orders: list[np.ndarray], last: int, n: int
) -> None:
    for k in range(n):
        if k != last:
            orders[k][:] = orders[last]
        random_state.shuffle(orders[k])
        last = k


def _state_of(generator: np.random.MT19937) -> np.ndarray:
    """Return the very state of a generator, which must live as long.

    ``bitgen_t`` of NumPy's C interface begins with the address of the state.
    """
    address = ctypes.pythonapi.PyCapsule_GetPointer
    address.restype = ctypes.c_void_p
    address.argtypes = [ctypes.py_object, ctypes.c_char_p]
    interface = address(generator.capsule, b"BitGenerator")
    state = ctypes.c_size_t.from_address(interface).value
    return np.ctypeslib.as_array((ctypes.c_int32 * kernel.N_STATE).from_address(state))


@cache
def _is_where_expected() -> bool:
    """Return whether the state of generators is laid out as the kernel takes it."""
    generator = np.random.MT19937(0)
    generator.random_raw()
    expected, actual = generator.state["state"], _state_of(generator)
    words = expected["key"].astype(np.uint32).view(np.int32)
    return bool(np.array_equal(actual, [*words, expected["pos"]]))
