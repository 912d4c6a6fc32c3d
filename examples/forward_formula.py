"""What a network of three layers computes, written out in numpy.

Each layer multiplies by its weights, adds its biases and applies its activation; the
softmax turns the last sums into probabilities, and the log loss says how good they are.
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
model = MLPClassifier((8, 5), activation=("relu", "tanh"), max_iter=1000)
model.set_params(random_state=0).fit(X, y, X_val=X, y_val=y)
(W1, W2, W3), (b1, b2, b3) = model.coefs_, model.intercepts_

h1 = np.maximum(X @ W1 + b1, 0)  # relu
h2 = np.tanh(h1 @ W2 + b2)
z = h2 @ W3 + b3
p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)  # softmax
loss = -np.log(p[np.arange(len(y)), y]).mean()

np.testing.assert_allclose(p, model.predict_proba(X), rtol=1e-6)
np.testing.assert_allclose(loss, model.history_["val_loss"][-1], rtol=1e-6)
print(f"log loss: {loss:.6f} by hand, {model.history_['val_loss'][-1]:.6f} by sknn")

figure, axes = plt.subplots(1, 4, figsize=(13, 3.2), layout="constrained")
names = ["x, scaled", "h1 = relu(x W1 + b1)", "h2 = tanh(h1 W2 + b2)", "p = softmax(z)"]
for axis, name, values in zip(axes, names, (X, h1, h2, p), strict=True):
    axis.bar(range(values.shape[1]), values[100])
    axis.set(title=name, xlabel="neuron", xticks=range(values.shape[1]))
plt.show()
