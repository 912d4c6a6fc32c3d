"""Learning rates: too low, good and too high.

Too low a rate hardly learns in the given epochs; too high a rate jumps over the
minimum, back and forth or away from it.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknn import MLPClassifier
from sknn.displays import LossCurveDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)

_, axes = plt.subplots(1, 3, figsize=(13, 4), sharey=True, layout="constrained")
rates = {"Too low": 0.001, "Good": 0.1, "Too high": 1.0}
for axis, (name, rate) in zip(axes, rates.items(), strict=True):
    # Keras: model = Sequential([Dense(32, activation="relu"),
    #                            Dense(10, activation="softmax")])
    #        model.compile(SGD(rate), loss="sparse_categorical_crossentropy")
    #        model.fit(X_train, y_train, batch_size=32, epochs=30,
    #                  validation_data=(X_test, y_test))
    model = MLPClassifier((32,), solver="sgd", momentum=0, learning_rate_init=rate)
    model.set_params(batch_size=32, max_iter=30, tol=None)
    model.set_params(random_state=0).fit(X_train, y_train, X_val=X_test, y_val=y_test)
    accuracy = model.score(X_test, y_test)
    print(f"rate {rate:5}: loss {model.loss_:.3f}, accuracy {accuracy:.3f}")
    LossCurveDisplay.from_estimator(model, ax=axis)
    axis.set(title=f"{name}: {rate}, accuracy {accuracy:.2f}", yscale="log")
plt.show()
