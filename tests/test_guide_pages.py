"""What pages on use say to write is accepted; what they quote was measured."""

import re
from pathlib import Path

import pytest
from sklearn.model_selection import PredefinedSplit

import sknn
from benchmarks.results import read_file
from sknn.tabular import TableEncoder, TabularMLPClassifier, TabularMLPRegressor

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {
    path.relative_to(DOCS).as_posix(): path
    for language in ("", "pt/")
    for path in sorted(DOCS.glob(f"{language}use/from_*.md"))
}
NETWORKS = (sknn.MLPClassifier, sknn.MLPRegressor)
TABULAR = (TabularMLPClassifier, TabularMLPRegressor)
NAMES = {
    "PredefinedSplit": lambda *_: PredefinedSplit([0, 1]),
    **{each.__name__: each for each in (*NETWORKS, *TABULAR, TableEncoder)},
    "EnsembleMLPClassifier": sknn.EnsembleMLPClassifier,
    "EnsembleMLPRegressor": sknn.EnsembleMLPRegressor,
}
SETTINGS = re.compile(r"\w+=[^=]")
CONSTRUCTOR = re.compile(rf"(?:{'|'.join(NAMES)})\(.*\)")


def right_sides(path):
    """Return the code in the column of sknn of each table."""
    found, column = [], None
    for line in path.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|"):
            column = None
        elif column is None:
            ours = [name for name in cells if name in ("sknn", "write", "escreva")]
            column = cells.index(ours[0]) if ours else len(cells)
        elif column < len(cells):
            found += re.findall(r"`([^`]+)`", cells[column])
    return found


CODES = sorted(
    {(page, code) for page, path in PAGES.items() for code in right_sides(path)}
)


def accepts(estimator, settings):
    """Whether an estimator has these parameters, and takes these values."""
    model = estimator()
    names = {name.partition("__")[0] for name in settings}
    if not names <= model.get_params().keys():
        return False
    model = estimator((4, 3)) if estimator is NETWORKS[0] else model
    model.set_params(**settings)
    if estimator in NETWORKS and Ellipsis not in settings.values():
        try:
            model._validate_params()
        except ValueError:
            return False
    return True


def test_the_tables_are_found():
    assert len(PAGES) >= 10
    assert len(CODES) > 250


@pytest.mark.parametrize(
    ("page", "code"), [pair for pair in CODES if SETTINGS.match(pair[1])]
)
def test_settings_exist(page, code):
    settings = eval(f"dict({code})", dict(NAMES))
    assert any(accepts(each, settings) for each in (*NETWORKS, *TABULAR)), page


@pytest.mark.parametrize(
    ("page", "code"), [pair for pair in CODES if CONSTRUCTOR.fullmatch(pair[1])]
)
def test_constructors_take_their_arguments(page, code):
    if "..." not in code and ").fit(" not in code:
        eval(
            code.replace("EnsembleMLPClassifier(", "EnsembleMLPClassifier(None, "),
            NAMES,
        )


def rows_of(path, n_cells, language=""):
    """Return the tables on a page: the cells of each row, by its first cell."""
    text = path.read_text("utf-8")
    if language:  # decimal commas
        text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    lines = [line.strip("|").split("|") for line in text.splitlines()]
    rows = [[cell.strip(" `") for cell in cells] for cells in lines]
    return {row[0]: row[1:] for row in rows if len(row) == n_cells}


@pytest.fixture(scope="module")
def measured():
    """The measures of each method on the page of accuracy."""
    return rows_of(DOCS / "trust/benchmarks/accuracy.md", 12)


LANGUAGES = pytest.mark.parametrize("language", ["", "pt/"])


@LANGUAGES
def test_quoted_accuracies_are_those_that_were_measured(measured, language):
    quoted = rows_of(DOCS / f"{language}use/first_settings.md", 5, language)
    for name, method in {
        "scikit-learn": "scikit-learn's MLP",
        "HistGradientBoosting": "HistGradientBoosting",
        'TabularMLP*(preset="quick")': "TabularMLP, quick",
        "TabularMLP*()": "TabularMLP",
    }.items():
        [cells] = [row for first, row in quoted.items() if first.startswith(name)]
        error, log_loss, _, rmse, *_, times, _, _ = measured[method]
        assert cells[:3] == [error, log_loss, rmse], name
        assert float(cells[3]) == pytest.approx(float(times), rel=0.1), name


@LANGUAGES
def test_the_page_of_large_data_quotes_what_two_workers_gained(language):
    text = (DOCS / f"{language}use/large_data.md").read_text("utf-8")
    rows = read_file(DOCS / "trust/benchmarks/cluster.csv")
    gains = [f"{float(row['two / one']):.2f}" for row in rows if row["parameters"]]
    assert len(gains) == 3
    for gain in gains:
        times = f"{gain.replace('.', ',')} vez" if language else f"{gain} times"
        assert times in text


@LANGUAGES
def test_the_page_of_tables_quotes_what_was_measured(measured, language):
    quoted = rows_of(DOCS / f"{language}use/tables.md", 6, language)
    for name, method in {
        "HistGradientBoosting": "HistGradientBoosting",
        "TabularMLP*": "TabularMLP",
        "quick": "TabularMLP, quick",
    }.items():
        [cells] = [row for first, row in quoted.items() if name in first]
        assert cells[:4] == measured[method][:4], name
        assert float(cells[4]) == pytest.approx(float(measured[method][8]), rel=0.1)
