"""
Back-propagation by hand
========================

``initialize`` makes the network of epoch 0, whose weights are set by hand here. The
error of the output goes back through the weights, times the slope of each activation;
gradients are its products with what each layer was given. They equal those of
``loss_gradients``, and following them learns XOR.
"""

import matplotlib.pyplot as plt
import numpy as np

from sknn import MLPClassifier, NetworkDisplay

X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])  # XOR
model = MLPClassifier((2,), activation="tanh", alpha=0).initialize(X, y)
model.coefs_ = [np.array([[1.0, -1.0], [0.5, -1.0]]), np.array([[1.0], [0.5]])]
model.intercepts_ = [np.array([0.0, 0.5]), np.array([0.0])]
(W1, W2), (b1, b2) = model.coefs_, model.intercepts_
figure, axes = plt.subplots(1, 3, figsize=(17, 4.5), layout="constrained")
NetworkDisplay.from_estimator(model, ax=axes[0]).ax_.set_title("Before")

losses = []
for _ in range(300):
    # Keras: with GradientTape() as tape: loss = binary_crossentropy(y, model(X))
    h = np.tanh(X @ W1 + b1)  # forwards
    p = 1 / (1 + np.exp(-(h @ W2 + b2)))
    losses.append(-np.log(np.where(y == 1, p[:, 0], 1 - p[:, 0])).mean())
    d2 = (p - y[:, np.newaxis]) / len(X)  # backwards: by the sums of the output,
    d1 = d2 @ W2.T * (1 - h**2)  # and by those of the hidden layer
    gradients = [X.T @ d1, h.T @ d2, d1.sum(axis=0), d2.sum(axis=0)]
    # Keras: tape.gradient(loss, model.trainable_weights)
    found = model.loss_gradients(X, y)
    found = found["coefs_"] + found["intercepts_"]
    for weights, gradient, same in zip((W1, W2, b1, b2), gradients, found, strict=True):
        np.testing.assert_allclose(gradient, same, atol=1e-12)
        weights -= 0.5 * gradient  # a step down
print(f"loss {losses[0]:.3f} at first, {losses[-1]:.3f} at last, {model.predict(X)}")
axes[1].plot(losses)
axes[1].set(xlabel="step", ylabel="log loss", title="Gradient descent by hand")
NetworkDisplay.from_estimator(model, ax=axes[2]).ax_.set_title("After")
plt.show()
