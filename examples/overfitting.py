"""
Overfitting, dropout and early stopping
=======================================

Every fifth label of the training set is shuffled. A large network learns the mistakes
by heart: its training loss falls, while the loss on the validation set rises. Dropout
prevents that. Early stopping returns the weights of the epoch with the lowest
validation loss. Both do better on the test set, which has no mistakes.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknn import LossCurveDisplay, MLPClassifier

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, test_size=1000, random_state=0)
X, X_val, y, y_val = train_test_split(X, y, train_size=400, random_state=0)
truth = y.copy()
y[::5] = np.random.default_rng(0).permutation(y[::5])
print(f"{(y != truth).sum()} of {len(y)} labels are wrong")

# Keras: Sequential([Dense(100, activation="relu"), Dropout(0.5),
#                    Dense(100, activation="relu"), Dropout(0.5),
#                    Dense(10, activation="softmax")])
#        fit(X, y, epochs=200, batch_size=32, validation_data=(X_val, y_val),
#            callbacks=[EarlyStopping(patience=20, restore_best_weights=True)])
plain = {"hidden_layer_sizes": (100, 100), "batch_size": 32, "max_iter": 200}
plain |= {"tol": None, "random_state": 0}
stops = {"early_stopping": True, "scoring": "loss", "tol": 0, "n_iter_no_change": 20}
ways = {"Plain": {}, "Dropout": {"dropout": 0.5}, "Early stopping": stops}
_, axes = plt.subplots(1, 3, figsize=(14, 4), sharey=True, layout="constrained")
for axis, (name, parameters) in zip(axes, ways.items(), strict=True):
    model = MLPClassifier(**plain | parameters).fit(X, y, X_val=X_val, y_val=y_val)
    title = f"{name}: test accuracy {model.score(X_test, y_test):.3f}"
    LossCurveDisplay.from_estimator(model, ax=axis).ax_.set(title=title, xlim=(0, 200))
    losses = f"{model.loss_:.3f}, validation {model.history_['val_loss'][-1]:.3f}"
    print(f"{title}; loss after {model.n_iter_} epochs: training {losses}")
plt.show()
