"""Training data in batches that can be read again and again."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NoReturn, Self

import numpy as np
import scipy.sparse

from sknn.estimators.parquet import ParquetBatches
from sknn.network.data import ArrayLike

_ROWS = 65_536  # of a batch that is cut from arrays or read from Parquet files


class BatchSource:
    """Training data in batches, such as those of files that memory cannot hold.

    ``fit`` takes it in place of X and y. It reads the batches once to check them and to
    learn classes, the weights of classes and the number of rows, and once more for each
    epoch, while it trains on the batch before.

    Batches may have any size, and different ones: ``batch_size`` of the estimator says
    how many rows there are to a step. With ``shuffle=False`` of the estimator, the fit
    gives the same weights, bit for bit, as one on an array of all the rows. With
    ``shuffle=True`` rows are shuffled within ``buffer_size`` of them, so they should
    come in no particular order.

    Parameters
    ----------
    batches : iterable or callable
        Yields a tuple (X, y) or (X, y, sample_weight) for each batch: arrays, sparse
        matrices or data frames, as for ``fit``. Iterated over once an epoch, it must
        yield the same rows, in the same order, each time. An iterator or generator, of
        which nothing is left after one epoch, is refused: pass a function without
        arguments that returns a new one.
    classes : array-like of shape (n_classes,), default=None
        All classes, for a classifier, if some of them may not be in y.
    buffer_size : int, default=None
        Rows that are held in memory, and shuffled, at a time. The rows that are read
        meanwhile take as much memory again. None for as many as take 64 MB.

    See Also
    --------
    sknn.MLPClassifier.partial_fit : Trains on one batch, which may be gone afterwards.

    Examples
    --------
    A function that returns an iterator:

    >>> import numpy as np
    >>> from sknn import MLPRegressor
    >>> from sknn.data import BatchSource
    >>> def batches():
    ...     for seed in range(10):
    ...         X = np.random.default_rng(seed).normal(size=(100, 3))
    ...         yield X, X.sum(axis=1)
    >>> source = BatchSource(batches)
    >>> model = MLPRegressor(solver="sgd", max_iter=20, tol=None, random_state=0)
    >>> len(model.fit(source).loss_curve_)
    20

    Other sources of batches::

        BatchSource(torch.utils.data.DataLoader(dataset, batch_size=1000))
        BatchSource.from_parquet("trips/", "duration", features=["distance", "hour"])
        BatchSource.from_files(paths, read=lambda path: numpy.load(path).values())
        BatchSource.from_arrays(zarr.open("X.zarr"), zarr.open("y.zarr"))
    """

    # Names of the columns of X, where batches come without names.
    _feature_names: Sequence[str] | None = None

    def __init__(
        self,
        batches: Iterable[Any] | Callable[[], Iterable[Any]],
        *,
        classes: ArrayLike = None,
        buffer_size: int | None = None,
    ):
        if hasattr(batches, "__next__"):
            raise TypeError(
                f"batches is a {type(batches).__name__}, of which nothing is left "
                "after one epoch. Pass what can be iterated over again, such as a "
                "function without arguments that returns a new iterator."
            )
        if not (callable(batches) or hasattr(batches, "__iter__")):
            raise TypeError(
                "batches must be iterable, or a function without arguments that "
                f"returns an iterator, got {batches!r}."
            )
        if buffer_size is not None and not (
            isinstance(buffer_size, (int, np.integer)) and buffer_size >= 1
        ):
            raise ValueError(
                f"buffer_size must be an int of at least 1, or None; got "
                f"{buffer_size!r}."
            )
        self.batches = batches
        self.classes = classes
        self.buffer_size = buffer_size

    @classmethod
    def from_arrays(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike = None,
        *,
        batch_rows: int = _ROWS,
        **options: Any,
    ) -> Self:
        """Return a source of slices of arrays that are not in memory.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            What has a shape, and returns rows for a slice: a :class:`numpy.memmap`, an
            array of Zarr, HDF5 or Dask.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        batch_rows : int, default=65536
            Rows to read at a time. Those of a chunk of the file are read fastest.
        **options
            As for the constructor.

        Returns
        -------
        source : BatchSource

        Raises
        ------
        ValueError
            If the arrays have different numbers of rows.
        """
        arrays = [X, y] if sample_weight is None else [X, y, sample_weight]
        arrays = [a if hasattr(a, "shape") else np.asarray(a) for a in arrays]
        numbers = [array.shape[0] for array in arrays]
        if len(set(numbers)) > 1:
            raise ValueError(f"The arrays have different numbers of rows: {numbers}.")
        return cls(partial(_slices, arrays, int(batch_rows)), **options)

    @classmethod
    def from_files(
        cls, files: Iterable[Any], read: Callable[[Any], Any], **options: Any
    ) -> Self:
        """Return a source that reads a batch from each file.

        Parameters
        ----------
        files : iterable
            Paths, or whatever ``read`` takes.
        read : callable
            ``read(file)`` returns (X, y) or (X, y, sample_weight). One file must fit
            into memory.
        **options
            As for the constructor.

        Returns
        -------
        source : BatchSource
        """
        return cls(partial(_read_all, list(files), read), **options)

    @classmethod
    def from_parquet(
        cls,
        data: Any,
        target: str | Sequence[str],
        *,
        features: Sequence[str] | None = None,
        sample_weight: str | None = None,
        batch_rows: int = _ROWS,
        **options: Any,
    ) -> Self:
        """Return a source that reads Parquet files, or another Dataset of pyarrow.

        Needs pyarrow, which ``pip install 'sknn[parquet]'`` installs.

        Parameters
        ----------
        data : path, list of paths or pyarrow.dataset.Dataset
            A file, a folder of files, several files, or a Dataset.
        target : str or list of str
            Column, or columns, of y.
        features : list of str, default=None
            Columns of X, which must be numbers. None for all that are not named here.
        sample_weight : str, default=None
            Column of the weights of the samples.
        batch_rows : int, default=65536
            Most rows to read at a time.
        **options
            As for the constructor.

        Returns
        -------
        source : BatchSource

        Raises
        ------
        ImportError
            If pyarrow is not installed.
        ValueError
            If there is no such column, or one of the features is not numeric.
        """
        batches = ParquetBatches(data, target, features, sample_weight, int(batch_rows))
        source = cls(batches, **options)
        source._feature_names = batches.features
        return source

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield (X, y, sample_weight) for each batch with rows; weights may be None."""
        batches = self.batches() if callable(self.batches) else self.batches
        for k, batch in enumerate(batches):
            if not (isinstance(batch, (tuple, list)) and len(batch) in (2, 3)):
                what = type(batch).__name__
                if isinstance(batch, (tuple, list)):
                    what += f" of {len(batch)}"
                raise TypeError(
                    f"Batch {k} must be a tuple (X, y) or (X, y, sample_weight), got a "
                    f"{what}."
                )
            X, y, weight = batch if len(batch) == 3 else (*batch, None)
            if _n_rows(X):
                yield X, y, weight

    def __array__(self, *arguments: Any, **options: Any) -> NoReturn:
        raise TypeError(
            "A BatchSource cannot be used as an array: only fit, resume_fit and "
            "initialize of sknn's estimators take it. Predict from each batch: "
            "[model.predict(X) for X, y, sample_weight in source]."
        )


def _n_rows(X: ArrayLike) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def _slices(arrays: list[Any], n_rows: int) -> Iterator[tuple[Any, ...]]:
    for start in range(0, arrays[0].shape[0], n_rows):
        rows = slice(start, start + n_rows)
        yield tuple(_rows_of(array, rows) for array in arrays)


def _rows_of(array: Any, rows: slice) -> Any:
    if hasattr(array, "iloc"):
        return array.iloc[rows]
    part = array[rows]
    is_table = scipy.sparse.issparse(part) or hasattr(part, "columns")
    return part if is_table else np.asarray(part)


def _read_all(files: list[Any], read: Callable[[Any], Any]) -> Iterator[Any]:
    for file in files:
        batch = read(file)
        # A tuple, whatever else holds the arrays.
        yield batch if isinstance(batch, (tuple, list)) else tuple(batch)


def refuse_unwrapped(X: Any, y: Any) -> None:
    """Refuse what yields batches, but is no `BatchSource`, with how to make it one."""
    yields_batches = hasattr(X, "__iter__") or hasattr(X, "to_batches") or callable(X)
    is_array = hasattr(X, "shape") or isinstance(X, (list, tuple, str, BatchSource))
    if y is None and yields_batches and not is_array:
        how = "BatchSource(X)"
        if hasattr(X, "__next__"):
            how = "BatchSource(function), with a function that returns a new iterator"
        if hasattr(X, "to_batches"):
            how = "BatchSource.from_parquet(X, target=...)"
        raise TypeError(
            f"X is a {type(X).__name__}, which is no array, and y is None. If it "
            f"yields batches (X, y), pass sknn.data.{how}."
        )
