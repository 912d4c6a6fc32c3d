"""Fit with a limit of memory, and again without; print what came of the first one.

``python tests/limited_memory.py LOADED N`` leaves so many megabytes of address space.
LOADED is what is loaded before: "nothing", "LLVM", "compiler" or "a kernel".
"""

import importlib
import json
import resource
import sys
import warnings

import numpy as np

import sknn
from sknn.jit import loader
from sknn.kernels.layers.activations import ACTIVATIONS

warnings.simplefilter("ignore")
loaded, n_megabytes = sys.argv[1], float(sys.argv[2])
if loaded != "nothing":
    loader._loader()
if loaded == "compiler":
    importlib.import_module("sknn.jit.compiler")
if loaded == "a kernel":
    ACTIVATIONS["gelu"].backward.address(np.dtype(float))
X = np.random.RandomState(0).normal(size=(400, 30))
model = sknn.MLPRegressor(hidden_layer_sizes=(5,), max_iter=2, activation="tanh")
before = dict(vars(model))
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
no_limit = resource.getrlimit(resource.RLIMIT_AS)
limit = used + int(n_megabytes * 2**20)
resource.setrlimit(resource.RLIMIT_AS, (limit, no_limit[1]))
try:
    model.fit(X, X[:, 0])
    found = "fit"
except MemoryError as error:
    found = str(error)
    assert vars(model) == before
resource.setrlimit(resource.RLIMIT_AS, no_limit)
model.fit(X, X[:, 0])
print(json.dumps(found))
