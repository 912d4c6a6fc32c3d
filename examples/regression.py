"""
Regression
==========

A network of 50 and 10 neurons: its loss curve, its R², predicted against actual values.
The data are simulated, with noise of variance 1. A tenth of the training rows is held
out to draw the validation loss. A straight line is compared with the network.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_friedman1
from sklearn.linear_model import LinearRegression
from sklearn.metrics import PredictionErrorDisplay, mean_squared_error
from sklearn.model_selection import train_test_split

from sknn import LossCurveDisplay, MLPRegressor

X, y = make_friedman1(n_samples=1000, noise=1.0, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
# Keras: model = Sequential([Dense(50, activation="relu"), Dense(10, activation="tanh"),
#                            Dense(1)])
#        model.compile(Adam(0.005), loss="mse")
#        model.fit(X_train, y_train, batch_size=32, epochs=100, validation_split=0.1)
model = MLPRegressor(
    hidden_layer_sizes=(50, 10),
    activation=("relu", "tanh"),
    learning_rate_init=0.005,
    batch_size=32,
    max_iter=100,
    tol=None,
    validate=True,
    random_state=0,
).fit(X_train, y_train)
r2, mse = model.score(X_test, y_test), mean_squared_error(y_test, model.predict(X_test))
line = LinearRegression().fit(X_train, y_train).score(X_test, y_test)
print(f"R² {r2:.3f}, mean squared error {mse:.3f}; a straight line: R² {line:.3f}")

_, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
curves = LossCurveDisplay.from_estimator(model, ax=axes[0])
curves.ax_.set(title="Half the mean squared error", yscale="log")
PredictionErrorDisplay.from_estimator(
    model, X_test, y_test, kind="actual_vs_predicted", ax=axes[1]
)
ticks = range(0, 31, 5)
axes[1].set(title=f"Test set: R² {r2:.3f}", xticks=ticks, yticks=ticks)
plt.show()
