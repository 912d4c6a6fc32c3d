"""Fitted attributes and files that somebody has tampered with.

Whatever stands in a file or is set by hand, a method works or raises an error that
names the attribute. `attack` tampers once and calls all methods; it is run by
``tests/robustness/test_tampering.py`` and ``python tests/tampering.py``, with checked
indices: a fault is then an IndexError, and no random memory.
"""

import argparse
import contextlib
import copy
import faulthandler
import io
import json
import pickle
import random
import sys
import tempfile
import warnings
import zipfile

import matplotlib as mpl
import numpy as np
import pandas as pd
import scipy.sparse as sp
import skops.io
from sklearn.exceptions import NotFittedError
from tampered_values import tampered

import sknn
from sknn.io import TRUSTED_TYPES

mpl.use("agg")

RNG = np.random.RandomState(0)
X = RNG.normal(size=(40, 4))
CODES = np.arange(40) % 3
NAMES = np.array(["low", "mid", "top"])
MULTILABEL = np.c_[CODES > 0, CODES > 1].astype(int)
SMALL = {"hidden_layer_sizes": (5, 3), "max_iter": 2, "random_state": 0}

# Estimator, targets, parameters.
MODELS = {
    "classes": (sknn.MLPClassifier, CODES, {"normalization": "batch"}),
    "two classes": (sknn.MLPClassifier, CODES > 0, {"early_stopping": True}),
    "one class": (sknn.MLPClassifier, CODES * 0, {"loss": "hinge"}),
    "names": (sknn.MLPClassifier, NAMES[CODES], {"loss": "hinge", "dropout": 0.2}),
    "focal": (sknn.MLPClassifier, NAMES.astype(object)[CODES], {"loss": "focal"}),
    "labels": (sknn.MLPClassifier, MULTILABEL, {"solver": "sgd"}),
    "lbfgs": (sknn.MLPClassifier, CODES, {"solver": "lbfgs"}),
    "numbers": (sknn.MLPRegressor, X[:, 0], {"validate": True}),
    "outputs": (sknn.MLPRegressor, X[:, :2], {"normalization": "layer"}),
    "embedding": (
        sknn.MLPRegressor,
        X[:, 0],
        {"numeric_embedding": "piecewise_linear", "numeric_embedding_size": 2},
    ),
    "waves": (sknn.MLPRegressor, X[:, 0], {"numeric_embedding": "periodic"}),
    "members": (sknn.MLPClassifier, CODES, {"n_shared_members": 3}),
    "quantiles": (
        sknn.MLPRegressor,
        X[:, 0],
        {"loss": "quantile", "quantile": [0.2, 0.5, 0.7]},
    ),
    "standardized": (
        sknn.MLPRegressor,
        X[:, :2],
        {"standardize": True, "standardize_y": True},
    ),
    "generator": (
        sknn.MLPRegressor,
        np.exp(X[:, 0]),
        {
            "loss": "gamma",
            "early_stopping": True,
            "random_state": np.random.RandomState(np.random.Philox(0)),
        },
    ),
}
WITH_NAMES = pd.DataFrame(X, columns=["a", "b", "c", "d"])


def fitted(name):
    estimator, y, parameters = MODELS[name]
    model = estimator(**{**SMALL, **parameters})
    data = WITH_NAMES if name == "names" else X
    if name == "outputs":
        data = X.astype(np.float32)
    return model.fit(data, y)


# Ways to set it -----------------------------------------------------------------------


def changed_state(rng, state, names):
    """Return what was done, and attributes of which one or two are others."""
    state, done = dict(state), []
    for _ in range(rng.choice([1, 1, 1, 2])):
        name = rng.choice(names)
        if name not in state:
            continue
        if rng.random() < 0.1:
            done.append(f"{name}: deleted")
            del state[name]
            continue
        other = state.get(rng.choice(names))
        what, state[name] = tampered(rng, state[name], other)
        done.append(f"{name}: {what}")
    return ", ".join(done), state


def by_hand(rng, model):
    """Set attributes of a fitted estimator."""
    names = fitted_names(model)
    done, model.__dict__ = changed_state(rng, vars(model), names)
    return done, lambda: model


def by_state(rng, model):
    """Load a tampered pickle, without what pickle itself might refuse."""
    done, state = changed_state(rng, model.__getstate__(), fitted_names(model))
    other = object.__new__(type(model))

    def load():
        other.__setstate__(state)
        return other

    return done, load


def by_pickle(rng, model):
    """Store a tampered estimator, as pickle does, and load it."""
    done, model.__dict__ = changed_state(rng, vars(model), fitted_names(model))
    try:
        stored = pickle.dumps(model)
    except (TypeError, AttributeError, pickle.PicklingError):  # cannot be written
        return done, lambda: model
    return done, lambda: pickle.loads(stored)


def by_skops(rng, model):
    """Tamper with a file of skops: its schema, which names types and files."""
    if not isinstance(model.random_state, int):  # a generator that skops cannot store
        model.set_params(random_state=0)
    file = skops.io.dumps(model)
    done = []

    def edit(schema, write):
        state = schema["content"]["content"]
        name = rng.choice([name for name in fitted_names(model) if name in state])
        nodes = list(_nodes(state[name], name))
        where, node = rng.choice(nodes)
        key = rng.choice(list(node))
        other = rng.choice(nodes)[1]
        kind = rng.choice(["delete", "value", "node", "spoof"])
        done.append(f"{where}.{key}: {kind}")
        if kind == "delete":
            del node[key]
        elif kind == "value":
            node[key] = rng.choice([None, 1, -1, "x", [], {}, 1e9, "json", True, "1"])
        elif kind == "node":
            node.clear()
            node.update(copy.deepcopy(other))
        else:
            buffer = io.BytesIO()
            sp.save_npz(buffer, sp.csr_matrix(RNG.normal(size=(2, 31))))
            write("evil.npz", buffer.getvalue())
            node.clear()
            node.update(
                __class__=type(model).__name__,
                __module__=type(model).__module__,
                __loader__="SparseMatrixNode",
                type="scipy",
                file="evil.npz",
            )

    stored = _edited(file, edit)
    return ", ".join(done), lambda: skops.io.loads(stored, trusted=TRUSTED_TYPES)


def _nodes(node, where):
    """Yield all nodes of a schema of skops that are dicts."""
    if isinstance(node, dict):
        yield where, node
        for key, part in node.items():
            yield from _nodes(part, f"{where}.{key}")
    elif isinstance(node, list):
        for key, part in enumerate(node):
            yield from _nodes(part, f"{where}[{key}]")


def _edited(file, edit):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "schema.json":
                schema = json.loads(content)
                edit(schema, new.writestr)
                content = json.dumps(schema)
            new.writestr(name, content)
    return out.getvalue()


def fitted_names(model):
    """Return the names of all attributes that a fit leaves."""
    parameters = model.get_params(deep=False)
    return sorted(name for name in vars(model) if name not in parameters)


WAYS = {
    "by hand": by_hand,
    "by state": by_state,
    "by pickle": by_pickle,
    "by skops": by_skops,
}


# What is called then ------------------------------------------------------------------


def calls(model, y):
    """Return all that can be called, by names."""
    data = X.astype(np.float32) if y.ndim == 2 and y.dtype.kind == "f" else X
    return {
        "predict": lambda: model.predict(data),
        "predict a row": lambda: model.predict(data[:1]),
        "predict CSR": lambda: model.predict(sp.csr_array(data)),
        "predict float32": lambda: model.predict(X.astype(np.float32)),
        "predict DataFrame": lambda: model.predict(WITH_NAMES),
        "predict_proba": lambda: model.predict_proba(data),
        "predict_log_proba": lambda: model.predict_log_proba(data),
        "decision_function": lambda: model.decision_function(data),
        "score": lambda: model.score(data, y),
        "hidden_activations": lambda: model.hidden_activations(data),
        "input_gradients": lambda: model.input_gradients(data),
        "summary": model.summary,
        "repr": lambda: repr(model),
        "html": model._repr_html_,
        "network": lambda: _closed(sknn.NetworkDisplay, model),
        "loss curve": lambda: _closed(sknn.LossCurveDisplay, model),
        "pickle": lambda: pickle.loads(_stored(model)).predict(data),
        "copy": lambda: copy.copy(model).predict(data),
        "resume_fit": lambda: _changed(model, max_iter=4).resume_fit(data, y),
        "warm start": lambda: _changed(model, warm_start=True).fit(data, y),
        "partial_fit": lambda: _changed(
            model, early_stopping=False, validate=False, warm_start=False
        ).partial_fit(data, y),
        "partial_fit again": lambda: model.partial_fit(data, y),
        "predict after": lambda: model.predict(data),
    }


def _closed(display, model):
    import matplotlib.pyplot as plt

    try:
        display.from_estimator(model)
    finally:
        plt.close("all")


def _stored(model):
    try:
        return pickle.dumps(model)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise ValueError("This model cannot be pickled") from error


def _changed(model, **parameters):
    return model.set_params(**parameters)


# Errors that do not name an attribute, and need not: of the values of weights.
UNNAMED = (
    "non-finite", "too large", "not finite", "Training can only go on", "diverged",
    "resume_fit must get the data", "There is no fit to go on", "is only available for",
    "Probabilities are only", "y has", "`y` has", "There is no hidden layer",
    "y holds", "has no loss curve", "There is no network", "classes", "'t_'",
    "Found array with", "Found input", "not supported", "Solver produced",
    "takes dense inputs only", "cannot be drawn",
    "features", "Input", "has no attribute", "does not support",
    "warm_start can only", "All rows", "validation set", "score", "cannot be pickled",
)  # fmt: skip


def explained(error, names):
    """Return whether an error is one that a user understands."""
    if not isinstance(error, ValueError | AttributeError | NotFittedError):
        return False
    text = str(error)
    return any(name in text for name in names) or any(each in text for each in UNNAMED)


# Of the loading of skops itself.
OF_SKOPS = (TypeError, KeyError, AttributeError, ValueError, IndexError)


def attack(seed):
    """Tamper with a model and call all its methods; return the faults found.

    Parameters
    ----------
    seed : int
        Draws the model, what is done to it and how.

    Returns
    -------
    faults : list of str
    n_calls : int
        How many methods were called.
    """
    rng = random.Random(seed)
    name, way = rng.choice(list(MODELS)), rng.choice(list(WAYS))
    model, y = copy.deepcopy(_model(name)), MODELS[name][1]
    names = [*fitted_names(model), "activation"]
    done, load = WAYS[way](rng, model)
    try:
        tampered_model = load()
    except Exception as error:
        is_explained = explained(error, names) or way == "by skops"
        fault = f"seed {seed}, {name}, {way}, {done}: load: {error!r}"
        return ([] if is_explained else [fault]), 1
    faults, n_calls = [], 0
    todo = list(calls(tampered_model, y).items())
    first = rng.randrange(len(todo))
    for what, call in (todo[first:] + todo[:first])[: rng.choice([4, len(todo)])]:
        n_calls += 1
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                call()
        except Exception as error:
            if not explained(error, names):
                fault = f"seed {seed}, {name}, {way}, {done}: {what}: {error!r}"
                faults.append(fault[:600])
    return faults, n_calls


_models = {}


def _model(name):
    if name not in _models:
        _models[name] = fitted(name)
    return _models[name]


def main():
    """Attack; print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--log", default=tempfile.gettempdir() + "/tampering.log")
    options = parser.parse_args()
    faulthandler.enable()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    faults, n_calls = [], 0
    for seed in range(options.first, options.first + options.number):
        with open(options.log, "w") as log:  # for a crash
            log.write(str(seed))
        found, n = attack(seed)
        faults += found
        n_calls += n
    print(json.dumps({"faults": faults, "attacks": options.number, "calls": n_calls}))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
