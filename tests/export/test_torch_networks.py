"""Networks to and from PyTorch, against its own predictions."""

import numpy as np
import pytest
from networks_to_convert import NETWORKS, TASKS, fitted, outputs_of, rows, targets
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPClassifier, MLPRegressor
from sknn.convert import from_torch, to_torch

torch = pytest.importorskip("torch")
nn = torch.nn

FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def predicted(model, X):
    with torch.no_grad():
        return model.eval()(torch.from_numpy(X)).numpy()


def tolerance(dtype):
    return 1e-5 if dtype == np.float32 else 1e-8  # 2e-9 is Softplus's threshold


@FLOATS
@pytest.mark.parametrize("task", sorted(TASKS.keys() - {"counts"}))
@pytest.mark.parametrize("network", sorted(NETWORKS.keys() - {"step"}))
def test_to_torch_and_back(network, task, dtype):
    model, X = fitted(network, task, dtype)
    converted = to_torch(model)
    outputs = predicted(converted, X)
    assert outputs.dtype == dtype
    assert_allclose(outputs, outputs_of(model, X), atol=tolerance(dtype), rtol=1e-5)
    is_single = task in ("two classes", "classes")
    options = {"classes": model.classes_} if is_single else {}
    back = from_torch(converted, multilabel=task == "multilabel", **options)
    assert_allclose(outputs_of(back, X), outputs, atol=tolerance(dtype), rtol=1e-5)
    assert back.coefs_[0].dtype == dtype
    assert back.normalization == model.normalization
    assert np.ravel(back.activation).tolist() in (
        [np.ravel(model.activation)[0]],
        np.ravel(model.activation).tolist(),
    )
    if isinstance(model, MLPClassifier):
        assert_array_equal(back.predict(X), model.predict(X))
        assert back.predict(X).dtype == model.predict(X).dtype


def test_logits():
    X = rows()
    counts, _ = fitted("relu", "counts")
    assert_allclose(
        np.exp(predicted(to_torch(counts, logits=True), X))[:, 0], counts.predict(X)
    )
    with pytest.raises(ValueError, match=r"activation 'exp'. to_torch\(estimator, log"):
        to_torch(counts)
    classes, _ = fitted()
    logits = predicted(to_torch(classes, logits=True), X)
    assert_array_equal(classes.classes_[logits.argmax(axis=1)], classes.predict(X))
    levels = MLPRegressor("quantile", 4, quantile=(0.1, 0.9), max_iter=2)
    with pytest.raises(ValueError, match="no layer for the output activation 'quant"):
        to_torch(levels.fit(X, X[:, 0]))
    assert predicted(to_torch(levels, logits=True), X).shape == (90, 2)


# Models that were made in PyTorch ---------------------------------------------------


def trained(*modules, dtype=np.float64):
    """Return a model whose weights and statistics are far from their first values."""
    torch.manual_seed(0)
    model = nn.Sequential(*modules).to(getattr(torch, np.dtype(dtype).name))
    for module in model.modules():
        for name, tensor in [*module.named_parameters(recurse=False)]:
            if name in ("weight", "bias") and tensor.ndim == 1:
                tensor.data.uniform_(0.3, 1.7)
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.01, 3)
    return model.eval()


def batch_norm(width, **options):
    return nn.BatchNorm1d(width, **options)


MODELS = {
    "plain": lambda: [nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)],
    "one layer": lambda: [nn.Linear(4, 3)],
    "no biases": lambda: [
        nn.Linear(4, 6, bias=False),
        nn.Tanh(),
        nn.Linear(6, 3, bias=False),
    ],
    "another epsilon of batch norm": lambda: [
        nn.Linear(4, 6),
        batch_norm(6, eps=0.1),
        nn.ReLU(),
        nn.Linear(6, 3),
    ],
    "another epsilon of layer norm": lambda: [
        nn.Linear(4, 6),
        nn.LayerNorm(6, eps=0.1),
        nn.GELU(),
        nn.Linear(6, 3),
    ],
    "norms without gains": lambda: [
        nn.Linear(4, 6),
        nn.LayerNorm(6, elementwise_affine=False),
        nn.Linear(6, 5),
        nn.LayerNorm(5, bias=False),
        nn.Linear(5, 3),
    ],
    "batch norm without gains": lambda: [
        nn.Linear(4, 6),
        batch_norm(6, affine=False),
        nn.Mish(),
        nn.Linear(6, 3),
    ],
    "batch norm of the inputs": lambda: [
        batch_norm(4),
        nn.Linear(4, 6),
        nn.ReLU(),
        nn.Linear(6, 3),
    ],
    "batch norm after the activation": lambda: [
        nn.Linear(4, 6),
        nn.ReLU(),
        batch_norm(6),
        nn.Dropout(0.2),
        nn.Linear(6, 3),
    ],
    "batch norm twice": lambda: [
        batch_norm(4),
        batch_norm(4),
        nn.Linear(4, 6),
        batch_norm(6),
        batch_norm(6),
        nn.Linear(6, 3),
    ],
    "batch norm in one layer of two": lambda: [
        nn.Linear(4, 6),
        batch_norm(6),
        nn.ReLU(),
        nn.Linear(6, 5),
        nn.SiLU(),
        nn.Linear(5, 3),
    ],
    "batch norm before the outputs": lambda: [
        nn.Linear(4, 6),
        nn.ReLU(),
        nn.Linear(6, 3),
        batch_norm(3),
    ],
    "nested": lambda: [
        nn.Flatten(),
        nn.Sequential(nn.Linear(4, 6), nn.Identity(), nn.SELU()),
        nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 3)),
    ],
    "dropout twice": lambda: [
        nn.Dropout(0.5),
        nn.Linear(4, 6),
        nn.ELU(),
        nn.Dropout(0.5),
        nn.Dropout(0.2),
        nn.Linear(6, 3),
    ],
}
MODELS["batch norm of everything"] = lambda: [
    *MODELS["batch norm of the inputs"](),
    batch_norm(3),
]


@FLOATS
@pytest.mark.parametrize("name", MODELS)
def test_from_torch(name, dtype):
    X = rows(dtype) * 2
    model = trained(*MODELS[name](), dtype=dtype)
    expected = predicted(model, X)
    ours = from_torch(model)
    scale = np.abs(expected).max()
    precision = 2e-5 if dtype == np.float32 else 1e-12
    assert_allclose(ours.predict(X), expected, atol=scale * precision)
    # Training goes on with the same layers.
    ours.set_params(max_iter=1).partial_fit(X, expected)
    assert len(ours.coefs_) == len(from_torch(model).coefs_)


@pytest.mark.parametrize("classes", [["b", "a", "c"], [5, -2, 2**40]])
@pytest.mark.parametrize("head", [nn.Softmax(dim=1), nn.LogSoftmax(dim=-1), None])
def test_classes_in_the_order_of_the_outputs(head, classes):
    X = rows()
    model = trained(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    expected = np.array(classes)[predicted(model, X).argmax(axis=1)]
    modules = [*model] if head is None else [*model, head]
    ours = from_torch(nn.Sequential(*modules), classes=classes)
    assert_array_equal(ours.predict(X), expected)
    probabilities = predicted(nn.Sequential(*model, nn.Softmax(dim=1)), X)
    assert_allclose(ours.predict_proba(X), probabilities[:, np.argsort(classes)])


@pytest.mark.parametrize("classes", [["no", "yes"], ["yes", "no"]])
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("has_head", [True, False])
def test_two_classes(has_head, n_outputs, classes):
    X = rows()
    model = trained(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, n_outputs))
    model[-1].bias.data -= torch.from_numpy(predicted(model, X).mean(axis=0))
    head = nn.Sigmoid() if n_outputs == 1 else nn.Softmax(dim=1)
    whole = nn.Sequential(*model, head)
    ours = from_torch(whole if has_head else model, classes=classes)
    second = predicted(whole, X)[:, -1]
    expected = np.array(classes)[(second > 0.5).astype(int)]
    assert len(np.unique(expected)) == 2
    assert_array_equal(ours.predict(X), expected)
    column = list(ours.classes_).index(classes[1])
    assert_allclose(ours.predict_proba(X)[:, column], second)


def test_several_labels_a_row():
    X = rows()
    model = trained(nn.Linear(4, 3), nn.Sigmoid())
    ours = from_torch(model, multilabel=True)
    assert_allclose(ours.predict_proba(X), predicted(model, X))
    assert_array_equal(ours.predict(X), predicted(model, X) > 0.5)


LINEAR = [nn.Linear(4, 6), nn.Linear(6, 3)]


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([nn.LeakyReLU(0.2)], r"no activation that computes what LeakyReLU\(negative_"),
        ([nn.ELU(alpha=0.5)], r"no activation that computes what ELU\(alpha=0.5"),
        ([nn.GELU(approximate="tanh")], "no activation that computes what GELU"),
        ([nn.Softplus(beta=2)], "no activation that computes what Softplus"),
        ([nn.ReLU6()], "no activation that computes what ReLU6"),
        ([nn.PReLU()], "does not know the module PReLU"),
        ([nn.Softmax(dim=1)], "does not know the module Softmax"),
        ([nn.BatchNorm1d(6, track_running_stats=False)], "has no running statistics"),
        ([nn.ReLU(), nn.LayerNorm(6)], "layer normalisation that does not follow"),
        ([nn.ReLU(), nn.Tanh()], "the activation 'tanh' follows the activation 'relu'"),
        ([nn.ReLU(), nn.BatchNorm1d(6), nn.Tanh()], "'tanh' follows the activation"),
    ],
)
def test_modules_that_sknn_does_not_have(modules, message):
    with pytest.raises(ValueError, match=message):
        from_torch(nn.Sequential(LINEAR[0], *modules, LINEAR[1]))


@pytest.mark.parametrize(
    ("modules", "options", "message"),
    [
        ([], {}, "it has no dense layer"),
        ([nn.ReLU(), *LINEAR], {}, "'relu' comes before the first dense layer"),
        ([*LINEAR, nn.LayerNorm(3)], {}, "its output layer has a layer normal"),
        ([*LINEAR, nn.ReLU()], {}, "its output layer has the activation 'relu'"),
        ([*LINEAR, nn.Tanh()], {"classes": [1, 2, 3]}, "has the activation 'tanh'"),
        ([*LINEAR, nn.Softmax(dim=0)], {}, "does not normalise rows: use dim=1"),
        ([*LINEAR, nn.Softmax(dim=1)], {}, "ends with softmax.* Pass classes"),
        ([*LINEAR, nn.Sigmoid()], {"classes": [1, 2, 3]}, "would end with softmax"),
        ([*LINEAR, nn.Softmax(dim=1)], {"multilabel": True}, "would end with logistic"),
        (LINEAR, {"classes": [1, 2]}, "has 3 outputs, but there are 2 classes"),
        (LINEAR, {"classes": [1, 2, 2]}, "classes must be different labels"),
        (LINEAR, {"classes": [1, 2, 3], "multilabel": True}, "Pass either classes or"),
        ([nn.Linear(4, 1)], {"multilabel": True}, "needs a model with several outputs"),
        (
            [nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 5), nn.Linear(5, 3)],
            {},
            "some of its hidden layers have a layer normalisation",
        ),
    ],
)
def test_models_that_sknn_does_not_have(modules, options, message):
    with pytest.raises(ValueError, match=message):
        from_torch(nn.Sequential(*modules), **options)


class Doubled(nn.Sequential):
    def forward(self, x):
        return 2 * super().forward(x)


def test_what_is_no_sequential():
    with pytest.raises(TypeError, match=r"takes a torch.nn.Sequential, got Linear"):
        from_torch(LINEAR[0])
    with pytest.raises(ValueError, match="Doubled has a forward of its own"):
        from_torch(Doubled(*LINEAR))
    with pytest.raises(ValueError, match=r"bfloat16'\], but sknn has networks of fl"):
        from_torch(nn.Sequential(nn.Linear(4, 3)).bfloat16())
    with pytest.raises(TypeError, match="to_torch takes a fitted MLPClassifier"):
        to_torch(LINEAR[0])


def test_an_activation_that_torch_does_not_have():
    model, _ = fitted("step")
    with pytest.raises(ValueError, match="no module for the activation 'step'"):
        to_torch(model)


def test_weights_are_copies():
    model, X = fitted()
    converted = to_torch(model)
    before = model.predict_proba(X)
    with torch.no_grad():
        for parameter in converted.parameters():
            parameter += 1
    assert_array_equal(model.predict_proba(X), before)
    y = targets("classes", X)
    assert from_torch(converted, classes=model.classes_).fit(X, y) is not None
