"""JAX: a whole epoch in one compiled call, a scan over its batches."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.start import (
    ALPHA,
    BETA_1,
    BETA_2,
    EPSILON,
    RATE,
    Orders,
    first_weights,
)
from benchmarks.timing import seconds

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")

_ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh, "logistic": jax.nn.sigmoid}


class Jax:
    def __init__(self, case, X, y, activation: str, cores: int = 1):
        self.case, self.dtype, self.activation = case, X.dtype, activation
        y = np.asarray(y, dtype=np.int32 if case.n_outputs > 2 else X.dtype)
        self.X, self.y = jnp.asarray(X), jnp.asarray(y)
        loss = partial(_loss, _ACTIVATIONS[activation], case.n_outputs)
        self.epoch = jax.jit(
            partial(_epoch, loss, case.batch_size), donate_argnums=(0,)
        )
        self.restart()

    def restart(self) -> None:
        weights, biases, random_state = first_weights(
            self.case, self.activation, self.dtype
        )
        theta = ([jnp.array(w) for w in weights], [jnp.array(b) for b in biases])
        m, v = (jax.tree.map(jnp.zeros_like, theta) for _ in range(2))
        self.state = (theta, m, v, jnp.zeros((), jnp.int32))
        self.orders = Orders(self.case.n_rows, random_state)

    def train(self, n_epochs: int) -> None:
        for _ in range(n_epochs):
            order = self.orders.draw().astype(np.int32)
            self.state, loss = self.epoch(self.state, self.X, self.y, order)
        loss.block_until_ready()

    def seconds_per_epoch(self, n_epochs: int) -> float:
        self.restart()
        return seconds(self.train, 1 + n_epochs) / (1 + n_epochs)

    def weights(self):
        return jax.tree.map(np.asarray, self.state[0])


def _loss(function, n_outputs, theta, X, y):
    h = X
    *hidden, last = zip(*theta, strict=True)
    for W, b in hidden:
        h = function(h @ W + b)
    z = h @ last[0] + last[1]
    if n_outputs == 1:
        return 0.5 * jnp.mean((z[:, 0] - y) ** 2)
    if n_outputs == 2:
        return jnp.mean(jnp.logaddexp(0, z[:, 0]) - y * z[:, 0])
    own = jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1)
    return -jnp.mean(own)


def _epoch(loss, batch_size, state, X, y, order):
    """Train on the full batches in a scan, and on the rest in a step of its own."""
    n_full = order.size // batch_size
    full = order[: n_full * batch_size].reshape(n_full, batch_size)
    step = partial(_step, loss, X, y)
    state, losses = jax.lax.scan(step, state, full)
    total = losses.sum() * batch_size
    rest = order[n_full * batch_size :]
    if rest.size:
        state, last = step(state, rest)
        total += last * rest.size
    return state, total / order.size


def _step(loss, X, y, state, rows):
    """Take a step of Adam, with scikit-learn's place for epsilon, on some rows."""
    theta, m, v, t = state
    value, gradient = jax.value_and_grad(loss)(theta, X[rows], y[rows])
    decay = ALPHA / rows.size  # of the weights alone
    gradient = (
        [g + decay * w for g, w in zip(gradient[0], theta[0], strict=True)],
        gradient[1],
    )
    t = t + 1
    real = t.astype(float)
    rate = RATE * jnp.sqrt(1 - BETA_2**real) / (1 - BETA_1**real)
    rate = rate.astype(X.dtype)
    m = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, m, gradient)
    v = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, v, gradient)
    theta = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPSILON), theta, m, v
    )
    return (theta, m, v, t), value
