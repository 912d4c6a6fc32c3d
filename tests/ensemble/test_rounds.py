"""Rounds of several epochs between the scores of an ensemble."""

import pickle
import signal
import warnings

import numpy as np
import pytest
from networks_of_ensembles import IRIS, LABELS, classifier
from numpy.testing import assert_array_equal, assert_equal
from sklearn.base import clone

from sknn import EnsembleMLPClassifier, EnsembleMLPRegressor, MLPRegressor
from sknn.training import rounds
from sknn.training.rounds import JointLoop

ROUNDS = [
    {},
    {"n_iter_no_change": 3},
    {"tol": None, "metrics": ["accuracy"]},
    {"restore_best_weights": False, "dropout": 0.2},
    {"learning_rate": "one_cycle"},
    {"early_stopping": False, "learning_rate": "cosine"},
    {"early_stopping": False, "validate": True, "shuffle": False},
    {"scoring": "loss"},
    {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 1.0},
]


def fitted_in_rounds(most_epochs, model, X, y, monkeypatch, **given):
    monkeypatch.setattr(rounds, "_MOST_EPOCHS", most_epochs)
    n_epochs, record = [], JointLoop._record

    def counted(self, outputs, began):
        n_epochs.extend([len(outputs)] * bool(self.validation))
        return record(self, outputs, began)

    with monkeypatch.context() as patch:
        patch.setattr(JointLoop, "_record", counted)
        model.fit(X, y, **given)
    history = {**model.history_, "seconds": len(model.history_["seconds"])}
    weights = [array for net in model.estimators_ for array in net.coefs_]
    return max(n_epochs), history, model.best_iteration_, weights


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("parameters", ROUNDS)
def test_rounds_of_several_epochs_change_no_bit(parameters, refit, monkeypatch):
    """One epoch at a time is what the scores after each epoch are defined by."""
    parameters = {"early_stopping": True, "n_iter_no_change": 5, **parameters}
    net = classifier(max_iter=60, tol=1e-3).set_params(**parameters)
    cv = None if net.early_stopping else 3
    model = EnsembleMLPClassifier(net, cv=cv, n_members=3, refit=refit, random_state=0)
    found = [
        fitted_in_rounds(most, clone(model), IRIS, LABELS, monkeypatch)
        for most in (1, 16)
    ]
    assert found[0][0] < found[1][0] <= 16
    assert found[0][1:3] == found[1][1:3]
    assert_equal(found[0][3], found[1][3])


def test_networks_that_diverge_in_a_round(monkeypatch):
    """The ensemble counts epochs before as if each was a round of its own."""
    X, y = np.tile(IRIS, (8, 1)), np.tile(LABELS, 8) * 1e3
    net = MLPRegressor(hidden_layer_sizes=(8,), solver="sgd", early_stopping=True)
    found = []
    for rate in np.geomspace(1, 1e8, 9):
        net.set_params(learning_rate_init=rate, max_iter=60)
        model = EnsembleMLPRegressor(net, n_members=3, random_state=0)
        for most in (1, 16):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    fitted = fitted_in_rounds(most, clone(model), X, y, monkeypatch)
                except ValueError as error:
                    fitted = (0, {"message": str(error)}, 0, [])
            found.append((*fitted[1:], {str(each.message) for each in caught}))
    assert any("message" in each[0] for each in found)
    assert any("were restored" in " ".join(each[3]) for each in found)
    for one, several in zip(found[::2], found[1::2], strict=True):
        assert_equal(one, several)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_in_a_round(n_jobs, interrupted):
    """All networks end at the same epoch, and training goes on to the same bits."""
    net = classifier(max_iter=2, tol=None, scoring="loss")
    model = EnsembleMLPClassifier(net, cv=3, random_state=0, n_jobs=n_jobs)
    clone(model).fit(IRIS, LABELS)  # compiles
    model.set_params(estimator__max_iter=10**6)
    with pytest.warns(UserWarning, match="interrupted by user"):
        interrupted(lambda: model.fit(IRIS, LABELS), delay=0.1)
    assert {net.n_iter_ for net in model.estimators_} == {model.n_iter_}
    n_epochs = model.n_iter_ + 5
    model.set_params(estimator__max_iter=n_epochs).resume_fit(IRIS, LABELS)
    whole = clone(model).fit(IRIS, LABELS)
    assert whole.history_["val_score"] == model.history_["val_score"]
    assert_array_equal(model.predict_proba(IRIS), whole.predict_proba(IRIS))


@pytest.mark.parametrize("refit", [False, True])
def test_ctrl_c_in_the_round_before_the_end(refit, monkeypatch):
    """The epoch that ends training comes after it, and then what follows training."""
    net = classifier(max_iter=200, early_stopping=True, tol=1e-3, n_iter_no_change=6)
    model = EnsembleMLPClassifier(net, n_members=3, refit=refit, random_state=0)
    whole = clone(model).fit(IRIS, LABELS)
    ends, record = [], JointLoop._record

    def note(self, outputs, began):
        line = record(self, outputs, began)
        ends.append((self.state.n_iter, len(outputs)) if self.validation else (0, 0))
        return line

    with monkeypatch.context() as patch:
        patch.setattr(JointLoop, "_record", note)
        clone(model).fit(IRIS, LABELS)
    *_, (before, n_epochs), last = [end for end in ends if end[0]]
    assert n_epochs > 1
    assert last == (len(whole.history_["loss"]), 1)

    def record_and_break(self, outputs, began):
        if self.state.n_iter + len(outputs) == before:
            signal.raise_signal(signal.SIGINT)
        return record(self, outputs, began)

    with monkeypatch.context() as patch:
        patch.setattr(JointLoop, "_record", record_and_break)
        with pytest.warns(UserWarning, match="interrupted by user"):
            model.fit(IRIS, LABELS)
    assert len(model.history_["loss"]) == before
    model = pickle.loads(pickle.dumps(model)).resume_fit(IRIS, LABELS)
    assert_array_equal(model.predict_proba(IRIS), whole.predict_proba(IRIS))


@pytest.mark.parametrize(
    "parameters",
    [
        {"scoring": lambda estimator, X, y: estimator.score(X, y)},
        {"metrics": [lambda estimator, X, y: 0.5]},
    ],
)
def test_a_users_function_is_called_after_each_epoch(parameters, monkeypatch):
    """Else Ctrl-C would wait for many calls of it."""
    net = classifier(max_iter=5).set_params(early_stopping=True, **parameters)
    model = EnsembleMLPClassifier(net, n_members=2, random_state=0)
    assert fitted_in_rounds(16, model, IRIS, LABELS, monkeypatch)[0] == 1


def test_a_round_keeps_few_predictions(monkeypatch):
    """A validation set may be far larger than what is trained on."""
    net = classifier(max_iter=20, early_stopping=True, tol=None)
    model = EnsembleMLPClassifier(net, n_members=2, random_state=0)
    found = []
    for n in (1, 500, 2000):
        given = {"X_val": np.tile(IRIS, (n, 1)), "y_val": np.tile(LABELS, n)}
        fitted = fitted_in_rounds(16, clone(model), IRIS, LABELS, monkeypatch, **given)
        found.append(fitted[0])
    assert found[0] == 16
    assert 1 < found[1] < 16
    assert found[2] == 1
