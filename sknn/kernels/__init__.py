"""Compiled code: everything that runs once a batch, a layer or an element.

Imports run one way: ``declared``, ``native`` <- ``cache``, ``compiler`` <- ``versions``
<- ``jit`` <- ``elementary``, ``chance`` <- ``layers``, ``activations`` <- ``dropout``,
``normalization``, ``regularization``, ``optimizers``, ``links`` <- ``loss`` <-
``regression_losses``, ``classification_losses`` <- ``losses``, ``drivers``. Nothing
outside of this package knows Numba, and in it only ``compiler``, ``words`` and
``instructions``, which are imported when something has to be compiled.
"""
