"""The site: its reference, its extensions, its addresses, and the check of the build.

The site itself is built in CI, where warnings are errors.
"""

import importlib
import inspect
import re
import runpy
import sys
from pathlib import Path

import pytest

import sknn
from sknn import _site, dask, tabular
from sknn.estimators.parameter_table import OWN_TITLE

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@pytest.fixture
def extension(monkeypatch):
    """Return a function that imports a module of the site."""
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    monkeypatch.syspath_prepend(str(DOCS))

    def imported(name):
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return imported


# The reference ------------------------------------------------------------------------

INDEX = (DOCS / "reference/index.md").read_text("utf-8")
BLOCKS = re.findall(
    r"currentmodule:: (\S+)\n.*?:nosignatures:\n\n(.*?)```", INDEX, re.S
)
LISTED = [f"{module}.{name}" for module, names in BLOCKS for name in names.split()]
MODULES = [f"sknn.{name}" for name in sknn._PUBLIC_MODULES]
# A string, and what is for the command line.
ELSEWHERE = {"sknn.__version__", "sknn.precompile.main"}


def public_names():
    """Return the full name of every public object, each once, and shortest first."""
    found = {}
    for module in ["sknn", *MODULES]:
        for name in importlib.import_module(module).__all__:
            found.setdefault(
                id(getattr(importlib.import_module(module), name)), f"{module}.{name}"
            )
    return set(found.values()) - ELSEWHERE


def documented():
    """Return each listed class and function."""
    objects = {}
    for name in LISTED:
        module, _, attribute = name.rpartition(".")
        found = getattr(importlib.import_module(module), attribute)
        if callable(found):
            objects[name] = found
    return objects


OBJECTS = documented()


def methods():
    """Return each documented method, by the function of the site's reference."""
    path = DOCS / "_ext/api.py"
    own_methods = runpy.run_path(str(path))["own_methods"]
    return {
        f"{name}.{method}": getattr(described, method)
        for name, described in OBJECTS.items()
        if inspect.isclass(described)
        for method in own_methods(name)
    }


METHODS = methods()


def test_the_reference_lists_every_public_name():
    assert set(LISTED) == public_names()
    assert len(LISTED) == len(set(LISTED)) > 30


@pytest.mark.parametrize("name", OBJECTS)
def test_every_public_name_has_its_documentation(name):
    described = OBJECTS[name]
    text = inspect.getdoc(described)
    assert text.split("\n")[0].endswith("."), text
    assert "Examples\n---" in text
    if inspect.isclass(described) and issubclass(described, Exception):
        return
    signature = inspect.signature(described)
    for parameter in signature.parameters.values():
        if inspect.isclass(described) and "Attributes\n---" in text:
            break  # their parameters are tested by name elsewhere
        assert re.search(
            rf"^\*{{0,2}}{parameter.name}\b.* : |^\*{{0,2}}{parameter.name} :",
            text,
            re.M,
        ), parameter


@pytest.mark.parametrize("name", METHODS)
def test_every_public_method_has_its_documentation(name):
    text = inspect.getdoc(METHODS[name])
    assert text, name
    assert text.split("\n")[0].rstrip().endswith(".") or "\n\n" in text, text


def test_every_listed_module_is_public():
    assert {name.rpartition(".")[0] for name in LISTED} <= {"sknn", *MODULES}


# Parameters in groups -----------------------------------------------------------------


def test_parameters_are_in_the_groups_of_notebooks(extension):
    api = extension("api")
    assert api.OURS in OWN_TITLE
    text = inspect.getdoc(sknn.MLPRegressor)
    grouped = api.in_groups(text, {"loss", "alpha"})
    first, _, rest = grouped.partition("Other Parameters\n----------------\n")
    assert re.findall(r"^(\w+) : ", first, re.MULTILINE) == ["loss", "alpha"]
    others, _, after = rest.partition("Attributes\n")
    names = re.findall(r"^(\w+) : ", others, re.MULTILINE)
    assert {*names, "loss", "alpha"} == set(sknn.MLPRegressor().get_params())
    assert after == text.partition("Attributes\n")[2]
    for entry in ("alpha : float, default=0.0001\n    Strength", "    Share of "):
        assert entry in grouped


def test_docstrings_are_escaped(extension):
    escaped = extension("api").escaped
    assert escaped("x : array of shape (n_in_,)") == r"x : array of shape (n_in\_,)"
    assert escaped('    .. [3] T. Lin, "F"') == r'    .. [3] \T. Lin, "F"'
    for line in (".. [1] Lin, T.", "T. Lin : a", "see [1]_ or `a_`, A. b"):
        assert escaped(line) == line


def test_methods_are_those_of_sknn(extension):
    names = extension("api").own_methods("sknn.MLPClassifier")
    assert {"fit", "predict", "resume_fit", "set_params"} <= set(names)
    assert not {"get_metadata_routing", "set_fit_request", "coefs_"} & set(names)


# Addresses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "page"),
    [
        (sknn.MLPClassifier(), "sknn.MLPClassifier"),
        (sknn.EnsembleMLPRegressor(), "sknn.EnsembleMLPRegressor"),
        (tabular.TabularMLPClassifier(), "sknn.tabular.TabularMLPClassifier"),
        (tabular.TableEncoder(), "sknn.tabular.TableEncoder"),
        (dask.DaskMLPRegressor(), "sknn.dask.DaskMLPRegressor"),
        (
            sknn.HiddenLayerTransformer(sknn.MLPRegressor()),
            "sknn.HiddenLayerTransformer",
        ),
    ],
)
def test_notebooks_link_to_the_reference(estimator, page):
    address = f"{_site.SITE}/reference/generated/{page}.html"
    assert estimator._get_doc_link() == address
    assert page in LISTED
    assert f'href="{address}"' in estimator._repr_html_()


def test_a_class_of_a_user_links_to_nothing():
    class Mine(sknn.MLPClassifier):
        pass

    assert Mine()._get_doc_link() == ""


def test_the_addresses_are_the_same_everywhere():
    settings = (ROOT / "setup.cfg").read_text("utf-8")
    assert f"url = {_site.REPOSITORY}\n" in settings
    assert f"Documentation = {_site.SITE}/\n" in settings
    pattern = re.compile(r"https://(?:raw\.githubusercontent\.com|github\.com)/sknn\S*")
    raw = _site.REPOSITORY.replace("github.com", "raw.githubusercontent.com")
    for name in (
        *("README.md", "README.pt-BR.md"),
        *("setup.cfg", "CITATION.cff", "SECURITY.md"),
    ):
        for found in pattern.findall((ROOT / name).read_text("utf-8")):
            assert found.startswith((_site.REPOSITORY, raw)), found
    for path in ROOT.glob("sknn/**/*.py"):
        if path.name != "_site.py":
            assert "sknn-developers" not in path.read_text("utf-8"), path


def test_places_that_messages_name_exist():
    named = re.compile(r"see\(['\"]([\w/]+)#?([\w-]*)['\"]\)")
    found = set()
    for path in ROOT.glob("sknn/**/*.py"):
        found |= set(named.findall(path.read_text("utf-8")))
    assert found
    for page, anchor in found:
        text = (DOCS / f"{page}.md").read_text("utf-8")
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        slugs = [re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings]
        assert anchor in ("", *slugs), (page, anchor)


# Pages and languages ------------------------------------------------------------------


def test_links_out_of_the_pages_lead_somewhere(extension):
    repository = extension("repository")

    def linked(target, page):
        text = repository.with_links_of_the_site(f"[a]({target})", page)
        return text.removeprefix("[a](").removesuffix(")")

    assert (
        linked("../../examples/scaling.py", "docs/use/a.md") == "../gallery/scaling.rst"
    )
    assert linked("tables.md#a", "docs/use/a.md") == "tables.md#a"
    assert linked("../README.md", "docs/index.md") == "index.md"
    assert linked("../../CHANGELOG.md", "docs/use/a.md") == "../change/changelog.md"
    assert linked("docs/index.md", "CONTRIBUTING.md") == "../index.md"
    assert (
        linked("LICENSE", "CONTRIBUTING.md") == f"{_site.REPOSITORY}/blob/main/LICENSE"
    )
    assert linked("https://a.b/c", "docs/index.md") == "https://a.b/c"
    assert linked("#here", "docs/index.md") == "#here"
    folder = f"{_site.REPOSITORY}/blob/main/docs/trust/benchmarks"
    assert linked("benchmarks/", "docs/trust/speed.md") == folder


def test_long_names_break_at_their_joints(extension):
    breaks = extension("breaks")

    def places(name):
        return breaks.with_breaks(name).replace("<wbr>", "|")

    assert places("sknn/jit/object_cache.py") == "sknn/|jit/|object_|cache.py"
    assert places("sknn.explain.expected_gradients") == (
        "sknn.explain.|expected_|gradients"
    )
    assert places("HiddenLayerTransformer") == "Hidden|Layer|Transformer"
    assert places("fit__beta_1=0.001") == "fit__|beta_|1=0.001"
    assert places("loss=&quot;log_loss&quot;)") == "loss=|&quot;log_|loss&quot;)"
    assert places("__init__ 1.5 a.b") == "__init__ 1.5 a.|b"
    name = '<span class="pre">early_stopping</span>'
    broken = '<span class="pre">early_<wbr>stopping</span>'
    assert breaks.of_page(f"{name}<td>{name}</td>") == f"{name}<td>{broken}</td>"
    title = '<h1>sknn.{}Display<a href="#a_b">#</a></h1>'
    assert breaks.of_page(title.format("Network")) == title.format("Network<wbr>")


def test_a_page_has_a_counterpart_in_the_other_language(extension):
    pytest.importorskip("pydata_sphinx_theme")
    languages = extension("languages")
    pages = {"index", "learn/neuron", "use/tables", "pt/index", "pt/learn/neuron"}
    for page, other in {
        "learn/neuron": "pt/learn/neuron",
        "pt/learn/neuron": "learn/neuron",
        "use/tables": "pt/index",
        "index": "pt/index",
        "pt/index": "index",
    }.items():
        assert languages.counterpart(page, pages) == other
    words = languages.translations("pt")
    assert words.gettext("Search") == "Buscar"
    assert languages.translations("en").gettext("Search") == "Search"


def test_no_word_of_the_theme_stays_english_on_portuguese_pages(extension):
    theme = pytest.importorskip("pydata_sphinx_theme")
    copybutton = pytest.importorskip("sphinx_copybutton")
    languages = extension("languages")
    words = languages.translations("pt")
    named = re.compile(r"""_\(["'](.+?)["']\)""")
    templates = [*Path(theme.__file__).parent.glob("theme/**/*.html")]
    found = {m for path in templates for m in named.findall(path.read_text("utf-8"))}
    assert len(found) > 15
    unused = {"Announcement", "Global Module Index", "Python Module Index", "Indices"}
    assert [m for m in found - unused if words.gettext(m) == m] == []
    script = Path(copybutton.__file__).parent / "_static/copybutton.js_t"
    for key in re.findall(r"'(\w+)': '", script.read_text("utf-8")):
        assert f"{key}: " in languages.COPY, key


# The check of the built site ----------------------------------------------------------


def test_the_check_finds_every_kind_of_fault(extension, tmp_path):
    check = extension("check_site")
    (tmp_path / "there.html").write_text('<h1 id="a"></h1><a href="#a"></a>')
    (tmp_path / "page.html").write_text(
        '<a href="there.html#a"></a><a href="https://a.b"></a><a href="there.html"></a>'
    )
    assert list(check.faults_of(tmp_path)) == []
    (tmp_path / "page.html").write_text(
        '<script src="https://a.b/c.js"></script><a href="gone.html"></a>'
        '<link rel="stylesheet" href="//a.b/c.css"><a href="there.html#b"></a>'
        '<img src="gone.png"><pre>a/fit.py:15: ConvergenceWarning: failed</pre>'
    )
    (tmp_path / "site.css").write_text("@font-face { src: url(https://a.b/c.woff); }")
    faults = "\n".join(check.faults_of(tmp_path))
    for part in (
        *("loads https://a.b/c.js", "loads //a.b/c.css", "gone.html, which is not"),
        *("there.html#b: no such place", "gone.png, which is not", "site.css loads"),
        *("shows a ConvergenceWarning", "no text in place of gone.png"),
    ):
        assert part in faults
    assert len(faults.splitlines()) == 8
