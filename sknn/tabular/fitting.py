"""What is learnt of each column of a table."""

from typing import Any, NamedTuple

import numpy as np

from sknn.tabular.fitted_columns import (
    CategoricalColumn,
    DateColumn,
    FittedColumn,
    NumericColumn,
)
from sknn.tabular.objects import column_name
from sknn.tabular.raw_columns import Column, Dates, Numbers, to_categories
from sknn.tabular.selection import refuse_text


class CategoryOptions(NamedTuple):
    """How categories are encoded.

    Attributes
    ----------
    min_frequency : float
        The least weight of the rows of a frequent category.
    one_hot_max_size : int
        The most categories that become one-hot columns.
    """

    min_frequency: float
    one_hot_max_size: int


def fit_column(
    label: Any,
    column: Column,
    is_named: bool,
    weights: np.ndarray | None,
    options: CategoryOptions,
) -> FittedColumn:
    """Return what is learnt of a column.

    Parameters
    ----------
    label : str or int
        Its name, or its index.
    column : Column
        The training rows.
    is_named : bool
        Whether ``categorical_features`` names it.
    weights : ndarray of shape (n_samples,) or None
        All are above zero.
    options : CategoryOptions
    """
    missing = column.is_missing()
    if missing.all():
        return NumericColumn.fit(label, np.full(1, np.nan))
    held = column.holds
    if is_named:
        column = to_categories(column, column_name(label))
    if isinstance(column, Numbers):
        return NumericColumn.fit(label, column.values)
    if isinstance(column, Dates):
        return DateColumn.fit(label, column)
    categories = column.indexed()
    if not (is_named or column.is_declared):
        refuse_text(label, categories)
    present = categories.positions[~missing]
    counts = np.bincount(
        present,
        weights=None if weights is None else weights[~missing],
        minlength=len(categories.labels),
    )
    seen = counts > 0
    labels = [
        each for each, is_seen in zip(categories.labels, seen, strict=True) if is_seen
    ]
    rare = [
        each
        for each, count in zip(labels, counts[seen], strict=True)
        if count < options.min_frequency
    ]
    frequent = sorted(set(labels) - set(rare), key=_order)
    n_codes = len(frequent) + bool(rare)
    return CategoricalColumn(
        label=label,
        held=held,
        has_missing=bool(missing.any()),
        categories=[*frequent, *sorted(rare, key=_order)],
        n_frequent=len(frequent),
        is_embedded=n_codes > max(2, options.one_hot_max_size),
    )


def _order(label: Any) -> tuple[bool, Any]:
    """Return a key by which numbers come before text."""
    return isinstance(label, str), label
