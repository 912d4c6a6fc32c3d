"""
A race of optimizers
====================

SGD, AdaGrad, RMSprop and Adam. At the same learning rate SGD is by far the slowest. But
no rate suits all: with the best of four rates for each, the race is closer.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sknn import LossCurveDisplay, MLPClassifier

X, y = load_digits(return_X_y=True)


def train(solver, rate):
    # Keras: model = Sequential([Dense(32, activation="relu"),
    #                            Dense(10, activation="softmax")])
    #        model.compile(SGD(rate), "sparse_categorical_crossentropy")  # or Adagrad
    #        model.fit(X, y, batch_size=64, epochs=30)
    return MLPClassifier(
        hidden_layer_sizes=(32,),
        solver=solver,
        learning_rate_init=rate,
        momentum=0,
        batch_size=64,
        max_iter=30,
        tol=None,
        random_state=0,
    ).fit(X / 16, y)


_, axes = plt.subplots(1, 2, figsize=(12, 4.5), sharey=True, layout="constrained")
styles = {"sgd": "-", "adagrad": "--", "rmsprop": ":", "adam": "-."}
for solver, style in styles.items():
    models = [train(solver, rate) for rate in (0.001, 0.01, 0.1, 1.0)]
    best = min(models, key=lambda model: model.loss_)
    for model, axis in zip((models[1], best), axes, strict=True):
        name = f"{solver}, rate {model.learning_rate_init}"
        options = {"name": name, "line_kw": {"linestyle": style, "linewidth": 2}}
        LossCurveDisplay.from_estimator(model, ax=axis, **options)
        print(f"{name}: loss {model.loss_:.4f}")
axes[0].set(title="The same rate for all", yscale="log")
axes[1].set(title="The best of four rates for each")
plt.show()
