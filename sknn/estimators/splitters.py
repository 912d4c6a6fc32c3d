"""Rows held out by a splitter of scikit-learn, in place of a fraction of them."""

from collections import deque
from copy import copy
from typing import Any

import numpy as np

from sknn._sklearn import HasMethods
from sknn.estimators.missing import refuse_missing
from sknn.training.monitor import Rows

_WITHOUT_GROUPS = ". It splits by groups. Pass groups to fit: the group of each row."


class Splitter(HasMethods):
    """Accepts cross-validation splitters, and not their classes."""

    def __init__(self) -> None:
        super().__init__(["split", "get_n_splits"])

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is a splitter."""
        return not isinstance(val, type) and bool(super().is_satisfied_by(val))

    def __str__(self) -> str:
        return "a splitter of sklearn.model_selection, such as KFold(5)"


def generator_of_splitter(
    splitter: Any, random_state: np.random.RandomState
) -> np.random.RandomState:
    """Return the generator that a splitter draws from: its own, or that of the fit."""
    own = getattr(splitter, "random_state", None)
    return own if isinstance(own, np.random.RandomState) else random_state


def split_by(
    splitter: Any, rows: Rows, groups: Any, generator: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train on and those held out: the last split of a splitter.

    Of ordered splits, as those of ``TimeSeriesSplit``, the last has most rows.

    Parameters
    ----------
    splitter : cross-validation splitter
    rows : Rows
    groups : array-like of shape (n_samples,) or None
    generator : RandomState
        What the splitter draws from, unless its ``random_state`` is an int.

    Returns
    -------
    train, held_out : ndarray
        Row numbers, in the order of the splitter.

    Raises
    ------
    ValueError
        If the splitter refuses the rows, or does not give two sets without common rows.
    """
    refuse_missing(groups=groups)
    seed = getattr(splitter, "random_state", 0)
    drawing = splitter
    if seed is None or isinstance(seed, np.random.RandomState):
        drawing = copy(splitter)
        drawing.random_state = generator
    try:
        splits = deque(drawing.split(rows.X, rows.y, groups), maxlen=1)
    except (TypeError, ValueError) as error:
        needs_groups = groups is None and _splits_by_groups(splitter)
        cure = _WITHOUT_GROUPS if needs_groups else ""
        raise ValueError(
            f"validation_splitter={splitter!r} cannot split the rows: "
            f"{str(error).removesuffix('.')}{cure}"
        ) from error
    n_rows = rows.X.shape[0]
    found = [_row_numbers(part, n_rows) for part in splits[-1]] if splits else []
    parts = [part for part in found if part is not None]
    is_split = len(found) == len(parts) == 2
    if not is_split or np.bincount(np.concatenate(parts), minlength=1).max() > 1:
        raise ValueError(
            f"validation_splitter={splitter!r} must give pairs of arrays, the numbers "
            f"of the rows to train on and of those to hold out, from 0 to {n_rows - 1} "
            "and none of them twice."
        )
    train, held_out = parts
    if len(train) == 0 or len(held_out) < 2:
        raise ValueError(
            f"validation_splitter={splitter!r} leaves {len(train)} of {n_rows} rows to "
            f"train on and holds out {len(held_out)} in its last split; training needs "
            "1, validation 2. Use another splitter, or more rows."
        )
    return train, held_out


def _splits_by_groups(splitter: Any) -> bool:
    """Return whether a splitter of scikit-learn needs the groups of the rows."""
    if not hasattr(splitter, "get_metadata_routing"):
        return False
    requests = splitter.get_metadata_routing().split.requests
    return bool(requests.get("groups"))


def _row_numbers(part: Any, n_rows: int) -> np.ndarray | None:
    """Return row numbers, or a mask of rows, as row numbers; None if they are not."""
    numbers = np.asarray(part)
    if numbers.dtype == bool and numbers.shape == (n_rows,):
        numbers = np.flatnonzero(numbers)
    if numbers.size == 0:
        return np.zeros(0, dtype=np.intp)
    is_valid = numbers.ndim == 1 and numbers.dtype.kind in "iu"
    if not (is_valid and numbers.min() >= 0 and numbers.max() < n_rows):
        return None
    return numbers.astype(np.intp)
