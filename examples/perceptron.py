"""
The perceptron
==============

A weighted sum of the inputs, a bias, and a decision. The weight turns a line, the bias
moves it up. Training finds both: for the logical AND and OR, but not for XOR, whose
classes no line separates. A hidden layer bends the line.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.inspection import DecisionBoundaryDisplay

from sknn import MLPClassifier

figure, axes = plt.subplots(2, 3, figsize=(11, 7), layout="constrained")
lines, (and_, or_), (xor, bent) = axes[:, 0], axes[0, 1:], axes[1, 1:]
x = np.array([-2, 2])
for w in (2, 1, 0.5):
    lines[0].plot(x, w * x, label=f"w = {w}, b = 0")
for b in (1, 0, -1):
    lines[1].plot(x, x + b, label=f"w = 1, b = {b}")
lines[0].set(title="The weight turns the line", xlabel="x", ylabel="w x + b")
lines[1].set(title="The bias moves the line", xlabel="x", ylabel="w x + b")

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
tasks = {"AND": ([0, 0, 0, 1], (), and_), "OR": ([0, 1, 1, 1], (), or_)}
tasks |= {"XOR": ([0, 1, 1, 0], (), xor), "XOR, hidden": ([0, 1, 1, 0], (4,), bent)}
for name, (y, hidden, axis) in tasks.items():
    # Keras: Sequential([Dense(1, activation="sigmoid")]), binary_crossentropy
    model = MLPClassifier(hidden, "tanh", solver="lbfgs", random_state=0).fit(X, y)
    print(f"{name}: predicts {model.predict(X)}, accuracy {model.score(X, y):.2f}")
    DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict", ax=axis, cmap="Greys", alpha=0.4
    )
    axis.scatter(*X.T, c=y, cmap="Greys", edgecolor="black", s=90)
    axis.set(title=f"{name}: accuracy {model.score(X, y):.2f}", xlabel="x1")
    axis.set(ylabel="x2")
for axis in lines:
    axis.legend()
plt.show()
