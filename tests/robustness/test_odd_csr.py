"""Valid CSR matrices that are laid out in an odd way, in all methods.

They give what the same numbers give in the usual layout, and stay as they are.
"""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPClassifier, MLPRegressor

RNG = np.random.RandomState(0)
X = RNG.normal(size=(50, 8)) * (RNG.uniform(size=(50, 8)) < 0.4)
PLAIN = sp.csr_array(X)
Y = np.arange(50) % 3


def strided(array):
    return np.repeat(array, 2)[::2]


def with_parts(data=None, indices=None, indptr=None, kind=sp.csr_array):
    """Return a matrix whose arrays are these very objects."""
    matrix = kind(PLAIN.shape)
    matrix.data = PLAIN.data if data is None else data
    matrix.indices = PLAIN.indices if indices is None else indices
    matrix.indptr = PLAIN.indptr if indptr is None else indptr
    return matrix


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def reversed_rows():
    """Return data and indices in the opposite order within each row."""
    bounds = zip(PLAIN.indptr[:-1], PLAIN.indptr[1:], strict=True)
    order = np.concatenate([np.arange(a, b)[::-1] for a, b in bounds])
    return PLAIN.data[order], PLAIN.indices[order]


def with_zeros():
    dense = sp.csr_array(X + 1)
    dense.data -= 1
    return dense


data, indices, indptr = PLAIN.data, PLAIN.indices, PLAIN.indptr
COLUMNS = np.c_[indices, indices]
SPARE = np.zeros(500)

ODD = {
    "indices strided": lambda: with_parts(indices=strided(indices)),
    "indices a column": lambda: with_parts(indices=COLUMNS[:, 1]),
    "indices reversed": lambda: with_parts(indices=indices[::-1].copy()[::-1]),
    "indptr strided": lambda: with_parts(indptr=strided(indptr)),
    "data strided": lambda: with_parts(data=strided(data)),
    "data float32": lambda: with_parts(data=data.astype(np.float32)),
    "data swapped": lambda: with_parts(data=data.astype(data.dtype.newbyteorder())),
    "indices swapped": lambda: with_parts(indices=indices.astype(">i4")),
    "int64": lambda: with_parts(
        indices=indices.astype(np.int64), indptr=indptr.astype(np.int64)
    ),
    "int64 indices": lambda: with_parts(indices=indices.astype(np.int64)),
    "int64 indptr, strided": lambda: with_parts(indptr=strided(indptr.astype(int))),
    "int16": lambda: with_parts(
        indices=indices.astype(np.int16), indptr=indptr.astype(np.int16)
    ),
    "read-only": lambda: with_parts(*map(read_only, (data, indices, indptr))),
    "unsorted": lambda: with_parts(*reversed_rows()),
    "duplicates": lambda: with_parts(
        np.repeat(data / 2, 2), np.repeat(indices, 2), indptr * 2
    ),
    "explicit zeros": with_zeros,
    "spare room": lambda: with_parts(
        np.r_[data, SPARE], np.r_[indices, SPARE.astype(np.int32)]
    ),
    "spare room, strided": lambda: with_parts(
        strided(np.r_[data, SPARE]), strided(np.r_[indices, SPARE.astype(np.int32)])
    ),
    "csr_matrix": lambda: with_parts(indices=strided(indices), kind=sp.csr_matrix),
}


def parts_of(matrix):
    return matrix.data, matrix.indices, matrix.indptr


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("case", ODD)
def test_odd_csr(case, estimator):
    odd = ODD[case]()
    parts = parts_of(odd)
    copies = [part.copy() for part in parts]

    def new():
        options = {"max_iter": 3, "random_state": 0, "solver": "sgd", "batch_size": 9}
        return estimator(hidden_layer_sizes=(5,), **options)

    is_small = odd.dtype == np.float32
    model, usual = new().fit(odd, Y), new().fit(X.astype(odd.dtype), Y)
    for each, rows in ((model, odd), (usual, X)):
        each.partial_fit(rows, Y, X_val=rows, y_val=Y)
    tolerance = 1e-4 if is_small else 1e-9
    assert_allclose(model.coefs_[0], usual.coefs_[0], rtol=tolerance, atol=tolerance)
    for name in ("predict", "hidden_activations", "input_gradients"):
        found, wanted = getattr(model, name)(odd), getattr(model, name)(X)
        assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
    assert model.score(odd, Y) == pytest.approx(model.score(X, Y), rel=tolerance)
    # The matrix is the user's: it holds the same objects, with the same numbers.
    for part, before, copied in zip(parts_of(odd), parts, copies, strict=True):
        assert part is before
        assert_array_equal(part, copied)
