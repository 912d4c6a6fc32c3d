"""Whether two functions of users do the same."""

from types import CodeType, FunctionType
from typing import Any

import numpy as np


def are_same(
    one: Any, other: Any, seen: frozenset[tuple[int, int]] = frozenset()
) -> bool:
    """Return whether two functions, or values that they use, are the same.

    Functions are, if they have the same code, defaults and closures, and if the names
    in them mean the same: as a script and a process that loads its pickles define them.

    Parameters
    ----------
    one, other : object
    seen : frozenset
        The identities of functions that are being compared, which may call each other.
    """
    pair = id(one), id(other)
    if one is other or pair in seen:
        return True
    one, other = getattr(one, "py_func", one), getattr(other, "py_func", other)
    if type(one) is not type(other):
        return False
    seen |= {pair}
    if isinstance(one, FunctionType):
        return are_same(_parts(one), _parts(other), seen)
    if isinstance(one, CodeType):
        return are_same(_parts_of_code(one), _parts_of_code(other), seen)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(
            are_same(*items, seen) for items in zip(one, other, strict=True)
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            are_same(one[key], other[key], seen) for key in one
        )
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    try:
        return bool(one == other)
    except Exception:
        return False


def _parts(function: FunctionType) -> tuple[Any, ...]:
    """Return all that a function consists of, but for where it stands."""
    names = _names(function.__code__)
    used = {
        name: function.__globals__[name] for name in names & {*function.__globals__}
    }
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return (
        function.__code__,
        function.__defaults__,
        function.__kwdefaults__,
        cells,
        used,
    )


def _names(code: CodeType) -> set[str]:
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _parts_of_code(code: CodeType) -> tuple[Any, ...]:
    return code.co_code, code.co_consts, code.co_names, code.co_argcount
