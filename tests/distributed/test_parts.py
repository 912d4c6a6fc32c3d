"""One network trained in several processes, each with a part of the rows."""

import pickle
import signal

import numpy as np
import pytest
import scipy.sparse
from data_in_batches import LABELS, NUMBERS, SPARSE, WEIGHTS, X, cut, state_of
from numpy.testing import assert_allclose, assert_array_equal
from part_processes import (
    KillAfter,
    StopAfter,
    fit_alone,
    fit_in_processes,
    fit_in_threads,
    rows_of_processes,
)

from sknn import MLPClassifier, MLPRegressor
from sknn.distributed.collective import WorkerError
from sknn.estimators.first_pass import merged
from sknn.estimators.parts import survey_part
from sknn.training.generator_state import generator_of

SMALL = {"hidden_layer_sizes": (7,), "max_iter": 3, "random_state": 0, "tol": None}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


ALONE = {
    "regressor": (MLPRegressor, (X, NUMBERS), {"dropout": 0.2}),
    "in order": (MLPRegressor, (X, NUMBERS), {"shuffle": False, "batch_size": 32}),
    "float32": (MLPRegressor, (X.astype(np.float32), NUMBERS), {}),
    "sample weights": (MLPRegressor, (X, NUMBERS, WEIGHTS), {"batch_size": 100}),
    "zero weights": (
        MLPRegressor,
        (X, NUMBERS, np.where(np.arange(len(X)) < 200, 0, 1)),
        {"batch_size": 32, "shuffle": False},
    ),
    "text": (MLPClassifier, (X, LABELS), {"class_weight": "balanced"}),
    "sparse": (MLPClassifier, (SPARSE, LABELS), {"learning_rate": "cosine"}),
    "limits": (
        MLPRegressor,
        (X, NUMBERS),
        {"max_norm": 1.0, "global_clipnorm": 0.1, "l1_ratio": 0.5, "alpha": 0.1},
    ),
    "batch normalisation": (MLPClassifier, (X, LABELS), {"normalization": "batch"}),
}


@pytest.mark.parametrize("case", ALONE)
def test_one_process_gives_the_bits_of_a_local_fit(case):
    estimator, arrays, parameters = ALONE[case]
    model = estimator(**{**SMALL, **parameters})
    whole = estimator(**{**SMALL, **parameters}).fit(*arrays)
    assert state_of(fit_alone(model, cut(*arrays))) == state_of(whole)


def test_early_stopping_and_going_on():
    parameters = {**SMALL, "early_stopping": True, "n_iter_no_change": 99}
    batches, given = cut(X[90:], LABELS[90:]), (X[:90], LABELS[:90], None)
    model = fit_alone(MLPClassifier(**parameters), batches, validation=given)
    whole = MLPClassifier(**parameters)
    whole.fit(X[90:], LABELS[90:], X_val=X[:90], y_val=LABELS[:90])
    assert state_of(model) == state_of(whole)
    model.set_params(max_iter=5)
    fit_alone(model, batches, validation=given, resumes=True)
    whole.set_params(max_iter=5)
    whole.resume_fit(X[90:], LABELS[90:], X_val=X[:90], y_val=LABELS[:90])
    assert state_of(model) == state_of(whole)


def in_the_order_of_steps(parts, batch_size):
    """Return the numbers of the rows, step by step, as the docstring says."""
    n = sum(part.stop - part.start for part in parts)
    order = []
    for start in range(0, n, batch_size):
        stop = min(start + batch_size, n)
        for part in parts:
            n_own = part.stop - part.start
            first, last = start * n_own // n, stop * n_own // n
            order += range(part.start + first, part.start + last)
    return order


@pytest.mark.parametrize(
    ("estimator", "arrays", "fit"),
    [
        (MLPRegressor, (X[:320], NUMBERS[:320], WEIGHTS[:320]), fit_in_threads),
        (
            MLPClassifier,
            (scipy.sparse.csr_array(X[:320]), LABELS[:320]),
            fit_in_processes,
        ),
    ],
    ids=["regressor", "classifier"],
)
def test_two_processes_take_the_steps_of_a_local_fit(estimator, arrays, fit):
    """Of the same batches, whose rows are in another order: equal to rounding."""
    parameters = {**SMALL, "shuffle": False, "batch_size": 32, "dropout": 0.0}
    parts = rows_of_processes([0, 80, 320])
    model = estimator(**parameters)
    found = fit(model, [cut(*(array[part] for array in arrays)) for part in parts])
    order = in_the_order_of_steps(parts, 32)
    whole = estimator(**parameters).fit(*(array[order] for array in arrays))
    assert state_of(found[0]) == state_of(found[1])
    for own, expected in zip(found[0].coefs_, whole.coefs_, strict=True):
        assert_allclose(own, expected, rtol=1e-9, atol=1e-12)
    assert_allclose(found[0].loss_curve_, whole.loss_curve_, rtol=1e-9)


@pytest.mark.slow
def test_shuffled_uneven_and_empty_parts_repeat():
    parts = [
        cut(X[part], LABELS[part]) for part in rows_of_processes([0, 300, 300, 330])
    ]
    model = MLPClassifier(**SMALL, class_weight="balanced", dropout=0.1)
    given = (X[:50], LABELS[:50], None)
    first, second = (fit_in_processes(model, parts, validation=given) for _ in range(2))
    states = [state_of(each) for each in (*first, *second)]
    assert all(state == states[0] for state in states)
    assert_array_equal(first[0].classes_, ["low", "middle", "up"])


def test_the_global_batches_of_a_shuffled_fit_can_be_made_locally():
    """From the generator of process 0, and the number of the process."""
    parts, size = rows_of_processes([0, 80, 320]), 32
    model = MLPRegressor(**SMALL, batch_size=size)
    found, _ = fit_in_threads(model, [[(X[p], NUMBERS[p])] for p in parts])
    start = found._resume_state["random_state"]
    generators = [generator_of(start)]
    entropy = [*generator_of(start).get_state()[1].tolist(), 1]
    bits = np.random.MT19937(np.random.SeedSequence(entropy))
    generators.append(np.random.RandomState(bits))
    orders = [np.arange(part.start, part.stop) for part in parts]
    local = MLPRegressor(**SMALL, batch_size=size).initialize(X, NUMBERS)
    for _ in range(found.n_iter_):
        for generator, order in zip(generators, orders, strict=True):
            generator.shuffle(order)
        for s in range(320 // size):
            rows = [
                order[s * size * len(order) // 320 : (s + 1) * size * len(order) // 320]
                for order in orders
            ]
            batch = np.concatenate(rows)
            local.partial_fit(X[batch], NUMBERS[batch])
    for own, expected in zip(found.coefs_, local.coefs_, strict=True):
        assert_allclose(own, expected, rtol=1e-9, atol=1e-12)


def test_two_processes_go_on_as_if_there_were_no_break():
    parts = [cut(X[part], NUMBERS[part]) for part in rows_of_processes([0, 200, 330])]
    parameters = {**SMALL, "dropout": 0.2, "standardize": True, "max_iter": 5}
    whole, _ = fit_in_threads(MLPRegressor(**parameters), parts)
    # Process 0 alone has the callback, and stops both.
    model = MLPRegressor(**parameters)
    first = fit_in_threads(model, parts, callbacks={0: StopAfter(1)})
    assert [each.n_iter_ for each in first] == [2, 2]
    model = pickle.loads(pickle.dumps(first[0])).set_callbacks()
    second = fit_in_threads(model, parts, resumes=True)
    assert state_of(second[0]) == state_of(second[1]) == state_of(whole)


SAID = {
    "SIGKILL": "Worker 1 of 2 is gone: ",
    "SIGSTOP": "Worker 1 of 2 is frozen or cut off: it gave no sign of life for 4 sec",
}


@pytest.mark.parametrize("number", SAID)
@pytest.mark.default_cases(1)
def test_a_process_that_is_gone_ends_the_fit_of_the_others(number):
    """None hangs: the error names the process, and comes within the time-out."""
    parts = [cut(X[part], NUMBERS[part]) for part in rows_of_processes([0, 200, 330])]
    callbacks = {1: KillAfter(getattr(signal, number))}
    found = fit_in_processes(
        MLPRegressor(**SMALL), parts[:2], timeouts=(200, 4), callbacks=callbacks
    )
    assert isinstance(found[0], WorkerError)
    assert str(found[0]).startswith(SAID[number])


def test_parts_of_different_kinds_are_refused():
    model = MLPRegressor(**SMALL)
    whole = survey_part(model, [(X, NUMBERS)])
    assert survey_part(model, []) is None
    for other, message in (
        ((X[:, 1:], NUMBERS), "Some rows of X have 5 columns, others have 4"),
        ((SPARSE, NUMBERS), "X is sparse, but that of the batches before is dense"),
        ((X, NUMBERS, WEIGHTS), "it comes with sample weights, unlike"),
    ):
        with pytest.raises(ValueError, match=message):
            merged([whole, survey_part(model, [other])])
    numbers = survey_part(MLPClassifier(**SMALL), [(X, NUMBERS > 0)])
    with pytest.raises(ValueError, match=r"text .* y of other rows holds numbers"):
        merged([numbers, survey_part(MLPClassifier(**SMALL), [(X, LABELS)])])
