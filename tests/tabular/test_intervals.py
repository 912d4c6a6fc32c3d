"""Conformal intervals: the order statistic, by hand and by simulation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sknn.tabular.intervals import conformity_scores, widening

rng = np.random.RandomState(0)


def test_scores_are_distances_to_the_interval():
    y, lower, upper = np.array([0.0, 5.0, 12.0]), np.zeros(3) + 1, np.zeros(3) + 10
    assert_allclose(conformity_scores(y, lower, upper), [1, -4, 2])


@pytest.mark.parametrize(
    ("n", "coverage", "place"), [(9, 0.9, 9), (19, 0.9, 18), (99, 0.5, 50)]
)
def test_the_order_statistic(n, coverage, place):
    """The ceil((n + 1) coverage)-th smallest."""
    scores = rng.permutation(np.arange(1.0, n + 1))
    assert widening(scores, coverage) == place
    assert widening(scores, coverage, np.ones(n)) == place


def test_several_targets():
    scores = rng.normal(size=(50, 3))
    expected = [widening(column, 0.8) for column in scores.T]
    assert_allclose(widening(scores, 0.8), expected)
    weights = rng.uniform(0, 2, size=50)
    expected = [widening(column, 0.8, weights) for column in scores.T]
    assert_allclose(widening(scores, 0.8, weights), expected)


def test_weights_count():
    scores, weights = np.arange(1.0, 12.0), np.r_[np.zeros(5), np.ones(6)]
    assert widening(scores, 0.5, weights) == 9


def test_too_few_rows():
    with pytest.raises(ValueError, match=r"coverage=0.95 needs 19 rows .* there are 8"):
        widening(np.ones(8), 0.95)


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_coverage(coverage):
    """Of exchangeable scores, on average over many draws."""
    hits = [
        rng.normal() <= widening(rng.normal(size=29), coverage) for _ in range(4000)
    ]
    assert abs(np.mean(hits) - coverage) < 0.03
