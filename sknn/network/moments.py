"""Weighted means and variances of columns, which can be added up."""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from sknn.network.data import Inputs

_BLOCK = 2**18  # numbers to convert to float64 together
_ROWS = 2**16  # of CSR


class Moments(NamedTuple):
    """Mean and variance of columns, in float64, and the weight of the rows.

    Attributes
    ----------
    weight : float
        Sum of the weights of the rows: their number, where they have none.
    mean, variance : ndarray of shape (n_columns,)
        The variance is the mean of the squared distances from the mean.
    """

    weight: float
    mean: np.ndarray
    variance: np.ndarray

    @classmethod
    def of_nothing(cls, n_columns: int) -> "Moments":
        """Return what is known before the first row."""
        return cls(0.0, np.zeros(n_columns), np.zeros(n_columns))

    def add(self, other: "Moments") -> "Moments":
        """Return the moments of these rows and the others together.

        By T. Chan, G. Golub and R. LeVeque, "Updating Formulae and a Pairwise Algorithm
        for Computing Sample Variances", 1979: the mean is never squared, so that no
        digits are lost far from zero.
        """
        if not (self.weight and other.weight):
            return self if self.weight else other
        total = self.weight + other.weight
        share = other.weight / total
        with np.errstate(over="ignore", invalid="ignore"):
            apart = other.mean - self.mean
            variance = (1.0 - share) * self.variance + share * other.variance
            variance += share * (1.0 - share) * apart**2
            return Moments(total, self.mean + share * apart, variance)

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviations; 0 for columns that vary by rounding alone.

        These are the columns that scikit-learn's ``StandardScaler`` does not divide.
        """
        eps = np.finfo(np.float64).eps
        rounding = self.weight * eps * self.variance
        rounding += (self.weight * eps * self.mean) ** 2
        return np.sqrt(np.where(self.variance > rounding, self.variance, 0.0))


class DataSummary(NamedTuple):
    """What is known of all rows of a data set, of which only some are in memory.

    Attributes
    ----------
    inputs, targets : Moments or None
        None where nobody needs them.
    codes : dict of int to int
        The largest code in each column of codes, by its number.
    """

    inputs: Moments | None
    targets: Moments | None
    codes: dict[int, int]

    def add(self, other: "DataSummary") -> "DataSummary":
        """Return what is known of these rows and the others together."""
        inputs, targets = (
            a.add(b) if a and b else None
            for a, b in zip(self[:2], other[:2], strict=True)
        )
        codes = {k: max(code, other.codes[k]) for k, code in self.codes.items()}
        return DataSummary(inputs, targets, codes)


class MomentSums:
    """Adds up the moments of rows that come in batches.

    Rows are gathered to blocks, so that the result has the same bits whatever the
    batches are. They are summed up without BLAS, and always in the same order. What is
    too large for float64 is not finite.

    Parameters
    ----------
    n_columns : int
    is_sparse : bool
        Whether batches are CSR.

    Attributes
    ----------
    step : int
        Rows of a block.
    """

    def __init__(self, n_columns: int, is_sparse: bool):
        self._of_block = _of_csr_block if is_sparse else _of_block
        self.step = _ROWS if is_sparse else max(1, _BLOCK // n_columns)
        self._moments = Moments.of_nothing(n_columns)
        self._waiting: list[tuple[Any, np.ndarray]] = []
        self._n_waiting = 0

    def add(self, matrix: Any, weights: np.ndarray) -> None:
        """Add rows; ``weights`` is empty where all are 1."""
        start, n_rows = 0, matrix.shape[0]
        while start < n_rows:
            stop = min(start + self.step - self._n_waiting, n_rows)
            block, weight = matrix[start:stop], weights[start:stop]
            self._waiting.append((block, weight))
            self._n_waiting += stop - start
            start = stop
            if self._n_waiting == self.step:
                self._moments, self._waiting, self._n_waiting = self.total(), [], 0
        # Not views, which would hold the whole batch in memory.
        self._waiting = [
            (block.copy(), weight.copy()) for block, weight in self._waiting
        ]

    def total(self) -> Moments:
        """Return the moments of all rows so far."""
        if not self._waiting:
            return self._moments
        blocks, weights = zip(*self._waiting, strict=True)
        block = blocks[0]
        if len(blocks) > 1:
            is_sparse = self._of_block is _of_csr_block
            stack = scipy.sparse.vstack if is_sparse else np.concatenate
            block = stack(blocks)
        with np.errstate(over="ignore", invalid="ignore"):
            return self._moments.add(self._of_block(block, np.concatenate(weights)))


def moments_of_matrix(
    matrix: np.ndarray, weights: np.ndarray, rows: np.ndarray | None = None
) -> Moments:
    """Return the moments of the columns of a dense matrix.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_columns)
    weights : ndarray of shape (n_samples,) or (0,)
        Weights of the rows; empty: all 1.
    rows : ndarray of shape (n_rows,) or None, default=None
        The rows meant; None for all.
    """
    return _moments_of(matrix, weights, rows, is_sparse=False)


def moments_of_inputs(
    inputs: Inputs, weights: np.ndarray, rows: np.ndarray | None = None
) -> Moments:
    """Return the moments of the columns of dense or CSR inputs.

    Parameters
    ----------
    inputs : Inputs
    weights, rows
        As in `moments_of_matrix`.
    """
    return _moments_of(inputs.matrix, weights, rows, inputs.is_sparse)


def _moments_of(
    matrix: Any, weights: np.ndarray, rows: np.ndarray | None, is_sparse: bool
) -> Moments:
    """Return the moments of rows, which are copied block by block at most."""
    n_rows, n_columns = matrix.shape if rows is None else (len(rows), matrix.shape[1])
    sums = MomentSums(n_columns, is_sparse)
    step = sums.step
    for start in range(0, n_rows, step):
        stop = min(start + step, n_rows)
        block = slice(start, stop) if rows is None else rows[start:stop]
        sums.add(matrix[block], weights[block] if weights.size else weights)
    return sums.total()


def _of_block(block: np.ndarray, weights: np.ndarray) -> Moments:
    """Return the moments of a few rows."""
    block, total = block.astype(np.float64), float(len(block))
    factors = weights.astype(np.float64)[:, np.newaxis]
    if weights.size:
        total = float(factors.sum())
    if not total:
        return Moments.of_nothing(block.shape[1])

    def average(values: np.ndarray) -> np.ndarray:
        weighted = factors * values if weights.size else values
        averages: np.ndarray = weighted.sum(axis=0) / total
        return averages

    mean = average(block)
    block -= mean
    return Moments(total, mean, average(np.square(block)))


def _of_csr_block(block: Any, weights: np.ndarray) -> Moments:
    """Return the moments of some rows of CSR."""
    block = block.astype(np.float64)  # a copy
    block.sum_duplicates()  # else they count as entries of their own
    (n_rows, n_columns), columns = block.shape, block.indices
    weights = weights.astype(np.float64) if weights.size else np.ones(n_rows)
    total = float(weights.sum())
    if not total:
        return Moments.of_nothing(n_columns)
    of_entries = np.repeat(weights, np.diff(block.indptr))
    mean = np.bincount(columns, of_entries * block.data, n_columns) / total
    distances = block.data - mean[columns]
    squares = np.bincount(columns, of_entries * distances**2, n_columns)
    of_zeros = total - np.bincount(columns, of_entries, n_columns)
    squares += np.maximum(of_zeros, 0.0) * mean**2
    return Moments(total, mean, squares / total)
