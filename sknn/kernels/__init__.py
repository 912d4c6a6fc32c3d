"""Compiled code: everything that runs once a batch, a layer or an element.

Imports run one way: ``jit`` <- ``elementary`` <- ``layers``, ``activations``,
``losses``, ``optimizers``, ``drivers`` <- ``ahead``. Nothing outside of this package
knows Numba.
"""
