"""
Iris: a first network and a better one
======================================

From a table in Pandas to a trained network in a pipeline. Then a search tries widths,
depths, activations, dropout and learning rates, each by cross-validation. The test set
is looked at once, at the end. The first network stops before it has learnt much: the
default learning rate is slow for so few rows.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier

iris = load_iris(as_frame=True)
X, y = iris.data, iris.target.map(dict(enumerate(iris.target_names)))
print(X.groupby(y).mean().T.round(1))
X_train, X_test = train_test_split(X, test_size=0.4, stratify=y, random_state=0)
y_train, y_test = y[X_train.index], y[X_test.index]

# Keras: Sequential([Dense(8, activation="relu"), Dense(3, activation="softmax")]),
#        y = to_categorical(y), compile("adam", "categorical_crossentropy"),
#        fit(epochs=200, batch_size=90); for the search KerasClassifier of SciKeras
net = MLPClassifier((8,), max_iter=200, tol=None, random_state=0)
first = Pipeline([("scaler", StandardScaler()), ("net", net)]).fit(X_train, y_train)

depths = {"net__hidden_layer_sizes": [8, 16], "net__n_hidden_layers": [1, 2]}
layers = {"net__hidden_layer_sizes": [(16, 8)], "net__hidden_layer_sizes__0": [8, 16]}
layers |= {"net__activation__1": ["relu", "tanh"], "net__dropout__0": [0.0, 0.2]}
rates = {"net__learning_rate_init": [0.001, 0.01]}
better = GridSearchCV(first, [depths | rates, layers | rates]).fit(X_train, y_train)
print(better.best_params_)

_, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for axis, name, model in zip(axes, ["First", "Tuned"], [first, better], strict=True):
    ConfusionMatrixDisplay.from_estimator(model, X_test, y_test, ax=axis, cmap="Blues")
    axis.set_title(f"{name}: test accuracy {model.score(X_test, y_test):.3f}")
    print(axis.get_title())
plt.show()
