"""The state of a random generator, as estimators store it."""

from numbers import Real
from typing import Any, NoReturn

import numpy as np

_BIT_GENERATORS = {
    name: getattr(np.random, name)
    for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
}
_N_WORDS = 624  # of MT19937
_PHILOX_BUFFER = 4


def itself(generator: np.random.RandomState) -> np.random.RandomState:
    """Return a generator; what a pickle of `StoredGenerator` calls."""
    return generator


class StoredGenerator:
    """A generator that pickle and copy store as it is, and skops refuses.

    skops stores the state of any ``RandomState``, but can only read that of MT19937.
    """

    def __init__(self, generator: np.random.RandomState):
        self.generator = generator

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # All that pickle and copy call; skops calls the others.
        return itself, (self.generator,)

    def __getstate__(self) -> NoReturn:
        name = self.generator.get_state(legacy=False)["bit_generator"]
        raise TypeError(
            f"skops cannot store random_state, a RandomState on {name}: it can read "
            "that of MT19937 alone. Set random_state to an integer, or use pickle or "
            "joblib."
        )

    __reduce__ = __getstate__


def storable(generator: Any) -> Any:
    """Return what is stored in the place of a parameter ``random_state``."""
    if type(generator) is not np.random.RandomState:
        return generator
    name = generator.get_state(legacy=False)["bit_generator"]
    return generator if name == "MT19937" else StoredGenerator(generator)


def check_generator_state(state: dict[str, Any]) -> None:
    """Raise a ValueError unless a generator can be set to a state.

    That of a bit generator that is not NumPy's is taken as it is.
    """
    name = state["bit_generator"]
    if type(name) is not str:
        raise ValueError(f"its bit generator is {name!r}, not a name")
    if name in _BIT_GENERATORS:
        generator_of(state)


def generator_of(state: dict[str, Any]) -> np.random.RandomState:
    """Return a generator in a state that ``RandomState.get_state(legacy=False)`` gave.

    Raises
    ------
    ValueError
        If it is not such a state. NumPy itself does not check all of it, and would read
        beyond its memory.
    """
    name = state["bit_generator"]
    if name not in _BIT_GENERATORS:
        raise ValueError(
            f"training cannot go on with the bit generator {name!r}, which is not one "
            f"of NumPy's: {', '.join(_BIT_GENERATORS)}. Call fit with "
            "warm_start=False to start anew."
        )
    if fault := _fault(name, state):
        raise ValueError(f"it is not a state of {name}: {fault}")
    generator = np.random.RandomState(_BIT_GENERATORS[name]())
    try:
        generator.set_state(state)
    except Exception as error:
        raise ValueError(f"it is not a state of {name}: {error}") from error
    return generator


def _fault(name: str, state: dict[str, Any]) -> str | None:
    """Return what is wrong with the numbers that NumPy takes unchecked."""
    numbers = {
        key: (state[key], 2) for key in ("has_gauss", "has_uint32") & state.keys()
    }
    if name == "MT19937":
        key = state["state"]["key"]
        if type(key) not in (np.ndarray, np.memmap) or (
            key.shape != (_N_WORDS,) or key.dtype.kind not in "iu"
        ):
            return f"its key is not an array of {_N_WORDS} integers"
        numbers["pos"] = state["state"]["pos"], _N_WORDS + 1
    if name == "Philox":
        numbers["buffer_pos"] = state["buffer_pos"], _PHILOX_BUFFER + 1
    for key, (number, end) in numbers.items():
        if type(number) is not int or not 0 <= number < end:
            return f"its {key} is {number!r}, not an integer from 0 to {end - 1}"
    if not isinstance(state.get("gauss", 0.0), Real):
        return f"its gauss is {state['gauss']!r}, not a number"
    return None
