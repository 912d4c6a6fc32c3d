"""
Pictures of digits
==================

Each picture has 8 x 8 pixels, which are the inputs. Above are the digits of whose
predictions the network is least certain; where it is wrong, the title gives the true
digit. Below, the weights from the pixels to hidden neurons, as pictures too: ink on
blue pixels speaks for the neuron, ink on red pixels against it.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknn import MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
# Keras: model = Sequential([Flatten(), Dense(32, activation="relu"),
#                            Dense(10, activation="softmax")])
#        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
#        model.fit(X_train, y_train, epochs=500)
#        model.evaluate(X_test, y_test); model.predict(X_test).argmax(axis=1)
model = MLPClassifier((32,), alpha=0.1, max_iter=500, random_state=0)
model.fit(X_train, y_train)
predicted, certainty = model.predict(X_test), model.predict_proba(X_test).max(axis=1)
wrong = predicted != y_test
print(f"{wrong.sum()} of {wrong.size} wrong: accuracy {1 - wrong.mean():.3f}")

figure = plt.figure(figsize=(11, 7), layout="constrained")
above, below = figure.subfigures(2)
above.suptitle("The least certain predictions")
below.suptitle("The weights of 16 hidden neurons")
upper, lower = above.subplots(2, 8), below.subplots(2, 8)
for i, axis in zip(certainty.argsort(), upper.ravel(), strict=False):
    axis.imshow(X_test[i].reshape(8, 8), cmap="Greys")
    axis.set_title(f"{predicted[i]}, not {y_test[i]}" if wrong[i] else predicted[i])
for weights, axis in zip(model.coefs_[0].T, lower.ravel(), strict=False):
    axis.imshow(weights.reshape(8, 8), cmap="RdBu", vmin=-0.8, vmax=0.8)
for axis in (*upper.ravel(), *lower.ravel()):
    axis.set_axis_off()
plt.show()
