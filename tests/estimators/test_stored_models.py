"""Models that released versions of sknn stored: they load, predict and train on."""

import pickle
import warnings

import joblib
import numpy as np
import pytest
import skops.io
from numpy.testing import assert_allclose
from sklearn.exceptions import InconsistentVersionWarning
from store_models import CODES, FITS, MODELS, NUMBERS, X, outputs, store

import sknn
from sknn.io import TRUSTED_TYPES

FOLDERS = sorted(MODELS.iterdir())
LOADERS = {
    "pickle": lambda path: pickle.loads(path.read_bytes()),
    "joblib": joblib.load,
    "skops": lambda path: skops.io.load(path, trusted=TRUSTED_TYPES),
}
# Another machine rounds otherwise: by some units in the last place for each of the
# few products of a network so small, and outputs are of order one.
TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5}

TARGETS = {
    "classes": np.array(["low", "mid", "high"])[CODES],
    "two classes": CODES > 0,
    "labels": np.column_stack([NUMBERS > 0, X[:, 0] > 0]).astype(int),
    "numbers": np.column_stack([NUMBERS, X[:, 1]]),
    "quantiles": NUMBERS,
}


def models_in(folder, kind):
    """Load a file; return its models, and the versions of sknn that were warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        models = LOADERS[kind](folder / f"models.{kind}")
    # The binarizer of labels is scikit-learn's, and warns of its own version.
    given = [w.message for w in caught if w.category is InconsistentVersionWarning]
    stored_by = {message.original_sklearn_version for message in given}
    return models, {version for version in stored_by if version.startswith("sknn")}


def check(folder, kind):
    models, warned = models_in(folder, kind)
    is_other = folder.name != sknn.__version__
    assert warned == ({f"sknn {folder.name}"} if is_other else set())
    expected = np.load(folder / "expected.npz")
    assert sorted(models) == sorted(set(expected) - {"X"})
    for name, model in models.items():
        found, wanted = outputs(model), expected[name]
        assert found.dtype == wanted.dtype
        tolerance = TOLERANCE[wanted.dtype]
        assert_allclose(found, wanted, rtol=tolerance, atol=tolerance, err_msg=name)
    return models


def goes_on(model, y):
    """Train further, in all ways there are; return whether the weights moved."""
    data = X.astype(model.coefs_[0].dtype), y
    before = model.coefs_[0].copy()
    n_epochs = model.n_iter_
    if model.solver != "lbfgs":
        model.set_params(max_iter=n_epochs + 2).resume_fit(*data)
        assert model.n_iter_ == n_epochs + 2
        model.set_params(early_stopping=False).partial_fit(*data)
    model.set_params(warm_start=True).fit(*data)
    assert np.isfinite(model.loss_)
    return not np.array_equal(before, model.coefs_[0])


@pytest.mark.parametrize("kind", LOADERS)
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_stored_models_load(folder, kind):
    for name, model in check(folder, kind).items():
        assert goes_on(model, TARGETS[name]), name


@pytest.mark.parametrize("kind", LOADERS)
def test_the_current_version_stores_and_loads(kind, tmp_path):
    """Also what comes with the next release."""
    with warnings.catch_warnings():
        store(tmp_path / sknn.__version__)
    assert len(check(tmp_path / sknn.__version__, kind)) == len(FITS)


def test_the_warning_of_another_version(monkeypatch):
    monkeypatch.setattr("sknn.estimators.estimator.__version__", "99.0")
    _, warned = models_in(FOLDERS[0], "skops")
    assert warned == {f"sknn {FOLDERS[0].name}"}


def test_there_are_models_of_released_versions():
    assert "0.1.0" in {folder.name for folder in FOLDERS}
    for folder in FOLDERS:
        names = {path.name for path in folder.iterdir()}
        assert names == {f"models.{kind}" for kind in LOADERS} | {"expected.npz"}
        assert sum(path.stat().st_size for path in folder.iterdir()) < 10**5
