"""How much memory there is for a compiler that ends the process where there is none.

LLVM is written in C++ without exceptions: it calls ``abort`` where memory runs out.
"""

import mmap
import os
from contextlib import suppress
from pathlib import Path

_MEGABYTE = 2**20


def check_room(n_megabytes: int, purpose: str, n_resident: int = 0) -> None:
    """Refuse to go on where there is too little memory.

    Parameters
    ----------
    n_megabytes : int
        How much of the address space is needed. It is reserved for a moment, and so
        held against the limits of the process.
    purpose : str
        What for, for the message: "compile a kernel".
    n_resident : int, default=0
        How many megabytes are written to. They are held against what the container and
        the machine have left, which takes a millisecond to ask for; 0: do not ask.

    Raises
    ------
    MemoryError
        If there is less.
    """
    for needed, is_there in ((n_megabytes, _can_reserve), (n_resident, _is_available)):
        if needed and not is_there(needed * _MEGABYTE):
            raise MemoryError(
                f"Less than {needed} MB of memory are left, too little to {purpose}. "
                "Raise the limit of memory, or fit a small model before the data are "
                "loaded: what it has compiled stays in the process."
            )


def _can_reserve(n_bytes: int) -> bool:
    options: dict[str, int] = {}
    if hasattr(mmap, "MAP_PRIVATE"):
        options["flags"] = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    try:
        mmap.mmap(-1, n_bytes, **options).close()
    except OSError:
        return False
    return True


def _is_available(n_bytes: int) -> bool:
    return n_bytes <= min(_left_in_machine(), _left_in_container())


def _numbers(file: str) -> dict[str, int]:
    """Return the numbers in a file of Linux with a name and a number on each line."""
    numbers = {}
    with suppress(OSError, ValueError):
        for line in Path(file).read_text("ascii").splitlines():
            name, value, *_ = line.replace(":", " ").split()
            numbers[name] = int(value)
    return numbers


def _left_in_machine() -> float:
    memory = _numbers("/proc/meminfo")
    if "MemAvailable" not in memory:  # not Linux
        return float("inf")
    return 1024.0 * (memory["MemAvailable"] + memory.get("SwapFree", 0))


# Of both versions of control groups: the limit, what is in use, and what of it the
# system would give back.
_CONTAINERS = (
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    (
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


def _left_in_container() -> float:
    for folder, limit, usage, reclaimable in _CONTAINERS:
        with suppress(OSError, ValueError):
            most = int(Path(folder, limit).read_text("ascii"))
            used = int(Path(folder, usage).read_text("ascii"))
            freed = _numbers(os.path.join(folder, "memory.stat")).get(reclaimable, 0)
            swap = _numbers("/proc/meminfo").get("SwapFree", 0)
            return float(most - used + freed + 1024 * swap)
    return float("inf")
