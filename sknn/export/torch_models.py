"""PyTorch's Sequential models as our estimators, and back."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sknn._extras import import_extra
from sknn.export.activation_matching import matching_activation
from sknn.export.assembly import (
    ActivationStep,
    DenseStep,
    DropoutStep,
    NormalizationStep,
    Step,
)
from sknn.export.sequential import (
    check_handed_back,
    estimator_of,
    layers_to_hand_back,
    output_to_hand_back,
)
from sknn.kernels.layers.normalization import EPSILON, MOMENTUM

# Modules that compute a function of each number. `matching_activation` finds which.
_ELEMENTWISE = (
    *("CELU", "ELU", "GELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh"),
    *("LeakyReLU", "LogSigmoid", "Mish", "ReLU", "ReLU6", "SELU", "Sigmoid", "SiLU"),
    *("Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink", "Threshold"),
)


def from_torch(model: Any, classes: Any, multilabel: bool) -> Any:
    """Return the estimator of a Sequential model: see `sknn.convert.from_torch`."""
    torch = import_extra("torch", "torch")
    nn = torch.nn
    if not isinstance(model, nn.Sequential):
        raise TypeError(
            f"from_torch takes a torch.nn.Sequential, got {type(model).__name__}."
        )
    modules = list(_modules(nn, model))
    output = "identity"
    if modules and type(modules[-1]) in (nn.Softmax, nn.LogSoftmax):
        softmax = modules.pop()
        if softmax.dim not in (1, -1):
            raise ValueError(f"{softmax} does not normalise rows: use dim=1.")
        output = "softmax"
    elif modules and type(modules[-1]) is nn.Sigmoid:
        modules.pop()
        output = "logistic"
    steps = [_step(torch, module) for module in modules]
    weights = [p for p in model.parameters() if p.is_floating_point()]
    dtypes = {str(p.dtype).removeprefix("torch.") for p in weights} or {"float32"}
    if not dtypes <= {"float32", "float64"} or len(dtypes) > 1:
        raise ValueError(
            f"The weights of the model are of {sorted(dtypes)}, but sknn has networks "
            "of float32 or float64. Call model.float() or model.double() first."
        )
    return estimator_of(
        [step for step in steps if step is not None],
        output,
        classes,
        multilabel,
        dtypes.pop(),
    )


def _modules(nn: Any, model: Any) -> Iterator[Any]:
    """Yield the modules of a Sequential, and of those in it."""
    if type(model).forward is not nn.Sequential.forward:
        raise ValueError(
            f"{type(model).__name__} has a forward of its own. Pass a Sequential that "
            "only calls its modules in their order."
        )
    for module in model:
        if isinstance(module, nn.Sequential):
            yield from _modules(nn, module)
        else:
            yield module


def _step(torch: Any, module: Any) -> Step | None:
    """Return what a module does in prediction; None for nothing."""
    nn, own = torch.nn, type(module)
    if own is nn.Linear:
        coef = _array(module.weight).T
        bias = None if module.bias is None else _array(module.bias)
        return DenseStep(coef, np.zeros(coef.shape[1]) if bias is None else bias)
    if own in (nn.Identity, nn.Flatten):
        return None
    if own is nn.Dropout:
        return DropoutStep(module.p)
    if own is nn.BatchNorm1d:
        if module.running_mean is None:
            raise ValueError(
                f"{module} has no running statistics, and so depends on the batch."
            )
        mean, variance = _array(module.running_mean), _array(module.running_var)
        return NormalizationStep(*_gain_and_shift(module, len(mean)), mean, variance)
    if own is nn.LayerNorm and len(module.normalized_shape) == 1:
        return NormalizationStep(*_gain_and_shift(module, module.normalized_shape[0]))
    if own in [getattr(nn, name) for name in _ELEMENTWISE if hasattr(nn, name)]:

        def function(z: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                y: np.ndarray = module(torch.from_numpy(z)).numpy()
            return y

        return ActivationStep(matching_activation(function, str(module)))
    raise ValueError(
        f"from_torch does not know the module {module}. It takes Linear, BatchNorm1d, "
        "LayerNorm, Dropout, Identity, Flatten and activations."
    )


def _gain_and_shift(module: Any, width: int) -> tuple[np.ndarray, np.ndarray, float]:
    gain = np.ones(width) if module.weight is None else _array(module.weight)
    shift = np.zeros(width) if module.bias is None else _array(module.bias)
    return gain, shift, module.eps


def _array(tensor: Any) -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().double().numpy()
    return array


# Handing back ------------------------------------------------------------------------


def to_torch(estimator: Any, logits: bool) -> Any:
    """Return the Sequential model of an estimator: see `sknn.convert.to_torch`."""
    check_handed_back(estimator, "to_torch")
    torch = import_extra("torch", "torch")
    nn = torch.nn
    outputs = {
        "identity": None,
        "logistic": nn.Sigmoid,
        "softmax": lambda: nn.Softmax(dim=1),
    }
    link = output_to_hand_back(estimator, "to_torch", "PyTorch", [*outputs], logits)
    activations = _activations(nn)
    modules: list[Any] = []
    fan_in = estimator.coefs_[0].shape[0]
    for layer in layers_to_hand_back(
        estimator,
        "to_torch",
        "PyTorch",
        ("dense", "dropout", "batch_norm", "layer_norm"),
    ):
        modules.append(_module(torch, layer, fan_in))
        fan_in = layer.width
        if layer.activation != "identity":
            if layer.activation not in activations:
                raise ValueError(
                    f"PyTorch has no module for the activation {layer.activation!r}."
                )
            modules.append(activations[layer.activation]())
    if outputs[link] is not None:
        modules.append(outputs[link]())
    return nn.Sequential(*modules).eval()


def _activations(nn: Any) -> dict[str, Callable[[], Any]]:
    return {
        "relu": nn.ReLU,
        "leaky_relu": lambda: nn.LeakyReLU(0.01),
        "elu": nn.ELU,
        "selu": nn.SELU,
        "gelu": nn.GELU,
        "logistic": nn.Sigmoid,
        "silu": nn.SiLU,
        "mish": nn.Mish,
        "softplus": lambda: nn.Softplus(threshold=40),
        "tanh": nn.Tanh,
        "softsign": nn.Softsign,
        "hard_sigmoid": nn.Hardsigmoid,
    }


def _module(torch: Any, layer: Any, fan_in: int) -> Any:
    nn, arrays = torch.nn, layer.arrays
    if layer.kind == "dropout":
        return nn.Dropout(layer.rate)
    if layer.kind == "dense":
        weights = {"weight": arrays["coefs_"].T, "bias": arrays["intercepts_"]}
        module = nn.Linear(fan_in, layer.width)
    else:
        weights = {"weight": arrays["gains_"], "bias": arrays["shifts_"]}
        if layer.kind == "batch_norm":
            mean, variance = arrays["running_statistics_"]
            weights |= {"running_mean": mean, "running_var": variance}
            module = nn.BatchNorm1d(layer.width, eps=EPSILON, momentum=1 - MOMENTUM)
        else:
            module = nn.LayerNorm(layer.width, eps=EPSILON)
    tensors = {name: torch.tensor(np.array(a)) for name, a in weights.items()}
    module = module.to(tensors["weight"].dtype)
    module.load_state_dict(tensors, strict=False)
    return module
