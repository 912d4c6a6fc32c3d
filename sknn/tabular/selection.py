"""Which columns are categorical, and which hold free text."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from sknn.tabular.objects import column_name
from sknn.tabular.raw_columns import Categories
from sknn.training.user_warnings import warn_user

_FEWEST_TEXTS = 20  # different values of a column that is taken for text
_N_CHARACTERS = 30


def categorical_mask(
    categorical_features: Any, labels: list[Any], has_names: bool
) -> np.ndarray:
    """Return which columns the parameter ``categorical_features`` names.

    Parameters
    ----------
    categorical_features : "from_dtype" or array-like of bool, int or str
    labels : list of str or int
        Names or indices of the columns.
    has_names : bool
        Whether they are names.

    Returns
    -------
    mask : ndarray of shape (n_features,), dtype=bool
    """
    n_features = len(labels)
    mask = np.zeros(n_features, dtype=bool)
    if isinstance(categorical_features, str):  # "from_dtype"
        return mask
    chosen = np.asarray(categorical_features)
    if chosen.size == 0:
        return mask
    if chosen.ndim != 1 or chosen.dtype.kind not in "biuUO":
        raise ValueError(
            "categorical_features must be 'from_dtype' or a list of column names, "
            f"indices or booleans, got {categorical_features!r}."
        )
    if chosen.dtype.kind == "b":
        if len(chosen) != n_features:
            raise ValueError(
                "categorical_features set as a boolean mask must have one value for "
                f"each of the {n_features} columns of X, got {len(chosen)}."
            )
        return chosen
    if chosen.dtype.kind in "iu":
        if chosen.min() < 0 or chosen.max() >= n_features:
            raise ValueError(
                "categorical_features set as integer indices must be in [0, n_features "
                f"- 1] = [0, {n_features - 1}], got {categorical_features!r}."
            )
        mask[chosen] = True
        return mask
    return _mask_of_names(chosen.tolist(), labels, has_names)


def _mask_of_names(names: list[Any], labels: list[Any], has_names: bool) -> np.ndarray:
    if not has_names:
        raise ValueError(
            "categorical_features holds names, but X has no column names. Pass a data "
            "frame, or indices."
        )
    unknown = [name for name in names if name not in labels]
    if unknown:
        raise ValueError(
            f"categorical_features names {unknown[0]!r}, which is no column of X. Its "
            f"columns are {labels}."
        )
    return np.array([label in names for label in labels])


def refuse_text(label: Any, column: Categories) -> None:
    """Raise a ValueError if the labels hardly repeat; warn if all are numbers."""
    n_present = int(np.count_nonzero(~column.is_missing()))
    texts = [each for each in column.labels if isinstance(each, str)]
    n = len(column.labels)
    if not texts or n < _FEWEST_TEXTS:
        return
    if 2 * n <= n_present:
        if cure := _cure_of_numbers(label, texts):
            warn_user(
                f"{column_name(label)} is taken for categories, but its {n} different "
                f"values are numbers written as text, such as {texts[0]!r}. {cure} If "
                "they are categories, name it in categorical_features."
            )
        return
    example = texts[0]
    if len(example) > _N_CHARACTERS:
        example = f"{example[:_N_CHARACTERS]}..."
    raise ValueError(
        f"{column_name(label)} holds text: {n} of its {n_present} values are "
        f"different, such as {example!r}. {_cure(label, texts)} To take it for "
        "categories nevertheless, name it in categorical_features."
    )


def _cure(label: Any, texts: list[str]) -> str:
    if cure := _cure_of_numbers(label, texts):
        return cure
    if _all_fit(texts, np.datetime64):
        return f"Turn it into dates, as pandas.to_datetime(X[{label!r}]) does."
    odd = list(_do_not_fit(texts, float))
    if 2 * len(odd) < len(texts):
        return (
            f"Most of them are numbers; {odd[0]!r} is none. Mend what is no number, or "
            f"make it missing, as pandas.to_numeric(X[{label!r}], errors='coerce') "
            "does."
        )
    return (
        "Leave it out, or turn it into numbers first, as skrub's TextEncoder does, or "
        "scikit-learn's TfidfVectorizer and TruncatedSVD in a ColumnTransformer."
    )


def _cure_of_numbers(label: Any, texts: list[str]) -> str:
    """Say how to read numbers written as text; nothing if not all are numbers."""
    if _all_fit(texts, float):
        return f"Turn it into numbers, as X[{label!r}].astype(float) does."
    if _all_fit((text.replace(",", ".", 1) for text in texts), float):
        return (
            "Turn it into numbers. If these are decimal commas, "
            f"X[{label!r}].str.replace(',', '.').astype(float) does it."
        )
    return ""


def _all_fit(texts: Iterable[str], read: Any) -> bool:
    return next(_do_not_fit(texts, read), None) is None


def _do_not_fit(texts: Iterable[str], read: Any) -> Iterator[str]:
    for text in texts:
        try:
            read(text)
        except ValueError:
            yield text
