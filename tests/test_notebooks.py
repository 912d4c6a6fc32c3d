"""What a notebook shows of an estimator."""

import re

import pytest
import sklearn
from sklearn import neural_network
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

import sknn
from sknn._site import SITE

ESTIMATORS = ["MLPClassifier", "MLPRegressor"]
estimators = pytest.mark.parametrize("name", ESTIMATORS)
HAS_TOOLTIPS = parse_version(sklearn.__version__) >= parse_version("1.9")
SUMMARY = re.compile(r"<summary>(Parameters.*?)</summary>")
ROW = re.compile(r'<tr class="([\w-]+)">.*?Clipboard\(\'(\w+)\'.*?</tr>', re.DOTALL)
TOOLTIP = re.compile(
    r'href="([^"]*)">\s*(\w+)\s*<span class="param-doc-desc.*?>\s*(.*?)</span>',
    re.DOTALL,
)


def tables_in(html):
    """Return the rows of each table of parameters: which are set, and their names."""
    _, *parts = re.split(SUMMARY, html)
    return dict(zip(parts[::2], map(ROW.findall, parts[1::2]), strict=True))


@estimators
def test_parameters_of_sklearn_come_first(name):
    estimator = getattr(sknn, name)(solver="sgd", dropout=0.5)
    ours, theirs = estimator.get_params(), getattr(neural_network, name)().get_params()
    tables = tables_in(estimator._repr_html_())
    titles = ["Parameters", "Parameters that scikit-learn does not have"]
    assert list(tables) == titles
    first, second = ([parameter for _, parameter in tables[title]] for title in titles)
    assert sorted(first) == sorted(theirs)
    assert sorted(second) == sorted(ours.keys() - theirs.keys())
    assert ("user-set", "solver") in tables[titles[0]]
    assert ("user-set", "dropout") in tables[titles[1]]
    kinds = [kind for table in tables.values() for kind, _ in table]
    assert kinds.count("user-set") == 2


@pytest.mark.skipif(not HAS_TOOLTIPS, reason="scikit-learn has no tooltips yet")
@estimators
def test_every_parameter_has_its_docstring_as_a_tooltip(name):
    html = getattr(sknn, name)()._repr_html_()
    tooltips = TOOLTIP.findall(html)
    found = {parameter: text for _, parameter, text in tooltips}
    assert found.keys() == getattr(sknn, name)().get_params().keys()
    assert "default=0.0001<br><br>Strength of the L2 penalty" in found["alpha"]
    for link, parameter, text in tooltips:
        assert f"/reference/generated/sknn.{name}.html#:~:text=" in link
        assert text.startswith(f"{parameter}: "), text


@estimators
def test_the_estimator_inside_others(name):
    network = getattr(sknn, name)((3,) if name == "MLPClassifier" else "huber")
    search = GridSearchCV(make_pipeline(StandardScaler(), network), {})
    html = search._repr_html_()
    assert html.count("Parameters that scikit-learn does not have") == 1


class Derived(sknn.MLPRegressor):
    """An estimator of a user's, whose docstring is short."""

    def __init__(self, factor=1.0, **parameters):
        super().__init__(**parameters)
        self.factor = factor


def test_an_estimator_of_a_users_own():
    html = Derived(factor=2.0, alpha=1.0)._repr_html_()
    tables = tables_in(html)
    names = {parameter for table in tables.values() for _, parameter in table}
    assert {"factor", "alpha", "dropout"} <= names
    assert SITE not in html
    assert "factor" not in [parameter for _, parameter in tables["Parameters"]]


def test_text_where_the_configuration_asks_for_it():
    with sklearn.config_context(display="text"):
        assert not hasattr(sknn.MLPClassifier(), "_repr_html_")
        assert sknn.MLPClassifier()._repr_mimebundle_().keys() == {"text/plain"}
