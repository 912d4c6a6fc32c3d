"""Batches of Parquet files, read by pyarrow."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sknn._extras import import_extra


class ParquetBatches:
    """Reads the columns of a Dataset in batches, again and again.

    Parameters
    ----------
    data : path, list of paths or pyarrow.dataset.Dataset
    target : str or list of str
    features : list of str or None
        None for all other columns.
    sample_weight : str or None
    n_rows : int
        Most rows of a batch.

    Attributes
    ----------
    features : list of str
    """

    def __init__(
        self,
        data: Any,
        target: str | Sequence[str],
        features: Sequence[str] | None,
        sample_weight: str | None,
        n_rows: int,
    ):
        dataset, self._n_rows = data, n_rows
        if not hasattr(data, "to_batches"):
            opened = import_extra("pyarrow.dataset", "parquet")
            paths = data if not isinstance(data, (list, tuple)) else list(data)
            paths = list(map(str, paths)) if isinstance(paths, list) else str(paths)
            dataset = opened.dataset(paths, format="parquet")
        self._dataset = dataset
        self._targets = [target] if isinstance(target, str) else list(target)
        self._is_vector = isinstance(target, str)
        self._weights = [] if sample_weight is None else [sample_weight]
        named = {*self._targets, *self._weights}
        names = list(dataset.schema.names)
        self.features = [
            str(name)
            for name in (features if features is not None else names)
            if features is not None or name not in named
        ]
        self._check_columns(names)

    def _check_columns(self, names: list[str]) -> None:
        wanted = [*self.features, *self._targets, *self._weights]
        if unknown := [name for name in wanted if name not in names]:
            raise ValueError(
                f"There is no column {unknown[0]!r} in the data, which have the "
                f"columns {', '.join(map(repr, names))}."
            )
        types = import_extra("pyarrow", "parquet").types
        for name in self.features:
            kind = self._dataset.schema.field(name).type
            if not (
                types.is_integer(kind)
                or types.is_floating(kind)
                or types.is_boolean(kind)
            ):
                raise ValueError(
                    f"Column {name!r} holds {kind}, but X must hold numbers. Leave it "
                    "out, with features=[...], or encode it as numbers."
                )

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        columns = [*self.features, *self._targets, *self._weights]
        batches = self._dataset.to_batches(columns=columns, batch_size=self._n_rows)
        for batch in batches:
            y = [_column(batch, name) for name in self._targets]
            yield (
                self._matrix(batch),
                y[0] if self._is_vector else np.column_stack(y),
                *(_column(batch, name) for name in self._weights),
            )

    def _matrix(self, batch: Any) -> np.ndarray:
        """Return the features, of shape (n_rows, n_features), in C order."""
        columns = [_column(batch, name) for name in self.features]
        is_single = all(column.dtype == np.float32 for column in columns)
        X = np.empty(
            (batch.num_rows, len(columns)), np.float32 if is_single else np.float64
        )
        for k, column in enumerate(columns):
            X[:, k] = column
        return X


def _column(batch: Any, name: str) -> np.ndarray:
    values: np.ndarray = batch.column(name).to_numpy(zero_copy_only=False)
    return values
