"""
The boundary between two classes, as it is learnt
=================================================

A callback keeps the network's predictions for a grid of points, epoch by epoch; an
animation shows them::

    python examples/decision_boundary.py [boundary.gif]
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from sklearn.datasets import make_moons

from sknn import MLPClassifier
from sknn.callbacks import EpochCallback


class Boundary(EpochCallback):
    """Keeps the probabilities of the second class on a grid, every few epochs."""

    def __init__(self, grid, every):
        self.grid, self.every = grid, every
        self.frames = []

    # Keras: def on_epoch_end(self, epoch, logs=None): self.model.predict(self.grid)
    def on_epoch_end(self, epoch, logs, fitted_estimator):
        if epoch % self.every == 0:
            probabilities = fitted_estimator.predict_proba(self.grid)[:, 1]
            self.frames.append((epoch + 1, logs["loss"], probabilities))


X, y = make_moons(300, noise=0.2, random_state=0)
x1, x2 = np.meshgrid(np.linspace(-2, 3, 80), np.linspace(-1.5, 2, 60))
boundary = Boundary(np.c_[x1.ravel(), x2.ravel()], every=4)
network = MLPClassifier(
    hidden_layer_sizes=(20, 10),
    activation="tanh",
    learning_rate_init=0.01,
    max_iter=120,
    tol=None,
    random_state=0,
)
network.set_callbacks(boundary).fit(X, y)

figure, ax = plt.subplots(figsize=(4.5, 3.4), layout="constrained")


def draw(frame):
    epoch, loss, probabilities = frame
    ax.clear()
    levels = np.linspace(0, 1, 11)
    shape = x1.shape
    ax.contourf(x1, x2, probabilities.reshape(shape), levels, cmap="RdBu_r", alpha=0.6)
    ax.scatter(*X.T, c=y, cmap="RdBu_r", s=8)
    ax.set(title=f"epoch {epoch}: loss {loss:.2f}", xlabel="x1", ylabel="x2")


path = sys.argv[1] if len(sys.argv) > 1 else "boundary.gif"
animation = FuncAnimation(figure, draw, boundary.frames)
animation.save(path, PillowWriter(fps=8), dpi=100)
print(f"{len(boundary.frames)} frames, accuracy {network.score(X, y):.3f}")
