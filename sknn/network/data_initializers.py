"""Initial weights and biases that depend on the training rows.

They look at the weighted sums ``x W`` of the rows x that a layer reads.
"""

import numpy as np

from sknn.kernels.drivers import weighted_sums as driver
from sknn.kernels.gemm import products
from sknn.network.data import read_only

# Sums that differ by less than this share of their mean differ by rounding.
_CONSTANT = 1e-6
_N_POINTS = 5  # of which each bias is a mean
_MOST_COUNTED = 2**31  # of whole weights, whose sums are then exact


def weighted_sums(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return rows @ weights, the same bits whatever BLAS does.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, fan_in)
    weights : ndarray of shape (fan_in, fan_out)
        Of the same dtype.
    """
    sums = np.empty((len(rows), weights.shape[1]), dtype=weights.dtype)
    driver.weighted_sums(
        weights.dtype,
        products.dots_product.address(weights.dtype),
        read_only(np.ascontiguousarray(rows)),
        read_only(np.ascontiguousarray(weights.T)),
        sums,
    )
    return sums


def deviations(sums: np.ndarray, sample_weight: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each column; 1 where it is constant.

    Parameters
    ----------
    sums : ndarray of shape (n_rows, fan_out)
    sample_weight : ndarray of shape (n_rows,)
    """
    exact = sums.astype(np.float64)
    means = np.average(exact, axis=0, weights=sample_weight)
    variances = np.average((exact - means) ** 2, axis=0, weights=sample_weight)
    found = np.sqrt(variances)
    return np.where(found > _CONSTANT * np.abs(means), found, 1.0)


def random_means(
    random_state: np.random.RandomState, sums: np.ndarray, sample_weight: np.ndarray
) -> np.ndarray:
    """Return a random mean of five rows for each column, shape (fan_out,).

    The rows are drawn for each column, in proportion to their weights, and so are their
    shares in the mean, evenly among all that add up to 1.

    Parameters
    ----------
    random_state : RandomState
    sums : ndarray of shape (n_rows, fan_out)
    sample_weight : ndarray of shape (n_rows,)
        Above zero.
    """
    size = (_N_POINTS, sums.shape[1])
    rows = _drawn_rows(random_state, sample_weight, size)
    shares = random_state.standard_exponential(size)
    chosen = np.take_along_axis(sums.astype(np.float64), rows, axis=0)
    means: np.ndarray = np.sum(shares * chosen, axis=0) / np.sum(shares, axis=0)
    return means


def _drawn_rows(
    random_state: np.random.RandomState,
    sample_weight: np.ndarray,
    size: tuple[int, int],
) -> np.ndarray:
    """Return indices of rows, drawn in proportion to their weights.

    Where all weights are whole, they are those of rows repeated as often.
    """
    ends = np.cumsum(sample_weight, dtype=np.float64)
    total = ends[-1]
    if total < _MOST_COUNTED and (sample_weight == np.floor(sample_weight)).all():
        points = random_state.randint(int(total), size=size).astype(np.float64)
    else:
        points = total * random_state.uniform(size=size)
    # The product may be rounded up to the total.
    rows: np.ndarray = np.searchsorted(ends, points, side="right").clip(
        max=len(ends) - 1
    )
    return rows
