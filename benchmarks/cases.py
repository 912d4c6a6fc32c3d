"""What is measured: shapes of data and networks."""

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from sklearn.datasets import make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning


class Case(NamedTuple):
    """A data set and a network.

    Attributes
    ----------
    n_outputs : int
        Number of classes; 1 means regression.
    density : float
        Below 1, X is a CSR matrix with this share of entries.
    """

    n_rows: int
    n_features: int
    n_outputs: int
    hidden: tuple[int, ...]
    batch_size: int
    density: float = 1.0

    @property
    def shape(self) -> str:
        """Rows x features, outputs."""
        sparse = f" CSR {self.density:.1%}" if self.density < 1 else ""
        return f"{self.n_rows:,} x {self.n_features:,}{sparse}, {self.n_outputs}"

    @property
    def network_outputs(self) -> int:
        """Number of outputs of the network: two classes need but one."""
        return 1 if self.n_outputs == 2 else self.n_outputs

    def data(self, dtype: np.dtype):
        """Draw X and y."""
        if self.density < 1:
            X = scipy.sparse.random(
                self.n_rows,
                self.n_features,
                self.density,
                "csr",
                dtype=dtype,
                random_state=0,
            )
            return X, np.random.RandomState(0).randint(self.n_outputs, size=self.n_rows)
        if self.n_outputs == 1:
            X, y = make_regression(self.n_rows, self.n_features, random_state=0)
            return X.astype(dtype), (y / y.std()).astype(dtype)
        X, y = make_classification(
            self.n_rows,
            self.n_features,
            n_informative=min(self.n_features, 16),
            n_redundant=0,
            n_clusters_per_class=1,
            n_classes=self.n_outputs,
            random_state=0,
        )
        return X.astype(dtype), y


CASES = {
    "iris-sized": Case(150, 4, 3, (100,), 32),
    "defaults": Case(10_000, 20, 2, (100,), 200),
    "small batch": Case(10_000, 20, 2, (100,), 32),
    "wider": Case(10_000, 50, 10, (256,), 256),
    "deep tabular": Case(20_000, 40, 1, (256, 256, 256), 256),
    "pictures": Case(5_000, 784, 10, (256,), 128),
    "very wide": Case(20_000, 100, 10, (1024,), 256),
    "text": Case(5_000, 20_000, 4, (100,), 200, density=0.005),
    "course": Case(10_000, 20, 1, (50, 10), 64),
}


def chosen(options) -> Iterator[tuple[str, Case, str, Any, np.ndarray]]:
    """Yield name, case, dtype, X and y of each case and dtype of the options.

    None of them is trained until it converges, and nothing warns of that from here on.
    """
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name in options.cases:
        for dtype in options.dtypes:
            yield name, CASES[name], dtype, *CASES[name].data(np.dtype(dtype))
