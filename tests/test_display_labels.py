"""The labels of the pictures: marks of epochs, and names that fit in."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from test_displays import (
    HISTORY,
    curves,
    graph,
    heights_of,
    labels_of,
    marked,
    names_of,
    network,
)

from sknn.displays import LossCurveDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


CHOSEN = {
    "the score": (HISTORY, ["loss", "val_loss", "val_score"], [[], [], [2]]),
    "other curves": (HISTORY, ["loss", "val_loss", "learning_rate"], [[], [], []]),
    "learning rate": (HISTORY, "learning_rate", [[]]),
    "the loss": (
        {**HISTORY, "val_score": [-loss for loss in HISTORY["val_loss"]]},
        None,
        [[], [2]],
    ),
    "a metric": (
        {**HISTORY, "val_r2": HISTORY["val_score"]},
        ["loss", "val_r2"],
        [[], [2]],
    ),
}


@pytest.mark.parametrize(("history", "keys", "expected"), CHOSEN.values(), ids=CHOSEN)
def test_best_epoch_is_marked_on_the_curve_that_chose_it(history, keys, expected):
    best = max(history["val_score"])
    estimator = network(history_=history, best_validation_score_=best)
    display = curves(estimator, keys=keys)
    assert marked(display.lines_) == expected
    has_label = ["(best epoch: 2)" in label for label in labels_of(display)]
    assert has_label == [bool(mark) for mark in expected]
    # Without early stopping there may be scores too.
    estimator.best_validation_score_ = None
    assert not any(marked(curves(estimator, keys=keys).lines_))


def test_given_epochs_are_marked():
    history = {key: HISTORY[key] for key in ("loss", "val_loss")}
    display = LossCurveDisplay(histories=[history], best_epochs=[3], name="net")
    assert display.plot(keys="loss") is display
    assert marked(display.lines_) == [[3]]
    assert labels_of(display) == ["net (best epoch: 3)"]
    assert marked(display.plot().lines_) == [[], [3]]
    assert marked(LossCurveDisplay(histories=[history]).plot().lines_) == [[], []]


LONG = "the name of a feature that somebody measured in millimetres, number {}"


def check_labels(display):
    """No label overlaps another, or the colour bar."""
    ax, bar = display.ax_, display.colorbar_.ax
    [right] = ax.child_axes
    for labels in (ax.get_xticklabels(), ax.get_yticklabels(), right.get_yticklabels()):
        boxes = [label.get_window_extent() for label in labels if label.get_text()]
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
        assert not any(box.overlaps(bar.get_tightbbox()) for box in boxes)


@pytest.mark.parametrize("layout", [None, "constrained"])
@pytest.mark.parametrize("units", [(4, 8, 3), (30, 50, 50, 1), (12, 12, 12)])
def test_long_names_in_given_axes_reach_no_other_axes(units, layout):
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout=layout)
    slot = axes[0].get_position().transformed(figure.transFigure)
    names = [[LONG.format(i) for i in range(n)] for n in (units[0], units[-1])]
    display = graph(
        network(*units), feature_names=names[0], class_names=names[1], ax=axes[0]
    )
    check_labels(display)
    drawn, other = display.ax_.get_tightbbox(), axes[1].get_tightbbox()
    assert drawn.x1 < other.x0
    assert display.colorbar_.ax.get_tightbbox().x1 < other.x0
    if layout is None:
        assert slot.x0 - 2 <= drawn.x0
        assert drawn.y1 <= slot.y1 + 2


def test_long_names_take_two_lines():
    name = names_of(graph(network(2, 1), feature_names=[LONG, "short"]))[0][0]
    assert len(name.splitlines()) == 2
    assert name.endswith("...")
    assert max(map(len, name.splitlines())) <= 24


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_many_neurons_leave_room_for_the_names_of_few(layout):
    _, ax = plt.subplots(layout=layout)
    display = graph(network(4, 50, 3), ax=ax, max_neurons=50)
    check_labels(display)
    inputs, hidden, outputs = map(np.array, heights_of(display))
    assert_array_equal(np.diff(hidden), -1)
    for heights in (inputs, outputs):
        assert heights.max() < hidden.max()
        assert np.all(np.diff(heights) < -4)
    assert min(label.get_fontsize() for label in ax.get_yticklabels()) > 6
    assert max(max(lines.get_linewidths()) for lines in display.lines_) < 1
