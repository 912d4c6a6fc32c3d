"""Weighted quantiles, the bins and the scales that follow from them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknn.network.quantiles import Distribution

rng = np.random.RandomState(0)
COLUMNS = {
    "normal": rng.normal(size=400),
    "heavy": rng.standard_cauchy(size=400),
    "rounded": rng.normal(size=400).round(1),
    "float32": rng.normal(size=400).astype(np.float32),
}
each = pytest.mark.parametrize("name", COLUMNS)


def ones(column):
    return np.ones(len(column))


@each
def test_quantiles_are_those_of_numpy(name):
    column = COLUMNS[name]
    fractions = np.array([0, 0.01, 0.25, 0.333, 0.5, 0.75, 0.9, 1])
    found = Distribution.of(column, ones(column)).quantiles(fractions)
    expected = np.quantile(column, fractions, method="inverted_cdf")
    assert_array_equal(found, expected)
    assert found.dtype == column.dtype


@each
def test_a_weight_counts_as_so_many_rows(name):
    column = COLUMNS[name]
    weights = rng.randint(1, 4, size=len(column))
    one = Distribution.of(column, weights.astype(float))
    repeated = np.repeat(column, weights)
    other = Distribution.of(repeated, ones(repeated))
    assert_array_equal(one.bin_edges(12), other.bin_edges(12))
    assert one.center_and_scale() == other.center_and_scale()


@each
@pytest.mark.parametrize("n_bins", [2, 7, 32])
def test_edges(name, n_bins):
    column = COLUMNS[name]
    edges = Distribution.of(column, ones(column)).bin_edges(n_bins)
    assert (np.diff(edges) > 0).all()
    assert 2 <= len(edges) <= n_bins + 1
    assert (edges[0], edges[-1]) == (column.min(), column.max())
    assert np.isin(edges, column).all()
    assert edges.dtype == column.dtype
    if name != "rounded":  # all bins hold as many rows, but for one
        counts = np.histogram(column, edges)[0]
        assert len(counts) == n_bins
        assert counts.max() - counts.min() <= 2


def test_few_values_are_all_edges():
    column = rng.randint(5, size=100).astype(float) ** 2
    edges = Distribution.of(column, ones(column)).bin_edges(4)
    assert_array_equal(edges, [0, 1, 4, 9, 16])


def test_a_frequent_value_does_not_take_the_bins_of_others():
    column = np.concatenate([np.zeros(900), np.arange(1.0, 101)])
    edges = Distribution.of(column, ones(column)).bin_edges(10)
    # Zero counts for a tenth of the rows, so that the others get half of the bins.
    assert_array_equal(edges[:2], [0, edges[1]])
    assert len(edges) >= 6
    assert np.diff(edges).max() <= 25


def test_center_and_scale():
    column = np.array([1.0, 2, 3, 4, 5, 6, 7, 100])
    assert Distribution.of(column, ones(column)).center_and_scale() == (4, 1 / 4)
    rare = np.array([0.0] * 9 + [10])
    assert Distribution.of(rare, ones(rare)).center_and_scale() == (0, 2 / 10)
    assert Distribution.of(rare[:4], ones(rare[:4])).center_and_scale() == (0, 0)


def test_squashed():
    column = np.array([1.0, 2, 3, 4, 5, 6, 7, 1000])
    found = Distribution.of(column, ones(column)).squashed(column)
    x = (column - 4) / 4
    assert_allclose(found, x / np.sqrt(1 + (x / 3) ** 2))
    assert np.abs(found).max() < 3


@pytest.mark.parametrize("values", [[1.0], [1.0, 2.0], [0.0, 1.0, 5.0, 9.0]])
@pytest.mark.parametrize("n_edges", [3, 4, 9])
def test_as_many_edges_as_there_are_places(values, n_edges):
    """Rows that lack values, or have more, than those by which bins were counted."""
    known = Distribution.of(np.array(values), np.ones(len(values)))
    edges, squashed = known.exactly(n_edges, n_edges - 1)
    assert len(edges) == n_edges
    assert (np.diff(edges) > 0).all()
    assert (np.diff(squashed) > 0).all()
    if len(values) > 1:
        assert edges[0] == values[0]
        assert edges[-1] == values[-1]
