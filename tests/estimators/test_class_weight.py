"""Weights of classes against repeated rows and scikit-learn's own."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

import sknn

rng = np.random.RandomState(0)
X = rng.normal(size=(120, 3))
SCORE = X @ [1.0, -1.0, 0.5] + 0.7 * rng.normal(size=120)
THREE = np.array(["few", "many", "some"])[np.digitize(SCORE, [-1.6, 0.8])]
TWO = np.where(SCORE > 1.5, "yes", "no")
LABELS = np.c_[SCORE > 1, X[:, 0] > 0.5, X[:, 1] > 0].astype(int)
COUNTS = {"few": 3, "many": 1, "some": 2, "yes": 4, "no": 1}
SOLVERS = {
    "lbfgs": {"solver": "lbfgs", "max_iter": 50},
    "adam": {"max_iter": 30, "batch_size": 1000},
    "sgd": {"solver": "sgd", "max_iter": 30, "batch_size": 1000},
}
pytestmark = pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1")


def assert_same_weights(one, other, rtol=1e-8):
    for a, b in zip(one.coefs_, other.coefs_, strict=True):
        assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max())


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
@pytest.mark.default_cases(6)
def test_a_weight_is_a_number_of_repeats(y, solver, normalization):
    """In batches of all rows. The order of the rows is no matter there."""
    if (solver, normalization) == ("lbfgs", "batch"):
        pytest.skip("not a combination")
    weights = {name: COUNTS[name] for name in np.unique(y)}
    repeats = np.array([weights[name] for name in y])
    options = {"random_state": 0, "normalization": normalization, "alpha": 0.1}
    options |= SOLVERS[solver]
    weighted = sknn.MLPClassifier(class_weight=weights, **options).fit(X, y)
    repeated = sknn.MLPClassifier(**options)
    repeated.fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats))
    assert_same_weights(weighted, repeated, 1e-4 if solver == "lbfgs" else 1e-8)
    assert_allclose(weighted.loss_, repeated.loss_, rtol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_balanced(solver):
    classes = np.unique(THREE)
    balanced = compute_class_weight("balanced", classes=classes, y=THREE)
    options = {"random_state": 0, **SOLVERS[solver]}
    by_name = sknn.MLPClassifier(class_weight="balanced", **options).fit(X, THREE)
    weights = dict(zip(classes, balanced, strict=True))
    by_dict = sknn.MLPClassifier(class_weight=weights, **options).fit(X, THREE)
    assert_same_weights(by_name, by_dict, 1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
def test_multiplied_with_sample_weights(solver):
    """In full batches they are one weight."""
    own = rng.uniform(0.2, 2, size=120)
    factors = np.array([COUNTS[name] for name in THREE], dtype=float)
    options = {"random_state": 0, "alpha": 0.1, **SOLVERS[solver]}
    weights = {name: COUNTS[name] for name in np.unique(THREE)}
    both = sknn.MLPClassifier(class_weight=weights, **options)
    both.fit(X, THREE, sample_weight=own)
    product = sknn.MLPClassifier(**options)
    product.fit(X, THREE, sample_weight=own * factors)
    assert_same_weights(both, product, 1e-4 if solver == "lbfgs" else 1e-8)


def test_a_batch_without_a_rare_class_weighs_little():
    """Its size is what it would be on average, not the sum of its own weights."""
    X = np.zeros((40, 1))
    y = np.r_[np.ones(20), np.zeros(20)]
    options = {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.0}
    options |= {"batch_size": 20, "shuffle": False, "max_iter": 1, "alpha": 0}
    model = sknn.MLPClassifier(
        (), class_weight={0: 0.01, 1: 1.99}, random_state=0, **options
    )
    bias = 0.0
    model.fit(X, y)
    start = sknn.MLPClassifier(
        (), random_state=0, **options | {"learning_rate_init": 1e-300}
    ).fit(X, y)
    bias = start.intercepts_[0][0]
    for label, weight in ((1, 1.99), (0, 0.01)):
        bias -= 0.1 * weight * (1 / (1 + np.exp(-bias)) - label)
    assert_allclose(model.intercepts_[0][0], bias, rtol=1e-12)


@pytest.mark.parametrize("weights", ["balanced", [{0: 1, 1: 5}, {0: 2, 1: 1}, {1: 3}]])
def test_multilabel(weights):
    """One dict for each label; scikit-learn multiplies what they give."""
    if isinstance(weights, list):
        weights[2][0] = 1
    options = {"random_state": 0, **SOLVERS["adam"]}
    model = sknn.MLPClassifier(class_weight=weights, **options).fit(X, LABELS)
    rows = compute_sample_weight(weights, LABELS)
    other = sknn.MLPClassifier(**options).fit(X, LABELS, sample_weight=rows)
    assert_same_weights(model, other, 1e-8)
    sparse = sknn.MLPClassifier(class_weight=weights, **options)
    assert_same_weights(sparse.fit(X, csr_array(LABELS)), model, 1e-12)


def test_rows_count_by_their_weights_for_balanced_labels():
    """What labels give is multiplied; one that all rows have makes no difference."""
    times = np.random.RandomState(1).randint(0, 4, size=120)
    labels = np.c_[LABELS, np.ones(120, int)]
    rows = np.repeat(np.arange(120), times)
    factors = compute_sample_weight("balanced", labels[rows])  # of repeated rows
    own = np.zeros(120)
    np.add.at(own, rows, factors)
    options = {"random_state": 0, **SOLVERS["adam"]}
    model = sknn.MLPClassifier(class_weight="balanced", **options)
    other = sknn.MLPClassifier(**options).fit(X, labels, sample_weight=own)
    assert_same_weights(model.fit(X, labels, sample_weight=times), other)
    sparse = sknn.MLPClassifier(class_weight="balanced", **options)
    assert_same_weights(sparse.fit(X, csr_array(labels), times), model, 1e-12)


def test_against_logistic_regression():
    """A network without hidden layers is one; alpha is the inverse of C."""
    theirs = LogisticRegression(class_weight="balanced", C=2.0, tol=1e-10)
    theirs.fit(X, TWO)
    ours = sknn.MLPClassifier(
        (), solver="lbfgs", class_weight="balanced", alpha=0.5, tol=1e-9, max_iter=2000
    ).fit(X, TWO)
    assert_allclose(ours.coefs_[0].T, theirs.coef_, rtol=1e-3)
    assert_allclose(ours.intercepts_[0], theirs.intercept_, rtol=1e-3)


def test_partial_fit():
    model = sknn.MLPClassifier(class_weight={"yes": 5}, random_state=0)
    other = sknn.MLPClassifier(random_state=0)
    model.partial_fit(X, TWO, classes=["no", "yes"])
    other.partial_fit(X, TWO, classes=["no", "yes"])
    assert not np.array_equal(model.coefs_[0], other.coefs_[0])
    model.partial_fit(X[TWO == "no"], TWO[TWO == "no"])  # a class is missing
    with pytest.raises(ValueError, match="class_weight='balanced' is not supported by"):
        model.set_params(class_weight="balanced").partial_fit(X, TWO)


@pytest.fixture
def split_rows(monkeypatch):
    """What the last fit trained on and validated on."""
    split, rows = sknn.estimators.held_out.split_rows, []

    def recorded(*arrays, **options):
        rows[:] = split(*arrays, **options)
        return rows

    monkeypatch.setattr(sknn.estimators.held_out, "split_rows", recorded)
    return rows


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("way", ["early_stopping", "validate", "X_val"])
@pytest.mark.parametrize("sample_weight", [None, rng.uniform(0.1, 3, size=120)])
@pytest.mark.parametrize(
    ("y", "class_weight", "metrics"),
    [
        ((TWO == "yes").astype(int), "balanced", ["precision", "neg_log_loss"]),
        ((TWO == "yes").astype(int), {1: 50, 0: 1}, ["precision", "neg_log_loss"]),
        (THREE, {"few": 20, "many": 0.5, "some": 3}, ["neg_log_loss"]),
        (LABELS, "balanced", ["f1_macro"]),
    ],
    ids=["balanced", "two", "three", "labels"],
)
@pytest.mark.default_cases(5)
def test_no_measure_counts_the_weights_of_classes(
    y, class_weight, metrics, sample_weight, way, split_rows
):
    """Scores, metrics and validation loss take sample weights alone."""
    data = csr_array(X) if sample_weight is None else X
    model = sknn.MLPClassifier(
        (6,), class_weight=class_weight, max_iter=20, tol=None, random_state=0,
        learning_rate_init=0.02, metrics=metrics, warm_start=True,
    )  # fmt: skip
    arguments = {} if sample_weight is None else {"sample_weight": sample_weight}
    if way == "X_val":
        split_rows[:] = np.arange(120), np.arange(40)
        arguments |= {"X_val": data[:40], "y_val": y[:40]}
        if sample_weight is not None:
            arguments["sample_weight_val"] = sample_weight[:40]
    else:
        model.set_params(**{way: True})
        if way == "early_stopping":
            model.set_params(restore_best_weights=False)
    for fit in (model.fit, model.fit, model.set_params(max_iter=25).resume_fit):
        fit(data, y, **arguments)
        for part, before in zip(split_rows, ["", "val_"], strict=True):
            weight = None if sample_weight is None else sample_weight[part]
            measured = {name: get_scorer(name) for name in metrics}
            if before:
                measured["score"] = type(model).score
            for name, scorer in measured.items():
                expected = scorer(model, data[part], y[part], sample_weight=weight)
                last = model.history_[before + name][-1]
                assert_allclose(last, expected, rtol=1e-10)
        if "neg_log_loss" in metrics:
            expected = np.negative(model.history_["val_neg_log_loss"])
            assert_allclose(model.history_["val_loss"], expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"perhaps": 2}, "The classes, .* are not in class_weight"),
        ("even", "The 'class_weight' parameter of MLPClassifier must be"),
        (2.0, "The 'class_weight' parameter of MLPClassifier must be"),
    ],
)
def test_refusals(weights, message):
    with pytest.raises(ValueError, match=message):
        sknn.MLPClassifier(class_weight=weights).fit(X, TWO)


def test_a_class_of_weight_zero_is_not_learnt():
    weights = {"few": 1, "many": 1, "some": 0}
    model = sknn.MLPClassifier(class_weight=weights, max_iter=300, random_state=0)
    model.fit(X, THREE)
    assert "some" not in model.predict(X)
    assert_array_equal(model.classes_, ["few", "many", "some"])


# Weights of classes, weights of rows, and the dtype of X, that leave nothing to learn
# from: THREE has the classes few, many and some.
MANY = (THREE == "many").astype(float)
ALL = {"few": 1.0, "many": 1.0, "some": 1.0}
CANCELLED = {
    "all classes": (THREE, dict.fromkeys(ALL, 0.0), None, np.float64),
    "all classes, rows with weights": (THREE, dict.fromkeys(ALL, 0), MANY, np.float64),
    "the only class with weights": (THREE, {"many": 0.0}, MANY, np.float64),
    "every class of another row": (THREE, {"few": 0, "some": 0}, 1 - MANY, np.float64),
    "a product too small": (THREE, dict.fromkeys(ALL, 1e-200), 1e-200 * MANY, float),
    "too small for float32": (THREE, dict.fromkeys(ALL, 1e-60), None, np.float32),
    "a product too small for float32": (
        THREE, dict.fromkeys(ALL, 1e-30), 1e-30 * MANY, np.float32,
    ),
    "two classes": (TWO, {"no": 0.0, "yes": 0.0}, None, np.float64),
    "the labels of every row": (
        np.c_[MANY, 1 - MANY].astype(int), [{1: 0.0, 0: 2.0}] * 2, None, np.float64,
    ),
    "the labels of rows with weights": (
        LABELS, [{1: 0.0, 0: 1.0}] + [{0: 1.0, 1: 1.0}] * 2,
        LABELS[:, 0].astype(float), np.float64,
    ),
}  # fmt: skip


@pytest.mark.parametrize("method", ["fit", "partial_fit", "warm start", "resume_fit"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("container", [np.asarray, csr_array])
@pytest.mark.parametrize("case", CANCELLED)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.default_cases(24)
def test_weights_that_cancel_everywhere_are_refused(case, container, solver, method):
    y, class_weight, sample_weight, dtype = CANCELLED[case]
    if solver == "lbfgs" and method in ("partial_fit", "resume_fit"):
        pytest.skip("not a combination")
    data = container(X.astype(dtype))
    model = sknn.MLPClassifier(random_state=0, **SOLVERS[solver] | {"max_iter": 2})
    if method in ("warm start", "resume_fit"):
        model.fit(data, y).set_params(warm_start=method == "warm start", max_iter=4)
    model.set_params(class_weight=class_weight)
    before = dict(vars(model))
    call = getattr(model, "fit" if method == "warm start" else method)
    classes = range(y.shape[1]) if y.ndim == 2 else np.unique(y)
    options = {"classes": classes} if method == "partial_fit" else {}
    with pytest.raises(ValueError, match=r"^class_weight and sample_weight together"):
        call(data, y, sample_weight, **options)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())


def test_part_of_a_stream_in_which_no_class_counts():
    options = {"class_weight": {"no": 0.0}, "random_state": 0}
    model = sknn.MLPClassifier(**options).partial_fit(X, TWO, classes=["no", "yes"])
    with pytest.raises(ValueError, match="give every row a weight of zero"):
        model.partial_fit(X[TWO == "no"], TWO[TWO == "no"])
    model.partial_fit(X[TWO == "yes"], TWO[TWO == "yes"])


def test_small_weights_that_do_not_cancel_are_learnt_from():
    """All but the penalty is as with weights of one."""
    options = {"random_state": 0, "alpha": 0.0, "max_iter": 5, "tol": None}
    ones = sknn.MLPClassifier(**options).fit(X, THREE)
    small = dict.fromkeys(ALL, 1e-30)
    model = sknn.MLPClassifier(class_weight=small, **options)
    assert_same_weights(model.fit(X, THREE, np.full(120, 1e-30)), ones, 1e-6)


@pytest.mark.parametrize("kind", [sknn.MLPClassifier, sknn.MLPRegressor])
@pytest.mark.parametrize("scale", [0.0, 1e-60])
def test_sample_weights_of_nothing_are_refused(kind, scale):
    """Also where they are too small for float32, and in a validation set."""
    message = "at least one non-zero number"
    y = SCORE if kind is sknn.MLPRegressor else TWO
    data, weights, model = X.astype(np.float32), np.full(120, scale), kind(max_iter=2)
    with pytest.raises(ValueError, match=message):
        model.fit(data, y, weights)
    with pytest.raises(ValueError, match=message):
        model.fit(data, y, X_val=data, y_val=y, sample_weight_val=weights)


def test_rows_left_for_training_must_count():
    """Of some seeds the only row that counts is held out."""
    y = THREE.copy()
    y[7] = "one"
    refused = 0
    for seed in range(20):
        model = sknn.MLPClassifier(
            class_weight={**dict.fromkeys(ALL, 0.0), "one": 1.0}, early_stopping=True,
            validation_fraction=0.5, max_iter=1, tol=None, random_state=seed,
        )  # fmt: skip
        try:
            model.fit(X, y)
        except ValueError as error:
            refused += "All rows left have a weight of zero" in str(error)
    assert refused > 0
