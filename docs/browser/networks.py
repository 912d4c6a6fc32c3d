"""Train and export the two networks of the page that runs them in the browser.

    python docs/browser/networks.py

It writes ``digits.onnx``, ``plane.onnx`` and ``plane.json`` into
``docs/_static/browser``. Needs the extra ``onnx``.
"""

import json
from pathlib import Path

import numpy as np
from scipy.ndimage import affine_transform
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknn import MLPClassifier
from sknn.onnx import to_onnx

FOLDER = Path(__file__).parents[1] / "_static" / "browser"
COPIES = 5  # turned, slanted and moved copies of each digit


def varied(pictures, generator):
    """Return the pictures turned, slanted, stretched and moved a little."""
    result = np.empty_like(pictures)
    for i, picture in enumerate(pictures.reshape(-1, 8, 8)):
        angle, slant = generator.uniform(-0.25, 0.25, 2)
        turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        matrix = turn @ np.array([[1, 0], [slant, 1]])
        matrix = matrix @ np.diag(generator.uniform(0.85, 1.15, 2))
        offset = 3.5 - matrix @ (3.5 + generator.uniform(-0.5, 0.5, 2))
        moved = affine_transform(picture, matrix, offset, order=1)
        result[i] = (moved * generator.uniform(0.8, 1.2)).clip(0, 16).ravel()
    return result


def digits():
    """Return a network that reads digits, and its accuracy on others."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    generator = np.random.default_rng(0)
    copies = [varied(X_train, generator) for _ in range(COPIES)]
    network = MLPClassifier(
        hidden_layer_sizes=(100, 50),
        standardize=True,
        dropout=(0.2, 0.0),
        max_iter=40,
        tol=None,
        random_state=0,
    )
    network.fit(
        np.concatenate([X_train, *copies]).astype(np.float32),
        np.tile(y_train, COPIES + 1),
    )
    return network, network.score(X_test.astype(np.float32), y_test)


def plane():
    """Return a network of two features before its training.

    One epoch with a learning rate of almost zero leaves the weights as they began.
    """
    X = np.array([[-1, -1], [1, 1]], dtype=np.float32)
    return MLPClassifier(
        hidden_layer_sizes=(8,),
        activation="tanh",
        learning_rate_init=1e-12,
        max_iter=1,
        tol=None,
        random_state=1,
    ).fit(X, [0, 1])


def with_weights_as_inputs(graph):
    """Turn the weights that are stored in a graph into inputs of it."""
    from onnx import TensorProto, helper

    kept = []
    for weights in graph.graph.initializer:
        if weights.name.startswith(("coefs", "intercepts")):
            value = helper.make_tensor_value_info(
                weights.name, TensorProto.FLOAT, weights.dims
            )
            graph.graph.input.append(value)
        else:
            kept.append(weights)
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(kept)
    return graph


def main():
    """Write the files, and print how good the network of digits is."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    network, accuracy = digits()
    print(f"accuracy on 450 digits that it has not seen: {accuracy:.3f}")
    (FOLDER / "digits.onnx").write_bytes(to_onnx(network).SerializeToString())
    write_plane()


def write_plane():
    """Write the graph of the plane, and the weights that it begins with."""
    network = plane()
    graph = with_weights_as_inputs(to_onnx(network))
    (FOLDER / "plane.onnx").write_bytes(graph.SerializeToString())
    weights = {
        "W1": network.coefs_[0].tolist(),
        "b1": network.intercepts_[0].tolist(),
        "W2": network.coefs_[1].ravel().tolist(),
        "b2": network.intercepts_[1].tolist(),
    }
    names = [i.name for i in graph.graph.input]
    weights = {key: np.round(value, 6).tolist() for key, value in weights.items()}
    text = json.dumps({"inputs": names, **weights}, indent=1)
    (FOLDER / "plane.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
