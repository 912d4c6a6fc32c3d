"""
Quickstart: tuned networks beside scikit-learn's
================================================

A classifier and a regressor are tuned by the same searches with the networks of
scikit-learn and with those of sknn. Two pictures are saved::

    python examples/quickstart.py --output FOLDER
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn import neural_network
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import PredictionErrorDisplay
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sknn

LIBRARIES = {"scikit-learn": neural_network, "sknn": sknn}
COLORS = {"scikit-learn": "sandybrown", "sknn": "tab:blue"}
SETTINGS = {"batch_size": 32, "max_iter": 1000, "random_state": 0}


def iris_search(library):
    """Return a search for a network that tells three kinds of iris apart."""
    network = library.MLPClassifier(learning_rate_init=0.005, **SETTINGS)
    model = make_pipeline(StandardScaler(), network)
    grid = {
        "mlpclassifier__hidden_layer_sizes": [(16,), (32, 32)],
        "mlpclassifier__alpha": [0.01, 0.1, 1.0],
    }
    return GridSearchCV(model, grid)


def diabetes_search(library):
    """Return a search for a network that predicts how far diabetes progresses."""
    network = library.MLPRegressor(learning_rate_init=0.003, **SETTINGS)
    pipeline = make_pipeline(StandardScaler(), network)
    # The target is scaled too, for networks learn best from numbers near zero.
    model = TransformedTargetRegressor(pipeline, transformer=StandardScaler())
    grid = {
        "regressor__mlpregressor__hidden_layer_sizes": [(50,), (32, 32)],
        "regressor__mlpregressor__alpha": [0.1, 1.0, 10.0],
    }
    return GridSearchCV(model, grid)


def main(folder):
    """Tune, print scores and times, draw."""
    iris = train_test_split(*load_iris(return_X_y=True), random_state=1)
    diabetes = train_test_split(*load_diabetes(return_X_y=True), random_state=1)
    tasks = {"iris": (iris_search, iris), "diabetes": (diabetes_search, diabetes)}

    print("First fits compile the kernels, or load them from the cache on disk:\n")
    for task, (make_search, (X, _, y, _)) in tasks.items():
        model = make_search(sknn).estimator
        first = seconds(model.fit, X, y) + seconds(model.predict, X)
        again = seconds(model.fit, X, y) + seconds(model.predict, X)
        print(f"{task:10}fit and predict {first:.2f} s, once again {again:.3f} s")

    print("\nSearches of 6 candidates in 5 folds, without these first fits:\n")
    print("data set  library       accuracy or R2      time  chosen")
    searches = {}
    for task, (make_search, (X, X_test, y, y_test)) in tasks.items():
        for name, library in LIBRARIES.items():
            search = searches[task, name] = make_search(library)
            spent, score = seconds(search.fit, X, y), search.score(X_test, y_test)
            chosen = {k.split("__")[-1]: v for k, v in search.best_params_.items()}
            print(f"{task:10}{name:14}{score:14.3f}{spent:8.2f} s  {chosen}")

    folder.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update({"font.size": 12, "axes.grid": True, "grid.alpha": 0.3})
    draw_loss_curves(searches, folder / "quickstart_loss_curve.png")
    draw_predictions(searches, diabetes, folder / "quickstart_predicted_vs_actual.png")
    print(f"\nPictures of the final networks are in {folder.resolve()}.")


def seconds(function, *arguments):
    """Return how long a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def draw_loss_curves(searches, path):
    """Draw the training loss of the final networks by epoch and by time."""
    figure, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
    for (task, name), search in searches.items():
        row = axes[0 if task == "iris" else 1]
        model = search.best_estimator_
        network = getattr(model, "regressor_", model)[-1]
        n, spent = network.n_iter_, 1000 * search.refit_time_
        epochs = np.arange(1, n + 1)
        style = {"color": COLORS[name], "linewidth": 2 if name == "sknn" else 7}
        loss = network.loss_curve_
        row[0].plot(epochs, loss, label=f"{name}: {n} epochs", **style)
        row[1].plot(epochs * spent / n, loss, label=f"{name}: {spent:.0f} ms", **style)
        row[0].set(title=task, xlabel="epoch", ylabel="training loss")
        row[1].set(title=task, xlabel="milliseconds of the final fit")
        for axis in row:
            axis.legend()
    figure.savefig(path, dpi=120)


def draw_predictions(searches, diabetes, path):
    """Draw what the final networks predict for the test set."""
    _, X, _, y = diabetes
    figure, axis = plt.subplots(figsize=(7, 6.5), layout="constrained")
    for name, size in (("scikit-learn", 110), ("sknn", 22)):
        PredictionErrorDisplay.from_predictions(
            y,
            searches["diabetes", name].predict(X),
            kind="actual_vs_predicted",
            ax=axis,
            scatter_kwargs={"label": name, "s": size, "color": COLORS[name]},
        )
    ticks = range(50, 351, 50)
    axis.set(title=f"Progression of diabetes in {len(y)} test patients", xticks=ticks)
    axis.set(xlabel="predicted", ylabel="actual", yticks=ticks)
    axis.legend(loc="upper left")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Tune networks of two libraries")
    parser.add_argument("--output", type=Path, default=Path(), metavar="FOLDER")
    main(parser.parse_args().output)
