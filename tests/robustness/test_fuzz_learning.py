"""After training, the loss is not worse than that of a constant predictor.

Where the gradient of the last layer vanishes, a convex loss is not above that of any
constant, whatever the layers before do: they may be dead or saturated, and the minimum
may be a poor one. To get there takes steps that are small enough and enough of them, so
a fit may be gone on with, and made anew at lower rates, as a user would.

It holds for scaled data and full batches, without what keeps a network from fitting:
penalties, dropout, limits, smoothed labels. The constants are those that know the
targets: shares of the classes, the mean, the median, the quantile. L-BFGS may end at a
kink of a loss, a jump of an activation or a steep slope of a normalization.
"""

import numpy as np
import pytest
import scipy.special
from fuzzing import amounts, holds, names_in, run
from hypothesis import assume, event
from hypothesis import strategies as st
from outcomes import attempt, refused
from strategies import (
    ESTIMATORS,
    matrices,
    numbers,
    seeds,
    shapes,
    weights,
)

from sknn import MLPClassifier
from sknn.estimators.parameters import STOCHASTIC_SOLVERS

# What is tried first: a rate that suits the solver, and so many epochs.
RATES = {"sgd": 0.1, "adagrad": 0.3, "amsgrad": 0.1, "lion": 0.01}
RATE, N_EPOCHS = 0.03, 400
# Then half the rate and four times the epochs, so that steps get smaller and reach
# further. At each rate, training goes on twice.
N_RATES, N_FITS = 5, 3
SLACK = 1e-3  # of the loss, and beside it: the epochs come to an end
LEVEL = 0.3

KINKED = {"absolute_error", "quantile", "hinge"}
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


def losses_of_classes(loss, indicators, outputs, has_labels):
    """Return the loss of each row, given probabilities, or scores for the hinge loss.

    ``indicators`` has a column for each class, or each label; one class is one column.
    """
    if loss != "hinge":
        q = np.where(indicators, outputs, 1 - outputs if has_labels else 1.0)
        q = np.maximum(q, np.finfo(float).tiny)
        return np.sum(-((1 - q) ** (2.0 * (loss == "focal"))) * np.log(q), axis=1)
    if has_labels or indicators.shape[1] < 3:
        signs = np.where(indicators, 1, -1)
        return np.maximum(0, 1 - signs * outputs).sum(axis=1)
    own = np.sum(outputs * indicators, axis=1)
    others = np.where(indicators, -np.inf, outputs).max(axis=1)
    return np.maximum(0, 1 - own + others)


def classifier_losses(model, X, y, sample_weight):
    """Return the mean loss of a classifier, and that of the best of some constants."""
    has_labels = y.ndim == 2
    indicators = y == 1 if has_labels else y[:, None] == model.classes_
    if model.loss != "hinge":
        outputs = model.predict_proba(X)
        constants = [np.average(indicators, axis=0, weights=sample_weight)]
    else:
        outputs = model.decision_function(X)
        if outputs.ndim == 1:  # of two classes, or of one
            indicators, outputs = indicators[:, -1:], outputs[:, None]
            if len(model.classes_) == 1:
                indicators = ~indicators
        if has_labels or outputs.shape[1] == 1:
            shares = np.average(indicators, axis=0, weights=sample_weight)
            constants = [np.where(shares > 0.5, 1, -1)]
        else:
            constants = [np.zeros(outputs.shape[1]), *np.eye(outputs.shape[1])]
    achieved, *others = (
        np.average(
            losses_of_classes(model.loss, indicators, each.astype(float), has_labels),
            weights=sample_weight,
        )
        for each in [outputs, *(np.tile(each, (len(y), 1)) for each in constants)]
    )
    return achieved, min(others)


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


def reaches_a_constant(model, X, y, sample_weight):
    """Return whether fits that go on get at least as low as a constant.

    And which of them did. Divergence ends them.
    """
    losses = classifier_losses if isinstance(model, MLPClassifier) else regressor_losses
    targets = y[:, 0] if y.shape[1:] == (1,) else y
    for k in range(N_FITS):
        if reason := refused(lambda: model.fit(X, targets, sample_weight)):
            assert "diverged" in reason
            return False, "diverged"
        achieved, constant = losses(model, X, y, sample_weight)
        if achieved <= constant + SLACK * (1 + abs(constant)):
            return True, f"fit {k}"
    return False, f"{achieved} above {constant}"


@holds(40, data=st.data(), estimator=st.sampled_from(ESTIMATORS))
def no_worse_than_a_constant(data, estimator):
    solver = data.draw(st.sampled_from([*sorted(STOCHASTIC_SOLVERS), "lbfgs"]))
    is_classifier = estimator is MLPClassifier
    names = ("log_loss", "focal", "hinge") if is_classifier else sorted(LOSSES)
    if solver == "lbfgs":
        names = [name for name in names if name not in KINKED]
    loss = data.draw(st.sampled_from(names))
    chosen = data.draw(shapes())
    chosen.pop("dropout", None)
    options = {
        **chosen,
        "loss": loss,
        "solver": solver,
        "alpha": 0.0,
        "n_iter_no_change": np.inf,
        "random_state": data.draw(seeds),
        "warm_start": True,
    }
    if loss == "quantile":
        options["quantile"] = LEVEL
    if solver == "lbfgs":
        assume("step" not in np.ravel(options.get("activation", "relu")))
    else:
        schedules = st.sampled_from(["cosine", "one_cycle"])  # which end near zero
        options |= {"learning_rate": data.draw(schedules), "weight_decay": 0.0}
        options["normalization"] = data.draw(st.sampled_from([None, "layer"]))
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
    found = []
    for k in range(N_RATES):
        options["learning_rate_init"] = RATES.get(solver, RATE) / 2**k
        options["max_iter"] = N_EPOCHS * 4**k
        does, what = reaches_a_constant(estimator(**options), X, y, sample_weight)
        found.append(what)
        if does:
            event(f"rate {k}, {what}")
            return
    raise AssertionError(found)


@amounts
@pytest.mark.parametrize("name", names_in(__name__))
def test_property(name, factor):
    run(name, factor)


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
