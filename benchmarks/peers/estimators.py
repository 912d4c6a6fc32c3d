"""sknn and scikit-learn: the same lines for both."""

from types import ModuleType
from typing import Any

from sklearn import neural_network

import sknn
from benchmarks.peers.start import ALPHA, BETA_1, BETA_2, EPSILON, RATE, SEED
from benchmarks.timing import seconds


class Estimator:
    """An MLPClassifier or MLPRegressor; the time of an epoch is a slope."""

    library: ModuleType
    n_first = 1  # epochs of the shorter fit
    n_tries = 1  # of each fit, of which the quickest counts

    def __init__(self, case, X, y, activation: str, cores: int = 1):
        self.case, self.X, self.y, self.activation = case, X, y, activation
        self.restart()

    def restart(self) -> None:
        """Forget what was learnt."""
        self.model: Any = None

    def train(self, n_epochs: int) -> None:
        """Fit anew."""
        self.model = self._new(n_epochs).fit(self.X, self.y)

    def seconds_per_epoch(self, n_epochs: int) -> float:
        """Return the slope between a fit of the first epochs and one of n more."""
        short, long = (
            min(seconds(self.train, n) for _ in range(self.n_tries))
            for n in (self.n_first, self.n_first + n_epochs)
        )
        return (long - short) / n_epochs

    def weights(self):
        """Return the matrices and the biases."""
        return self.model.coefs_, self.model.intercepts_

    def _new(self, n_epochs):
        is_regressor = self.case.n_outputs == 1
        kind = "MLPRegressor" if is_regressor else "MLPClassifier"
        return getattr(self.library, kind)(
            hidden_layer_sizes=self.case.hidden,
            activation=self.activation,
            alpha=ALPHA,
            batch_size=min(self.case.batch_size, self.case.n_rows),
            learning_rate_init=RATE,
            beta_1=BETA_1,
            beta_2=BETA_2,
            epsilon=EPSILON,
            max_iter=n_epochs,
            n_iter_no_change=10**6,
            random_state=SEED,
        )


class Sknn(Estimator):
    library = sknn

    def __init__(self, case, X, y, activation: str, cores: int = 1):
        super().__init__(case, X, y, activation)
        # The first calls of a fit try how many threads pay; and where one member of a
        # team is held up, all are.
        if cores > 1:
            self.n_first, self.n_tries = 4, 2


class ScikitLearn(Estimator):
    library = neural_network
