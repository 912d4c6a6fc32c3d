"""Weighted means and variances of columns, which can be added up."""

from typing import NamedTuple

import numpy as np

from sknn.network.data import Inputs

_BLOCK = 2**18  # numbers to convert to float64 together


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


def moments_of_matrix(
    matrix: np.ndarray, weights: np.ndarray, rows: np.ndarray | None = None
) -> Moments:
    """Return the moments of the columns of a dense matrix.

    They are summed up block by block, always in the same order, without BLAS. What is
    too large for float64 is not finite.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_columns)
    weights : ndarray of shape (n_samples,) or (0,)
        Weights of the rows; empty: all 1.
    rows : ndarray of shape (n_rows,) or None, default=None
        The rows meant; None for all.
    """
    n_columns = matrix.shape[1]
    n_rows = len(matrix) if rows is None else len(rows)
    step = max(1, _BLOCK // n_columns)
    moments = Moments.of_nothing(n_columns)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n_rows, step):
            stop = min(start + step, n_rows)
            block = slice(start, stop) if rows is None else rows[start:stop]
            weight = weights[block] if weights.size else weights
            moments = moments.add(_of_block(matrix[block], weight))
    return moments


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
    matrix = inputs.matrix
    if not inputs.is_sparse:
        return moments_of_matrix(matrix, weights, rows)
    if rows is not None:
        matrix, weights = matrix[rows], weights[rows] if weights.size else weights
    matrix = matrix.astype(np.float64)  # a copy
    matrix.sum_duplicates()  # else they count as entries of their own
    n_columns, columns = inputs.n_features, matrix.indices
    weights = weights.astype(np.float64) if weights.size else np.ones(matrix.shape[0])
    total = float(weights.sum())
    of_entries = np.repeat(weights, np.diff(matrix.indptr))
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.bincount(columns, of_entries * matrix.data, n_columns) / total
        distances = matrix.data - mean[columns]
        squares = np.bincount(columns, of_entries * distances**2, n_columns)
        of_zeros = total - np.bincount(columns, of_entries, n_columns)
        squares += np.maximum(of_zeros, 0.0) * mean**2
        return Moments(total, mean, squares / total)
