"""
Files that are larger than memory
=================================

A network is trained on files that are never in memory together. Run it with a number of
rows to a file::

    python examples/larger_than_memory.py 1000000
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from sknn import MLPClassifier
from sknn.data import BatchSource

N_FILES, N_FEATURES = 8, 20
n_rows = int(sys.argv[1]) if sys.argv[1:] else 5_000
coefficients = np.random.default_rng(0).normal(size=(N_FEATURES, 2))


def draw(seed):
    """Return rows that a linear model cannot tell apart."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, N_FEATURES), dtype=np.float32)
    return X, np.where(np.prod(X @ coefficients, axis=1) > 0, "same", "other")


def read(path):
    """Return a batch: X and y."""
    with np.load(path) as arrays:
        return arrays["X"], arrays["y"]


with tempfile.TemporaryDirectory() as folder:
    paths = [Path(folder) / f"{k}.npz" for k in range(N_FILES)]
    for k, path in enumerate(paths):
        X, y = draw(k)
        np.savez(path, X=X, y=y)
    size = sum(path.stat().st_size for path in paths) / 2**20
    print(f"{N_FILES} files of {n_rows} rows: {size:.1f} MiB")

    # Rows are shuffled within 20,000 of them. The validation set fits into memory.
    source = BatchSource.from_files(paths, read, buffer_size=20_000)
    X_val, y_val = draw(N_FILES)
    model = MLPClassifier(early_stopping=True, n_iter_no_change=3, random_state=0)
    model.fit(source, X_val=X_val, y_val=y_val)

    # Predictions need one batch at a time.
    right = [(model.predict(X) == y).mean() for X, y, _ in source]

print(f"epochs: {model.n_iter_}")
print(f"accuracy on the files: {np.mean(right):.2f}")
print(f"accuracy on new rows: {model.score(X_val, y_val):.2f}")
