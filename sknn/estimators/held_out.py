"""Which rows are held out for validation: those that scikit-learn would draw."""

import numpy as np
from sklearn.model_selection import train_test_split

from sknn._sklearn import approximate_mode

_BITS_AT_ONCE = 20


def groups_of(codes: np.ndarray) -> np.ndarray:
    """Return numbers of the distinct values of non-negative integers, in order."""
    is_used = np.bincount(codes) > 0
    numbers = np.cumsum(is_used) - 1
    return numbers.astype(np.min_scalar_type(int(numbers[-1])))[codes]


def groups_of_indicators(targets: np.ndarray) -> np.ndarray:
    """Return numbers of the distinct rows of 0 and 1, in lexicographic order."""
    groups = np.zeros(len(targets), dtype=np.int64)
    for first in range(0, targets.shape[1], _BITS_AT_ONCE):
        columns = targets[:, first : first + _BITS_AT_ONCE]
        powers = 2 ** np.arange(columns.shape[1] - 1, -1, -1)
        codes = groups * 2 * powers[0]
        for column, power in zip(columns.T, powers, strict=True):
            codes[column != 0] += power
        is_small = codes.max() < max(2**16, len(codes))
        groups = (
            groups_of(codes).astype(np.int64)
            if is_small
            else np.unique(codes, return_inverse=True)[1]
        )
    return groups_of(groups)


def split_rows(
    n_rows: int, fraction: float, groups: np.ndarray | None, random_state
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train on and those held out, as ``train_test_split`` does.

    Parameters
    ----------
    n_rows : int
    fraction : float
        Share of the rows to hold out.
    groups : ndarray of shape (n_rows,) or None
        Number of the group of each row; the held-out rows are stratified by it.
    random_state : RandomState

    Returns
    -------
    train, held_out : ndarray
    """
    if groups is not None:
        counts = np.bincount(groups)
        n_held_out = int(np.ceil(fraction * n_rows))
        n_train = n_rows - n_held_out
        if counts.min() >= 2 and min(n_held_out, n_train) >= len(counts):
            return _stratified(groups, counts, n_train, n_held_out, random_state)
    train, held_out = train_test_split(
        np.arange(n_rows),
        random_state=random_state,
        test_size=fraction,
        stratify=groups,
    )
    return train, held_out


def _stratified(groups, counts, n_train, n_held_out, random_state):
    """Draw what ``StratifiedShuffleSplit`` draws, which goes through Python lists."""
    of_groups = np.split(np.argsort(groups, kind="stable"), np.cumsum(counts)[:-1])
    n_each_train = approximate_mode(counts, n_train, random_state)
    n_each_held_out = approximate_mode(counts - n_each_train, n_held_out, random_state)
    train, held_out = [], []
    for rows, n, m in zip(of_groups, n_each_train, n_each_held_out, strict=True):
        drawn = rows[random_state.permutation(len(rows))]
        train.append(drawn[:n])
        held_out.append(drawn[n : n + m])
    return (
        random_state.permutation(np.concatenate(train)),
        random_state.permutation(np.concatenate(held_out)),
    )
