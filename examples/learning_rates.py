"""
Learning rates: too low, good and too high
==========================================

With too low a rate, 30 epochs are far too few. Too high a rate jumps over the minimum,
back and forth or away from it, and the loss of the last epoch is accidental.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknn import LossCurveDisplay, MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)

_, axes = plt.subplots(1, 3, figsize=(13, 4), sharey=True, layout="constrained")
rates = {"Too low": 0.001, "Good": 0.1, "Too high": 3.0}
for axis, (name, rate) in zip(axes, rates.items(), strict=True):
    # Keras: model = Sequential([Dense(32, activation="relu"),
    #                            Dense(10, activation="softmax")])
    #        model.compile(SGD(rate), loss="sparse_categorical_crossentropy")
    #        model.fit(X_train, y_train, batch_size=32, epochs=30, validation_split=0.1)
    model = MLPClassifier(
        hidden_layer_sizes=(32,),
        solver="sgd",
        momentum=0,
        learning_rate_init=rate,
        batch_size=32,
        max_iter=30,
        tol=None,
        validate=True,
        random_state=0,
    ).fit(X_train, y_train)
    accuracy = model.score(X_test, y_test)
    print(f"rate {rate:5}: loss {model.loss_:.3f}, test accuracy {accuracy:.3f}")
    LossCurveDisplay.from_estimator(model, ax=axis)
    axis.set(title=f"{name}: {rate}, test accuracy {accuracy:.2f}", yscale="log")
plt.show()
