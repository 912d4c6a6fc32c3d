"""The code on the page about explanations and callbacks, and its examples."""

import re
import runpy
import sys
import warnings
from pathlib import Path

import pytest

plt = pytest.importorskip("matplotlib.pyplot")
pytest.importorskip("pandas")

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/use/insight.md"


@pytest.fixture(autouse=True)
def _backend():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def run(name, monkeypatch, *arguments):
    """Run an example as a script."""
    path = str(ROOT / f"examples/{name}.py")
    monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return runpy.run_path(path, run_name="__main__")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_code_of_the_page_runs(capsys):
    codes = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(codes) >= 6
    names = {}
    for code in codes:
        exec(compile(code, PAGE.name, "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].endswith(" 1.0")
    assert printed[1:3] == ["(150, 3)", "(150, 4) True"]


def test_the_page_names_every_public_name():
    from sknn import callbacks, explain

    text = PAGE.read_text("utf-8")
    for name in (*callbacks.__all__, *explain.__all__):
        assert name in text or name == "Attributions", name


@pytest.mark.slow
def test_the_animation_has_a_frame_for_each_turn(tmp_path, monkeypatch, capsys):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "boundary.gif"
    names = run("decision_boundary", monkeypatch, path)
    with image.open(path) as animation:
        assert animation.n_frames == len(names["boundary"].frames) == 30
    losses = [loss for _, loss, _ in names["boundary"].frames]
    assert losses[-1] < losses[0] / 2
    assert float(capsys.readouterr().out.rpartition("accuracy ")[2]) > 0.9


@pytest.mark.slow
def test_the_example_of_explanations(tmp_path, monkeypatch, capsys):
    names = run("explanations", monkeypatch, tmp_path / "explanations.png")
    assert (tmp_path / "explanations.png").exists()
    assert set(names["of_columns"].feature_names) == set(names["table"].columns)
    assert float(re.search(r"R2 ([\d.]+)", capsys.readouterr().out)[1]) > 0.5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", ["optuna", "mlflow"])
def test_examples_of_other_libraries(library, monkeypatch, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip(library)
    if library == "optuna":
        run("optuna_pruning", monkeypatch)
        printed = capsys.readouterr().out
        assert int(re.search(r"(\d+) of 12 trials were pruned", printed)[1]) > 0
        return
    before = module.get_tracking_uri()
    run("mlflow_runs", monkeypatch)
    printed = capsys.readouterr().out
    assert "7 fits were recorded" in printed
    assert "100%" in printed
    run("mlflow_autolog", monkeypatch)
    module.set_tracking_uri(before)
    printed = capsys.readouterr().out
    assert "Epochs: 50\n" in printed
    assert "Loss of 50 epochs" in printed
    accuracies = re.findall(r"score(?:_X_test)?: ([\d.]+)", printed)
    assert len(accuracies) == 2
    assert min(map(float, accuracies)) > 0.9
