"""Fits on rows that are read anew in each epoch, beside the same fit in memory.

The time of an epoch is the slope between a fit of one epoch and one of four: the first
pass over a source, and what is compiled, do not count.
"""

import tempfile
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.peers import is_there
from benchmarks.timing import in_turns, ratio, seconds
from sknn import MLPClassifier
from sknn.data import BatchSource

N_FEATURES, BUFFER, N_FILES = 50, 50_000, 8
NETWORKS = {"100": (100,), "256, 256": (256, 256)}
FEW, MANY = 1, 4  # epochs


def rows(options) -> Iterator[dict]:
    """Yield a row for each network and way to read."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    n_rows = 40_000 if options.quick else 400_000
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, N_FEATURES), dtype=np.float32)
    y = (X[:, 0] > 0).astype(np.int64)
    with tempfile.TemporaryDirectory() as folder:
        data = dict(_data(X, y, Path(folder)))
        for network, widths in NETWORKS.items():
            model = MLPClassifier(widths, tol=None, random_state=0)
            model.set_params(max_iter=1).fit(X[:1000], y[:1000])  # compiles
            functions = {k: partial(_epoch, model, each) for k, each in data.items()}
            found = in_turns(functions, options.repeats)
            for name, times in found.items():
                yield {
                    "network": network,
                    "data": name,
                    "rows": n_rows,
                    "rows a second": n_rows / median(times),
                    "of memory": ratio(found["in memory"], times),
                }


def _data(
    X: np.ndarray, y: np.ndarray, folder: Path
) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield what to fit on, with a name."""
    yield "in memory", (X, y)
    X.tofile(folder / "X")
    mapped = np.memmap(folder / "X", X.dtype, "r", shape=X.shape)
    yield "np.memmap", (mapped, y)
    options = {"buffer_size": BUFFER}
    source = BatchSource.from_arrays(mapped, y, **options)
    yield "BatchSource.from_arrays(np.memmap)", (source,)
    paths = [folder / f"{k}.npz" for k in range(N_FILES)]
    for path, part, labels in zip(
        paths, np.array_split(X, N_FILES), np.array_split(y, N_FILES), strict=True
    ):
        np.savez(path, X=part, y=labels)

    def read(path: Path) -> object:
        return np.load(path).values()

    yield (
        "BatchSource.from_files, .npz",
        (BatchSource.from_files(paths, read, **options),),
    )
    if is_there("pyarrow"):
        import pyarrow
        import pyarrow.parquet

        names = [f"x{k}" for k in range(N_FEATURES)]
        table = pyarrow.table([*X.T, y], names=[*names, "y"])
        pyarrow.parquet.write_table(table, folder / "data.parquet")
        source = BatchSource.from_parquet(folder / "data.parquet", "y", **options)
        yield "BatchSource.from_parquet", (source,)


def _epoch(model: MLPClassifier, data: tuple) -> float:
    """Return the seconds of an epoch."""
    few, many = (seconds(model.set_params(max_iter=n).fit, *data) for n in (FEW, MANY))
    return (many - few) / (MANY - FEW)
