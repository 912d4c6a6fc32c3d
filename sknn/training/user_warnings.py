"""Warnings that point at the user's line."""

import sys
import warnings
from types import FrameType

# Modules with frames between a user's call and sknn: the decorators of ``fit``.
_BETWEEN = ("sklearn.base", "sklearn.callback._callback_support", "contextlib")


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the first frame outside of sknn."""
    frame: FrameType | None = sys._getframe()
    level = 1
    while frame is not None and _is_internal(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_internal(module: str) -> bool:
    return module.partition(".")[0] == "sknn" or module in _BETWEEN
