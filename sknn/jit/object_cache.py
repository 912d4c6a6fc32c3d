"""Machine code on disk.

A file holds one version of one kernel, a checksum before it. It lies in a folder whose
name is a digest of all that the code depends on, so that no file ever becomes stale:
what another version of sknn, of Numba or another processor has left is not looked at.
Files are written under another name and renamed, so that processes that write at the
same time do not see each other's halves. Nothing here raises if the disk fails.
"""

import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from sknn.jit import loader as native
from sknn.jit.declarations import BOUNDS_CHECKED
from sknn.jit.loader import Code

_PACKAGE = Path(__file__).parents[1]
_SOURCES = ("jit", "kernels")  # folders of all that compiled code is made of
_N_CHECKSUM = hashlib.sha256().digest_size

# Variables of Numba that do not change the code.
_IRRELEVANT = {
    "NUMBA_CACHE_DIR",
    "NUMBA_CACHE_LOCATOR_CLASSES",
    "NUMBA_DISABLE_PERFORMANCE_WARNINGS",
    "NUMBA_NUM_THREADS",
    "NUMBA_THREADING_LAYER",
    "NUMBA_THREADING_LAYER_PRIORITY",
    "NUMBA_WARNINGS",
}

_complaints: list[str] = []  # what went wrong, at most once


@cache
def key() -> bytes | None:
    """Return a digest of all that compiled code depends on, or None for no cache."""
    digest = hashlib.sha256()
    sources = sorted(
        path for folder in _SOURCES for path in (_PACKAGE / folder).rglob("*.py")
    )
    # Code with checks is for debugging, and holds addresses of this process.
    if not sources or BOUNDS_CHECKED:
        return None
    for path in sources:
        digest.update(path.read_bytes())
    variables = sorted(
        f"{name}={value}"
        for name, value in os.environ.items()
        if name.startswith("NUMBA_") and name not in _IRRELEVANT
    )
    parts = (native.processor(), _version_of_numba(), np.__version__, sys.version)
    digest.update(repr((*parts, variables)).encode())
    return digest.digest()


def _version_of_numba() -> str:
    """Return Numba's version without importing Numba."""
    spec = find_spec("numba")
    if spec is not None and spec.origin:
        file = Path(spec.origin).with_name("_version.py")
        if file.is_file():
            return file.read_text("utf-8")
    import numba

    return numba.__version__


def folders() -> Iterator[Path]:
    """Yield where code may lie, in the order in which these places are tried."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Path(chosen, "sknn")
        return
    yield _PACKAGE / "kernels" / "__pycache__" / "sknn"
    user = _user_folder()
    if user is not None:
        yield user


def _user_folder() -> Path | None:
    if os.name == "nt":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local, "sknn", "Cache") if local else None
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "sknn"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache", "sknn")


def _file(folder: Path, name: str) -> Path:
    own = key()
    assert own is not None
    return folder / own.hex()[:16] / f"{name}.bin"


def read(name: str) -> Code | None:
    """Return what is kept under a name, if it is there and whole."""
    own = key()
    if own is None:
        return None
    for folder in folders():
        try:
            content = _file(folder, name).read_bytes()
        except OSError:
            continue
        body = content[_N_CHECKSUM:]
        if content[:_N_CHECKSUM] == _checksum(own, name, body):
            externals, _, data = body.partition(b"\n")
            return Code(data, tuple(externals.decode().split()))
    return None


def write(name: str, code: Code) -> None:
    """Keep code under a name, in the first folder that takes it; or warn, once."""
    own = key()
    if own is None:
        return
    body = " ".join(code.externals).encode() + b"\n" + code.data
    content = _checksum(own, name, body) + body
    cause = "no folder"
    for folder in folders():
        try:
            _replace(_file(folder, name), content)
            return
        except OSError as error:
            cause = f"{type(error).__name__}: {error}"
    if not _complaints:
        _complaints.append(cause)
        warnings.warn(
            f"The cache of compiled code cannot be written ({cause}); sknn compiles "
            "without it, which costs seconds in each new process. Point the "
            "environment variable NUMBA_CACHE_DIR to a folder that can be written.",
            RuntimeWarning,
            stacklevel=2,
        )


def _checksum(own: bytes, name: str, body: bytes) -> bytes:
    return hashlib.sha256(own + name.encode() + b"\n" + body).digest()


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # As open() would, less what would let others write: the file holds machine code.
    temporary = tempfile.mktemp(prefix=f"{path.stem}-", suffix=".tmp", dir=path.parent)
    mode = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, mode, 0o644)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
