"""The code on the pages, and links to places on them."""

import re
import textwrap
import warnings
from contextlib import ExitStack, suppress
from functools import partialmethod
from pathlib import Path

import pytest
import sklearn
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in [
        *(ROOT / name for name in ("README.md", "README.pt-BR.md", "CONTRIBUTING.md")),
        *DOCS.rglob("*.md"),
    ]
}
FENCE = re.compile(r"^( *)```python\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
# Notebooks: test_chapters.py; pieces of files: test_recipes.py.
WITH_CODE = sorted(
    page
    for page, text in PAGES.items()
    if FENCE.search(text)
    and "file_format: mystnb" not in text
    and page != "docs/change/extending.md"
)
# What pages, in both languages, need beside the libraries of the extra "test".
NEEDS = {
    "use/convert.md": ("torch", "emlearn", "keras"),
    "use/csv_to_model.md": ("pandas", "skops", "onnx", "onnxruntime"),
    "use/large_data.md": ("pandas", "pyarrow", "dask", "distributed"),
    "use/onnx.md": ("onnx", "onnxruntime", "skl2onnx"),
}
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s#]*)#([^()\s]+)\)")


def codes_of(text):
    """Return the Python code on a page, block by block."""
    return [textwrap.dedent(code) for _, code in FENCE.findall(text)]


@pytest.fixture
def no_dashboard(monkeypatch):
    """Start Dask's web page at any free port: other tests may have its usual one.

    Also a cluster without the page (``dashboard_address=None``) would take that port.
    """
    with suppress(ImportError):
        from dask.distributed import LocalCluster

        start = partialmethod(LocalCluster.__init__, dashboard_address=":0")
        monkeypatch.setattr(LocalCluster, "__init__", start)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("page", WITH_CODE)
@pytest.mark.default_cases(9)
@pytest.mark.usefixtures("no_dashboard")
def test_code_runs(page, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.chdir(tmp_path)
    names = {}
    # Threads of OpenMP wait for each other on a busy machine.
    limits = threadpool_limits(1)
    with (
        ExitStack() as ends,
        limits,
        sklearn.config_context(),
        warnings.catch_warnings(),
    ):
        # The next page starts a cluster of its own.
        ends.callback(lambda: "client" in names and names["client"].close())
        warnings.simplefilter("ignore", ConvergenceWarning)
        for code in codes_of(PAGES[page]):
            try:
                exec(compile(code, page, "exec"), names)
            except ImportError as error:
                # Also those of sknn, which name the extra. The rest would not run.
                module = str(error)
                needed = NEEDS.get(re.sub("^docs/(pt/)?", "", page), ())
                if any(name in module for name in needed):
                    pytest.skip(module)
                raise


def slugs_of(text):
    """Return the names that headings have in links."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    plain = [
        re.sub(r"[^\w -]", "", heading).lower() for heading in HEADING.findall(text)
    ]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_lead_to_headings(page):
    for target, anchor in LINK.findall(PAGES[page]):
        if "://" not in target:
            path = (ROOT / page).parent / target if target else ROOT / page
            assert anchor in slugs_of(path.read_text("utf-8")), (target, anchor)
