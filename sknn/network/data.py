"""Inputs, targets and weights in the form that the kernels take."""

from copy import copy
from math import prod
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

ArrayLike = Any  # of the user: an array, sparse matrix, DataFrame or sequence
FLOATS = (np.float64, np.float32)  # in which networks are computed
NATIVE_FLOATS = frozenset(map(np.dtype, FLOATS))  # in the machine's order of bytes
_CACHE_LINE = 64  # bytes
_SMALL = 1024  # elements; smaller arrays need no alignment
# Of CSR, whose indices the kernels take in 32 bits.
_MOST_COLUMNS = np.iinfo(np.int32).max
_BLOCK = 2**16  # numbers to look at together
# Most rows, and numbers, that initial values are computed from.
_MOST_ROWS, _MOST_NUMBERS = 2**14, 2**24


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a view that cannot be written to: one type for all of a user's data."""
    view = array.view()
    view.flags.writeable = False
    return view


_NO_INDICES = read_only(np.empty(0, dtype=np.int32))
_NO_INDPTR = read_only(np.empty(0, dtype=np.int64))


class Inputs(NamedTuple):
    """A dense or CSR matrix as the kernels take it: flat and read-only."""

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    n_features: int
    n_samples: int
    is_sparse: bool

    @classmethod
    def of(cls, X: ArrayLike, dtype: np.dtype) -> "Inputs":
        """Take a C-ordered or CSR matrix; copy only what has another type."""
        n_samples, n_features = X.shape
        is_sparse = type(X) is not np.ndarray and scipy.sparse.issparse(X)
        values, indices, indptr = X, _NO_INDICES, _NO_INDPTR
        if is_sparse:
            if n_features > _MOST_COLUMNS:
                raise ValueError(
                    f"X has {n_features} columns, but a sparse X may have at most "
                    f"{_MOST_COLUMNS}. Hash them into fewer, with sklearn."
                    "feature_extraction.FeatureHasher."
                )
            # The kernels trust the indices; scipy checks them only when asked. That
            # replaces the arrays of the matrix, which belongs to the user.
            X = copy(X)
            try:
                X.check_format(full_check=True)
            except ValueError as error:
                raise ValueError(
                    f"X is not a valid sparse matrix: {error}. Build it anew with "
                    "scipy.sparse.coo_array, which checks its coordinates."
                ) from error
            values = X.data
            indices = read_only(np.asarray(X.indices, dtype=np.int32, order="C"))
            indptr = read_only(np.asarray(X.indptr, dtype=np.int64, order="C"))
        return cls(
            read_only(np.asarray(values, dtype=dtype, order="C").reshape(-1)),
            indices,
            indptr,
            n_features,
            n_samples,
            is_sparse,
        )

    @property
    def matrix(self) -> Any:
        """The dense matrix, or a CSR array, without a copy."""
        shape = (self.n_samples, self.n_features)
        if not self.is_sparse:
            return self.data.reshape(shape)
        parts = (self.data, self.indices, self.indptr)
        return scipy.sparse.csr_array(parts, shape)

    def rows(self, start: int, stop: int) -> "Inputs":
        """Return some of the rows, without a copy."""
        if stop - start == self.n_samples:
            return self
        rows = self._replace(n_samples=stop - start)
        if self.is_sparse:
            return rows._replace(indptr=self.indptr[start : stop + 1])
        n = self.n_features
        return rows._replace(data=self.data[start * n : stop * n])

    def take(self, rows: np.ndarray) -> "Inputs":
        """Return a copy of some of the rows, by their numbers."""
        return Inputs.of(self.matrix[rows], self.data.dtype)

    def toarray(self) -> np.ndarray:
        """Return the rows as a dense array of shape (n_samples, n_features)."""
        dense: np.ndarray = self.matrix.toarray() if self.is_sparse else self.matrix
        return dense


class TrainingData(NamedTuple):
    """Inputs, targets and weights.

    Attributes
    ----------
    inputs : Inputs
    targets : ndarray of shape (n_samples, n_targets)
    weights : ndarray of shape (n_samples,) or (0,)
        Sample weights times weights of classes; empty where there are none.
    sample_weight : ndarray of shape (n_samples,) or (0,)
        Sample weights alone. Their sum, times ``mean_class_weight``, is the size of a
        batch.
    mean_class_weight : float, default=1.0
        Mean of the weights of classes over all rows.
    rows : ndarray of shape (n_rows,) or None, default=None
        The rows meant; None for all.
    summary : DataSummary or None, default=None
        What is known of all rows to train on, where these are but some of them.
    """

    inputs: Inputs
    targets: np.ndarray
    weights: np.ndarray
    sample_weight: np.ndarray
    mean_class_weight: float = 1.0
    rows: np.ndarray | None = None
    summary: Any = None

    @property
    def n_rows(self) -> int:
        """Number of rows meant."""
        return self.inputs.n_samples if self.rows is None else len(self.rows)

    @property
    def arguments(self) -> dict[str, Any]:
        """What every driver of training takes, by name."""
        matrix = dict(zip(Inputs._fields[:4], self.inputs, strict=False))
        return matrix | {"targets": self.targets, "weights": self.weights}

    @property
    def size(self) -> float:
        """Number of rows of the data, or the sum of their weights."""
        return float(self.weights.sum() if self.weights.size else len(self.targets))

    def sample(self, as_dense: bool) -> tuple[Inputs, np.ndarray]:
        """Return rows to compute initial values from, and their sample weights.

        All that have a weight; or so many of them, evenly spaced, that the result stays
        small, also as a dense array if it is to be one. Weights of classes do not
        count.
        """
        width = 1 if self.inputs.is_sparse and not as_dense else self.inputs.n_features
        rows = np.arange(self.inputs.n_samples) if self.rows is None else self.rows
        if self.sample_weight.size:
            rows = rows[self.sample_weight[rows] > 0]
        most = min(_MOST_ROWS, max(1, _MOST_NUMBERS // width))
        n, inputs = min(len(rows), most), self.inputs
        if n < inputs.n_samples:
            rows = rows[np.arange(n) * len(rows) // n]
            inputs = inputs.take(rows)
        if not self.sample_weight.size:
            return inputs, np.ones(n, self.inputs.data.dtype)
        return inputs, self.sample_weight[rows]


def is_finite(array: np.ndarray) -> bool:
    """Return whether all numbers are finite; needs no array of their size."""
    if array.size <= _BLOCK:
        return bool(np.isfinite(array).all())
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum()):
            return True
    flat = array.reshape(-1)  # the sum may be too large where no number is
    blocks = (flat[start : start + _BLOCK] for start in range(0, flat.size, _BLOCK))
    return all(bool(np.isfinite(block).all()) for block in blocks)


def aligned_empty(shape: int | tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return a new array that starts at a cache line.

    Vector instructions on memory that crosses the lines take longer: up to a tenth of
    an epoch in float64.
    """
    n = shape if isinstance(shape, int) else prod(shape)
    if n < _SMALL:
        return np.empty(shape, dtype)
    memory = np.empty(n + _CACHE_LINE, dtype)
    address = memory.__array_interface__["data"][0]
    start = -address % _CACHE_LINE // memory.itemsize
    return memory[start : start + n].reshape(shape)
