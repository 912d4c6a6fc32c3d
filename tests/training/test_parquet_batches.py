"""Fits on Parquet files, read by pyarrow, are those on arrays of the same rows."""

import numpy as np
import pytest
from data_in_batches import LABELS, NUMBERS, WEIGHTS, X, state_of
from numpy.testing import assert_array_equal

from sknn import MLPClassifier, MLPRegressor, _extras
from sknn.data import BatchSource

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
dataset = pytest.importorskip("pyarrow.dataset")

NAMES = [f"x{k}" for k in range(5)]
IN_ORDER = {"hidden_layer_sizes": (7,), "max_iter": 3, "random_state": 0, "tol": None}
IN_ORDER |= {"shuffle": False, "batch_size": 32}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def table_of(X=X, rows=slice(None)):
    columns = {name: column[rows] for name, column in zip(NAMES, X.T, strict=True)}
    columns |= {"y": NUMBERS[rows], "label": LABELS[rows], "w": WEIGHTS[rows]}
    return pa.table(columns)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parquet")
    for k, rows in enumerate((slice(100), slice(100, 250), slice(250, None))):
        pq.write_table(table_of(rows=rows), folder / f"{k}.parquet", row_group_size=64)
    return folder


def paths_of(folder):
    return sorted(folder.glob("*.parquet"))


@pytest.mark.parametrize(
    "of_folder",
    [
        lambda folder: folder,
        str,
        paths_of,
        lambda folder: list(map(str, paths_of(folder))),
        lambda folder: dataset.dataset(folder, format="parquet"),
    ],
    ids=["path", "text", "paths", "texts", "Dataset"],
)
def test_what_names_the_files(of_folder, folder):
    source = BatchSource.from_parquet(
        of_folder(folder), "y", features=NAMES, sample_weight="w", batch_rows=48
    )
    model = MLPRegressor(**IN_ORDER).fit(source)
    whole = MLPRegressor(**IN_ORDER).fit(X, NUMBERS, WEIGHTS)
    assert state_of(model) == state_of(whole)
    assert_array_equal(model.feature_names_in_, NAMES)


def test_labels_and_classes(folder):
    source = BatchSource.from_parquet(folder, "label", features=NAMES)
    model = MLPClassifier(**IN_ORDER, class_weight="balanced").fit(source)
    whole = MLPClassifier(**IN_ORDER, class_weight="balanced").fit(X, LABELS)
    assert state_of(model) == state_of(whole)
    assert_array_equal(model.predict(table_of().select(NAMES)), whole.predict(X))
    source = BatchSource.from_parquet(
        folder, "label", features=NAMES, classes=["low", "middle", "never", "up"]
    )
    assert MLPClassifier(**IN_ORDER).fit(source).n_outputs_ == 4


def test_features_are_all_other_columns(folder):
    source = BatchSource.from_parquet(paths_of(folder)[0], ["y", "w"], features=NAMES)
    model = MLPRegressor(**IN_ORDER).fit(source)
    whole = MLPRegressor(**IN_ORDER).fit(X[:100], np.c_[NUMBERS, WEIGHTS][:100])
    assert state_of(model) == state_of(whole)
    narrow = table_of().drop_columns(["label", "w"])
    source = BatchSource.from_parquet(dataset.dataset(narrow), "y")
    whole = MLPRegressor(**IN_ORDER).fit(X, NUMBERS)
    assert state_of(MLPRegressor(**IN_ORDER).fit(source)) == state_of(whole)


def test_dtypes_of_columns():
    narrow = X.astype(np.float32)
    source = BatchSource.from_parquet(
        dataset.dataset(table_of(narrow)), "y", features=NAMES
    )
    model = MLPRegressor(**IN_ORDER).fit(source)
    assert model.coefs_[0].dtype == np.float32
    whole = MLPRegressor(**IN_ORDER).fit(narrow, NUMBERS)
    assert state_of(model) == state_of(whole)
    mixed = table_of(narrow).set_column(0, "x0", pa.array(X[:, 0] > 0))
    mixed = mixed.set_column(1, "x1", pa.array(np.arange(len(X))))
    expected = narrow.astype(float)
    expected[:, 0], expected[:, 1] = X[:, 0] > 0, np.arange(len(X))
    source = BatchSource.from_parquet(dataset.dataset(mixed), "y", features=NAMES)
    model = MLPRegressor(**IN_ORDER).fit(source)
    whole = MLPRegressor(**IN_ORDER).fit(expected, NUMBERS)
    assert state_of(model) == state_of(whole)


def test_going_on_asks_for_the_same_columns(folder):
    source = BatchSource.from_parquet(folder, "y", features=NAMES)
    model = MLPRegressor(**IN_ORDER).fit(source).set_params(max_iter=4)
    model.resume_fit(source)
    assert model.n_iter_ == 4
    other = BatchSource.from_parquet(folder, "y", features=NAMES[::-1])
    with pytest.raises(ValueError, match="columns of the BatchSource must be those of"):
        model.resume_fit(other)


def test_filters_of_a_dataset_leave_no_empty_batch(folder):
    data = dataset.dataset(folder).filter(dataset.field("x0") > 0)
    source = BatchSource.from_parquet(data, "y", features=NAMES, batch_rows=8)
    model = MLPRegressor(**IN_ORDER).fit(source)
    rows = X[:, 0] > 0
    whole = MLPRegressor(**IN_ORDER).fit(X[rows], NUMBERS[rows])
    assert state_of(model) == state_of(whole)


def test_columns_that_are_refused(folder):
    with pytest.raises(ValueError, match="There is no column 'z' in the data, which"):
        BatchSource.from_parquet(folder, "z")
    with pytest.raises(ValueError, match="Column 'label' holds string, but X"):
        BatchSource.from_parquet(folder, "y")
    holes = table_of().set_column(0, "x0", pa.array([None, *X[1:, 0]]))
    source = BatchSource.from_parquet(dataset.dataset(holes), "y", features=NAMES)
    with pytest.raises(ValueError, match=r"Batch 0 .*: Input X contains NaN"):
        MLPRegressor(**IN_ORDER).fit(source)


def test_without_pyarrow_the_extra_is_named(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError("No module", name="pyarrow")

    monkeypatch.setattr(_extras, "import_module", missing)
    with pytest.raises(ImportError, match=r"pip install 'sknn\[parquet\]'"):
        BatchSource.from_parquet("data.parquet", "y")
