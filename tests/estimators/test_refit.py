"""A new fit leaves nothing of the fits before it."""

import itertools

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

import sknn
from sknn.kernels.layers.normalization import NORMALIZATIONS
from sknn.network.layers.table import parameters_of_layers

rng = np.random.RandomState(0)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = rng.normal(size=(60, 3))
NUMBERS, LABELS = X[:, 0], (X[:, 0] > 0).astype(int)
TARGETS = {sknn.MLPRegressor: NUMBERS, sknn.MLPClassifier: LABELS}
MANY = {
    sknn.MLPRegressor: X[:, :2],
    sknn.MLPClassifier: (X[:, :2] > 0).astype(int),
}


def parameter_attributes():
    return {array.attribute for array in parameters_of_layers()}


def of_one_target(model, data=X, **options):
    return model.fit(data, TARGETS[type(model)], **options)


def nothing(estimator, X, y):
    return 0.0


def with_validation(model):
    return of_one_target(model, X_val=X, y_val=TARGETS[type(model)])


def in_parts(model):
    options = {"classes": [0, 1]} if type(model) is sknn.MLPClassifier else {}
    return model.partial_fit(X, TARGETS[type(model)], **options)


FITS = {
    "default": (of_one_target, {}),
    **{f"{name} normalisation": (of_one_target, {"normalization": name})
       for name in NORMALIZATIONS},
    "normalisation of no layer": (
        of_one_target, {"normalization": "batch", "hidden_layer_sizes": ()},
    ),
    "L-BFGS": (of_one_target, {"solver": "lbfgs"}),
    "early stopping": (of_one_target, {"early_stopping": True}),
    "a set held out and metrics": (
        of_one_target, {"validate": True, "metrics": [nothing]},
    ),
    "a set given": (with_validation, {}),
    "dropout": (of_one_target, {"dropout": 0.2, "input_dropout": 0.1}),
    "factors": (
        of_one_target, {"feature_scaling": True, "parametric_activation": True},
    ),
    "a data frame": (
        lambda model: of_one_target(model, pd.DataFrame(X, columns=list("abc"))), {},
    ),
    "members": (of_one_target, {"n_shared_members": 2}),
    "an embedding": (of_one_target, {"numeric_embedding": "piecewise_linear"}),
    "several targets": (lambda model: model.fit(X, MANY[type(model)]), {}),
}  # fmt: skip


@pytest.mark.parametrize("estimator", TARGETS, ids=lambda kind: kind.__name__)
def test_attributes_are_those_of_the_last_fit(estimator):
    for first, last in itertools.permutations(FITS, 2):
        fitted, fresh = (estimator(max_iter=2, random_state=0) for _ in range(2))
        defaults = fitted.get_params()
        for model, names in ((fitted, (first, last)), (fresh, (last,))):
            for name in names:
                fit, parameters = FITS[name]
                fit(model.set_params(**defaults | {"hidden_layer_sizes": (4,)})
                    .set_params(**parameters))  # fmt: skip
        assert vars(fitted).keys() == vars(fresh).keys(), (first, last)
        for name in parameter_attributes() & vars(fresh).keys():
            for a, b in zip(getattr(fitted, name), getattr(fresh, name), strict=True):
                assert_array_equal(a, b)


@pytest.mark.parametrize("estimator", TARGETS, ids=lambda kind: kind.__name__)
def test_a_warm_start_and_a_stream_begin_with_nothing_before_them(estimator):
    """The first call of a new training, not those that go on, drops attributes."""
    model = estimator(max_iter=2, normalization="batch", warm_start=True)
    of_one_target(of_one_target(model))
    assert hasattr(model, "running_statistics_")
    in_parts(model)
    assert hasattr(model, "running_statistics_")
    of_one_target(model.set_params(normalization="layer", warm_start=False))
    assert not hasattr(model, "running_statistics_")
    in_parts(model)
    assert hasattr(model, "gains_")
    of_one_target(model.set_params(normalization=None))
    assert parameter_attributes() & vars(model).keys() == {"coefs_", "intercepts_"}


def test_the_attributes_of_all_networks_are_known():
    assert parameter_attributes() == {
        "coefs_", "intercepts_", "gains_", "shifts_", "running_statistics_",
        "bin_edges_", "bin_weights_", "category_vectors_", "embedding_biases_",
        "embedding_weights_", "feature_scales_", "activation_weights_",
        "input_statistics_", "target_statistics_",
        "member_input_scales_", "member_output_scales_",
        "frequencies_", "input_scales_", "periodic_weights_", "phases_",
    }  # fmt: skip
