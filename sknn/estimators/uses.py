"""With which values of another parameter a parameter has its effect."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Use(NamedTuple):
    """Which values of another parameter give a parameter its effect."""

    parameter: str
    values: Sequence[Any]


class Given(tuple[Any, ...]):
    """All values but None; its items are shown in their place."""

    __slots__ = ()

    def __contains__(self, value: object) -> bool:
        return value is not None


def users(parameter: str, components: Mapping[str, Any]) -> list[str]:
    """Return the names of the components that a parameter has an effect with."""
    return [name for name, entry in components.items() if parameter in entry.uses]
