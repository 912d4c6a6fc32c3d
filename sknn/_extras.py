"""Imports of libraries that only some functions need."""

from importlib import import_module
from types import ModuleType
from typing import Any


def import_extra(name: str, extra: str) -> ModuleType:
    """Return a module, or say which extra of sknn installs it.

    Parameters
    ----------
    name : str
        Module to import.
    extra : str
        Extra of sknn, a key of ``extras_require`` in ``setup.cfg``.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        raise ImportError(
            f"This needs {error.name}, which is not installed. Run "
            f"pip install 'sknn[{extra}]'.",
            name=error.name,
        ) from None


def pyplot_for(caller: str) -> Any:
    """Return ``matplotlib.pyplot``, which sknn loads only to draw."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        message = "requires matplotlib. Install it with `pip install matplotlib`."
        raise ImportError(f"{caller} {message}") from error
    return plt
