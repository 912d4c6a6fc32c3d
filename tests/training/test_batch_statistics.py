"""What is learnt of all rows before training on batches: moments, and codes."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse
from data_in_batches import NUMBERS, SPARSE, WEIGHTS, X, cut, source_of, state_of
from numpy.testing import assert_allclose
from part_processes import fit_alone, rows_of_processes
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn.data import BatchSource
from sknn.estimators.first_pass import merged
from sknn.estimators.parts import survey_part
from sknn.network.layout import Architecture
from sknn.network.moments import MomentSums, moments_of_matrix

IN_ORDER = {
    "hidden_layer_sizes": (7,),
    "max_iter": 4,
    "random_state": 0,
    "tol": None,
    "shuffle": False,
    "batch_size": 32,
}
FAR = 1e4 + 1e3 * X  # nothing is learnt of these without scaling
LABELS = NUMBERS > 0
CODES = np.random.RandomState(0).randint(-1, 9, (len(X), 2))
MIXED = np.column_stack([CODES[:, 0], X, CODES[:, 1]]).astype(float)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FITS = {
    "inputs": (MLPClassifier, (FAR, LABELS), {"standardize": True}),
    "weighted inputs": (MLPRegressor, (FAR, NUMBERS, WEIGHTS), {"standardize": True}),
    "sparse inputs": (MLPClassifier, (SPARSE, LABELS), {"standardize": True}),
    "float32": (MLPRegressor, (FAR.astype("f4"), NUMBERS), {"standardize": True}),
    "targets": (MLPRegressor, (X, 1e5 + NUMBERS), {"standardize_y": True}),
    "several targets": (MLPRegressor, (X, FAR[:, :3]), {"standardize_y": True}),
    "quantiles": (
        MLPRegressor,
        (X, 1e5 + NUMBERS),
        {"standardize_y": True, "loss": "quantile", "quantile": [0.1, 0.9]},
    ),
    "both": (
        MLPRegressor,
        (FAR, 1e5 + NUMBERS, WEIGHTS),
        {"standardize_y": True, "standardize": True, "metrics": ["r2"]},
    ),
    "balanced": (
        MLPClassifier,
        (FAR, LABELS),
        {"standardize": True, "class_weight": "balanced"},
    ),
    "codes": (
        MLPClassifier,
        (MIXED, LABELS),
        {"categorical_features": [0, 6], "categorical_embedding_size": 3},
    ),
    "codes and numbers": (
        MLPRegressor,
        (MIXED, NUMBERS),
        {
            "categorical_features": [0, 6],
            "standardize": True,
            "numeric_embedding": "piecewise_linear",
        },
    ),
    "periodic": (MLPRegressor, (X, NUMBERS), {"numeric_embedding": "periodic"}),
    "initial values of the rows": (
        MLPRegressor,
        (FAR, NUMBERS),
        {"standardize": True, "bias_initializer": "data"},
    ),
}


@pytest.fixture
def short_blocks(monkeypatch):
    """Let blocks of moments be much shorter than the data, and no multiple of them."""
    monkeypatch.setattr("sknn.network.moments._BLOCK", 7 * 13)
    monkeypatch.setattr("sknn.network.moments._ROWS", 19)


def learnt(model):
    """Return the state, with what has been learnt of all rows."""
    arrays = {
        name: [array.tobytes() for array in value]
        for name, value in vars(model).items()
        if name in ("input_statistics_", "target_statistics_", "category_vectors_")
    }
    return state_of(model) | arrays | {"layers": model._architecture}


def first_layer(model):
    return Architecture.of_plain(model._architecture).layers[0]


@pytest.mark.usefixtures("short_blocks")
@pytest.mark.parametrize("case", FITS)
def test_a_fit_on_batches_gives_the_bits_of_an_array(case):
    estimator, arrays, parameters = FITS[case]
    model = estimator(**IN_ORDER | parameters)
    whole = copy.copy(model).fit(*arrays)
    for sizes in ((1, 70, 3, 100), (len(X),), (5,)):
        model.fit(source_of(*arrays, sizes=sizes, buffer_size=50))
        assert learnt(model) == learnt(whole)
    assert learnt(fit_alone(model, cut(*arrays))) == learnt(whole)


@pytest.mark.usefixtures("short_blocks")
def test_going_on_keeps_the_statistics():
    parameters = IN_ORDER | {"standardize": True, "standardize_y": True}
    source = source_of(FAR, 1e5 + NUMBERS, buffer_size=50)
    whole = MLPRegressor(**parameters).fit(FAR, 1e5 + NUMBERS)
    model = MLPRegressor(**parameters).set_params(max_iter=2).fit(source)
    model = pickle.loads(pickle.dumps(model)).set_params(max_iter=4)
    assert learnt(model.resume_fit(source)) == learnt(whole)
    model = MLPRegressor(**parameters).initialize(source)
    before = model.input_statistics_[0].copy()
    assert_allclose(before[0], FAR.mean(axis=0))
    model.set_params(warm_start=True).fit(source)
    assert learnt(model) == learnt(whole)
    for each in (model, whole):
        each.set_params(warm_start=True).fit(source)
    assert learnt(model) == learnt(whole)
    assert (model.input_statistics_[0] == before).all()


def test_statistics_are_those_of_all_rows_where_only_some_are_kept(monkeypatch):
    """They are not those of the evenly spaced rows that metrics look at."""
    monkeypatch.setattr("sknn.estimators.first_pass._MOST_ROWS", 40)
    y = 1e5 + NUMBERS
    model = MLPRegressor(**IN_ORDER, standardize=True, standardize_y=True)
    model.fit(source_of(FAR, y, WEIGHTS))
    scaler = StandardScaler().fit(FAR, sample_weight=WEIGHTS)
    statistics = model.input_statistics_[0]
    assert_allclose(statistics[0], scaler.mean_, rtol=1e-12)
    assert_allclose(statistics[1], scaler.scale_, rtol=1e-9)
    mean = np.average(y, weights=WEIGHTS)
    assert_allclose(model.target_statistics_[0][0], mean, rtol=1e-12)


def test_codes_that_few_rows_have(monkeypatch):
    monkeypatch.setattr("sknn.estimators.first_pass._MOST_ROWS", 10)
    rare = MIXED.copy()
    rare[201, 0] = 40  # not among the evenly spaced rows
    model = MLPRegressor(**IN_ORDER, categorical_features=[0, 6]).fit(
        source_of(rare, NUMBERS)
    )
    codes = first_layer(model)
    assert 41 in codes.options
    names = [f"column {k}" for k in range(7)]

    class Named(BatchSource):
        _feature_names = names

    model.set_params(categorical_features=["column 0", "column 6"])
    assert first_layer(model.fit(Named(cut(rare, NUMBERS)))) == codes


@pytest.mark.parametrize("is_sparse", [False, True])
def test_surveys_of_parts_add_up(is_sparse):
    model = MLPRegressor(**IN_ORDER, standardize=True, standardize_y=True)
    rows = SPARSE if is_sparse else FAR
    parts = rows_of_processes([0, 80, 81, 330])
    found = merged([survey_part(model, [(rows[p], NUMBERS[p])]) for p in parts])
    dense = rows.toarray() if is_sparse else rows
    assert_allclose(found.summary.inputs.mean, dense.mean(axis=0))
    assert_allclose(found.summary.inputs.variance, dense.var(axis=0))
    assert_allclose(found.summary.targets.mean, NUMBERS.mean())


@pytest.mark.usefixtures("short_blocks")
@pytest.mark.parametrize("weights", [np.empty(0), WEIGHTS], ids=["", "weights"])
def test_moments_of_csr_are_those_of_the_dense_matrix(weights):
    matrix = scipy.sparse.csr_array(SPARSE)
    sums = MomentSums(matrix.shape[1], is_sparse=True)
    sums.add(matrix, weights)
    expected = moments_of_matrix(matrix.toarray(), weights)
    for own, other in zip(sums.total(), expected, strict=True):
        assert_allclose(own, other, rtol=1e-12)
