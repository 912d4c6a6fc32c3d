"""Networks that are written to disk while they train."""

import os
import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn.callbacks import EpochCallback, ModelCheckpoint

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=60)
LABELS = (NUMBERS > 0).astype(int)
OPTIONS = {"hidden_layer_sizes": (5,), "max_iter": 6, "tol": None, "random_state": 0}


SCORES = []


def next_score(estimator, X, y):
    return SCORES.pop(0)


def test_a_crash_loses_nothing(tmp_path):
    class Crash(EpochCallback):
        def on_epoch_end(self, epoch, logs):
            if epoch == 3:
                raise RuntimeError("the power went off")

    path = tmp_path / "net.joblib"
    model = MLPClassifier(**OPTIONS, early_stopping=True, learning_rate_init=0.1)
    whole = MLPClassifier(**model.get_params()).fit(X, LABELS)
    model.set_callbacks(ModelCheckpoint(path), Crash())
    with pytest.raises(RuntimeError, match="the power went off"):
        model.fit(X, LABELS)
    loaded = joblib.load(path)
    assert loaded.n_iter_ == 4
    assert not hasattr(loaded, "_skl_callbacks")
    loaded.resume_fit(X, LABELS)
    assert_array_equal(loaded.coefs_[0], whole.coefs_[0])
    assert loaded.validation_scores_ == whole.validation_scores_


def test_fields_of_the_path(tmp_path):
    path = tmp_path / "net-{epoch:02d}-{loss:.3f}.joblib"
    model = MLPRegressor(**OPTIONS).set_callbacks(ModelCheckpoint(path, every=2))
    model.fit(X, NUMBERS)
    losses = model.history_["loss"]
    expected = {f"net-{n:02d}-{losses[n - 1]:.3f}.joblib" for n in (2, 4, 6)}
    assert {file.name for file in tmp_path.iterdir()} == expected


@pytest.mark.parametrize(
    ("monitor", "best"), [("val_loss", min), ("val_score", max), ("r2", max)]
)
@pytest.mark.parametrize("every", [1, 3])
def test_only_the_best(tmp_path, monitor, best, every):
    model = MLPRegressor(
        **{**OPTIONS, "max_iter": 30},
        validate=True,
        metrics="r2",
        learning_rate_init=0.3,
    )
    path = tmp_path / "{epoch}"
    model.set_callbacks(ModelCheckpoint(path, monitor=monitor, every=every))
    model.fit(X, NUMBERS)
    column = model.history_[monitor][every - 1 :: every]
    rising = [
        every * (n + 1)
        for n in range(len(column))
        if column[n] == best(column[: n + 1]) and column[n] not in column[:n]
    ]
    assert sorted(int(file.name) for file in tmp_path.iterdir()) == rising
    assert len(rising) < len(column)


def test_scores_that_are_no_numbers_are_never_the_best(tmp_path):
    SCORES[:] = [np.nan, 1.0, np.nan, 0.5, 2.0, np.nan]
    model = MLPRegressor(**OPTIONS, metrics={"odd": next_score})
    model.set_callbacks(ModelCheckpoint(tmp_path / "{epoch}", monitor="odd"))
    model.fit(X, NUMBERS)
    assert sorted(os.listdir(tmp_path)) == ["2", "5"]


def test_files_of_skops(tmp_path):
    skops_io = pytest.importorskip("skops.io")
    from sknn.io import TRUSTED_TYPES

    path = str(tmp_path / "net.skops")
    model = MLPClassifier(**OPTIONS).set_callbacks(ModelCheckpoint(path))
    model.fit(X, LABELS)
    loaded = skops_io.load(path, trusted=TRUSTED_TYPES)
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_in_a_pipeline(tmp_path):
    path = tmp_path / "net.joblib"
    network = MLPClassifier(**OPTIONS).set_callbacks(ModelCheckpoint(path))
    pipeline = make_pipeline(StandardScaler(), network).fit(X, LABELS)
    loaded = joblib.load(path)
    assert_array_equal(loaded.coefs_[0], pipeline[-1].coefs_[0])


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "net.joblib"
    model = MLPClassifier(**OPTIONS).set_callbacks(ModelCheckpoint(path))
    model.fit(X, LABELS)
    before = path.read_bytes()

    def fails(estimator, file):
        file.write(b"half of a file")
        raise OSError("No space left on device")

    monkeypatch.setattr(joblib, "dump", fails)
    with pytest.raises(OSError, match="No space left"):
        model.fit(X, LABELS)
    assert os.listdir(tmp_path) == ["net.joblib"]
    assert path.read_bytes() == before
    assert pickle.loads(pickle.dumps(model)).n_iter_ == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"path": "no/such/folder/net"},
            "The folder 'no/such/folder' of path='no/such",
        ),
        (
            {"path": "{val_loss}"},
            r"The field of path='val_loss' is not among the values",
        ),
        ({"path": "{}"}, r"The field of path='' is not among the values"),
        (
            {"path": "a", "monitor": "auc"},
            r"monitor='auc' is not among .* need metrics",
        ),
    ],
)
def test_refusals_of_a_checkpoint(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = MLPRegressor(**OPTIONS).set_callbacks(ModelCheckpoint(**options))
    with pytest.raises(ValueError, match=message):
        model.fit(X, NUMBERS)
    assert not hasattr(model, "coefs_")
    assert not os.listdir(tmp_path)


def test_every_is_a_number_of_epochs():
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        ModelCheckpoint("net", every=0)
