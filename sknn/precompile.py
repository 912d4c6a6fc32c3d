"""Compile all kernels now, for processes that are not to wait: container images, CI.

``python -m sknn.precompile`` fills the cache of compiled code. Afterwards no fit and no
prediction with what is built in compiles anything, as long as the versions of sknn,
Numba and NumPy and the type of the processor stay the same.
"""

import argparse
import sys
from time import perf_counter

import numpy as np

from sknn.estimators import base  # noqa: F401  # defines all kernels
from sknn.jit import specializations
from sknn.jit.kernel import COMPILED
from sknn.kernels.optim.sums import IN_FLOAT64

__all__ = ["main", "precompile"]

_DTYPES = ("float64", "float32")


def __dir__() -> list[str]:
    return sorted(__all__)


def precompile(dtypes: tuple[str, ...] = _DTYPES) -> bool:
    """Compile all kernels that the cache does not hold yet.

    Parameters
    ----------
    dtypes : tuple of {"float64", "float32"}, default=("float64", "float32")
        L-BFGS and orthogonal initial weights are computed in float64 for both.

    Returns
    -------
    is_full : bool
        Whether the cache holds them all now. Ends with the first that it does not keep.

    Examples
    --------
    >>> from sknn.precompile import precompile
    >>> precompile(("float32",))  # doctest: +SKIP
    True
    """
    wanted = [
        (kernel, np.dtype(dtype))
        for kernel in COMPILED
        for dtype in (("float64",) if kernel in IN_FLOAT64 else dtypes)
        if kernel.cached
    ]
    for k, one in enumerate(wanted):
        for kernel, dtype in wanted[k : k + 2]:  # LLVM works on it meanwhile
            kernel.request(dtype)
        if not specializations.keep(*one):
            return False
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m sknn.precompile",
        description="Compile all kernels, so that no later process has to.",
    )
    parser.add_argument(
        "--dtype",
        choices=_DTYPES,
        action="append",
        help="compile for this dtype only; may be given twice (default: both)",
    )
    dtypes = tuple(parser.parse_args(arguments).dtype or _DTYPES)
    began = perf_counter()
    if not precompile(dtypes):
        print(
            "The cache does not keep what is compiled. Point the environment variable "
            "NUMBA_CACHE_DIR to a folder that can be written, and leave "
            "NUMBA_DISABLE_JIT and NUMBA_BOUNDSCHECK unset.",
            file=sys.stderr,
        )
        return 1
    n_compiled = len(specializations.COMPILED_HERE)
    print(f"{n_compiled} kernels compiled in {perf_counter() - began:.1f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
