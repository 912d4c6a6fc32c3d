"""The validation set: given, or drawn from the training data as scikit-learn does."""

from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from sknn._sklearn import approximate_mode
from sknn.estimators.data_errors import called
from sknn.estimators.splitters import generator_of_splitter, split_by
from sknn.estimators.validation import make_training_data, weights_of
from sknn.kernels.losses.base import LossOptions
from sknn.kernels.losses.table import Loss
from sknn.network.data import TrainingData
from sknn.training.generator_state import generator_of
from sknn.training.monitor import Rows, Validation

_BITS_AT_ONCE = 20


def groups_of(codes: np.ndarray) -> np.ndarray:
    """Return numbers of the distinct values of non-negative integers, in order."""
    is_used = np.bincount(codes) > 0
    numbers = np.cumsum(is_used) - 1
    smallest = np.min_scalar_type(int(numbers[-1]))
    return np.asarray(numbers.astype(smallest)[codes])


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


def stratification_groups(
    targets: np.ndarray, is_multiclass: bool, fraction: float
) -> np.ndarray | None:
    """Return the number of each row's class, or combination of labels.

    None where one of them is too rare to be in both sets, which is no error.
    """
    if targets.shape[1] == 1 and not is_multiclass:
        return np.asarray(targets[:, 0] != 0)
    if is_multiclass:
        groups = groups_of(targets[:, 0].astype(np.int64))
    else:
        groups = groups_of_indicators(targets)
    counts = np.bincount(groups)
    n_held_out = int(np.ceil(fraction * len(targets)))
    is_possible = counts.min() >= 2 and n_held_out >= len(counts)
    return groups if is_possible else None


def split_rows(
    n_rows: int,
    fraction: float,
    groups: np.ndarray | None,
    random_state: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train on and those held out, as ``train_test_split`` does.

    Parameters
    ----------
    n_rows : int
    fraction : float
        Fraction of the rows to hold out.
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
    strata = groups
    if groups is not None and groups.dtype == bool:
        strata = groups[:, np.newaxis]
    train, held_out = train_test_split(
        np.arange(n_rows),
        random_state=random_state,
        test_size=fraction,
        # In scikit-learn, too, True and False become strings in the message.
        stratify=strata,
    )
    return train, held_out


def _stratified(
    groups: np.ndarray,
    counts: np.ndarray,
    n_train: int,
    n_held_out: int,
    random_state: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the rows that ``StratifiedShuffleSplit`` draws, without Python lists."""
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


def given_rows(
    estimator: Any,
    given: tuple[Any, Any, Any],
    loss: Loss,
    options: LossOptions,
    targets: np.ndarray,
) -> Validation:
    """Return the validation set that the user passed, checked.

    Parameters
    ----------
    estimator : BaseMLP
    given : tuple
        X_val, y_val and sample_weight_val.
    loss : Loss
    options : LossOptions
    targets : ndarray of shape (n_samples, n_targets)
        Targets of the training data, in the network's dtype.
    """
    X, y, sample_weight = given
    if X is None or y is None:
        raise ValueError(
            "X_val and y_val belong together, but one of them is None. Pass both, or "
            "neither."
        )
    X, y = estimator._validated(X, y, reset=False, names=("X_val", "y_val"))
    y = estimator._check_known(y, targets.shape[1])
    weights = weights_of(sample_weight, X, targets.dtype, "sample_weight_val")
    with called("y_val"):
        encoded = estimator._encode(y)
        loss.check_targets(encoded, options)
        data = make_training_data(X, encoded, weights, None, targets.dtype)
    return Validation(Rows(X, y, weights), data, "X_val and y_val", is_given=True)


def _rows_to_hold_out(
    estimator: Any,
    rows: Rows,
    data: TrainingData,
    groups: Any,
    random_state: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train on and those held out, by a splitter or at random."""
    splitter = estimator.validation_splitter
    generator = generator_of_splitter(splitter, random_state)
    if hasattr(estimator, "_split_state"):
        # A warm start validates on the rows that were never trained on.
        generator = generator_of(estimator._split_state)
    else:
        estimator._split_state = generator.get_state(legacy=False)
    if splitter is not None:
        return split_by(splitter, rows, groups, generator)
    strata = estimator._stratify_by(data.targets)
    fraction = estimator.validation_fraction
    try:
        train, held_out = split_rows(len(data.targets), fraction, strata, generator)
    except ValueError as error:
        raise ValueError(f"{error}{estimator._rare_class(strata)}") from None
    if len(held_out) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the "
            "size of your dataset."
        )
    return train, held_out


def hold_out(
    estimator: Any,
    rows: Rows,
    data: TrainingData,
    groups: Any,
    random_state: np.random.RandomState,
) -> tuple[TrainingData, Rows, Validation]:
    """Split off a validation set; return the rest, in both forms, and the set.

    Weights of classes do not count in it, as in a validation set that is given.
    ``groups`` are the user's, for a splitter.
    """
    train, held_out = _rows_to_hold_out(estimator, rows, data, groups, random_state)
    for name, indices, weights in (
        ("held out for validation", held_out, data.sample_weight),
        ("left", train, data.weights),
    ):
        if weights.size and not weights[indices].any():
            raise ValueError(
                f"All rows {name} have a weight of zero. Leave out the rows whose "
                "weight is zero, or pass X_val and y_val."
            )

    def rows_of(indices: np.ndarray) -> Rows:
        weights = data.sample_weight[indices] if data.sample_weight.size else None
        return Rows(rows.X[indices], rows.y[indices], weights)

    validation_rows, targets = rows_of(held_out), data.targets[held_out]
    validation_data = make_training_data(
        validation_rows.X, targets, validation_rows.sample_weight, None, targets.dtype
    )
    # A copy, which only the metrics need.
    others = rows_of(train if estimator.metrics is not None else train[:0])
    validation = Validation(
        validation_rows, validation_data, "the rows held out for validation"
    )
    return data._replace(rows=train), others, validation
