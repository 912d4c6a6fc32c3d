"""
A binary classifier
===================

Layers of 10, 20 and 1 neurons, batches of 64, 30 epochs. For two classes the output is
one sigmoid neuron: the probability of the second class. The data are measurements of
tumours, which are malignant (0) or benign (1). The initial weights are so small that
all outputs are alike at first; it takes some epochs until the loss falls.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from sknn import LossCurveDisplay, MLPClassifier

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# Keras: model = Sequential([
#            Dense(10, activation="relu", kernel_initializer="uniform"),
#            Dense(20, activation="relu", kernel_initializer="uniform"),
#            Dense(1, activation="sigmoid", kernel_initializer="uniform")])
#        model.compile("adam", loss="binary_crossentropy", metrics=["accuracy"])
#        model.fit(X_train, y_train, batch_size=64, epochs=30, validation_split=0.2)
model = MLPClassifier(
    hidden_layer_sizes=(10, 20),
    kernel_initializer="uniform",
    batch_size=64,
    max_iter=30,
    tol=None,
    standardize=True,
    validate=True,
    validation_fraction=0.2,
    metrics=["accuracy"],
    random_state=0,
).fit(X_train, y_train)
print(f"output: {model.out_activation_}, training loss {model.loss_:.3f}")
print(f"test accuracy {model.score(X_test, y_test):.3f}")

_, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
LossCurveDisplay.from_estimator(model, ax=axes[0])
LossCurveDisplay.from_estimator(model, keys=["accuracy", "val_accuracy"], ax=axes[1])
axes[0].set(title="Loss")
axes[1].set(title="Accuracy")
plt.show()
