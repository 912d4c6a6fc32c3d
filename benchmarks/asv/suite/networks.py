"""Time and memory of fits and predictions, for the cases of ``benchmarks.cases``."""

import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sknn import MLPClassifier, MLPRegressor

sys.path.append(str(Path(__file__).parents[3]))  # asv installs sknn alone

from benchmarks.cases import CASES

N_EPOCHS = 5


class Networks:
    """A network for each case and dtype, which has been fitted once."""

    params = (list(CASES), ["float32", "float64"])
    param_names = ("case", "dtype")
    timeout = 300

    def setup(self, name, dtype):
        """Draw the data and fit once, so that all kernels are compiled."""
        warnings.simplefilter("ignore", ConvergenceWarning)
        case = CASES[name]
        self.X, self.y = case.data(np.dtype(dtype))
        network = MLPRegressor if case.n_outputs == 1 else MLPClassifier
        self.model = network(
            hidden_layer_sizes=case.hidden,
            batch_size=case.batch_size,
            max_iter=N_EPOCHS,
            tol=None,
            random_state=0,
        ).fit(self.X, self.y)
        self.row = self.X[:1]

    def time_fit(self, name, dtype):
        """A fit of five epochs."""
        self.model.fit(self.X, self.y)

    def peakmem_fit(self, name, dtype):
        """The resident memory at its highest, data and libraries included."""
        self.model.fit(self.X, self.y)

    def time_predict(self, name, dtype):
        """The predictions for all rows."""
        self.model.predict(self.X)

    def time_predict_one_row(self, name, dtype):
        """The prediction for one row."""
        self.model.predict(self.row)
