"""The picture of contributions."""

import numpy as np
import pytest

from sknn.explain import AttributionDisplay, Attributions

plt = pytest.importorskip("matplotlib.pyplot")

VALUES = np.array([[0.5, -2.0, 0.1], [0.25, 1.0, -0.3]])
ONE = Attributions(
    VALUES, np.ones(2), 1 + VALUES.sum(1), np.zeros((2, 3)), ["a", "b", "c"], ["0"]
)
SEVERAL = Attributions(
    np.stack([VALUES, -VALUES], axis=1),
    np.ones((2, 2)),
    np.ones((2, 2)),
    np.zeros((2, 3)),
    ["a", "b", "c"],
    ["no", "yes"],
)


@pytest.fixture(autouse=True)
def _backend():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def drawn(display):
    """Return the bars from the top to the bottom."""
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    widths = [bar.get_width() for bar in display.bars_]
    return list(zip(labels[::-1], widths[::-1], strict=True))


def test_a_row():
    display = AttributionDisplay.from_attributions(ONE, row=0)
    assert drawn(display) == [("b", -2.0), ("a", 0.5), ("c", 0.1)]
    assert display.ax_.get_title() == "prediction: -0.4, baseline: 1"
    colours = {bar.get_facecolor() for bar in display.bars_}
    assert len(colours) == 2
    assert display.figure_ is display.ax_.figure


def test_the_mean_over_rows():
    display = AttributionDisplay.from_attributions(ONE)
    expected = [("b", 1.5), ("a", 0.375), ("c", pytest.approx(0.2))]
    assert drawn(display) == expected
    assert display.ax_.get_xlabel() == "mean size of contribution"
    assert display.ax_.get_title() == "2 rows"


def test_the_rest_is_one_bar():
    display = AttributionDisplay.from_attributions(ONE, row=0, max_features=1)
    assert drawn(display) == [("b", -2.0), ("2 others", pytest.approx(0.6))]


def test_one_of_several_outputs():
    display = AttributionDisplay.from_attributions(SEVERAL, row=1, target="yes")
    assert drawn(display)[0] == ("b", -1.0)
    assert display.ax_.get_title() == "prediction of yes: 1, baseline: 1"


def test_axes_and_style():
    _, ax = plt.subplots()
    display = AttributionDisplay.from_attributions(
        ONE, ax=ax, bar_kw={"color": "green"}
    )
    assert display.ax_ is ax
    assert len(plt.get_fignums()) == 1
    assert len({bar.get_facecolor() for bar in display.bars_}) == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_features": 0}, ValueError, "max_features must be at least 1, got 0"),
        ({"row": 2}, IndexError, "out of bounds"),
        (
            {"target": "maybe"},
            ValueError,
            r"target must be one of \['0'\], got 'maybe'",
        ),
    ],
)
def test_refusals_of_the_display(options, error, message):
    with pytest.raises(error, match=message):
        AttributionDisplay.from_attributions(ONE, **options)


def test_a_target_is_needed_for_several_outputs():
    with pytest.raises(ValueError, match=r"must be one of \['no', 'yes'\], got None"):
        AttributionDisplay.from_attributions(SEVERAL)


def test_names_and_values_belong_together():
    with pytest.raises(ValueError, match="one number for each of 2 feature_names"):
        AttributionDisplay(values=np.ones(3), feature_names=["a", "b"]).plot()
