"""What a figure depends on besides the code: processor, cores, versions, the day."""

import importlib.metadata
import os
import platform
import time
from pathlib import Path

from threadpoolctl import threadpool_info

PACKAGES = (
    "sknn", "scikit-learn", "numpy", "scipy", "numba", "torch", "jax", "onnxruntime",
)  # fmt: skip
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip


def machine() -> str:
    """Name the processor, its cores and the system."""
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = (line.partition(":") for line in file)
            about = {key.strip(): value.strip() for key, _, value in lines}
        family, model = about["cpu family"], about["model"]
        processor = f"{about['model name']} (family {family}, model {model})"
    except (OSError, KeyError):
        pass
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{processor}, {os.cpu_count()} cores, {system}"


def versions() -> str:
    """Name Python and the libraries that are installed."""
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            if package == "sknn":  # run from a clone, not installed
                import sknn

                found.append(f"sknn {sknn.__version__}")
    return ", ".join(found + blas())


def blas() -> list[str]:
    """Name the kernels that SciPy's BLAS takes here; it does not know every processor.

    ``OPENBLAS_CORETYPE`` chooses others.
    """
    import scipy.linalg.blas

    near = str(Path(scipy.__file__).parent)
    return [
        f"{library['internal_api']} with kernels for {library.get('architecture')}"
        for library in threadpool_info()
        if library["filepath"].startswith(near) and library["user_api"] == "blas"
    ]


def provenance() -> dict[str, str]:
    """Return what every row of a CSV file says about its origin."""
    day = time.strftime("%Y-%m-%d")
    return {"date": day, "machine": machine(), "versions": versions()}


def limited_to(cores: int) -> dict[str, str]:
    """Return the environment of a process whose libraries use so many threads."""
    environment = {**os.environ, **dict.fromkeys(_THREADS, str(cores))}
    if cores == 1:
        environment["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
    return environment


def unlimited() -> dict[str, str]:
    """Return the environment without any word on threads, as most users have it."""
    return {k: v for k, v in os.environ.items() if k not in (*_THREADS, "XLA_FLAGS")}


def pin(cores: int) -> None:
    """Keep this process, and what it starts, on the first cores it may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
