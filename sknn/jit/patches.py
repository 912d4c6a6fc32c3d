"""Names of other modules that are replaced for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Put something in place of an attribute of an object for a while."""
    is_own = name in vars(owner)
    before = getattr(owner, name)
    try:
        setattr(owner, name, value)
        yield
    finally:
        if is_own:
            setattr(owner, name, before)
        elif name in vars(owner):
            delattr(owner, name)
