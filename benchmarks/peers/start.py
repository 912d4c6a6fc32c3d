"""What all trainers share: first weights, orders of rows, steps, the loss reached."""

from itertools import pairwise

import numpy as np
from scipy.special import expit, log_softmax
from sklearn.utils.extmath import safe_sparse_dot

SEED = 0
ALPHA, RATE, BETA_1, BETA_2, EPSILON = 1e-4, 1e-3, 0.9, 0.999, 1e-8

_ACTIVATIONS = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "logistic": expit}


def first_weights(case, activation: str, dtype):
    """Draw weights and biases as scikit-learn does; return the generator too."""
    random_state = np.random.RandomState(SEED)
    weights, biases = [], []
    for fan_in, fan_out in pairwise(units(case)):
        bound = np.sqrt((2 if activation == "logistic" else 6) / (fan_in + fan_out))
        for kind, shape in ((weights, (fan_in, fan_out)), (biases, fan_out)):
            kind.append(random_state.uniform(-bound, bound, shape).astype(dtype))
    return weights, biases, random_state


def units(case) -> tuple[int, ...]:
    """Return the widths of all layers."""
    return (case.n_features, *case.hidden, case.network_outputs)


class Orders:
    """The order of the rows for each epoch, as scikit-learn draws it."""

    def __init__(self, n_rows: int, random_state: np.random.RandomState):
        self.order = np.arange(n_rows)
        self.random_state = random_state

    def draw(self) -> np.ndarray:
        """Return the order of the next epoch."""
        drawn = np.arange(self.order.size)
        self.random_state.shuffle(drawn)
        self.order = self.order[drawn]
        return self.order


def loss_of(weights, biases, case, X, y, activation: str) -> float:
    """Return the mean loss of a network on all rows, in float64, without penalty."""
    total = 0.0
    for first in range(0, case.n_rows, 5000):
        h, own = X[first : first + 5000], y[first : first + 5000]
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            h = safe_sparse_dot(h, weight.astype(float)) + bias.astype(float)
            if layer < len(weights) - 1:
                h = _ACTIVATIONS[activation](h)
        if case.n_outputs == 1:
            total += 0.5 * np.sum((h[:, 0] - own) ** 2)
        elif case.n_outputs == 2:
            total += np.sum(np.logaddexp(0, h[:, 0]) - own * h[:, 0])
        else:
            total -= np.sum(log_softmax(h, axis=1)[np.arange(len(own)), own])
    return total / case.n_rows
