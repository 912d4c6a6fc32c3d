"""In which order the rows are trained on."""

import ctypes
from collections.abc import Callable, Iterator
from functools import cache, partial
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from sknn.inputs import Problem
from sknn.kernels import order as kernel
from sknn.progress import Progress

# Rows for which our own code is worth a call, and being compiled.
_WORTH_IT = kernel.N_WORDS


class _AnyState(np.random.SeedSequence):
    """The state of a generator that is about to be seeded."""

    def generate_state(self, n_words, dtype=np.uint32):
        return np.zeros(n_words, dtype)


_ANY_STATE = _AnyState(0)


def random_state_of(random_state: object) -> np.random.RandomState:
    """Return what scikit-learn's ``check_random_state`` does, in a third of the time.

    NumPy asks the system for a random state first, even if a seed will replace it.
    """
    if not isinstance(random_state, Integral):
        return check_random_state(random_state)
    generator = np.random.RandomState(np.random.MT19937(_ANY_STATE))
    generator.seed(int(random_state))
    return generator


def orders(
    problem: Problem,
    progress: Progress,
    shuffles: bool,
    random_state: np.random.RandomState,
) -> Iterator[np.ndarray]:
    """Yield the order of the rows for each epoch; empty: as they are."""
    if not shuffles:
        rows = np.arange(0) if problem.rows is None else problem.rows
        while True:
            yield rows
    order = np.arange(problem.n_rows) if problem.rows is None else problem.rows.copy()
    # The same draws, and so the same order, as sklearn.utils.shuffle's; in place.
    shuffle = shuffler(random_state, order, progress.theta.dtype)
    n_before = progress.n_iter
    while True:
        shuffle()
        if n_before > 0:  # a fit that goes on repeats what it drew
            n_before -= 1
            continue
        yield order


def shuffler(
    random_state: np.random.RandomState, order: np.ndarray, dtype: np.dtype
) -> Callable[[], object]:
    """Return what does just what ``random_state.shuffle(order)`` does, but faster.

    ``dtype`` says which version of the kernel to use.
    """
    generator = getattr(random_state, "_bit_generator", None)
    if (
        type(random_state) is not np.random.RandomState
        or type(generator) is not np.random.MT19937
        or len(order) < _WORTH_IT
        or not _is_where_expected()
    ):
        return partial(random_state.shuffle, order)
    run = kernel.shuffle.prepare(
        dtype,
        keeps_gil=True,
        state=_state_of(generator),
        words=np.empty(kernel.N_WORDS, np.int32),
        order=order,
    )

    def shuffle() -> None:
        with generator.lock:
            run()

    return shuffle


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
    known, found = generator.state["state"], _state_of(generator)
    words = known["key"].astype(np.uint32).view(np.int32)
    return bool(np.array_equal(found, [*words, known["pos"]]))
