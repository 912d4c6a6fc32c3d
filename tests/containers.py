"""The containers that data may come in: dense, of other types, sparse."""

import tempfile
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse

_names = count()
_folder = tempfile.TemporaryDirectory()


def _strided(X):
    wide = np.full((2 * X.shape[0], 3 * X.shape[1]), np.nan, X.dtype)
    wide[::2, ::3] = X
    return wide[::2, ::3]


def _read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def _memmap(X):
    path = Path(_folder.name) / str(next(_names))
    path.write_bytes(X.tobytes())
    return np.memmap(path, X.dtype, "r", shape=X.shape)


def _unaligned(X):
    memory = np.zeros(X.nbytes + 1, np.uint8)
    unaligned = memory[1:].view(X.dtype).reshape(X.shape)
    unaligned[:] = X
    return unaligned


# Dense containers hold the same numbers, and must give the same bits.
DENSE = {
    "C order": np.ascontiguousarray,
    "F order": np.asfortranarray,
    "strided": _strided,
    "reversed": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "read-only": _read_only,
    "memmap": _memmap,
    "unaligned": _unaligned,
    "pandas": lambda X: pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])]),
}
# scikit-learn takes these for float64, whatever they hold.
AS_FLOAT64 = {
    "polars": lambda X: pl.DataFrame(X, schema=[f"x{i}" for i in range(X.shape[1])]),
    "list": lambda X: X.tolist(),
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "long double": lambda X: X.astype(np.longdouble),
    "object": lambda X: X.astype(object),
}


def _long_indices(S):
    S.indices, S.indptr = S.indices.astype(np.int64), S.indptr.astype(np.int64)
    return S


def _unsorted(X):
    """Return CSR whose columns descend in each row."""
    S = scipy.sparse.csr_array(X)
    for start, stop in zip(S.indptr[:-1], S.indptr[1:], strict=True):
        S.indices[start:stop] = S.indices[start:stop][::-1].copy()
        S.data[start:stop] = S.data[start:stop][::-1].copy()
    S.has_sorted_indices = False
    return S


def _explicit_zeros(X):
    """Return CSR in which every element is stored."""
    n, m = X.shape
    indptr = np.arange(n + 1) * m
    return scipy.sparse.csr_array((X.ravel(), np.tile(np.arange(m), n), indptr), (n, m))


def _duplicates(X):
    """Return CSR in which each number is the sum of two halves."""
    S = scipy.sparse.csr_array(X)
    halves = (np.repeat(S.data / 2, 2), np.repeat(S.indices, 2), S.indptr * 2)
    return scipy.sparse.csr_array(halves, shape=X.shape)


# Sparse containers give the same up to the order of sums.
SPARSE = {
    **{
        name: getattr(scipy.sparse, name)
        for name in ("csr_array", "csr_matrix", "csc_array", "coo_array", "lil_array")
    },
    "int64 indices": lambda X: _long_indices(scipy.sparse.csr_array(X)),
    "unsorted": _unsorted,
    "explicit zeros": _explicit_zeros,
    "duplicates": _duplicates,
}
CONTAINERS = {**DENSE, **AS_FLOAT64, **SPARSE}
