"""Inside scikit-learn's meta-estimators, in place of scikit-learn's own MLPs.

Wherever both libraries draw the same numbers, the results are compared with those of
scikit-learn's class in the same place.
"""

import pickle

import joblib
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, get_scorer, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, scale
from sklearn.utils import estimator_html_repr

import sknn

LIBRARIES = (sknn, neural_network)
each_estimator = pytest.mark.parametrize(
    "estimator", [sknn.MLPClassifier, sknn.MLPRegressor]
)

X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = X_IRIS[:, ::-1] - X_IRIS.mean(axis=0)
X_SUGAR, Y_SUGAR = load_diabetes(return_X_y=True, as_frame=True)
X_SUGAR, Y_SUGAR = scale(X_SUGAR)[:150], scale(Y_SUGAR)[:150]
WEIGHTS = np.random.RandomState(0).uniform(0.1, 3, size=150)


def classifier(library=sknn, **changes):
    parameters = {
        "hidden_layer_sizes": (12,),
        "learning_rate_init": 0.02,
        "max_iter": 40,
        "random_state": 0,
    }
    return library.MLPClassifier(**parameters | changes)


def regressor(library=sknn, **changes):
    parameters = {"hidden_layer_sizes": (8,), "solver": "lbfgs", "alpha": 10.0}
    parameters |= {"max_iter": 60, "random_state": 0}
    return library.MLPRegressor(**parameters | changes)


def data_for(estimator):
    is_classifier = hasattr(estimator, "predict_proba")
    return (X_IRIS, Y_IRIS) if is_classifier else (X_SUGAR, Y_SUGAR)


def on_both(make):
    """Return what a function makes of our library and of scikit-learn."""
    return [make(library) for library in LIBRARIES]


# Pipelines -------------------------------------------------------------------------


def test_pipeline():
    ours, theirs = on_both(
        lambda library: make_pipeline(StandardScaler(), classifier(library)).fit(
            X_IRIS, Y_IRIS
        )
    )
    assert ours.score(X_IRIS, Y_IRIS) > 0.95
    assert_allclose(ours.predict_proba(X_IRIS), theirs.predict_proba(X_IRIS), 1e-6)
    assert_array_equal(ours.classes_, theirs.classes_)
    assert ours.n_features_in_ == 4


def test_column_transformer():
    frame = pd.DataFrame(X_IRIS, columns=list("abcd"))
    frame["kind"] = np.where(Y_IRIS == 1, "round", "square")

    def fitted(library):
        transformer = ColumnTransformer(
            [
                ("number", StandardScaler(), list("abcd")),
                ("word", OneHotEncoder(), ["kind"]),
            ]
        )
        return make_pipeline(transformer, classifier(library)).fit(frame, Y_IRIS)

    ours, theirs = on_both(fitted)
    assert ours.score(frame, Y_IRIS) > 0.97
    assert_allclose(ours.predict_proba(frame), theirs.predict_proba(frame), 1e-6)


def test_pipeline_keeps_sparse_columns():
    words = np.array(["no", "yes", "maybe"])[Y_IRIS][:, np.newaxis]
    model = make_pipeline(OneHotEncoder(), classifier()).fit(words, Y_IRIS)
    assert model.score(words, Y_IRIS) == 1


def test_transformed_target():
    def fitted(library):
        return TransformedTargetRegressor(
            make_pipeline(StandardScaler(), regressor(library)),
            transformer=StandardScaler(),
        ).fit(X_SUGAR, 1e4 + 1e3 * Y_SUGAR)

    ours, theirs = on_both(fitted)
    score = ours.score(X_SUGAR, 1e4 + 1e3 * Y_SUGAR)
    assert score > 0.5
    assert_allclose(score, theirs.score(X_SUGAR, 1e4 + 1e3 * Y_SUGAR), 1e-3)


# Selection -------------------------------------------------------------------------

GRID = {"mlp__alpha": [1e-4, 1.0], "mlp__hidden_layer_sizes": [(4,), (12,)]}


def search(library=sknn, **options):
    pipeline = Pipeline([("scale", StandardScaler()), ("mlp", classifier(library))])
    return GridSearchCV(pipeline, GRID, cv=3, **options).fit(X_IRIS, Y_IRIS)


def scores_of(search):
    names = [
        name for name in search.cv_results_ if "score" in name and "time" not in name
    ]
    return {name: search.cv_results_[name] for name in names}


def test_grid_search_as_sklearn():
    ours, theirs = on_both(search)
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_score_ > 0.9
    for name, scores in scores_of(theirs).items():
        assert_allclose(scores_of(ours)[name], scores, err_msg=name)


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.default_cases(1)
def test_grid_search_in_parallel(backend):
    alone = search()
    with joblib.parallel_config(backend=backend):
        together = search(n_jobs=2)
    assert together.best_params_ == alone.best_params_
    assert len(scores_of(alone)) == 6  # three splits, mean, deviation, rank
    for name, scores in scores_of(alone).items():
        assert_array_equal(scores_of(together)[name], scores, err_msg=name)
    probabilities = together.predict_proba(X_IRIS)
    assert_array_equal(probabilities, alone.predict_proba(X_IRIS))


def test_randomized_search_of_the_regressor():
    space = {"alpha": [0.1, 1.0, 10.0, 100.0], "activation": ["relu", "tanh"]}
    ours, theirs = on_both(
        lambda library: RandomizedSearchCV(
            regressor(library, max_iter=30), space, n_iter=4, cv=3, random_state=0
        ).fit(X_SUGAR, Y_SUGAR)
    )
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_score_ > 0.3
    assert_allclose(ours.best_score_, theirs.best_score_, 1e-2)


def test_cross_validation():
    ours, theirs = on_both(
        lambda library: cross_val_score(classifier(library), X_IRIS, Y_IRIS)
    )
    assert_allclose(ours, theirs)
    ours, theirs = on_both(
        lambda library: cross_val_score(
            regressor(library, solver="adam"), X_SUGAR, Y_SUGAR
        )
    )
    assert_allclose(ours, theirs, 1e-6)
    predicted = cross_val_predict(classifier(), X_IRIS, Y_IRIS, method="predict_proba")
    assert np.mean(predicted.argmax(axis=1) == Y_IRIS) > 0.93


def test_learning_curve_with_incremental_learning():
    """It calls partial_fit on growing parts."""
    ours, theirs = on_both(
        lambda library: learning_curve(
            classifier(library),
            X_IRIS,
            Y_IRIS,
            exploit_incremental_learning=True,
            shuffle=True,
            random_state=0,
        )
    )
    for mine, other in zip(ours, theirs, strict=True):
        assert_allclose(mine, other)


# Meta-estimators -------------------------------------------------------------------

CLASSIFIERS = {
    "calibrated": lambda mlp: CalibratedClassifierCV(mlp, cv=3),
    "calibrated, isotonic": lambda mlp: CalibratedClassifierCV(
        mlp, method="isotonic", cv=3
    ),
    "bagging": lambda mlp: BaggingClassifier(mlp, n_estimators=3, random_state=0),
    "boosting": lambda mlp: AdaBoostClassifier(mlp, n_estimators=3, random_state=0),
    "one versus rest": OneVsRestClassifier,
    "voting": lambda mlp: VotingClassifier(
        [("one", mlp), ("two", clone(mlp).set_params(alpha=1.0))], voting="soft"
    ),
}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (name, options)
        for name in CLASSIFIERS
        for options in ({}, {"sample_weight": WEIGHTS})
        if not (name == "one versus rest" and options)  # takes no weights
    ],
)
def test_classifiers(name, options):
    ours, theirs = on_both(
        lambda library: CLASSIFIERS[name](classifier(library)).fit(
            X_IRIS, Y_IRIS, **options
        )
    )
    assert ours.score(X_IRIS, Y_IRIS) > 0.9
    assert_array_equal(ours.predict(X_IRIS), theirs.predict(X_IRIS))
    assert_allclose(
        ours.predict_proba(X_IRIS), theirs.predict_proba(X_IRIS), 1e-5, 1e-8
    )


REGRESSORS = {
    "stacking": lambda mlp: StackingRegressor(
        [("mlp", mlp), ("ridge", Ridge())], final_estimator=clone(mlp), cv=3
    ),
    "bagging": lambda mlp: BaggingRegressor(mlp, n_estimators=3, random_state=0),
}


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors(name):
    ours, theirs = on_both(
        lambda library: REGRESSORS[name](regressor(library, max_iter=10)).fit(
            X_SUGAR, Y_SUGAR
        )
    )
    assert ours.score(X_SUGAR, Y_SUGAR) > 0.4
    assert_allclose(ours.predict(X_SUGAR), theirs.predict(X_SUGAR), 1e-3, 1e-4)


def test_several_outputs():
    labels = np.c_[Y_IRIS, Y_IRIS == 1]
    ours, theirs = on_both(
        lambda library: MultiOutputClassifier(classifier(library)).fit(X_IRIS, labels)
    )
    assert ours.score(X_IRIS, labels) > 0.9
    assert_array_equal(ours.predict(X_IRIS), theirs.predict(X_IRIS))
    numbers = np.c_[Y_SUGAR, -Y_SUGAR]
    models = [regressor(), MultiOutputRegressor(regressor())]
    for model in models:
        assert model.fit(X_SUGAR, numbers).score(X_SUGAR, numbers) > 0.5


def test_permutation_importance():
    X = X_IRIS.copy()
    X[:, 1] = np.random.RandomState(0).normal(size=150)
    ours, theirs = on_both(
        lambda library: permutation_importance(
            classifier(library).fit(X, Y_IRIS), X, Y_IRIS, n_repeats=3, random_state=0
        )
    )
    assert_allclose(ours.importances, theirs.importances)
    assert ours.importances_mean[0] > 0.1
    assert ours.importances_mean[0] > 3 * abs(ours.importances_mean[1])


def test_partial_dependence_display():
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    display = PartialDependenceDisplay.from_estimator(
        regressor().fit(X_SUGAR, Y_SUGAR), X_SUGAR, features=[2, (2, 8)],
        grid_resolution=5,
    )  # fmt: skip
    curve = display.lines_[0, 0].get_ydata()
    assert len(curve) == 5
    assert curve[-1] > curve[0]  # a higher body-mass index, worse diabetes
    plt.close("all")


# Metadata routing ------------------------------------------------------------------


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_routed_weights():
    def pipeline(library):
        mlp = classifier(library, max_iter=10, hidden_layer_sizes=(3,))
        mlp.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        return make_pipeline(scaler, mlp)

    weights = np.where(Y_IRIS == 0, 0.01, 3.0)
    fitted = pipeline(sknn).fit(X_IRIS, Y_IRIS, sample_weight=weights)
    scaled = StandardScaler().fit_transform(X_IRIS)
    mlp = clone(fitted[-1]).fit(scaled, Y_IRIS, weights)
    unweighted = clone(fitted[-1]).fit(scaled, Y_IRIS)
    assert_array_equal(fitted.predict_proba(X_IRIS), mlp.predict_proba(scaled))
    assert not np.allclose(mlp.predict_proba(scaled), unweighted.predict_proba(scaled))
    assert fitted.score(X_IRIS, Y_IRIS, sample_weight=weights) == accuracy_score(
        Y_IRIS, fitted.predict(X_IRIS), sample_weight=weights
    )
    scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
    params = {"sample_weight": weights}
    ours, theirs = on_both(
        lambda library: cross_validate(
            pipeline(library), X_IRIS, Y_IRIS, params=params, scoring=scorer
        )["test_score"]
    )
    assert_allclose(ours, theirs)
    plain = cross_validate(pipeline(sknn), X_IRIS, Y_IRIS)["test_score"]
    assert not np.allclose(ours, plain)


@pytest.mark.usefixtures("routing")
def test_weights_that_were_not_asked_for():
    model = make_pipeline(classifier())
    with pytest.raises(UnsetMetadataPassedError, match="MLPClassifier"):
        model.fit(X_IRIS, Y_IRIS, sample_weight=WEIGHTS)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_requests(name):
    ours, theirs = on_both(lambda library: getattr(library, name)())
    requests = ours.get_metadata_routing()
    validation = {"X_val", "y_val", "sample_weight_val", "groups"}
    for method, expected in theirs.get_metadata_routing()._serialize().items():
        own = requests._serialize()[method]
        assert own.items() >= expected.items()
        assert own.keys() - expected.keys() <= validation
    assert "sample_weight" in requests.fit.requests
    ours.set_partial_fit_request(sample_weight=True)
    assert ours.get_metadata_routing().partial_fit.requests["sample_weight"] is True


# score -----------------------------------------------------------------------------


@each_estimator
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
def test_score(estimator, weights):
    X, y = data_for(estimator)
    model = estimator(solver="lbfgs", max_iter=30, random_state=0).fit(X, y)
    metric = accuracy_score if hasattr(model, "predict_proba") else r2_score
    expected = metric(y, model.predict(X), sample_weight=weights)
    assert model.score(X, y, weights) == model.score(X, y, sample_weight=weights)
    assert model.score(X, y, sample_weight=weights) == expected
    assert 0.5 < expected <= 1


def test_score_of_several_labels():
    labels = np.c_[Y_IRIS > 0, Y_IRIS > 1].astype(int)
    model = classifier(max_iter=100).fit(X_IRIS, labels)
    exact = np.mean((model.predict(X_IRIS) == labels).all(axis=1))
    assert model.score(X_IRIS, labels) == exact > 0.9


# HTML ------------------------------------------------------------------------------


@each_estimator
def test_html(estimator):
    X, y = data_for(estimator)
    model = estimator(alpha=0.123, max_iter=2, random_state=0)
    for each in (model, model.fit(X, y), make_pipeline(StandardScaler(), model)):
        html = estimator_html_repr(each)
        assert estimator.__name__ in html
        assert "0.123" in html
    assert "text/plain" in model._repr_mimebundle_()


@each_estimator
def test_html_links_to_our_own_pages(estimator):
    """Our classes have none among scikit-learn's."""
    html = estimator_html_repr(estimator(alpha=0.123))
    assert f"sknn.{estimator.__name__}.html" in html
    assert 'href="https://scikit-learn.org' not in html


# Classes derived from the estimators --------------------------------------------------


class FewerParameters(sknn.MLPClassifier):
    def __init__(self, width=5, max_iter=3):
        super().__init__(hidden_layer_sizes=(width,), max_iter=max_iter)
        self.width = width


def test_a_class_with_other_parameters():
    model = clone(FewerParameters(width=4)).fit(X_IRIS, Y_IRIS)
    assert model.get_params() == {"width": 4, "max_iter": 3}
    assert model.coefs_[0].shape == (4, 4)
    assert pickle.loads(pickle.dumps(model)).n_iter_ == 3
