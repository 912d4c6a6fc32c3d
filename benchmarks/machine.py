"""What a figure depends on besides the code: processor, kernels, versions, the day.

All that is measured runs as on a user's machine, where each library chooses the kernels
for the processor by itself: variables that choose others are removed.
"""

import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

PACKAGES = (
    "sknn", "scikit-learn", "numpy", "scipy", "numba", "torch", "jax", "onnxruntime",
)  # fmt: skip
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip
# Variables that choose kernels or vector instructions in the place of the library:
# those of OpenBLAS, MKL, oneDNN, PyTorch, NumPy and Numba.
KERNEL_CHOICES = (
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE",
    "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA",
    "ATEN_CPU_CAPABILITY", "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES",
    "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES",
)  # fmt: skip
ROOT = Path(__file__).parents[1]


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
    found = {package: version_of(package) for package in PACKAGES}
    named = [f"{package} {version}" for package, version in found.items() if version]
    return ", ".join([f"Python {platform.python_version()}", *named])


def version_of(package: str) -> str:
    """Return the version of a package, an empty string if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        if package != "sknn":
            return ""
        import sknn  # run from a clone, not installed

        return sknn.__version__


@cache
def kernels() -> str:
    """Name the kernels that multiply matrices in the processes that measure."""
    command = [sys.executable, "-m", "benchmarks.kernels"]
    result = subprocess.run(
        command, env=unlimited(), cwd=ROOT, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


def provenance() -> dict[str, str]:
    """Return what every row of a CSV file says about its origin."""
    day = time.strftime("%Y-%m-%d")
    origin = {"date": day, "machine": machine(), "versions": versions()}
    return origin | {"kernels": kernels()}


def limited_to(cores: int) -> dict[str, str]:
    """Return the environment of a process whose libraries use so many threads."""
    environment = unlimited() | dict.fromkeys(_THREADS, str(cores))
    if cores == 1:
        environment["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
    return environment


def unlimited() -> dict[str, str]:
    """Return the environment without any word on threads, as most users have it."""
    others = without_kernel_choices()
    return {k: v for k, v in others.items() if k not in (*_THREADS, "XLA_FLAGS")}


def without_kernel_choices() -> dict[str, str]:
    """Return the environment in which each library chooses its kernels by itself."""
    return {k: v for k, v in os.environ.items() if k not in KERNEL_CHOICES}


def removed_choices() -> str:
    """Say which variables are set that choose kernels; nothing, where none is."""
    found = [f"{k}={os.environ[k]}" for k in KERNEL_CHOICES if k in os.environ]
    if not found:
        return ""
    return (
        f"{', '.join(found)}: removed from the environment of all that is measured, so "
        "that each library chooses the kernels for this processor by itself."
    )


def rerun_without_kernel_choices() -> None:
    """Run this program anew without the variables that choose kernels, if any is set.

    Libraries read them while they are loaded, which is over before a program's own
    first line.
    """
    if not (said := removed_choices()):
        return
    print(said, file=sys.stderr)
    command = [sys.executable, *sys.orig_argv[1:]]
    environment = without_kernel_choices()
    raise SystemExit(subprocess.run(command, env=environment).returncode)


def pin(cores: int) -> None:
    """Keep this process, and what it starts, on the first cores it may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
