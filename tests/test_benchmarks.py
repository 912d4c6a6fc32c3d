"""The benchmarks: that all train the same, and what is written; never a timing."""

import csv
import json
import shutil
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from benchmarks import (
    export,
    growth,
    insight,
    predict,
    products,
    report,
    results,
    tables,
    targets,
)
from benchmarks.__main__ import BY_CORES, ON_CORES, main, parsed
from benchmarks.blas import BlasProducts
from benchmarks.cases import CASES, Case
from benchmarks.machine import ROOT
from benchmarks.peers import PEERS, TRAINERS, trainer
from benchmarks.peers.start import loss_of
from benchmarks.readme import PICTURE
from benchmarks.readme import write as write_readme

# Two classes, three, a regression; the last batch of each is a short one.
TINY = {
    "two classes": Case(70, 20, 2, (7,), 32),
    "classes": Case(70, 20, 3, (7, 5), 32),
    "regression": Case(70, 20, 1, (7, 5), 32),
}
ORIGIN = {"date": "2026-01-02", "machine": "A processor, 2 cores", "versions": "V 1"}
ORIGIN |= {"kernels": "A BLAS with kernels for it"}


def peer_of(name, case, dtype="float64", activation="tanh"):
    pytest.importorskip(TRAINERS[name].needs)
    X, y = case.data(np.dtype(dtype))
    return trainer(name)(case, X, y, activation), X, y


@pytest.mark.parametrize("name", ["sknn", "PyTorch", "JAX"])
@pytest.mark.parametrize("kind", TINY)
def test_all_train_as_scikit_learn_does(name, kind):
    case = TINY[kind]
    losses = []
    for library in ("scikit-learn", name):
        peer, X, y = peer_of(library, case)
        reached = []
        for n_epochs in (1, 20):
            peer.restart()
            peer.train(n_epochs)
            reached.append(loss_of(*peer.weights(), case, X, y, "tanh"))
        assert reached[1] < 0.95 * reached[0]
        losses.append(reached[1])
    # PyTorch adds epsilon at another place, which is all that it does otherwise.
    tolerance = 1e-5 if name == "PyTorch" else 1e-10
    assert_allclose(losses[1], losses[0], rtol=tolerance)


@pytest.mark.parametrize("name", TRAINERS)
def test_a_peer_starts_anew(name):
    peer, *_ = peer_of(name, TINY["classes"], "float32", "relu")
    peer.train(3)
    first = [array.copy() for array in peer.weights()[0]]
    assert all(array.dtype == np.float32 for array in first)
    assert isinstance(peer.seconds_per_epoch(2), float)
    peer.restart()
    peer.train(3)
    for a, b in zip(first, peer.weights()[0], strict=True):
        assert_array_equal(a, b)


def test_the_loss_is_that_of_scikit_learn():
    from sklearn.metrics import log_loss

    peer, X, y = peer_of("scikit-learn", TINY["classes"])
    peer.train(5)
    expected = log_loss(y, peer.model.predict_proba(X))
    found = loss_of(*peer.weights(), TINY["classes"], X, y, "tanh")
    assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
@pytest.mark.parametrize("kind", TINY)
def test_onnxruntime_predicts_the_same(kind, activation):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from benchmarks.peers.onnx_runtime import OnnxRuntime

    case = TINY[kind]
    peer, X, _ = peer_of("sknn", case, "float64", activation)
    peer.train(20)
    found = OnnxRuntime(*peer.weights(), case, activation).predict(X)
    assert_allclose(found.ravel(), peer.model.predict(X), rtol=1e-9)


def test_blas_computes_all_products_of_an_epoch():
    case = TINY["classes"]
    products = [
        (n_batches, has_inputs, x.shape, weights.shape)
        for n_batches, has_inputs, x, weights, *_ in BlasProducts(
            case, np.float32
        ).layers
    ]
    layers = [(False, (20, 7)), (True, (7, 5)), (True, (5, 3))]
    assert products == [
        (n_batches, has_inputs, (rows, shape[0]), shape)
        for n_batches, rows in ((2, 32), (1, 6))
        for has_inputs, shape in layers
    ]


def test_rows_are_repeated_to_be_enough():
    assert predict.rows_of(np.eye(3), 7)[:, 0].tolist() == [1, 0, 0, 1, 0, 0, 1]


def test_a_series_of_growth_changes_one_number():
    for series, values in growth.SERIES.items():
        for value in values:
            base, case = growth.BASE, growth.case_of(series, value)
            changed = [a for a, b in zip(base, case, strict=True) if a != b]
            assert len(changed) <= 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_products_that_are_timed_are_products(dtype):
    n, m, p = 30, 20, 100
    rng = np.random.default_rng(0)
    x, weights, delta = (
        rng.normal(size=size).astype(dtype) for size in ((n, m), (m, p), (n, p))
    )
    address = products.rows_product.address(np.dtype(dtype))
    for a, b, strides, sizes in (
        (x, weights, (m, 1), (n, p, m)),
        (x.T, delta, (1, m), (m, p, n)),
    ):
        c, by_blas = (np.empty(sizes[:2], dtype) for _ in range(2))
        own = (np.dtype(dtype), address, x.ravel(), b.ravel(), c.reshape(-1))
        products.repeat(*own, *strides, *sizes, 2)
        products.repeat_blas(a, b, by_blas, 2)
        rtol = 1e-4 if dtype == "float32" else 1e-10
        assert_allclose(c, a @ b, rtol, rtol)
        assert_allclose(by_blas, a @ b, rtol, rtol)


def test_the_products_are_printed_shape_by_shape(monkeypatch, capsys):
    monkeypatch.setattr(products, "SHAPES", [(4, 3, 20)])
    monkeypatch.setattr(products, "SECONDS", 0)
    products.main()
    lines = capsys.readouterr().out.splitlines()
    named = [line.split(" | ")[:3] for line in lines if line.startswith("| 4 x")]
    assert named == [
        ["| 4 x 3, 20", dtype, product]
        for dtype in ("float32", "float64")
        for product in ("forward", "gradient")
    ]


# The command line ---------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_measures_a_subset_by_name(tmp_path, capsys):
    command = (
        "training --cases iris-sized --activations tanh --dtypes float32 --cores 1"
    )
    options = ["--peers", "scikit-learn", "--repeats", "1", "--seconds", "0.001"]
    main([*command.split(), *options, "--output", str(tmp_path)])
    assert "### tanh, one core" in capsys.readouterr().out
    (row,) = results.read("training", tmp_path)
    assert [row[name] for name in results.KEYS["training"]] == [
        "iris-sized",
        "float32",
        "tanh",
        "1",
    ]
    assert float(row["sknn loss"]) == pytest.approx(
        float(row["scikit-learn loss"]), 1e-3
    )
    assert row["machine"]
    assert row["date"]


@pytest.mark.slow
def test_a_section_runs_in_a_process_of_its_own():
    options = {"section": "growth", "cores": 1, "quick": True}
    options |= {"repeats": 1, "seconds": 0.001}
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(options)]
    out = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    rows = [json.loads(line) for line in out.splitlines()]
    assert {row["series"] for row in rows} == set(growth.SERIES)


def test_every_section_has_a_place():
    assert {*BY_CORES, *ON_CORES} == set(results.KEYS)
    for name in results.KEYS:
        assert callable(getattr(tables, name))
    assert {section for section, *_ in report.pictures.PICTURES.values()} <= set(
        results.KEYS
    )


def test_what_is_unknown_is_refused(capsys):
    with pytest.raises(SystemExit):
        parsed(["trainings"])
    assert "no section trainings: of training, predict" in capsys.readouterr().err


def test_a_short_try_does_not_touch_the_documentation():
    assert parsed([]).output == Path("docs/trust/benchmarks")
    assert parsed([]).readme == Path("README.md")
    quick = parsed(["--quick"])
    assert quick.output != Path("docs/trust/benchmarks")
    assert quick.readme is None
    assert (quick.repeats, quick.cores) == (3, [1])
    assert parsed(["--quick", "--repeats", "4"]).repeats == 4
    assert parsed(["--output", "elsewhere"]).readme is None


# What is written ----------------------------------------------------------------------


def test_a_new_row_replaces_its_like(tmp_path):
    row = {"case": "text", "dtype": "float32", "relu ms": 2.0}
    results.update("activations", tmp_path, [row, {**row, "case": "wider"}])
    results.update("activations", tmp_path, [{**row, "relu ms": 3.0, "more": 1}])
    rows = results.read("activations", tmp_path)
    assert [(r["case"], r["relu ms"]) for r in rows] == [("text", "3"), ("wider", "2")]
    assert [r["more"] for r in rows] == ["1", ""]


def test_a_section_without_cases_is_written_anew(tmp_path):
    for name in ("before", "after"):
        results.update("compiling", tmp_path, [{"kernel": name, "seconds": 0.25}])
    (row,) = results.read("compiling", tmp_path)
    assert row["kernel"] == "after"
    assert tables.compiling([row, row]) == (
        "after 0.25, after 0.25.\n\nTogether 0.5 seconds."
    )


def a_training_row(case="defaults", **changed):
    row = {"case": case, "dtype": "float32", "activation": "relu", "cores": "1"}
    row["epochs"] = "6"
    row |= {f"{name} ms": "2.5" for name in (*TRAINERS, "BLAS")}
    row |= {f"{name} / sknn": "9" for name in PEERS}
    row |= {"sknn / BLAS": "1.3", **{f"{name} loss": "0.125" for name in TRAINERS}}
    return row | ORIGIN | changed


def write_rows(folder, section, rows):
    folder.mkdir(exist_ok=True)
    with (folder / f"{section}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_the_report_is_written_from_the_files(tmp_path):
    pytest.importorskip("matplotlib")
    folder, readme = tmp_path / "benchmarks", tmp_path / "README.md"
    text = {name: "" for name in ("PyTorch ms", "PyTorch / sknn", "sknn / BLAS")}
    write_rows(
        folder,
        "training",
        [
            a_training_row(),
            a_training_row("text", **text, **{"scikit-learn / sknn": "4"}),
        ],
    )
    readme.write_text("before\n<!-- speed table -->\nold\n<!-- end -->\nafter\n")
    report.write(folder, readme)
    page = (tmp_path / "speed.md").read_text("utf-8")
    assert "A processor, 2 cores" in page
    best = "| An epoch, beside scikit-learn | **6.0 times** as fast, from 4.0 to 9.0"
    assert page.index(best) < page.index("A processor") < page.index("## How it is")
    aims = (tmp_path / "targets.md").read_text("utf-8")
    assert not (tmp_path / "memory.md").exists()
    assert "| defaults | float32 | 2.5 | 2.5 | 2.5 | 2.5 | 2.5 | **9.0** |" in page
    assert "| scikit-learn: geometric mean | at least 8 | 6 | **no** | - |" in aims
    assert "| scikit-learn: text, lowest | at least 3 | 4 | yes | - |" in aims
    assert {path.name for path in folder.glob("*.png")} == {"peers.png", "blas.png"}
    assert "benchmarks/peers.png" in page
    written = readme.read_text()
    assert written.startswith("before\n<!-- speed table -->\n")
    assert written.endswith("<!-- end -->\nafter\n")
    assert "old" not in written
    assert "| 10,000 x 20, 2 | 100 | 200 | 2.5 ms | 9.0 x |" in written
    report.write(folder, readme)
    assert readme.read_text() == written


def test_the_page_and_the_table_name_the_kernels_of_their_rows(tmp_path):
    pytest.importorskip("matplotlib")
    folder, readme = tmp_path / "benchmarks", tmp_path / "README.md"
    readme.write_text("<!-- speed table -->\n<!-- end -->\n")
    write_rows(folder, "training", [a_training_row()])
    report.write(folder, readme)
    (page, table) = (tmp_path / "speed.md").read_text("utf-8"), readme.read_text()
    assert "V 1.\nMatrix products: A BLAS with kernels for it." in page
    assert "A processor, 2 cores; one core" in table

    other = a_training_row(activation="tanh", kernels="Another", date="2026-01-03")
    write_rows(folder, "training", [a_training_row(), other])
    report.write(folder, readme)
    page = (tmp_path / "speed.md").read_text("utf-8")
    assert page.count("Measured (Training) on A processor, 2 cores; 2026-01-0") == 2
    assert "ratios (A BLAS with kernels for it):" in page
    assert "ratios (Another):" in page
    assert readme.read_text() == table


def test_a_picture_names_the_kernels_of_its_rows_alone(monkeypatch, tmp_path):
    pictures = pytest.importorskip("benchmarks.pictures")
    texts = []
    monkeypatch.setattr(
        pictures.Figure,
        "savefig",
        lambda own, *_, **__: texts.append(own.get_supxlabel()),
    )
    rows = [a_training_row(), a_training_row(activation="tanh", kernels="Another")]
    assert pictures.draw({"training": rows}, tmp_path) == ["peers", "blas"]
    text = "A processor, 2 cores; 2026-01-02; A BLAS with kernels for it"
    assert texts == [text, text]


def test_bars_of_ratios_begin_where_both_are_level(tmp_path):
    pictures = pytest.importorskip("benchmarks.pictures")
    rows = [a_training_row(**{"JAX / sknn": "0.4"})]
    (axes,) = pictures.peers(rows).axes
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert_allclose(bars, [(1, 9), (1, 9), (1, 0.4)])
    write = axes.xaxis.get_major_formatter()
    assert [write(x, None) for x in (0.5, 1, 20, 1000, 5000)] == [
        "0.5", "1", "20", "1k", "5k",
    ]  # fmt: skip


def test_a_readme_without_a_place_is_refused(tmp_path):
    pytest.importorskip("matplotlib")
    write_rows(tmp_path / "b", "training", [a_training_row()])
    readme = tmp_path / "README.md"
    readme.write_text("no place")
    with pytest.raises(SystemExit, match="has 0 places for the speed table"):
        report.write(tmp_path / "b", readme)
    assert readme.read_text() == "no place"


def test_the_tables_of_the_readme_are_those_of_the_csv_files(tmp_path):
    pytest.importorskip("matplotlib")
    root = Path(__file__).parents[1]
    text = (root / "README.md").read_text("utf-8")
    for name in ("training.csv", "accuracy.csv"):
        shutil.copy(root / "docs/trust/benchmarks" / name, tmp_path)
    copied = tmp_path / "README.md"
    copied.write_text(text, "utf-8")
    write_readme(tmp_path, copied)
    same = copied.read_text("utf-8") == text
    assert same, "Run: python -m benchmarks report"
    assert (tmp_path / PICTURE).stat().st_size > 10_000


def test_a_target_is_met_or_not():
    rows = [a_training_row(**{"sknn / BLAS": "1.3"})]
    met = {target.what: target.met for target in targets.targets({"training": rows})}
    assert met["products by BLAS alone: width 100, highest"] == "yes"
    rows.append(a_training_row("small batch", **{"sknn / BLAS": "1.4"}))
    met = {target.what: target.met for target in targets.targets({"training": rows})}
    assert met["products by BLAS alone: width 100, highest"] == "**no**"
    assert not any(what.startswith("predict") for what in met)


def test_wide_and_narrow_cases_are_those_of_the_targets():
    assert targets.WIDE == ["wider", "deep tabular", "pictures", "very wide"]
    assert targets.HUNDRED == ["iris-sized", "defaults", "small batch", "text"]
    assert set(CASES) - {*targets.WIDE, *targets.HUNDRED} == {"course"}


def test_exports_are_measured(tmp_path):
    for module in ("onnx", "onnxruntime", "skops"):
        pytest.importorskip(module)
    options = Namespace(
        cases=["text", "iris-sized"], dtypes=["float32"], cores=1, repeats=1,
        seconds=0.001,
    )  # fmt: skip
    (row,) = export.rows(options)
    assert row["case"] == "iris-sized"
    weights = 4 * (4 * 100 + 100 * 3 + 103) / 1024
    assert weights < row["onnx KiB"] < weights + 4
    assert row["onnx KiB"] < row["pickle KiB"]
    results.update("export", tmp_path, [row])
    table = tables.export(results.read("export", tmp_path))
    assert "| iris-sized | float32 | 100,000 |" in table
    assert "skops KiB" in table


@pytest.mark.filterwarnings("ignore")  # of Optuna and MLflow
def test_explanations_and_callbacks_are_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(insight, "N_EPOCHS", 2)
    options = Namespace(quick=True, repeats=1)
    rows = list(insight.rows(options))
    assert {row["unit"] for row in rows} == {"rows/s", "microseconds an epoch"}
    assert len(rows) >= 2 * 4 + 3
    results.update("insight", tmp_path, rows)
    table = tables.insight(results.read("insight", tmp_path))
    assert "| integrated gradients, relu, tol=0.001 |" in table


def test_predictions_are_measured_for_each_number_of_rows(recwarn):
    options = Namespace(
        cases=["iris-sized"], dtypes=["float64"], activations=["relu"],
        cores=1, quick=True, repeats=1, seconds=0.001,
    )  # fmt: skip
    rows = list(predict.rows(options))
    assert [row["rows"] for row in rows] == [1, 20_000]
    assert all(row["sknn ms"] > 0 for row in rows)
