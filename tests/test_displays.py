"""The pictures: what is drawn, out of which estimators, and what is refused."""

import doctest
import re
import subprocess
import sys
from functools import reduce
from itertools import combinations, pairwise, product

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import PredictionErrorDisplay
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import sknn
import sknn.displays
from sknn.displays import LossCurveDisplay, NetworkDisplay

plt = pytest.importorskip("matplotlib.pyplot")
plt.switch_backend("Agg")

X = np.random.RandomState(0).normal(size=(60, 3))
FRAME = pd.DataFrame(X, columns=["age", "height", "weight"])
NUMBERS = X @ [1.0, -2.0, 0.5]
LABELS = np.digitize(NUMBERS, [-1, 1])

HISTORY = {
    "loss": [3.0, 2.0, 1.5, 1.25],
    "learning_rate": [0.1, 0.1, 0.05, 0.05],
    "val_loss": [3.5, 2.5, 2.75, 3.0],
    "val_score": [0.5, 0.75, 0.75, 0.25],
    "top_k": [0.25, 0.5, 0.75, 1.0],
}
EPOCHS = [1, 2, 3, 4]

libraries = pytest.mark.parametrize("library", [sknn, neural_network])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def network(*units, **attributes):
    """Return an estimator that was not trained but has weights and a history."""
    rng = np.random.RandomState(0)
    units = units or (2, 3, 1)
    estimator = sknn.MLPClassifier(hidden_layer_sizes=units[1:-1])
    estimator.coefs_ = [rng.normal(size=shape) for shape in pairwise(units)]
    estimator.intercepts_ = [rng.normal(size=n_neurons) for n_neurons in units[1:]]
    estimator.n_outputs_, estimator.out_activation_ = units[-1], "softmax"
    estimator.history_ = HISTORY
    vars(estimator).update(attributes)
    return estimator


def fit(library, name="MLPClassifier", X=X, **parameters):
    y = LABELS if name == "MLPClassifier" else NUMBERS
    parameters = {"hidden_layer_sizes": (4,), "max_iter": 5, **parameters}
    return getattr(library, name)(random_state=0, **parameters).fit(X, y)


def drawn(display):
    """Return a display that was drawn in earnest, so that faults of drawing show."""
    display.figure_.canvas.draw()
    return display


def curves(estimator, **options):
    return drawn(LossCurveDisplay.from_estimator(estimator, **options))


def graph(estimator, **options):
    return drawn(NetworkDisplay.from_estimator(estimator, **options))


# Loss curves -------------------------------------------------------------------------


def data_of(lines):
    return [line.get_xydata().T.tolist() for line in lines]


def labels_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def marked(lines):
    """Return the epochs with a mark, of each line."""
    marks = [line.get_markevery() if line.get_marker() == "o" else [] for line in lines]
    return [[index + 1 for index in indices] for indices in marks]


def test_losses_are_drawn_against_epochs():
    display = curves(network())
    assert display.figure_ is display.ax_.figure
    expected = [[EPOCHS, HISTORY["loss"]], [EPOCHS, HISTORY["val_loss"]]]
    assert data_of(display.lines_) == data_of(display.ax_.lines) == expected
    assert display.mean_lines_ == []
    assert [line.get_linestyle() for line in display.lines_] == ["-", "--"]
    assert len({line.get_color() for line in display.lines_}) == 2
    assert labels_of(display) == ["training loss", "validation loss"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("epoch", "loss")
    assert all(tick == round(tick) for tick in display.ax_.get_xticks())


KEYS = [
    ("loss", ["training loss"], "loss"),
    (["val_loss", "loss"], ["validation loss", "training loss"], "loss"),
    (("learning_rate", "val_score"), ["learning rate", "validation score"], None),
]


@pytest.mark.parametrize(("keys", "labels", "ylabel"), KEYS)
def test_keys(keys, labels, ylabel):
    display = curves(network(), keys=keys)
    keys = [keys] if isinstance(keys, str) else keys
    assert data_of(display.lines_) == [[EPOCHS, HISTORY[key]] for key in keys]
    assert labels_of(display) == labels
    assert display.ax_.get_ylabel() == (ylabel or "learning rate, score")


def test_seconds_are_cumulated():
    history = {"loss": [2.0, 1.0, 0.5], "seconds": [0.5, 0.25, 1.0]}
    display = curves(network(history_=history), x="seconds")
    assert data_of(display.lines_) == [[[0.5, 0.75, 1.75], history["loss"]]]
    assert display.ax_.get_xlabel() == "seconds of training"
    assert labels_of(display) == ["loss"]


def test_several_networks_in_one_picture():
    first = curves(network(), name="first")
    style = {"lw": 7, "c": "black", "ls": ":"}
    second = curves(network(), name="second", ax=first.ax_, line_kw=style)
    third = curves(network(), ax=first.ax_)
    assert first.ax_ is second.ax_ is third.ax_
    kinds = ["training loss", "validation loss"]
    names = [f"{name}{kind}" for name in ("first: ", "second: ", "") for kind in kinds]
    assert labels_of(third) == names
    assert len({line.get_color() for line in first.lines_ + third.lines_}) == 4
    for line in second.lines_:
        assert (line.get_linewidth(), line.get_color()) == (7, "black")
        assert line.get_linestyle() == ":"


@libraries
def test_early_stopping(library):
    estimator = fit(library, early_stopping=True, validation_fraction=0.3)
    display = curves(estimator, keys=["loss", "val_score"])
    expected = [estimator.loss_curve_, estimator.validation_scores_]
    assert data_of(display.lines_) == [[[1, 2, 3, 4, 5], values] for values in expected]
    best = 1 + int(np.argmax(estimator.validation_scores_))
    assert marked(display.lines_) == [[], [best]]
    assert labels_of(display)[-1].endswith(f"score (best epoch: {best})")
    assert not any(marked(curves(estimator).lines_))


def test_no_loss_curve():
    estimator = fit(neural_network, solver="lbfgs")
    with pytest.raises(ValueError, match="no loss curve: solver='lbfgs' of scikit-"):
        curves(estimator)
    interrupted = network(history_={}, loss_curve_=[])
    assert data_of(curves(interrupted).lines_) == [[[], []]]


FOLDS = [
    {"loss": [2.0, 1.0], "seconds": [3.0, 1.0], "val_loss": [3.0, 2.0], "r": [1, 2]},
    {"loss": [4.0, 2.0, 1.0], "seconds": [1.0, 1.0, 1.0], "val_loss": [5.0, 4.0, 3.0]},
]
RESULTS = {"estimator": [network(history_=history) for history in FOLDS]}


def test_folds_and_their_mean():
    display = drawn(LossCurveDisplay.from_cv_results(RESULTS, name="net"))
    losses = [fold[key] for key, fold in product(("loss", "val_loss"), FOLDS)]
    assert data_of(display.lines_) == [[EPOCHS[: len(loss)], loss] for loss in losses]
    assert [line[1] for line in data_of(display.mean_lines_)] == [[3, 1.5], [4, 3]]
    label = "net: training loss, mean of 2 folds"
    assert labels_of(display) == [label, label.replace("training", "validation")]
    styles = [(line.get_color(), line.get_linestyle()) for line in display.lines_]
    means = np.repeat(display.mean_lines_, 2)
    assert styles == [(mean.get_color(), mean.get_linestyle()) for mean in means]
    assert len(set(styles)) == 2
    widths = [line.get_linewidth() for line in display.lines_]
    assert 2 * max(widths) < min(mean.get_linewidth() for mean in display.mean_lines_)


def test_options_of_folds():
    options = {"ax": plt.figure().add_subplot(), "line_kw": {"c": "black"}}
    options |= {"keys": "loss", "x": "seconds"}
    display = LossCurveDisplay.from_cv_results(RESULTS, **options)
    assert display.ax_ is options["ax"]
    assert data_of(display.mean_lines_) == [[[2.0, 3.0], [3.0, 1.5]]]
    assert {line.get_color() for line in display.ax_.lines} == {"black"}
    results = {"estimator": [network(best_validation_score_=s) for s in (0.75, 0.5)]}
    display = LossCurveDisplay.from_cv_results(results, keys=["loss", "val_score"])
    assert marked(display.lines_) == [[], [], [2], [1]]
    assert all("best" not in label for label in labels_of(display))
    with pytest.raises(ValueError, match="There is no 'r' in the history"):
        LossCurveDisplay.from_cv_results(RESULTS, keys="r")


@libraries
def test_cross_validation(library):
    network = library.MLPRegressor(hidden_layer_sizes=4, max_iter=3, random_state=0)
    results = cross_validate(network, X, NUMBERS, cv=3, return_estimator=True)
    display = LossCurveDisplay.from_cv_results(results, keys="loss")
    losses = [fitted.loss_curve_ for fitted in results.pop("estimator")]
    assert data_of(display.lines_) == [[[1, 2, 3], loss] for loss in losses]
    with pytest.raises(ValueError, match=r"in cv_results: set return_estimator=True\."):
        LossCurveDisplay.from_cv_results(results)


# Networks ----------------------------------------------------------------------------


def titles_of(display):
    return [label.get_text().strip() for label in display.ax_.get_xticklabels()]


def names_of(display):
    sides = (display.ax_, *display.ax_.child_axes)
    return [[label.get_text() for label in axes.get_yticklabels()] for axes in sides]


def heights_of(display):
    return [circles.get_offsets()[:, 1].tolist() for circles in display.neurons_]


def check_weights(display, layer, coef):
    """Check that each weight is a line between the neurons that it connects."""
    starts, ends = heights_of(display)[layer : layer + 2]
    segments = np.array(display.lines_[layer].get_segments())
    values = display.lines_[layer].get_array()
    weights = zip(*segments[:, :, 1].T, values, strict=True)
    expected = [(starts[i], ends[j], coef[i, j]) for i, j in np.ndindex(coef.shape)]
    assert sorted(weights) == sorted(expected)


def test_weights_and_biases():
    estimator = network(3, 5, 4, 2)
    display = graph(estimator)
    assert display.figure_ is display.ax_.figure
    for layer, coef in enumerate(estimator.coefs_):
        check_weights(display, layer, coef)
        biases = display.neurons_[layer + 1].get_array()
        assert_array_equal(biases, estimator.intercepts_[layer])
    for heights in heights_of(display):
        assert_array_equal(np.diff(heights), -1)
        assert heights[0] == -heights[-1]


def test_colours_and_widths():
    coefs, biases = [np.array([[2.0, -0.1], [0.1, -2.0]])], [np.array([1.0, -1.0])]
    display = graph(network(2, 2, coefs_=coefs, intercepts_=biases))
    (lines,), (inputs, outputs) = display.lines_, display.neurons_
    colors, values = lines.get_edgecolors(), np.asarray(lines.get_array())
    assert_array_equal(np.abs(values), [0.1, 0.1, 2.0, 2.0])
    assert_array_equal(np.sign(colors[:, 2] - colors[:, 0]), np.sign(values))
    weak, _, _, strong = np.ptp(colors[:, :3], axis=1)
    assert strong > 3 * weak
    widths = lines.get_linewidths()
    assert widths[0] == widths[1] < widths[2] == widths[3]
    blue, red = outputs.get_facecolors()
    assert blue[2] - blue[0] > 0.1 < red[0] - red[2]
    assert_array_equal(inputs.get_facecolors(), [[1, 1, 1, 1]])
    bar = display.colorbar_
    assert (bar.vmin, bar.vmax, bar.extend) == (-2.0, 2.0, "neither")
    assert bar.ax.get_ylabel() == "weight (line), bias (circle)"
    bar.remove()
    assert display.figure_.axes == [display.ax_]
    coefs, biases = [np.zeros((2, 1))], [np.array([5.0])]
    bar = graph(network(2, 1, coefs_=coefs, intercepts_=biases)).colorbar_
    assert (bar.vmin, bar.vmax, bar.extend) == (-1.0, 1.0, "both")


@pytest.mark.parametrize(("most", "first", "last"), [(2, 1, 1), (5, 3, 2), (12, 6, 6)])
def test_wide_layers_are_abridged(most, first, last):
    estimator = network(64, 100, most)  # the last layer just fits
    display = graph(estimator, max_neurons=most, feature_names=range(64))
    rows = [*range(first), *range(64 - last, 64)]
    columns = [*range(first), *range(100 - last, 100)]
    check_weights(display, 0, estimator.coefs_[0][np.ix_(rows, columns)])
    expected = estimator.intercepts_[0][columns]
    assert_array_equal(display.neurons_[1].get_array(), expected)
    assert names_of(display)[0] == [str(row) for row in rows]
    heights = heights_of(display)[1]
    assert [*np.diff(heights)] == [-1] * (first - 1) + [-2] + [-1] * (last - 1)
    assert len(display.ax_.lines) == 2
    for line in display.ax_.lines:
        assert heights[first - 1] - 0.5 > line.get_ydata().max()
        assert line.get_ydata().min() > heights[first] + 0.5
    assert titles_of(display)[1] == "Hidden 1\n100 neurons\nrelu"


@pytest.mark.parametrize("second", ["tanh", "relu"])
def test_titles(second):
    activation = "tanh" if second == "tanh" else ("tanh", "relu")
    hidden = ["Hidden 1\n5 neurons\ntanh", f"Hidden 2\n4 neurons\n{second}"]
    titles = titles_of(graph(network(3, 5, 4, 1, activation=activation)))
    assert titles == ["Input\n3 neurons", *hidden, "Output\n1 neuron\nsoftmax"]


@libraries
def test_names_of_trained_networks(library):
    assert names_of(graph(fit(library, X=FRAME))) == [[*FRAME], ["0", "1", "2"]]
    display = graph(fit(library, "MLPRegressor", hidden_layer_sizes=()))
    assert names_of(display) == [["x0", "x1", "x2"], ["y"]]
    assert titles_of(display) == ["Input\n3 neurons", "Output\n1 neuron\nidentity"]
    binary = library.MLPClassifier(2, max_iter=1).fit(X, np.where(LABELS, "yes", "no"))
    assert names_of(graph(binary))[1] == ["yes"]


def test_given_and_unknown_names():
    inputs, outputs = ["$\\frac$", 1], np.array(["r", "$s_1$"])
    display = graph(network(2, 2), feature_names=inputs, class_names=outputs)
    assert names_of(display) == [["$\\frac$", "1"], ["r", "$s_1$"]]
    binary = network(2, 1, classes_=np.arange(2))
    assert names_of(graph(binary, class_names=["no", "yes"]))[1] == ["yes"]
    assert names_of(graph(network(1, 2))) == [["x"], ["y0", "y1"]]
    unknown = FunctionTransformer(lambda X: X[:, :2], validate=True)
    pipeline = make_pipeline(unknown, neural_network.MLPClassifier(2, max_iter=1))
    pipeline = make_pipeline(StandardScaler(), pipeline).fit(X, LABELS)
    assert names_of(graph(pipeline))[0] == ["x0", "x1"]


def test_network_in_given_axes():
    axes = plt.subplots(2, 1, figsize=(9, 4), layout="constrained")[1]
    display = graph(network(), ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.ax_.xaxis.get_ticks_position() == "top"
    radius = display.neurons_[0].get_transforms()[0, 0, 0]
    rows = display.ax_.transData.transform([[0, 0], [0, 1]])[:, 1]
    assert 0.2 < radius / np.diff(rows) < 0.4
    assert display.plot(axes[0], max_neurons=2) is display
    assert display.ax_ is axes[0]
    assert [len(heights) for heights in heights_of(display)] == [2, 2, 1]


@pytest.mark.parametrize("units", [(2, 1), (4, 8, 4, 3), (64, 100, 10), (9,) * 7])
def test_nothing_is_cut_off_or_overlaps(units):
    names = [f"a rather long name {i}" for i in range(units[0])]
    display = graph(network(*units), feature_names=names)
    everything, figure = display.ax_.get_tightbbox(), display.figure_.bbox
    assert figure.x0 <= everything.x0 < everything.x1 <= figure.x1
    assert figure.y0 <= everything.y0 < everything.y1 <= figure.y1
    for labels in (display.ax_.get_xticklabels(), display.ax_.get_yticklabels()):
        boxes = [label.get_window_extent() for label in labels]
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


@libraries
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_networks_within_other_estimators(library, name):
    inner = getattr(library, name)(hidden_layer_sizes=(4,), max_iter=2, random_state=0)
    model, path = make_pipeline(StandardScaler(), inner), ()
    cases = {path: model}
    if name == "MLPRegressor":
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
        path = ("regressor_",)
        cases[path] = model
    cases["best_estimator_", *path] = GridSearchCV(model, {}, cv=2)
    for path, model in cases.items():
        for draw in (curves, graph):
            with pytest.raises(NotFittedError, match=type(model).__name__):
                draw(model)
        model.fit(FRAME, LABELS if name == "MLPClassifier" else NUMBERS)
        found = reduce(getattr, path, model)[-1]
        lines = curves(model, keys="loss").lines_
        assert data_of(lines) == [[[1, 2], found.loss_curve_]]
        display = graph(model)
        assert display.coefs is found.coefs_
        assert names_of(display)[0] == [*FRAME]


@pytest.mark.parametrize("draw", [curves, graph])
def test_refused_estimators(draw):
    with pytest.raises(NotFittedError, match="This MLPClassifier instance is not fit"):
        draw(sknn.MLPClassifier())
    with pytest.raises(ValueError, match=r"no network in LogisticRegression\. Pass an"):
        draw(LogisticRegression().fit(X, LABELS))
    search = GridSearchCV(neural_network.MLPClassifier(max_iter=1), {}, refit=False)
    with pytest.raises(ValueError, match=r"in GridSearchCV\..* search with refit=True"):
        draw(search.fit(X, LABELS))
    with pytest.raises(TypeError, match="not an estimator"):
        draw("network")


REFUSALS = [
    (curves, {"x": "time"}, "x must be 'epoch' or 'seconds', got 'time'."),
    (curves, {"keys": "score"}, "There is no 'score' in the history, only ['loss']."),
    (curves, {"keys": ["loss", "val_loss"]}, "There is no 'val_loss' in the history"),
    (curves, {"x": "seconds"}, "There is no 'seconds' in the history"),
    (graph, {"max_neurons": 1}, "max_neurons must be at least 2, got 1."),
    (graph, {"feature_names": ["a"]}, "feature_names has 1 names for 2 neurons."),
    (graph, {"class_names": ["a", "b"]}, "class_names has 2 names for 3 neurons."),
]


@pytest.mark.parametrize(("draw", "options", "message"), REFUSALS)
def test_refused_options(draw, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        draw(network(2, 3, history_={"loss": [1.0]}), **options)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("display", [LossCurveDisplay, NetworkDisplay])
def test_without_matplotlib(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=f"{display.__name__}.plot requires matplotl"):
        display.from_estimator(network())
    script = "import sys, sknn.displays; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_predicted_against_actual():
    regressor = fit(sknn, "MLPRegressor")
    options = {"kind": "actual_vs_predicted", "subsample": None}
    display = PredictionErrorDisplay.from_estimator(regressor, X, NUMBERS, **options)
    predicted, actual = display.scatter_.get_offsets().T
    assert_allclose([predicted, actual], [regressor.predict(X), NUMBERS])


def test_examples_run():
    result = doctest.testmod(sknn.displays)
    assert result.attempted > 10
    assert result.failed == 0
