"""Print which library multiplies matrices for each peer, and by which kernels.

It has to be a process of its own: a library belongs to the package whose import loads
it, and chooses its kernels at that moment.

    python -m benchmarks.kernels
"""

import importlib
import re

from threadpoolctl import threadpool_info

_NAMES = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS"}


def main() -> None:
    """Import the packages one after the other; print what each has loaded."""
    found, paths = [], set()
    for package, module in (("numpy", "numpy"), ("scipy", "scipy.linalg.blas")):
        importlib.import_module(module)
        libraries = [r for r in threadpool_info() if r["user_api"] == "blas"]
        loaded = [r for r in libraries if r["filepath"] not in paths]
        paths.update(r["filepath"] for r in loaded)
        found += [f"{package} {named(library)}" for library in loaded]
    print(", ".join([*found, *_torch()]))


def named(library: dict) -> str:
    """Name a BLAS, its version and the processor whose kernels it took."""
    api, kernels = library["internal_api"], library.get("architecture")
    name = f"{_NAMES.get(api, api)} {library['version'] or ''}".strip()
    return f"{name} with kernels for {kernels}" if kernels else name


def _torch():
    """Name the libraries that are built into torch, and its vector instructions."""
    try:
        import torch
    except ImportError:
        return []
    about = torch.__config__.show()
    built_in = [
        f"{name} {match[1]}"
        for name, pattern in (
            ("MKL", r"Math Kernel Library Version ([\d.]+)"),
            ("oneDNN", r"MKL-DNN v([\d.]+)"),
        )
        if (match := re.search(pattern, about))
    ]
    vectors = torch.backends.cpu.get_cpu_capability()
    return [f"torch {' and '.join(built_in) or 'without MKL'} with {vectors}"]


if __name__ == "__main__":
    main()
