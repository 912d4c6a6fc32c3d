"""Hidden layers as a transformer, in Pipelines and searches."""

import pickle

import numpy as np
import pytest
import scipy.sparse
import sklearn
from numpy.testing import assert_array_equal
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknn import HiddenLayerTransformer, MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = (NUMBERS > 0).astype(int)
WEIGHTS = rng.uniform(1, 2, size=60)
OPTIONS = {
    "hidden_layer_sizes": (6, 3),
    "activation": "tanh",
    "max_iter": 20,
    "tol": None,
    "random_state": 0,
}


@parametrize_with_checks(
    [
        HiddenLayerTransformer(MLPClassifier((4,), max_iter=3, random_state=0)),
        HiddenLayerTransformer(
            MLPRegressor(hidden_layer_sizes=4, max_iter=3, random_state=0)
        ),
    ]
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("layer", "width"), [(0, 6), (1, 3), (-1, 3), (-2, 6)])
def test_the_layer_by_its_formula(layer, width):
    transformer = HiddenLayerTransformer(MLPRegressor(**OPTIONS), layer=layer)
    found = transformer.fit_transform(X, NUMBERS)
    network = MLPRegressor(**OPTIONS).fit(X, NUMBERS)
    expected = X
    for k in range(1 + layer % 2):
        expected = np.tanh(expected @ network.coefs_[k] + network.intercepts_[k])
    assert found.shape == (60, width)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    names = [f"hiddenlayertransformer{k}" for k in range(width)]
    assert transformer.get_feature_names_out().tolist() == names


def test_dtypes_and_sparse_rows():
    transformer = HiddenLayerTransformer(MLPClassifier(**OPTIONS))
    single = X.astype(np.float32)
    assert transformer.fit(single, LABELS).transform(single).dtype == np.float32
    sparse = scipy.sparse.csr_array(X)
    from_sparse = transformer.fit(sparse, LABELS).transform(sparse)
    from_dense = transformer.fit(X, LABELS).transform(X)
    np.testing.assert_allclose(from_sparse, from_dense, rtol=1e-7)


def test_frames_in_and_out():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    transformer = HiddenLayerTransformer(MLPClassifier(**OPTIONS))
    found = transformer.set_output(transform="pandas").fit(frame, LABELS)
    assert found.feature_names_in_.tolist() == list("abcd")
    assert found.transform(frame).columns[0] == "hiddenlayertransformer0"
    with pytest.raises(ValueError, match="feature names"):
        found.transform(frame[["b", "a", "c", "d"]])
    assert not hasattr(found.fit(X, LABELS), "feature_names_in_")


def test_the_network_given_is_not_trained():
    network = MLPClassifier(**OPTIONS)
    transformer = HiddenLayerTransformer(network).fit(X, LABELS)
    assert not hasattr(network, "coefs_")
    assert transformer.estimator_ is not network


def test_a_frozen_network_is_not_trained_again():
    network = MLPClassifier(**OPTIONS).fit(X, LABELS)
    before = network.coefs_[0].copy()
    transformer = HiddenLayerTransformer(FrozenEstimator(network), layer=0)
    found = transformer.fit(X).transform(X)
    assert_array_equal(network.coefs_[0], before)
    assert_array_equal(found, network.hidden_activations(X, 0))
    with pytest.raises(NotFittedError):
        HiddenLayerTransformer(FrozenEstimator(MLPClassifier())).fit(X)


@pytest.mark.parametrize(
    "last", [KMeans(2, random_state=0), NearestNeighbors(), LogisticRegression()]
)
def test_what_comes_after_it(last):
    transformer = HiddenLayerTransformer(MLPClassifier(**OPTIONS))
    model = make_pipeline(StandardScaler(), transformer, last).fit(X, LABELS)
    assert model[-1].n_features_in_ == 3
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again[:-1].transform(X), model[:-1].transform(X))


def test_a_search_over_layers_and_parameters():
    transformer = HiddenLayerTransformer(MLPClassifier(**OPTIONS))
    search = GridSearchCV(
        make_pipeline(StandardScaler(), transformer, LogisticRegression()),
        {
            "hiddenlayertransformer__layer": [0, 1],
            "hiddenlayertransformer__estimator__alpha": [0.1, 1.0],
        },
        cv=2,
        error_score="raise",
    )
    assert search.fit(X, LABELS).score(X, LABELS) > 0.7


def test_sample_weights_with_routing_and_without():
    expected = MLPRegressor(**OPTIONS).fit(X, NUMBERS, WEIGHTS).hidden_activations(X)
    plain = HiddenLayerTransformer(MLPRegressor(**OPTIONS))
    plain.fit(X, NUMBERS, sample_weight=WEIGHTS)
    assert_array_equal(plain.transform(X), expected)
    with sklearn.config_context(enable_metadata_routing=True):
        network = MLPRegressor(**OPTIONS).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(HiddenLayerTransformer(network))
        pipeline.fit(X, NUMBERS, sample_weight=WEIGHTS)
    assert_array_equal(pipeline.transform(X), expected)


@pytest.mark.parametrize(
    ("estimator", "layer", "message"),
    [
        (MLPClassifier((3,)), 1, "layer=1 is none of the 1 hidden layers"),
        (MLPClassifier((3, 3)), -3, "layer=-3 is none of the 2 hidden layers"),
        (MLPClassifier(()), -1, "layer=-1 is none of the 0 hidden layers"),
        (MLPClassifier((3,)), 0.5, "The 'layer' parameter of HiddenLayerTransformer"),
        (LogisticRegression(), 0, "'estimator' parameter .* 'hidden_activations'"),
    ],
)
def test_refusals_of_the_transformer(estimator, layer, message):
    transformer = HiddenLayerTransformer(estimator, layer=layer)
    with pytest.raises(ValueError, match=message):
        transformer.fit(X, LABELS)
    assert not hasattr(transformer, "estimator_")


def test_before_fit():
    transformer = HiddenLayerTransformer(MLPClassifier())
    assert not hasattr(transformer, "n_features_in_")
    for call in (lambda: transformer.transform(X), transformer.get_feature_names_out):
        with pytest.raises(NotFittedError):
            call()


def test_files_of_skops_trust_it():
    skops_io = pytest.importorskip("skops.io")
    from sknn.io import TRUSTED_TYPES

    model = make_pipeline(HiddenLayerTransformer(MLPClassifier(**OPTIONS)))
    model.fit(X, LABELS)
    loaded = skops_io.loads(skops_io.dumps(model), trusted=TRUSTED_TYPES)
    assert_array_equal(loaded.transform(X), model.transform(X))
