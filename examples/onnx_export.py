"""
A file for onnxruntime
======================

A network is trained, written as an ONNX file, and predicts with onnxruntime.

Needs: ``pip install "sknn[onnx]" onnxruntime``
"""

import tempfile
from pathlib import Path

import onnx
import onnxruntime
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

from sknn import MLPClassifier
from sknn.onnx import to_onnx

iris = load_iris()
kinds = iris.target_names[iris.target]
X, X_test, y, y_test = train_test_split(iris.data, kinds, random_state=0)
model = MLPClassifier(normalization="batch", random_state=0).fit(X, y)

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "iris.onnx"
    onnx.save(to_onnx(model), path)
    print(f"The file has {path.stat().st_size} bytes.")
    session = onnxruntime.InferenceSession(path)
labels, probabilities = session.run(None, {"X": X_test})

same = (labels == model.predict(X_test)).mean()
gap = abs(probabilities - model.predict_proba(X_test)).max()
print(f"Accuracy on the test set: {(labels == y_test).mean():.2f}")
print(f"Labels equal to those of predict: {same:.0%}")
print(f"Largest difference of a probability: {gap:.0e}")
