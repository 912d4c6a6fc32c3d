"""Compiled code: everything that runs once a batch, a layer or an element.

Imports run one way: ``math`` and ``gemm``, then ``table`` and ``batch``, then
``layers``, ``losses`` and ``optim``, then ``drivers``. Only modules named
``*_intrinsics`` know Numba, and are imported when something has to be compiled.
"""

from pathlib import Path

from sknn.jit.configuration import configure

configure(name="sknn", package=__name__, sources=[Path(__file__).parent])
