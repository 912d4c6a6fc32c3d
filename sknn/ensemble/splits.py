"""Which rows each member of an ensemble is not trained on."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.utils.multiclass import type_of_target

from sknn.network.data import ArrayLike

DEFAULT_MEMBERS = 8

Split = tuple[np.ndarray, np.ndarray]


def number_of_members(n_members: int | str) -> int:
    """Return the number of members that all train on the same rows."""
    return DEFAULT_MEMBERS if n_members == "auto" else int(n_members)


def splits_of_members(
    cv: Any,
    n_members: int | str,
    data: tuple[ArrayLike, ArrayLike, ArrayLike],
    is_classifier: bool,
    random_state: np.random.RandomState,
) -> list[Split]:
    """Return the rows that each member is trained on, and those held out from it.

    Parameters
    ----------
    cv : int, cross-validation generator or iterable
        Folds of an int are shuffled; those of a classifier are stratified, and where
        there are groups none of these is divided.
    n_members : int or 'auto'
        A multiple of the number of splits; 'auto' for that number itself.
    data : tuple
        X, y and the groups of the rows, or None.
    is_classifier : bool
    random_state : RandomState
        Shuffles the folds of an int.

    Returns
    -------
    splits : list of (ndarray, ndarray)

    Raises
    ------
    ValueError
        If the number of members is no multiple of that of the splits, or a split holds
        no rows.
    """
    n_rows = data[0].shape[0]
    if isinstance(cv, Integral):
        n_repeats = _n_repeats(n_members, int(cv))
        stratifies = is_classifier and type_of_target(data[1]) in (
            "binary",
            "multiclass",
        )
        splits = []
        for _ in range(n_repeats):
            folds = _folds(int(cv), data, stratifies, random_state)
            splits += list(folds.split(*data))
        return [_checked(split, n_rows) for split in splits]
    found = list(cv.split(*data) if hasattr(cv, "split") else cv)
    if not found:
        raise ValueError("cv gives no splits. Pass a number of folds, or a splitter.")
    return [_checked(split, n_rows) for split in found] * _n_repeats(
        n_members, len(found)
    )


def _n_repeats(n_members: int | str, n_splits: int) -> int:
    """Return how many members are trained without the same rows."""
    if n_members == "auto":
        return 1
    n_repeats, rest = divmod(int(n_members), n_splits)
    if rest or not n_repeats:
        least = max(1, n_repeats)
        raise ValueError(
            f"n_members={n_members} must be a multiple of the {n_splits} splits of cv, "
            "for each member is trained without the rows of one of them. Set n_members="
            f"{n_splits * least} or {n_splits * (least + 1)}, or leave it at 'auto'."
        )
    return n_repeats


def _folds(
    n_splits: int,
    data: tuple[ArrayLike, ArrayLike, ArrayLike],
    stratifies: bool,
    random_state: np.random.RandomState,
) -> Any:
    has_groups = data[2] is not None
    if has_groups:
        splitter: Any = StratifiedGroupKFold if stratifies else GroupKFold
    else:
        splitter = StratifiedKFold if stratifies else KFold
    return splitter(n_splits, shuffle=True, random_state=random_state)


def _checked(split: Any, n_rows: int) -> Split:
    """Return the numbers of the rows of a split."""
    train, held_out = (_numbers(rows, n_rows) for rows in split)
    for rows, what in ((train, "to train on"), (held_out, "to hold out")):
        if not len(rows):
            raise ValueError(
                f"A split of cv has no rows {what}. Each must have some of both."
            )
    return train, held_out


def _numbers(rows: Any, n_rows: int) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (n_rows,):
        return np.flatnonzero(rows)
    if rows.shape == (0,):
        rows = rows.astype(np.intp)
    is_right = rows.ndim == 1 and rows.dtype.kind in "iu"
    if not is_right or (rows.size and not -n_rows <= rows.min() <= rows.max() < n_rows):
        raise ValueError(
            f"The splits of cv must hold numbers of rows, from 0 to {n_rows - 1}, got "
            f"{rows!r}."
        )
    numbers: np.ndarray = rows.astype(np.intp) % n_rows
    return numbers
