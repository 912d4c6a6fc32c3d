"""Names of kernels and drivers, by which the cache keeps machine code.

Two kernels of one name in the cache would run each other's code, so this is an error.
The same definition may run again, as it does where an import is interrupted and
repeated.
"""

from typing import Any

_CACHED: dict[str, Any] = {}  # kernels and drivers that are kept on disk, by name


def check_name(kernel: Any) -> None:
    """Refuse a kernel or driver whose name in the cache belongs to another.

    Raises
    ------
    ValueError
        If there is another kernel or driver of this name.
    """
    known = _CACHED.setdefault(kernel.name, kernel)
    if not (
        _are_equal(known.function, kernel.function)
        and repr(known.signature) == repr(kernel.signature)
        and known.interleave == kernel.interleave
    ):
        raise ValueError(
            f"Two kernels are named {kernel.name!r}: {_place(known)} and "
            f"{_place(kernel)}. Each kernel and driver must have a name of its own, by "
            "which its machine code is kept on disk. Rename one of them."
        )


def _are_equal(one: Any, other: Any) -> bool:
    """Return whether two functions have the same code and enclose equal values.

    Kernels that one function makes, such as those of all activations, have the same
    code. They differ in the functions that they enclose.
    """
    if one is other:
        return True
    if not (hasattr(one, "__code__") and hasattr(other, "__code__")):
        return bool(one == other)
    return (
        one.__module__ == other.__module__
        and one.__code__ == other.__code__
        and all(map(_are_equal, _enclosed(one), _enclosed(other)))
    )


def _enclosed(function: Any) -> list[Any]:
    return [cell.cell_contents for cell in function.__closure__ or ()]


def _place(kernel: Any) -> str:
    """Return where a kernel is defined, for messages."""
    function = kernel.function
    line = function.__code__.co_firstlineno
    return f"{function.__qualname__} in {function.__module__}, line {line}"
