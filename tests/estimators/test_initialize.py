"""The network before it has learnt anything."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils import check_random_state

import sknn
from sknn import MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
TARGETS = {
    "two classes": np.where(NUMBERS > 0, "yes", "no"),
    "three classes": np.digitize(NUMBERS, [-1, 1]),
    "two labels": np.stack([NUMBERS > 0, X[:, 0] > 1], axis=1).astype(int),
    "a number": NUMBERS,
    "three numbers": np.stack([NUMBERS, X[:, 0], X[:, 1]], axis=1),
}
targets = pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
FITS = {
    "adam": {},
    "sgd": {"solver": "sgd", "activation": "tanh", "shuffle": False},
    "lbfgs": {"solver": "lbfgs"},
    "dropout": {"dropout": 0.3, "input_dropout": 0.1},
    "batch norm": {"normalization": "batch"},
    "layer norm": {"normalization": "layer"},
    "embedding": {"numeric_embedding": "piecewise_linear", "n_bins": 4},
    "early stopping": {"early_stopping": True},
    "validate": {"validate": True, "solver": "nadam"},
    "initializer": {"kernel_initializer": "he_normal"},
    "ntk": {"parametrization": "ntk"},
    "feature scaling": {"feature_scaling": True},
    "parametric activation": {"parametric_activation": True},
    "members": {"n_shared_members": 3},
    "no hidden layer": {"hidden_layer_sizes": ()},
}
fits = pytest.mark.parametrize("parameters", FITS.values(), ids=FITS)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def estimator_for(y, library=sknn, **parameters):
    is_regressor = np.asarray(y).dtype.kind == "f"
    name = "MLPRegressor" if is_regressor else "MLPClassifier"
    given = {
        "hidden_layer_sizes": (5, 3),
        "max_iter": 4,
        "random_state": 3,
        **parameters,
    }
    return getattr(library, name)(**given)


def state_of(estimator):
    """Return the attributes as a pickle has them: without times."""
    state = estimator.__getstate__()
    return {name: pickle.dumps(value) for name, value in state.items()}


@targets
@pytest.mark.parametrize("activation", ["relu", "logistic"])
def test_the_weights_are_those_of_sklearn(y, activation):
    mine = estimator_for(y, activation=activation).initialize(X, y)
    theirs = estimator_for(y, neural_network, activation=activation)
    theirs.fit(X, y)  # which sets what _initialize needs
    theirs._random_state = check_random_state(3)
    columns = np.empty((len(y), mine.n_outputs_))
    theirs._initialize(columns, [4, 5, 3, mine.n_outputs_], X.dtype)
    for mine_of_layer, their_of_layer in zip(mine.coefs_, theirs.coefs_, strict=True):
        assert_array_equal(mine_of_layer, their_of_layer)
    for name in ("n_layers_", "n_outputs_", "n_features_in_"):
        assert getattr(mine, name) == getattr(theirs, name)
    assert (mine.n_iter_, mine.t_, mine.history_) == (0, 0, {})
    assert not hasattr(mine, "loss_")


@targets
@fits
def test_a_warm_start_is_as_a_fit_from_scratch(y, parameters):
    expected = estimator_for(y, **parameters).fit(X, y)
    initialized = estimator_for(y, warm_start=True, **parameters).initialize(X, y)
    found = initialized.fit(X, y).set_params(warm_start=False)
    assert state_of(found) == state_of(expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("change", [np.asarray, scipy.sparse.csr_array])
def test_dense_and_sparse_inputs_of_both_dtypes(dtype, change):
    data = change(X.astype(dtype))
    expected = estimator_for(NUMBERS).fit(data, NUMBERS)
    found = estimator_for(NUMBERS, warm_start=True).initialize(data, NUMBERS)
    assert {array.dtype for array in found.coefs_} == {np.dtype(dtype)}
    found.fit(data, NUMBERS).set_params(warm_start=False)
    assert state_of(found) == state_of(expected)


@targets
@pytest.mark.parametrize("name", ["adam", "dropout", "batch norm"])
def test_partial_fits_are_as_without_initialize(y, name):
    estimators = [estimator_for(y, **FITS[name]) for _ in range(2)]
    estimators[1].initialize(X, y)
    for start in (0, 20, 0):
        rows = slice(start, start + 40)
        arguments = {} if y.dtype.kind == "f" else {"classes": np.unique(y)}
        for estimator in estimators:
            estimator.partial_fit(X[rows], y[rows], **arguments)
    assert state_of(estimators[0]) == state_of(estimators[1])


@pytest.mark.parametrize("parameters", [{}, {"dropout": 0.3}, {"early_stopping": True}])
def test_a_generator_goes_on_where_initialize_left_it(parameters):
    generators = [np.random.RandomState(5) for _ in range(2)]
    expected = estimator_for(NUMBERS, **parameters).set_params(
        random_state=generators[0]
    )
    found = estimator_for(NUMBERS, warm_start=True, **parameters)
    found.set_params(random_state=generators[1]).initialize(X, NUMBERS)
    expected.fit(X, NUMBERS)
    found.fit(X, NUMBERS)
    for mine, theirs in zip(found.coefs_, expected.coefs_, strict=True):
        assert_array_equal(mine, theirs)
    assert generators[0].randint(2**31) == generators[1].randint(2**31)


def test_only_the_first_warm_start_is_from_the_seed():
    """The later ones shuffle as warm starts do without initialize."""
    estimators = [estimator_for(NUMBERS, warm_start=True) for _ in range(2)]
    estimators[0].initialize(X, NUMBERS)
    for estimator in estimators:
        estimator.fit(X, NUMBERS).fit(X, NUMBERS)
    assert state_of(estimators[0]) == state_of(estimators[1])


def test_weights_set_by_hand_predict_and_are_trained():
    net = MLPRegressor(
        hidden_layer_sizes=(2,),
        activation="tanh",
        solver="sgd",
        momentum=0,
        learning_rate_init=1e-9,
        max_iter=1,
        warm_start=True,
    ).initialize(X, NUMBERS)
    weights = [rng.normal(size=(4, 2)), rng.normal(size=(2, 1))]
    net.coefs_ = weights  # in place of those drawn
    net.intercepts_[0][:] = [0.5, -0.5]  # within them
    net.intercepts_[1] = np.array([2.0])  # one of them
    expected = np.tanh(X @ weights[0] + [0.5, -0.5]) @ weights[1] + 2
    assert_allclose(net.predict(X), expected[:, 0], rtol=1e-13)
    net.fit(X, NUMBERS)
    assert_allclose(net.coefs_[0], weights[0], atol=1e-7)
    assert_allclose(net.predict(X), expected[:, 0], atol=1e-6)
    assert not np.array_equal(net.coefs_[0], weights[0])


def test_a_fit_that_is_no_warm_start_draws_anew():
    net = estimator_for(NUMBERS).initialize(X, NUMBERS)
    net.coefs_[0][:] = 0
    assert state_of(net.fit(X, NUMBERS)) == state_of(
        estimator_for(NUMBERS).fit(X, NUMBERS)
    )


@targets
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_initialize_forgets_an_earlier_fit(y, solver):
    fitted = estimator_for(y, solver=solver).fit(X, y)
    fresh = estimator_for(y, solver=solver).initialize(X[:, :3], y)
    assert state_of(fitted.initialize(X[:, :3], y)) == state_of(fresh)


def test_classes_that_y_does_not_hold():
    net = MLPClassifier((3,), random_state=0)
    net.initialize(X, TARGETS["two classes"], classes=["maybe", "no", "yes"])
    assert net.predict_proba(X).shape == (60, 3)
    assert set(net.predict(X)) <= {"maybe", "no", "yes"}
    net.partial_fit(X, np.full(60, "maybe"))
    assert_array_equal(net.classes_, ["maybe", "no", "yes"])


REFUSED = {
    "a label that is not in classes": (
        MLPClassifier(),
        {"y": TARGETS["two classes"], "classes": ["no", "maybe"]},
        "yes",
    ),
    "numbers of a classifier": (MLPClassifier(), {"y": NUMBERS}, "Unknown label type"),
    "labels of a regressor": (
        MLPRegressor(),
        {"y": TARGETS["two classes"]},
        "needs numbers in y",
    ),
    "a wrong parameter": (MLPRegressor(alpha=-1), {"y": NUMBERS}, "'alpha' parameter"),
    "missing values": (MLPRegressor(), {"X": np.full((60, 4), np.nan)}, "NaN"),
    "another length": (MLPRegressor(), {"y": NUMBERS[1:]}, "inconsistent numbers"),
}


@pytest.mark.parametrize(
    ("estimator", "given", "message"), REFUSED.values(), ids=REFUSED
)
def test_a_refusal_changes_nothing(estimator, given, message):
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=message):
        estimator.initialize(**{"X": X, "y": NUMBERS, **given})
    assert vars(estimator) == before


def test_what_cannot_go_on_says_so():
    net = estimator_for(NUMBERS).initialize(X, NUMBERS)
    with pytest.raises(ValueError, match="There is no fit to go on with"):
        net.resume_fit(X, NUMBERS)
    with pytest.raises(ValueError, match="initialize draws weights and does not train"):
        sknn.LossCurveDisplay.from_estimator(net)
    with pytest.raises(NotFittedError):
        estimator_for(NUMBERS).summary()


def test_summary_and_picture(capsys):
    net = estimator_for(NUMBERS).initialize(X, NUMBERS)
    net.summary()
    shown = capsys.readouterr().out
    estimator_for(NUMBERS).fit(X, NUMBERS).summary()
    assert shown == capsys.readouterr().out
    pytest.importorskip("matplotlib").use("Agg")
    display = sknn.NetworkDisplay.from_estimator(net)
    assert [len(lines.get_array()) for lines in display.lines_] == [20, 15, 3]


def test_an_untrained_network_is_stored():
    net = estimator_for(NUMBERS, warm_start=True).initialize(X, NUMBERS)
    loaded = pickle.loads(pickle.dumps(net))
    assert_array_equal(loaded.predict(X), net.predict(X))
    assert state_of(loaded.fit(X, NUMBERS)) == state_of(net.fit(X, NUMBERS))


def test_nothing_is_said_of_convergence(recwarn):
    estimator_for(NUMBERS).initialize(X, NUMBERS)
    assert not [w for w in recwarn if issubclass(w.category, ConvergenceWarning)]
