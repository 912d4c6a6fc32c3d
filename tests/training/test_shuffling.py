"""The order of the rows is NumPy's, bit for bit, and so is what it draws next.

The oracle is ``numpy.random.RandomState.shuffle``.
"""

import threading
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.utils import check_random_state

from sknn import MLPClassifier
from sknn.kernels.math.mt19937_shuffle import N_WORDS
from sknn.training import shuffling as orders

rng = np.random.RandomState(0)
X = rng.normal(size=(N_WORDS + 100, 3))
y = (X.sum(axis=1) > 0).astype(int)


def state_of(random_state):
    state = random_state.get_state(legacy=False)
    drawn = state["has_gauss"], state["gauss"]
    return [*state["state"]["key"], state["state"]["pos"], *drawn]


@pytest.mark.parametrize("seed", [0, 7, np.int64(7), np.uint32(1), True, 2**32 - 1])
def test_seeds_are_scikit_learns(seed):
    own, expected = orders.random_state_of(seed), check_random_state(seed)
    assert type(own) is np.random.RandomState
    for _ in range(2):
        assert state_of(own) == state_of(expected)
        assert own.normal() == expected.normal()
        assert own.randint(100) == expected.randint(100)
    assert orders.random_state_of(seed) is not own


def test_generators_are_taken_as_they_are():
    generator = np.random.RandomState(3)
    assert orders.random_state_of(generator) is generator
    assert orders.random_state_of(None) is check_random_state(None)


def shuffler_of(random_state, drawn):
    return orders.shuffler(random_state, drawn, np.dtype(np.float32))


def check_against_numpy(own, expected, n_rows, is_numpys=False):
    drawn, expected_order = np.empty((5, n_rows), np.int64), np.arange(n_rows)
    drawn[0] = expected_order
    shuffle = shuffler_of(own, drawn)
    assert isinstance(shuffle, partial) == is_numpys
    last = 0
    for n in (1, 5, 1, 1, 3, 2):
        shuffle(last, n)
        last = n - 1
        for order in drawn[:n]:
            expected.shuffle(expected_order)
            assert_array_equal(order, expected_order)
        # What others draw in between counts too.
        assert own.randint(100) == expected.randint(100)
        assert own.normal() == expected.normal()
    return own, expected


# Below and above powers of two, where one more bit is needed.
SIZES = [N_WORDS, N_WORDS + 1, 1023, 1024, 1025, 1026, 3000, 65536, 65537, 100_003]


@pytest.mark.parametrize("n_rows", SIZES)
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_as_numpy(n_rows, seed):
    pair = [np.random.RandomState(seed) for _ in range(2)]
    own, expected = check_against_numpy(*pair, n_rows)
    assert state_of(own) == state_of(expected)


@pytest.mark.parametrize("n_rows", range(20))
def test_few_rows(n_rows, monkeypatch):
    monkeypatch.setattr(orders, "_FEWEST_ROWS", 0)
    check_against_numpy(np.random.RandomState(7), np.random.RandomState(7), n_rows)


@pytest.mark.parametrize("n_used", [0, 1, 300, N_WORDS - 1, N_WORDS, N_WORDS + 1])
def test_from_any_word_on(n_used):
    pair = [np.random.RandomState(3) for _ in range(2)]
    for random_state in pair:
        random_state.tomaxint(n_used // 2)
        random_state.randint(2**32, size=n_used % 2, dtype=np.uint32)
    check_against_numpy(*pair, 700)


class Derived(np.random.RandomState):
    """One that may have a shuffle of its own."""


@pytest.mark.parametrize(
    "new",
    [Derived, lambda seed: np.random.RandomState(np.random.PCG64(seed))],
)
def test_other_generators_are_left_to_numpy(new):
    check_against_numpy(new(5), new(5), 1000, is_numpys=True)


def test_an_unknown_layout_is_left_to_numpy(monkeypatch):
    monkeypatch.setattr(orders, "_is_where_expected", lambda: False)
    pair = [np.random.RandomState(3) for _ in range(2)]
    check_against_numpy(*pair, 1000, is_numpys=True)


def test_waits_for_others_that_draw():
    random_state, drawn = np.random.RandomState(0), np.arange(1000)[np.newaxis]
    shuffle = shuffler_of(random_state, drawn)
    thread = threading.Thread(target=shuffle, args=(0, 1))
    with random_state._bit_generator.lock:
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        assert_array_equal(drawn[0], np.arange(1000))
    thread.join()
    assert (drawn[0] != np.arange(1000)).any()


@pytest.mark.parametrize("n_rows", [20, len(X)])
def test_fits_are_those_with_numpys_shuffle(n_rows, monkeypatch):
    def fitted():
        random_state = np.random.RandomState(4)
        model = MLPClassifier(5, max_iter=40, tol=None, random_state=random_state)
        model.fit(X[:n_rows], y[:n_rows])
        return [*model.coefs_, model.history_["loss"]], state_of(random_state)

    arrays, state = fitted()
    monkeypatch.setattr(orders, "_FEWEST_ROWS", np.inf)
    expected, expected_state = fitted()
    for array, other in zip(arrays, expected, strict=True):
        assert_array_equal(array, other)
    assert state == expected_state


def test_fits_go_on():
    options = {"random_state": 0, "tol": None}
    whole = MLPClassifier(5, max_iter=5, **options).fit(X, y)
    resumed = MLPClassifier(5, max_iter=2, **options).fit(X, y)
    resumed.set_params(max_iter=5).resume_fit(X, y)
    assert_array_equal(resumed.coefs_[0], whole.coefs_[0])
