"""After training, the loss is not worse than that of a constant predictor.

It holds for scaled data and enough full batches at a sane rate that falls, without
what keeps a network from fitting: penalties, dropout, limits, smoothed labels. The
constants are those that know the targets: shares of the classes, the mean, the median,
the quantile. Not for kinked losses with L-BFGS, whose line search ends at the kinks.
"""

import numpy as np
import pytest
import scipy.special
from fuzzing import holds, run
from hypothesis import strategies as st
from outcomes import attempt
from strategies import (
    ESTIMATORS,
    matrices,
    numbers,
    seeds,
    shapes,
    weights,
)

from sknn import MLPClassifier
from sknn._parameters import STOCHASTIC_SOLVERS

# Rates at which each solver gets somewhere in the epochs below.
RATES = {"sgd": 0.1, "adagrad": 0.3, "amsgrad": 0.1}
RATE, N_EPOCHS = 0.03, 1200
SLACK = 0.01  # of the loss, and beside it: the epochs come to an end
LEVEL = 0.3

KINKED = {"absolute_error", "quantile", "hinge"}  # at which L-BFGS ends
LOSSES = {
    "squared_error": lambda y, z: (y - z) ** 2,
    "absolute_error": lambda y, z: np.abs(y - z),
    "log_cosh": lambda y, z: np.log(np.cosh(y - z)),
    "huber": lambda y, z: np.where(
        np.abs(y - z) < 1, (y - z) ** 2 / 2, np.abs(y - z) - 0.5
    ),
    "quantile": lambda y, z: np.maximum(LEVEL * (y - z), (LEVEL - 1) * (y - z)),
    "poisson": lambda y, z: z - scipy.special.xlogy(y, z),
    "gamma": lambda y, z: y / z + np.log(z),
}


def losses_of_classes(loss, indicators, outputs):
    """Return the loss of each row, given probabilities, or scores for the hinge loss.

    ``indicators`` has a column for each class, or each label; one class is one column.
    """
    is_one_of = np.all(indicators.sum(axis=1) == 1)
    if loss != "hinge":
        q = np.where(indicators, outputs, 1.0 if is_one_of else 1 - outputs)
        q = np.maximum(q, np.finfo(float).tiny)
        return np.sum(-((1 - q) ** (2.0 * (loss == "focal"))) * np.log(q), axis=1)
    if not is_one_of or indicators.shape[1] < 3:
        signs = np.where(indicators, 1, -1)
        return np.maximum(0, 1 - signs * outputs).sum(axis=1)
    own = np.sum(outputs * indicators, axis=1)
    others = np.where(indicators, -np.inf, outputs).max(axis=1)
    return np.maximum(0, 1 - own + others)


def classifier_losses(model, X, y, sample_weight):
    """Return the mean loss of a classifier, and that of a constant."""
    indicators = y == 1 if y.ndim == 2 else y[:, None] == model.classes_
    if model.loss != "hinge":
        shares = np.average(indicators, axis=0, weights=sample_weight)
        pair = model.predict_proba(X), np.tile(shares, (len(y), 1))
    else:
        scores = model.decision_function(X)
        if scores.ndim == 1:  # of two classes, or of one
            indicators, scores = indicators[:, -1:], scores[:, None]
            if len(model.classes_) == 1:
                indicators = ~indicators
        pair = scores, np.zeros_like(scores)
    return [
        np.average(
            losses_of_classes(model.loss, indicators, each.astype(float)),
            weights=sample_weight,
        )
        for each in pair
    ]


def regressor_losses(model, X, y, sample_weight):
    """Return the mean loss of a regressor, and that of a constant."""
    loss, n = LOSSES[model.loss], len(y)
    levels = {"absolute_error": 0.5, "quantile": LEVEL}
    if model.loss in levels:
        repeats = np.repeat(np.arange(n), np.ones(n, int))
        if sample_weight is not None:
            # Integers, so that the quantile is that of repeated rows.
            repeats = np.repeat(np.arange(n), sample_weight.astype(int))
        constant = np.quantile(
            y[repeats], levels[model.loss], axis=0, method="inverted_cdf"
        )
    else:
        constant = np.average(y, axis=0, weights=sample_weight)
    predicted = model.predict(X).reshape(y.shape).astype(float)
    return [
        np.average(loss(y, each).sum(axis=1), weights=sample_weight)
        for each in (predicted, np.tile(constant, (n, 1)))
    ]


@holds(40, data=st.data(), estimator=st.sampled_from(ESTIMATORS))
def no_worse_than_a_constant(data, estimator):
    # Lion's steps have one size for all, which would have to be found for each problem.
    solvers = [*sorted(STOCHASTIC_SOLVERS - {"lion"}), "lbfgs"]
    solver = data.draw(st.sampled_from(solvers))
    is_classifier = estimator is MLPClassifier
    names = ("log_loss", "focal", "hinge") if is_classifier else sorted(LOSSES)
    if solver == "lbfgs":
        names = [name for name in names if name not in KINKED]
    loss = data.draw(st.sampled_from(names))
    chosen = data.draw(shapes())
    for name in ("dropout", "kernel_initializer"):
        chosen.pop(name, None)
    options = {
        **chosen,
        "loss": loss,
        "solver": solver,
        "learning_rate_init": RATES.get(solver, RATE),
        "alpha": 0.0,
        "max_iter": N_EPOCHS,
        "n_iter_no_change": np.inf,
        "random_state": data.draw(seeds),
    }
    if loss == "quantile":
        options["quantile"] = LEVEL
    if solver != "lbfgs":
        options |= {"learning_rate": "cosine", "weight_decay": 0.0}
    X = data.draw(matrices())
    rng = np.random.RandomState(data.draw(seeds))
    n = len(X)
    options["batch_size"] = n
    sample_weight = data.draw(weights(n, kinds=("none", "integers")))
    if is_classifier:
        n_classes = data.draw(st.sampled_from([1, 2, 3, 5]))
        y = rng.randint(n_classes, size=n)
        if n_classes == 5:
            y = rng.randint(2, size=(n, 2))
    else:
        y = numbers(rng, (n, data.draw(st.integers(1, 3))), loss).astype(float)
        if loss == "poisson":
            y[0] = 1  # a mean of zero is a prediction of minus infinity
    model = estimator(**options)
    attempt(lambda: model.fit(X, y if y.shape[1:] != (1,) else y[:, 0], sample_weight))
    losses = classifier_losses if is_classifier else regressor_losses
    achieved, constant = losses(model, X, y, sample_weight)
    assert achieved <= constant + SLACK * (1 + abs(constant)), (achieved, constant)


def test_property():
    """On few examples: now and then a network ends in a poor minimum."""
    run("no_worse_than_a_constant", 1)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_fit_of_nothing_is_worse(estimator):
    """What is asserted above does not hold for a network that has learned nothing."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(40, 3))
    is_classifier = estimator is MLPClassifier
    y = (X[:, 0] > 1.5).astype(int) if is_classifier else X[:, :1] + 3
    model = estimator(solver="sgd", learning_rate_init=1e-9, max_iter=1, random_state=0)
    attempt(lambda: model.fit(X, y if is_classifier else y[:, 0]))
    losses = classifier_losses if is_classifier else regressor_losses
    achieved, constant = losses(model, X, y, None)
    assert achieved > constant * (1 + SLACK) + SLACK
