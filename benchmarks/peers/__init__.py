"""The libraries that train, each in a file, with the same small interface.

A peer is made for a case, its data and an activation. ``restart()`` takes it back to
the initial weights, ``train(n)`` then trains for n epochs,
``seconds_per_epoch(n)`` starts anew, trains for n epochs and a first one, or more, and
says how long one takes, without what comes before the first, and ``weights()`` returns
the matrices and biases. All begin with the same weights, go over the rows in the same
orders and take the same steps of Adam.
"""

import importlib
import importlib.util
from typing import NamedTuple


class Library(NamedTuple):
    """Where the peer stands, and the module without which it is left out."""

    needs: str
    module: str
    name: str
    takes_sparse: bool = False


TRAINERS = {
    "sknn": Library("sknn", "estimators", "Sknn", takes_sparse=True),
    "scikit-learn": Library("sklearn", "estimators", "ScikitLearn", takes_sparse=True),
    "PyTorch": Library("torch", "pytorch", "PyTorch"),
    "JAX": Library("jax", "jax_epochs", "Jax"),
}
PEERS = [name for name in TRAINERS if name != "sknn"]


def is_there(module: str) -> bool:
    """Return whether a module is installed."""
    return importlib.util.find_spec(module) is not None


def trainer(name: str) -> type:
    """Return the class of a peer."""
    library = TRAINERS[name]
    module = importlib.import_module(f"benchmarks.peers.{library.module}")
    return getattr(module, library.name)
