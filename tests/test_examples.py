"""The scripts of the courses, and the page that shows them."""

import re
import runpy
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from sknn import MLPClassifier, MLPRegressor

plt = pytest.importorskip("matplotlib.pyplot")
displays = pytest.importorskip("sknn.displays")

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/use/courses.md").read_text("utf-8")
EXAMPLES = {path.stem: path for path in sorted(ROOT.glob("examples/*.py"))}
EXAMPLES.pop("quickstart")
ONNX = [EXAMPLES.pop(name) for name in ("onnx_export", "onnx_table")]
LARGER = EXAMPLES.pop("larger_than_memory")
for _name in (
    *("decision_boundary", "explanations", "mlflow_autolog", "mlflow_runs"),
    "optuna_pruning",
):
    EXAMPLES.pop(_name)  # of another page: test_insight_page.py
_, _, _DICTIONARY = PAGE.partition("## Dictionary\n")
_DICTIONARY, _, _ = _DICTIONARY.partition("## Examples\n")
ROWS = re.findall(r"^\| (?!Keras |---)(.*?) \| (.*) \|$", _DICTIONARY, re.MULTILINE)
CODES = sorted({code for _, right in ROWS for code in re.findall("`(.+?)`", right)})
PARAMETERS = re.compile(r"\w+=(?!=)")


@pytest.fixture(autouse=True)
def _backend():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def numbers_of(text):
    return set(re.findall(r"(?<![\w.])\d+(?:\.\d+)?", text))


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_prints_what_it_says_and_labels_what_it_draws(
    example, monkeypatch, capsys
):
    pytest.importorskip("pandas")
    plt.close("all")  # of other tests in this process
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.extend(plt.get_fignums()))
    source = EXAMPLES[example].read_text("utf-8")
    _, docstring, code = source.split('"""', 2)
    exec(compile(source, example, "exec"), {"__name__": "__main__"})
    figure = plt.figure(*shown)
    for axes in figure.axes:
        if axes.get_label() == "<colorbar>":
            continue
        assert axes.get_title() or figure.get_suptitle() or example == "digits"
        if axes.axison and axes.spines["left"].get_visible():
            assert axes.get_xlabel(), axes
            assert axes.get_ylabel() or len(figure.axes) > 2, axes
    assert numbers_of(docstring) <= numbers_of(code + capsys.readouterr().out)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_is_short_and_names_its_keras_lines(example):
    source = EXAMPLES[example].read_text("utf-8")
    assert len(source.splitlines()) <= 46
    assert "# Keras: " in source
    _, docstring, code = source.split('"""', 2)
    assert 5 <= len(docstring.splitlines()) <= 10
    assert "X_val=X_test" not in code
    assert "validation_data=(X_test" not in code
    assert ".set_params(" not in code


@pytest.mark.parametrize("example", ONNX, ids=lambda path: path.stem)
def test_the_examples_of_onnx_predict_the_same(example, capsys):
    for module in ("onnx", "onnxruntime", "pandas"):
        pytest.importorskip(module)
    runpy.run_path(str(example))
    printed = capsys.readouterr().out
    accuracy, same, gap = re.findall(r": ([\d.e-]+)", printed)
    assert float(accuracy) > 0.85
    assert float(same) == 100
    assert float(gap) < (1e-5 if "table" in example.stem else 1e-12)


def test_the_example_of_files_learns(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["larger_than_memory.py", "2000"])
    runpy.run_path(str(LARGER))
    printed = capsys.readouterr().out
    assert "8 files of 2000 rows" in printed
    accuracies = re.findall(r"accuracy on .*: ([\d.]+)", printed)
    assert min(map(float, accuracies)) > 0.8


def test_the_page_lists_every_example():
    assert set(re.findall(r"examples/(\w+)\.py", PAGE)) == EXAMPLES.keys()


def test_every_row_of_the_dictionary_has_code():
    assert len(ROWS) > 60
    assert PAGE.count("\n| Keras | sknn |\n") == 4
    for left, right in ROWS:
        assert "`" in right, left


def fitted(parameters, X, y):
    """Return a fitted network that takes the parameters."""
    for network in (MLPClassifier, MLPRegressor):
        # Two hidden layers: the page gives pairs where each has its own value.
        model = network(hidden_layer_sizes=(4, 3), max_iter=2, random_state=0)
        try:
            model.set_params(**parameters)._validate_params()
        except (InvalidParameterError, ValueError):
            continue
        return model.fit(X, y)
    raise AssertionError(f"Neither network takes {parameters}.")


@pytest.mark.parametrize("code", CODES)
def test_code_of_the_dictionary_runs(code, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    X, y = load_iris(return_X_y=True)
    X, y = X[::2], y[::2] + 1
    names = {
        **{"np": np, "joblib": joblib, "GridSearchCV": GridSearchCV, "KFold": KFold},
        **{"StandardScaler": StandardScaler, "make_pipeline": make_pipeline},
        **{name: getattr(displays, name) for name in displays.__all__},
        **{"X": X, "y": y, "X_val": X, "y_val": y, "w": np.ones(len(y))},
        "f": lambda epoch: 0.01 / (epoch + 1),
    }
    if PARAMETERS.match(code):
        fitted(eval(f"dict({code})", names), X, y)
        return
    names["model"] = fitted({"metrics": ["accuracy"]}, X, y).fit(X, y, X_val=X, y_val=y)
    joblib.dump(names["model"], "model.joblib")
    assert eval(code, names) is not None or code == "model.summary()"


def test_validation_data_go_through_the_scaler_of_a_pipeline():
    (code,) = re.findall(r"  ```python\n(.*?)  ```", PAGE, re.DOTALL)
    names = {}
    with sklearn.config_context():
        exec("\n".join(line.strip() for line in code.splitlines()), names)
        network = names["model"][-1]
    scaled = StandardScaler().fit(names["X_train"]).transform(names["X_val"])
    loss = sklearn.metrics.log_loss(names["y_val"], network.predict_proba(scaled))
    assert network.history_["val_loss"][-1] == pytest.approx(loss)
