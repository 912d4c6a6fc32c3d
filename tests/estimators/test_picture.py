"""The picture of a network in the HTML that notebooks show."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn.estimators.picture import network_svg

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
T = np.digitize(X[:, 0], [-0.5, 0.5])
FIT = {"max_iter": 2, "random_state": 0}
SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)
NAME = "{http://www.w3.org/2000/svg}"


def pictures_in(estimator):
    return [ElementTree.fromstring(svg) for svg in SVG.findall(estimator._repr_html_())]


def texts_of(picture):
    return [text.text for text in picture.iter(f"{NAME}text") if text.text]


def test_a_fitted_network_shows_its_layers():
    model = MLPClassifier((5, 20), ["tanh", "gelu"], **FIT).fit(X, T)
    (picture,) = pictures_in(model)
    assert picture.get("aria-label") == "4 inputs, 5 tanh, 20 gelu, 3 softmax"
    assert texts_of(picture) == [
        *("4", "inputs", "5", "tanh", "⋮", "20", "gelu", "3", "softmax")
    ]
    circles = list(picture.iter(f"{NAME}circle"))
    assert len(circles) == 4 + 5 + 6 + 3
    lines = picture.find(f"{NAME}path").get("d").count("M")
    assert lines == 4 * 5 + 5 * 6 + 6 * 3


def test_everything_lies_within():
    layers = [(1, "inputs"), *[(3000, "relu")] * 4, (2, "identity")]
    picture = ElementTree.fromstring(network_svg(layers))
    width, height = map(float, picture.get("viewBox").split()[2:])
    assert (picture.get("width"), picture.get("height")) == (
        f"{width:g}",
        f"{height:g}",
    )
    for circle in picture.iter(f"{NAME}circle"):
        x, y, r = (float(circle.get(name)) for name in ("cx", "cy", "r"))
        assert r < x < width - r
        assert r < y < height - r
    ys = [float(text.get("y")) for text in picture.iter(f"{NAME}text") if text.text]
    lowest = max(float(circle.get("cy")) for circle in picture.iter(f"{NAME}circle"))
    assert max(ys) < height
    assert min(y for y in ys if y > 60) - 11 > lowest + 4.5  # below the circles


def test_light_or_dark_and_offline():
    (svg,) = SVG.findall(MLPRegressor(**FIT).fit(X, X[:, 0])._repr_html_())
    for colour in re.findall(r'(?:fill|stroke)="(.*?)"', svg):
        assert colour == "currentColor"
    assert set(re.findall(r"https?://[^\"]*", svg)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"href|<script|<image|url\(", svg)


def test_in_a_pipeline_and_before_a_fit():
    model = make_pipeline(StandardScaler(), MLPClassifier((3,), **FIT))
    assert not pictures_in(model)
    (picture,) = pictures_in(model.fit(X, T))
    assert picture.get("aria-label") == "4 inputs, 3 relu, 3 softmax"
    started = MLPRegressor(hidden_layer_sizes=(), **FIT).initialize(X, T)
    (picture,) = pictures_in(started)
    assert picture.get("aria-label") == "4 inputs, 1 identity"


def test_an_embedding_has_a_place_of_its_own():
    model = MLPRegressor(
        hidden_layer_sizes=(3,), numeric_embedding="piecewise_linear", **FIT
    ).fit(X, T)
    (picture,) = pictures_in(model)
    expected = "4 inputs, 64 embedded, 3 relu, 1 identity"
    assert picture.get("aria-label") == expected
    plain = MLPRegressor(hidden_layer_sizes=(3,), standardize=True, **FIT).fit(X, T)
    (picture,) = pictures_in(plain)
    assert picture.get("aria-label") == "4 inputs, 3 relu, 1 identity"


def test_deep_networks_are_abridged():
    picture = ElementTree.fromstring(
        network_svg([(2, f"layer {k}") for k in range(40)])
    )
    texts = texts_of(picture)
    assert "..." in texts
    assert "layer 39" in texts
    assert "layer 20" not in texts
    assert float(picture.get("width")) < 1200
    assert picture.get("aria-label").count("layer") == 40


def test_names_are_escaped():
    svg = network_svg([(2, 'a<b & "c"'), (1, "identity")])
    assert texts_of(ElementTree.fromstring(svg))[1] == 'a<b & "c"'


@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model, "coefs_", [np.ones((4, 2)), np.ones((7, 3))]),
        lambda model: setattr(model, "coefs_", [1, 2]),
        lambda model: delattr(model, "out_activation_"),
    ],
)
def test_arrays_that_do_not_fit_together_have_no_picture(change):
    model = MLPClassifier((3,), **FIT).fit(X, T)
    change(model)
    assert not pictures_in(model)
