"""A binary classifier: layers of 10, 20 and 1 neurons, batches of 64, 30 epochs.

For two classes the output is one sigmoid neuron: the probability of the second class.
The data are measurements of tumours, which are malignant (0) or benign (1).
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier
from sknn.displays import LossCurveDisplay

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

# Keras: model = Sequential([
#            Dense(10, activation="relu", kernel_initializer="uniform"),
#            Dense(20, activation="relu", kernel_initializer="uniform"),
#            Dense(1, activation="sigmoid", kernel_initializer="uniform")])
#        model.compile("adam", loss="binary_crossentropy", metrics=["accuracy"])
#        model.fit(X_train, y_train, batch_size=64, epochs=30,
#                  validation_data=(X_test, y_test))
model = MLPClassifier((10, 20), kernel_initializer="uniform", batch_size=64)
model.set_params(max_iter=30, tol=None, metrics=["accuracy"])
model.set_params(random_state=0).fit(X_train, y_train, X_val=X_test, y_val=y_test)
print(f"output: {model.out_activation_}, training loss {model.loss_:.3f}, ", end="")
print(f"test accuracy {model.score(X_test, y_test):.3f}")

_, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
LossCurveDisplay.from_estimator(model, ax=axes[0])
LossCurveDisplay.from_estimator(model, keys=["accuracy", "val_accuracy"], ax=axes[1])
plt.show()
