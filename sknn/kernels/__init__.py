"""Compiled code: everything that runs once a batch, a layer or an element.

Imports run one way: ``math`` and ``gemm``, then ``table`` and ``batch``, then
``layers``, ``losses`` and ``optim``, then ``drivers``. Only modules named
``*_intrinsics`` know Numba, and are imported when something has to be compiled.
"""
