"""
A file for onnxruntime, of a model of a table
=============================================

The file holds all of it: what becomes of each column, the networks, their mean.

Needs: ``pip install "sknn[onnx]" onnxruntime pandas``
"""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd

from sknn.onnx import to_inputs, to_onnx
from sknn.tabular import TabularMLPClassifier

rng = np.random.RandomState(0)
n = 600
area = rng.lognormal(4, 0.5, size=n)
town = rng.choice(["Bonn", "Lyon", "Oslo"], size=n).astype(object)
sold = np.datetime64("2021-03-01") + rng.randint(0, 900, size=n).astype("m8[D]")
X = pd.DataFrame({"area": area, "town": town, "sold": sold, "garden": area > 60})
dear = np.where(area * np.where(town == "Oslo", 2, 1) > 80, "dear", "cheap")
X.loc[::9, "area"] = np.nan
X.loc[::7, "town"] = None
model = TabularMLPClassifier(preset="quick", random_state=0).fit(X[:400], dear[:400])

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "houses.onnx"
    graph = to_onnx(model)
    onnx.save(graph, path)
    print(f"The file has {path.stat().st_size / 1024:.0f} KiB. Its inputs:")
    session = onnxruntime.InferenceSession(path)
for each, described in zip(session.get_inputs(), graph.graph.input, strict=True):
    print(f"  {each.name}: {each.type}, {described.doc_string}")

# What a program without sknn has to do with a row; to_inputs does it with a table.
row = {
    "area": np.array([[85.0]]),
    "town": np.array([[""]], dtype=object),  # missing
    "sold": np.array([["2022-12-24"]], "M8[us]").astype(np.int64),
    "garden": np.array([[True]]),
}
labels, probabilities = session.run(None, row)
print(f"A house of 85 m2, somewhere: {labels[0]}, {probabilities[0].max():.2f}")

labels, probabilities = session.run(None, to_inputs(graph, X[400:]))
same = (labels == model.predict(X[400:])).mean()
gap = abs(probabilities - model.predict_proba(X[400:])).max()
print(f"Accuracy on the test set: {(labels == dear[400:]).mean():.2f}")
print(f"Labels equal to those of predict: {same:.0%}")
print(f"Largest difference of a probability: {gap:.0e}")
