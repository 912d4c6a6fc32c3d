"""What the package that uses this library is called, and where its sources lie.

The package calls ``configure`` before it defines its first kernel.
"""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple


class Configuration(NamedTuple):
    """What the library knows of the package that uses it.

    Attributes
    ----------
    name : str
        Begins the symbols of compiled code, names the folder of the cache and, in
        capitals, begins environment variables.
    package : str
        Only kernels of modules within this package are kept on disk; "" for none.
    sources : tuple of Path
        Folders with all that compiled code is made of. The cache may lie in the first.
    digests : dict
        Digest of each source file as it was when the package was imported.
    stamps : dict
        Times and size of each of them, which differ where it was written since.
    """

    name: str = "kernels"
    package: str = ""
    sources: tuple[Path, ...] = ()
    digests: Mapping[Path, bytes] = MappingProxyType({})
    stamps: Mapping[Path, tuple[int, ...]] = MappingProxyType({})

    def contains(self, module: str) -> bool:
        """Return whether a module belongs to the package."""
        return bool(self.package) and f"{module}.".startswith(f"{self.package}.")

    def variable(self, suffix: str) -> str:
        """Return the name of an environment variable."""
        return f"{self.name.upper()}_{suffix}"

    def changed_sources(self) -> set[Path]:
        """Return the source files that are not what they were at import."""
        now = _stamps(self.sources)
        files = now.keys() | self.stamps.keys()
        return {
            file
            for file in files
            if now.get(file) != self.stamps.get(file)
            and _digest(file) != self.digests.get(file)
        }


_LIBRARY = Path(__file__).parent
_current: list[Configuration] = [Configuration()]


def configure(name: str, package: str, sources: Iterable[Path]) -> None:
    """Set the package that uses this library. Call it once, before the first kernel.

    Parameters
    ----------
    name : str
        Name of the package that uses the library, as users know it.
    package : str
        Name of the Python package that has the kernels.
    sources : iterable of Path
        The folders of this package. This library's own is added.
    """
    folders = (*sources, _LIBRARY)
    _current[0] = Configuration(
        name, package, folders, _digests(folders), _stamps(folders)
    )


def configuration() -> Configuration:
    """Return the configuration that ``configure`` has set."""
    return _current[0]


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*.py"))


def _digest(file: Path) -> bytes | None:
    try:
        return hashlib.sha256(file.read_bytes()).digest()
    except OSError:
        return None


def _digests(folders: Iterable[Path]) -> dict[Path, bytes]:
    """Return the digest of each Python file in some folders; of none, if one fails."""
    digests = {file: _digest(file) for file in _files(folders)}
    readable = {file: digest for file, digest in digests.items() if digest is not None}
    return readable if len(readable) == len(digests) else {}


def _stamps(folders: Iterable[Path]) -> dict[Path, tuple[int, ...]]:
    stamps: dict[Path, tuple[int, ...]] = {}
    for file in _files(folders):
        with suppress(OSError):
            status = file.stat()
            stamps[file] = status.st_mtime_ns, status.st_ctime_ns, status.st_size
    return stamps


def check_unread_sources() -> set[Path]:
    """Return the changed source files, if all of them were read before they changed.

    Raises
    ------
    RuntimeError
        If a module that is still to be imported has changed: it may not fit to those
        that this process has imported already.
    """
    changed = configuration().changed_sources()
    if changed:
        modules: list[Any] = list(sys.modules.values())
        files = {getattr(module, "__file__", None) for module in modules}
        unread = sorted(path.name for path in changed if str(path) not in files)
        if unread:
            raise RuntimeError(
                f"{configuration().name} has changed on disk since this process "
                f"imported it ({', '.join(unread[:3])}), and what compiles its kernels "
                "is not loaded yet. Restart the process."
            )
    return changed
