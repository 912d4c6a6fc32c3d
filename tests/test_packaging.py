"""The sdist and the wheel: their files, their metadata, and links that work there."""

import re
import shutil
import subprocess
import sys
import tarfile
from email.parser import Parser
from fnmatch import fnmatch
from pathlib import Path
from zipfile import ZipFile

import pytest

pytest.importorskip("setuptools", minversion="77")

ROOT = Path(__file__).parents[1]
URL = "https://github.com/sknn-developers/sknn"
RAW = "https://raw.githubusercontent.com/sknn-developers/sknn/main/"
FOLDERS = ["benchmarks", "changes", "docs", "examples", "sknn", "tests"]
FILES = {
    *("CHANGELOG.md", "CITATION.cff", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md"),
    *("LICENSE", "MANIFEST.in", "README.md", "README.pt-BR.md", "SECURITY.md"),
    *("pyproject.toml", "setup.cfg"),
}
MADE = {"PKG-INFO", "sknn.egg-info/*"}
# What a build of the site writes beside its pages.
BUILT = {
    ROOT / "docs" / path
    for path in ("gallery", "reference/generated", "sg_execution_times.rst")
}
LINK = re.compile(r"\]\(([^)]+)\)")


def files_in(folder):
    """Return the files of a folder without what Python and builds leave there."""
    paths = {path for path in folder.rglob("*") if path.is_file()}
    paths = {path for path in paths if "__pycache__" not in path.parts}
    return {path for path in paths if not {path, *path.parents} & BUILT}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the paths of an sdist and a wheel of a copy of the project."""
    folder = tmp_path_factory.mktemp("project")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    # What a clone may hold and a distribution may not.
    cache = folder / "tests" / "__pycache__"
    cache.mkdir()
    (cache / "test_docs.cpython-311.pyc").write_bytes(b"")
    (cache / "kernel.o").write_bytes(b"")
    script = "from setuptools import build_meta as build; build.build_sdist('dist'); "
    script += "build.build_wheel('dist')"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    [sdist], [wheel] = folder.glob("dist/*.tar.gz"), folder.glob("dist/*.whl")
    return sdist, wheel


def test_the_sdist_has_all_files_of_the_project(built):
    with tarfile.open(built[0]) as archive:
        names = {member.name for member in archive.getmembers() if member.isfile()}
    names = {name.partition("/")[2] for name in names}
    made = {name for name in names for pattern in MADE if fnmatch(name, pattern)}
    expected = {
        path.relative_to(ROOT).as_posix()
        for f in FOLDERS
        for path in files_in(ROOT / f)
    }
    assert names - made == expected | FILES
    assert "tests/models" in {Path(name).parent.parent.as_posix() for name in names}


def test_the_wheel_has_the_package_alone(built):
    names = set(ZipFile(built[1]).namelist())
    package = {path.relative_to(ROOT).as_posix() for path in files_in(ROOT / "sknn")}
    package = {name for name in package if not name.endswith(".md")}
    assert {name for name in names if ".dist-info/" not in name} == package
    assert "sknn/py.typed" in names


def test_the_metadata_name_the_repository(built):
    with ZipFile(built[1]) as archive:
        [name] = [n for n in archive.namelist() if n.endswith("METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    addresses = dict(text.split(", ") for text in metadata.get_all("Project-URL"))
    assert addresses["Source"] == URL
    assert addresses.keys() >= {"Documentation", "Changelog", "Issues"}
    addresses.pop("Documentation")  # a site of its own: test_site.py
    for address in addresses.values():
        assert address.startswith(URL)
        path = address.removeprefix(URL).removeprefix("/blob/main/")
        assert path in ("", "/issues") or (ROOT / path).exists(), address
    assert f"repository-code: {URL}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["README.md", "README.pt-BR.md"])
def test_links_of_the_readme_work_everywhere(name):
    """On the package index, too, where there are no other files."""
    links = LINK.findall((ROOT / name).read_text("utf-8"))
    own = [link for link in links if link.startswith((URL, RAW))]
    assert len(own) >= 8
    for link in links:
        assert link.startswith(("https://", "#")), link
    for link in own:
        path = link.removeprefix(RAW).removeprefix(f"{URL}/blob/main/")
        path, _, anchor = path.partition("#")
        assert (ROOT / path).is_file(), link
        assert path.endswith((".png", ".gif")) == link.startswith(RAW), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", (ROOT / path).read_text("utf-8"), re.M)
            slugs = [
                re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings
            ]
            assert anchor in slugs, link
