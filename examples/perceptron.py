"""The perceptron: a weighted sum of the inputs, a bias, and a decision.

The weights turn the line between the two classes, the bias moves it. Training finds
both: for the logical AND and OR, but not for XOR, which no line can separate.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.inspection import DecisionBoundaryDisplay

from sknn import MLPClassifier

figure, axes = plt.subplots(1, 5, figsize=(16, 3.8), layout="constrained")
x1 = np.array([-2, 2])
for w1, b, style in [(0.5, 0, "-"), (1, 0, "--"), (2, 0, ":")]:
    axes[0].plot(x1, -w1 * x1 - b, style, label=f"w1 = {w1}, b = {b}")
for w1, b, style in [(1, -1, "-"), (1, 0, "--"), (1, 1, ":")]:
    axes[1].plot(x1, -w1 * x1 - b, style, label=f"w1 = {w1}, b = {b}")
axes[0].set(title="A weight turns the line\nw1 x1 + x2 + b = 0", ylabel="x2")
axes[1].set(title="The bias moves the line\nw1 x1 + x2 + b = 0")
for axis in axes[:2]:
    axis.set(xlabel="x1", ylim=(-4, 3))
    axis.legend(loc="lower left")

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
for axis, name in zip(axes[2:], ["AND", "OR", "XOR"], strict=True):
    y = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "XOR": [0, 1, 1, 0]}[name]
    # Keras: Sequential([Dense(1, activation="sigmoid")]), binary_crossentropy
    model = MLPClassifier((), solver="sgd", learning_rate_init=0.5, max_iter=500)
    model.set_params(random_state=0).fit(X, y)
    (w1, w2), b = model.coefs_[0].ravel(), model.intercepts_[0][0]
    print(f"{name}: {w1:.1f} x1 {w2:+.1f} x2 {b:+.1f} > 0, {model.predict(X)}")
    options = {"response_method": "predict", "cmap": "Greys", "alpha": 0.4}
    DecisionBoundaryDisplay.from_estimator(model, X, ax=axis, **options)
    axis.scatter(*X.T, c=y, cmap="Greys", edgecolor="black", s=90)
    axis.set(title=f"{name}: accuracy {model.score(X, y):.2f}", xlabel="x1")
plt.show()
