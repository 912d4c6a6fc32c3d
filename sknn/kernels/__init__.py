"""Compiled code: everything that runs once a batch, a layer or an element.

Imports run one way: ``jit`` <- ``elementary``, ``chance`` <- ``layers``,
``activations`` <- ``dropout``, ``normalization``, ``regularization``, ``optimizers``,
``links`` <- ``loss`` <- ``regression_losses``, ``classification_losses`` <- ``losses``,
``drivers`` <- ``ahead``. Nothing outside of this package knows Numba.
"""
