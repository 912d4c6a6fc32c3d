"""Networks as ONNX graphs: time of conversion, sizes of files, predictions.

`predict` of sknn, and onnxruntime with the graph that `sknn.onnx.to_onnx` returns, run
in turns. onnxruntime returns probabilities beside the labels of a classifier.
"""

import pickle
import statistics
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.cases import chosen
from benchmarks.peers import is_there, trainer
from benchmarks.predict import rows_of
from benchmarks.timing import in_turns, many, ratio

# Of the chosen cases, those that are measured, and for how many rows.
MEASURED = ("iris-sized", "defaults", "wider", "deep tabular")
N_ROWS = (1, 100_000)


def rows(options: Namespace) -> Iterator[dict]:
    """Yield a row for each case and dtype."""
    if not (is_there("onnx") and is_there("onnxruntime")):
        return
    cases = [name for name in MEASURED if name in options.cases]
    for name, case, dtype, X, y in chosen(
        Namespace(**{**vars(options), "cases": cases})
    ):
        peer = trainer("sknn")(case, X, y, "relu")
        peer.train(1)
        yield {"case": name, "dtype": dtype, **measure(peer.model, X, options)}


def measure(model: Any, X: np.ndarray, options: Namespace) -> dict:
    """Return the figures of a fitted network."""
    from sknn.onnx import to_onnx

    least = options.seconds / 4
    conversions = in_turns(
        {"ms": lambda: many(lambda: to_onnx(model), least)}, options.repeats
    )
    graph = to_onnx(model).SerializeToString()
    row = {"to_onnx ms": 1e3 * statistics.median(conversions["ms"])}
    sizes = {"onnx": len(graph), "pickle": len(pickle.dumps(model))}
    if is_there("skops"):
        from skops.io import dumps

        sizes["skops"] = len(dumps(model))
    row |= {f"{name} KiB": size / 1024 for name, size in sizes.items()}
    session = _session(graph, options.cores)
    for n_rows in N_ROWS:
        many_rows = rows_of(X, n_rows)
        functions = {
            "sknn": lambda X=many_rows: model.predict(X),
            "onnxruntime": lambda X=many_rows: session.run(None, {"X": X}),
        }
        times = in_turns(
            {
                name: lambda predict=predict: many(predict, least, 200)
                for name, predict in functions.items()
            },
            options.repeats,
        )
        for name, figures in times.items():
            row[f"{name} ms, {n_rows} rows"] = 1e3 * statistics.median(figures)
        quotient = ratio(times["onnxruntime"], times["sknn"])
        row[f"onnxruntime / sknn, {n_rows} rows"] = quotient
    return row


def _session(graph, cores):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        graph, options, providers=["CPUExecutionProvider"]
    )
