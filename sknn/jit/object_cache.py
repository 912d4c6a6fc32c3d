"""Machine code on disk.

A file holds one specialization of one kernel, a checksum before it. It lies in a folder
whose name is a digest of all that the code depends on, so that no file ever becomes
stale: what other sources, another Numba or another processor have left is not looked
at. Files are written under another name and renamed, so that processes that write at
the same time do not see each other's halves. Nothing here raises if the disk fails.
"""

import hashlib
import importlib.util
import os
import stat
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sknn.jit import loader
from sknn.jit.configuration import configuration
from sknn.jit.declarations import BOUNDS_CHECKED
from sknn.jit.loader import Code

_N_CHECKSUM = hashlib.sha256().digest_size
_LARGEST = 2**26  # bytes of a file; those of kernels have some 10,000

# Variables of Numba that do not change the code.
_IRRELEVANT = {
    "NUMBA_CACHE_DIR",
    "NUMBA_CACHE_LOCATOR_CLASSES",
    "NUMBA_DISABLE_JIT",
    "NUMBA_DISABLE_PERFORMANCE_WARNINGS",
    "NUMBA_NUM_THREADS",
    "NUMBA_THREADING_LAYER",
    "NUMBA_THREADING_LAYER_PRIORITY",
    "NUMBA_WARNINGS",
}

_complaints: list[str] = []  # what went wrong, at most once
_compiled_with_own_settings: list[str] = []  # names of what was


@cache
def key() -> bytes | None:
    """Return a digest of all that compiled code depends on, or None for no cache.

    The sources are digested as they were when they were imported.
    """
    # Code with checks is for debugging, and holds addresses of this process.
    sources = configuration().digests
    if not sources or BOUNDS_CHECKED:
        return None
    digest = hashlib.sha256(b"".join(sources.values()))
    ways = configuration().variable("COMPILER")
    variables = sorted(
        f"{name}={value}"
        for name, value in os.environ.items()
        if (name.startswith("NUMBA_") and name not in _IRRELEVANT) or name == ways
    )
    parts = (loader.processor(), _version_of_numba(), np.__version__, sys.version)
    digest.update(repr((*parts, variables, _settings_file())).encode())
    return digest.digest()


def _settings_file() -> bytes:
    """Return the file in the current folder from which Numba reads settings, if any."""
    with suppress(OSError):
        return Path(".numba_config.yaml").read_bytes()
    return b""


def has_own_settings() -> bool:
    """Return whether Numba's settings are not those that the key of the cache holds.

    The process may have set them in ``numba.config``. Numba also reads them anew before
    it compiles, if its environment variables, its file or the current folder have
    changed.
    """
    if "numba" not in sys.modules:
        return False
    from numba import config

    settings = _settings_of_key()
    return settings is None or any(
        getattr(config, name, None) != value for name, value in settings.items()
    )


@cache
def _settings_of_key() -> dict[str, Any] | None:
    """Return Numba's settings for the key, by reading them once more.

    None if what they are read from has changed since the key was computed.
    """
    spec = importlib.util.find_spec("numba.core.config")
    if spec is None or spec.loader is None or key.__wrapped__() != key():
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        name: value
        for name, value in vars(module).items()
        if name.isupper()
        and isinstance(value, (bool, int, float, str, type(None)))
        and f"NUMBA_{name}" not in _IRRELEVANT
    }


def note_settings(name: str) -> None:
    """Note if a kernel was compiled with other settings than those that the key holds.

    Nothing is kept from then on: LLVM is set up once, and so what is compiled later may
    have these settings too.
    """
    with suppress(OSError):
        if not has_own_settings() and key.__wrapped__() == key():
            return
    _compiled_with_own_settings.append(name)


def _version_of_numba() -> str:
    """Return Numba's version without importing Numba."""
    spec = importlib.util.find_spec("numba")
    if spec is not None and spec.origin:
        file = Path(spec.origin).with_name("_version.py")
        if file.is_file():
            return file.read_text("utf-8")
    import numba

    return str(numba.__version__)


def folders() -> Iterator[Path]:
    """Yield where code may lie, in the order in which these places are tried."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Path(chosen, configuration().name)
        return
    yield configuration().sources[0] / "__pycache__" / configuration().name
    user = _user_folder()
    if user is not None:
        yield user


def _user_folder() -> Path | None:
    name = configuration().name
    if os.name == "nt":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local, name, "Cache") if local else None
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / name
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache", name)


def _path(folder: Path, digest: bytes, name: str) -> Path:
    return folder / digest.hex()[:16] / f"{name}.bin"


def read(name: str) -> Code | None:
    """Return what is kept under a name, if it is there, whole, and nobody else's."""
    try:
        digest = key()
        if digest is None or has_own_settings():
            return None
    except OSError:  # no file can be opened
        return None
    for folder in folders():
        path = _path(folder, digest, name)
        try:
            content = _read_trusted(path, folder)
        except OSError:
            continue
        body = content[_N_CHECKSUM:]
        if content[:_N_CHECKSUM] == _checksum(digest, name, body):
            externals, _, data = body.partition(b"\n")
            return Code(data, tuple(externals.decode().split()))
    return None


def _read_trusted(path: Path, folder: Path) -> bytes:
    """Return the content of a file that nobody else can have written.

    It must be a regular file. It and its folders must belong to this user or to root,
    and be writable for their owner only; else a PermissionError is raised.
    """
    _check_folders(path, folder)
    # Else the opening of a named pipe would wait for somebody to write to it.
    descriptor = os.open(
        path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    with open(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        _check_owner(status, path)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            raise PermissionError(f"{path} is no file of the cache.")
        return file.read()


def _check_folders(path: Path, folder: Path) -> None:
    """Check the folders of a file, up to the one that the user has chosen.

    A symbolic link must belong to this user or to root, as must what it leads to.
    """
    places = [folder, path.parent]
    if os.environ.get("NUMBA_CACHE_DIR"):
        root = os.stat(folder.parent)
        if not root.st_mode & stat.S_ISVTX:  # as of /tmp: only the owner can rename
            places.insert(0, folder.parent)
    for place in places:
        _check_owner(os.stat(place), place)
        link = os.lstat(place)
        if stat.S_ISLNK(link.st_mode) and not _is_own(link):
            raise PermissionError(f"{place} is a link of another user.")


def _is_own(status: os.stat_result) -> bool:
    return os.name != "posix" or status.st_uid in (os.geteuid(), 0)


def _check_owner(status: os.stat_result, path: Path) -> None:
    if not _is_own(status):
        raise PermissionError(f"{path} belongs to another user.")
    if os.name == "posix" and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"Others can write to {path}: see chmod go-w.")


def write(name: str, code: Code) -> None:
    """Keep code under a name, in the first folder that takes it; or warn, once."""
    try:
        digest = key()
        if digest is None or has_own_settings() or _compiled_with_own_settings:
            return
    except OSError:  # no file can be opened
        return
    body = " ".join(code.externals).encode() + b"\n" + code.data
    content = _checksum(digest, name, body) + body
    cause = "no folder"
    for folder in folders():
        try:
            _replace(_path(folder, digest, name), folder, content)
            return
        except OSError as error:
            cause = f"{type(error).__name__}: {error}"
    if not _complaints:
        _complaints.append(cause)
        warnings.warn(
            f"The cache of compiled code cannot be written ({cause}); "
            f"{configuration().name} compiles without it, which costs seconds in each "
            "new process. Point the environment variable NUMBA_CACHE_DIR to a folder "
            "that can be written.",
            RuntimeWarning,
            stacklevel=2,
        )


def _checksum(digest: bytes, name: str, body: bytes) -> bytes:
    return hashlib.sha256(digest + name.encode() + b"\n" + body).digest()


def _replace(path: Path, folder: Path, content: bytes) -> None:
    """Write a file that its owner only can write, whatever the umask is."""
    for place in (*reversed(folder.parents), folder, path.parent):
        if not place.is_dir():
            with suppress(FileExistsError):
                os.mkdir(place, 0o755)
    _check_folders(path, folder)
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
