"""The rows that are held out are those that scikit-learn draws."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import train_test_split

from sknn.estimators.held_out import groups_of, groups_of_indicators, split_rows

rng = np.random.RandomState(0)
GROUPS = {
    "none": None,
    "two": rng.rand(1000) > 0.3,
    "a rare one": np.arange(1000) < 30,
    "three": rng.choice(3, 1000, p=[0.1, 0.2, 0.7]),
    "forty": rng.randint(40, size=1000).astype(np.int8),
    "one": np.zeros(1000, int),
}


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.333, 0.9])
@pytest.mark.parametrize("name", GROUPS)
def test_rows_are_those_of_train_test_split(name, fraction):
    """And so are the draws that follow."""
    groups = GROUPS[name]
    states = [np.random.RandomState(3) for _ in range(2)]
    ours = split_rows(1000, fraction, groups, states[0])
    theirs = train_test_split(
        np.arange(1000), test_size=fraction, stratify=groups, random_state=states[1]
    )
    for one, other in zip(ours, theirs, strict=True):
        assert_array_equal(one, other)
    assert states[0].rand() == states[1].rand()


@pytest.mark.parametrize(
    ("groups", "fraction"),
    [
        (np.arange(20) == 3, 0.5),  # a group of one row
        (np.arange(20) % 3, 0.1),  # fewer rows than groups
        (np.arange(20) % 3, 0.95),
        (None, 0.0),
        (None, 0.99),
    ],
)
def test_errors_are_those_of_train_test_split(groups, fraction):
    strata = groups
    if groups is not None and groups.dtype == bool:  # as a column, in the MLP
        strata = groups[:, np.newaxis]
    with pytest.raises(ValueError, match=r".") as theirs:
        train_test_split(np.arange(20), test_size=fraction, stratify=strata)
    with pytest.raises(ValueError, match=r".") as ours:
        split_rows(20, fraction, groups, np.random.RandomState(0))
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize(
    "codes",
    [[0, 1, 1, 0], [5, 2, 2, 9, 5], [7, 7], [300, 0, 299], list(range(300))[::-1]],
    ids=["small", "gaps", "one", "wide", "many"],
)
def test_groups_are_the_inverse_of_unique(codes):
    expected = np.unique(codes, return_inverse=True)[1]
    assert_array_equal(groups_of(np.array(codes)), expected)


@pytest.mark.parametrize("n_labels", [2, 3, 19, 20, 21, 45, 70])
@pytest.mark.parametrize("probability", [0.05, 0.5])
def test_groups_of_indicators_are_the_inverse_of_unique(n_labels, probability):
    targets = (rng.rand(300, n_labels) < probability).astype(np.float32)
    expected = np.unique(targets, axis=0, return_inverse=True)[1].reshape(-1)
    assert_array_equal(groups_of_indicators(targets), expected)
