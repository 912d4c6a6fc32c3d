"""
The forward formula
===================

What a network of three layers computes, written in NumPy and found again in
``predict_proba``. Each layer multiplies by its weights, adds its biases and applies its
activation; the softmax turns the last sums into probabilities. The picture follows one
iris through the layers.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier

X, y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
# Keras: model = Sequential([Dense(8, activation="relu"), Dense(5, activation="tanh"),
#                            Dense(3, activation="softmax")])
#        W1, b1, W2, b2, W3, b3 = model.get_weights()
model = MLPClassifier((8, 5), ("relu", "tanh"), alpha=0, max_iter=1000, random_state=0)
model.fit(X, y)
(W1, W2, W3), (b1, b2, b3) = model.coefs_, model.intercepts_

h1 = np.maximum(X @ W1 + b1, 0)  # relu
h2 = np.tanh(h1 @ W2 + b2)
z = h2 @ W3 + b3
p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)  # softmax
loss = -np.log(p[np.arange(len(y)), y]).mean()

gap = abs(p - model.predict_proba(X)).max()
print(f"log loss {loss:.4f}, largest difference to predict_proba {gap:.0e}")

figure, axes = plt.subplots(1, 4, figsize=(13, 3.2), layout="constrained")
names = ["x, scaled", "h1 = relu(x W1 + b1)", "h2 = tanh(h1 W2 + b2)", "p = softmax(z)"]
for axis, name, values in zip(axes, names, (X, h1, h2, p), strict=True):
    axis.bar(range(values.shape[1]), values[100])
    axis.set(title=name, xlabel="neuron", xticks=range(values.shape[1]))
axes[0].set(ylabel="value", xlabel="feature")
axes[3].set(xlabel="class")
plt.show()
