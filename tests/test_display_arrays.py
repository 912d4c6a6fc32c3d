"""Arrays and activations that do not make one network are refused, and not drawn."""

import numpy as np
import pytest
from sklearn import neural_network

import sknn
from sknn.displays import NetworkDisplay

plt = pytest.importorskip("matplotlib.pyplot")
plt.switch_backend("Agg")

X = np.random.RandomState(0).normal(size=(60, 3))
LABELS = np.digitize(X @ [1.0, -2.0, 0.5], [-1, 1])


def fit(library, dtype=np.float64):
    model = library.MLPClassifier(hidden_layer_sizes=(4,), max_iter=5, random_state=0)
    return model.fit(X.astype(dtype), LABELS)


# Arrays in the place of those of a network with 3 inputs, 4 hidden neurons and 3
# outputs, and what the message of an estimator of sknn names.
OTHERS = {
    "a layer more": ("coefs", lambda a: [*a, a[1].T], "coefs_"),
    "a layer less": ("coefs", lambda a: a[:1], "coefs_"),
    "no layer": ("coefs", lambda a: [], "coefs_"),
    "transposed": ("coefs", lambda a: [a[0], a[1].T], "coefs_"),
    "a vector": ("coefs", lambda a: [a[0], a[1].ravel()], r"coefs_\[1\]"),
    "no rows": ("coefs", lambda a: [a[0][:0], a[1]], r"coefs_\[0\]"),
    "more biases": ("intercepts", lambda a: [*a, a[0]], "intercepts_"),
    "fewer biases": ("intercepts", lambda a: a[:1], "intercepts_"),
    "a wide bias": ("intercepts", lambda a: [a[0], np.ones(9)], "intercepts_"),
    "a matrix": ("intercepts", lambda a: [a[0], np.ones((3, 1))], "intercepts_"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_arrays_of_no_network_are_refused(case):
    plt.close("all")  # what other tests have left open
    name, change, message = OTHERS[case]
    for dtype in (np.float32, np.float64):
        ours = fit(sknn, dtype)
        setattr(ours, f"{name}_", change(getattr(ours, f"{name}_")))
        by_hand = sknn.MLPClassifier(hidden_layer_sizes=(4,))
        names = ("coefs_", "intercepts_", "n_outputs_", "out_activation_")
        vars(by_hand).update({key: getattr(ours, key) for key in names})
        for model in (ours, by_hand):
            with pytest.raises(ValueError, match=f"{message} (must have the|is )"):
                NetworkDisplay.from_estimator(model)
    theirs = fit(neural_network)
    parts = {"coefs": theirs.coefs_, "intercepts": theirs.intercepts_}
    parts[name] = change(parts[name])
    setattr(theirs, f"{name}_", parts[name])
    for draw in (
        NetworkDisplay(**parts, activations=["relu", "softmax"]).plot,
        lambda: NetworkDisplay.from_estimator(theirs),
    ):
        with pytest.raises(ValueError, match=r"^(coefs|intercepts) (must|has the)"):
            draw()
    assert not plt.get_fignums()


@pytest.mark.parametrize("activations", [[], ["relu"], ["relu"] * 3])
def test_an_activation_for_each_layer(activations):
    coefs, intercepts = [np.ones((2, 3)), np.ones((3, 1))], [np.ones(3), np.ones(1)]
    display = NetworkDisplay(
        coefs=coefs, intercepts=intercepts, activations=activations
    )
    with pytest.raises(ValueError, match="activations must have a name for each of 2"):
        display.plot()


@pytest.mark.parametrize(
    "history", [np.ones(3), [1.0], "loss", {"loss": "low"}], ids=str
)
def test_a_history_of_another_type_is_refused_by_name(history):
    model = fit(sknn)
    model.history_ = history
    with pytest.raises(ValueError, match="history_"):
        sknn.LossCurveDisplay.from_estimator(model)
