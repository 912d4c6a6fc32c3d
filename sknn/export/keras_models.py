"""Keras' Sequential models as our estimators, and back."""

from collections.abc import Iterator
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

# Activations and output activations by what Keras calls them.
_KERAS_NAMES = {
    **{name: name for name in ("relu", "elu", "selu", "gelu", "silu", "mish", "tanh")},
    **{name: name for name in ("softplus", "softsign", "hard_sigmoid", "softmax")},
    **{"logistic": "sigmoid", "exp": "exponential"},
}


def from_keras(model: Any, classes: Any, multilabel: bool) -> Any:
    """Return the estimator of a Sequential model: see `sknn.convert.from_keras`."""
    keras = import_extra("keras", "keras")
    if not isinstance(model, keras.Sequential):
        raise TypeError(
            f"from_keras takes a keras.Sequential, got {type(model).__name__}."
        )
    if not model.built or len(model.input_shape) != 2:
        raise ValueError(
            "from_keras takes a model that is built for rows of numbers. Begin it with "
            "keras.Input(shape=(n_features,)), or call model.build((None, n_features))."
        )
    parts = [part for layer in _layers(keras, model) for part in _parts(keras, layer)]
    output = "identity"
    if parts and not isinstance(parts[-1], tuple):
        output = _output_of(keras, parts[-1])
        if output != "identity":
            parts.pop()
    steps = [_step(keras, part) for part in parts]
    dtypes = {str(w.dtype) for w in model.weights if "float" in str(w.dtype)}
    dtypes = dtypes or {"float32"}
    if not dtypes <= {"float32", "float64"} or len(dtypes) > 1:
        raise ValueError(
            f"The weights of the model are of {sorted(dtypes)}, but sknn has networks "
            "of float32 or float64. Make all layers with one of these dtypes first."
        )
    return estimator_of(steps, output, classes, multilabel, dtypes.pop())


def _layers(keras: Any, model: Any) -> Iterator[Any]:
    """Yield the layers of a Sequential, and of those in it."""
    if type(model).call is not keras.Sequential.call:
        raise ValueError(
            f"{type(model).__name__} has a call of its own. Pass a Sequential that "
            "only calls its layers in their order."
        )
    for layer in model.layers:
        if isinstance(layer, keras.Sequential):
            yield from _layers(keras, layer)
        else:
            yield layer


def _parts(keras: Any, layer: Any) -> Iterator[Step | Any]:
    """Yield what a layer does in prediction: steps, and activations as functions."""
    layers, own = keras.layers, type(layer)
    if own is layers.Dense:
        if getattr(layer, "quantization_mode", None):
            raise ValueError(f"The weights of the layer {layer.name!r} are quantised.")
        coef = _array(keras, layer.kernel)
        bias = _array(keras, layer.bias) if layer.use_bias else np.zeros(coef.shape[1])
        yield DenseStep(coef, bias)
        yield layer.activation
    elif own is layers.Activation:
        yield layer.activation
    elif own is layers.Dropout:
        yield DropoutStep(layer.rate)
    elif own in (layers.BatchNormalization, layers.LayerNormalization):
        yield _normalization(keras, layer)
    elif own in (layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Softmax):
        yield layer
    elif own not in (layers.InputLayer, layers.Flatten, layers.Identity):
        raise ValueError(
            f"from_keras does not know the layer {layer.name!r}, of the type "
            f"{own.__name__}. It takes Dense, BatchNormalization, LayerNormalization, "
            "Dropout, Flatten, and activations without weights."
        )


def _normalization(keras: Any, layer: Any) -> NormalizationStep:
    axes = np.ravel(layer.axis).tolist()
    if axes not in ([-1], [1]) or getattr(layer, "rms_scaling", False):
        raise ValueError(
            f"The layer {layer.name!r} does not normalise columns by their mean and "
            f"variance: axis={layer.axis!r}."
        )
    # Without weights, arrays of length 1 stand for all columns.
    width = next((int(w.shape[0]) for w in layer.weights), 1)
    gain = _array(keras, layer.gamma) if layer.gamma is not None else np.ones(width)
    shift = _array(keras, layer.beta) if layer.beta is not None else np.zeros(width)
    if type(layer) is keras.layers.LayerNormalization:
        return NormalizationStep(gain, shift, layer.epsilon)
    mean = _array(keras, layer.moving_mean)
    variance = _array(keras, layer.moving_variance)
    return NormalizationStep(gain, shift, layer.epsilon, mean, variance)


def _output_of(keras: Any, function: Any) -> str:
    """Return the output activation that the last function is, or 'identity'."""
    if type(function) is keras.layers.Softmax or function is keras.activations.softmax:
        return "softmax"
    if function is keras.activations.sigmoid:
        return "logistic"
    return "exp" if function is keras.activations.exponential else "identity"


def _step(keras: Any, part: Any) -> Any:
    """Return the step of a part: itself, or the activation that a function is."""
    if isinstance(part, tuple):
        return part
    name = _name_of(part)
    return ActivationStep(matching_activation(_function(keras, part), name))


def _function(keras: Any, function: Any) -> Any:
    """Return a function of NumPy arrays."""
    if getattr(function, "weights", None):
        raise ValueError(
            f"The activation {_name_of(function)} has weights of its own, which no "
            "activation of sknn has."
        )

    def of_array(z: np.ndarray) -> Any:
        y = function(keras.ops.convert_to_tensor(z))
        return keras.ops.convert_to_numpy(y)

    return of_array


def _name_of(function: Any) -> str:
    """Return a name with the numbers that a layer was made with."""
    config: dict[str, Any] = getattr(function, "get_config", dict)()
    numbers = [f"{k}={v}" for k, v in config.items() if isinstance(v, float)]
    name = getattr(function, "__name__", type(function).__name__)
    return f"{name}({', '.join(numbers)})" if numbers else str(name)


def _array(keras: Any, variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype=np.float64)


# Handing back ------------------------------------------------------------------------


def to_keras(estimator: Any, logits: bool) -> Any:
    """Return the Sequential model of an estimator: see `sknn.convert.to_keras`."""
    check_handed_back(estimator, "to_keras")
    keras = import_extra("keras", "keras")
    known = ("identity", "logistic", "softmax", "exp")
    link = output_to_hand_back(estimator, "to_keras", "Keras", known, logits)
    dtype = str(estimator.coefs_[0].dtype)
    inputs = keras.Input(shape=(estimator.coefs_[0].shape[0],), dtype=dtype)
    layers, weights = [inputs], []
    for layer in layers_to_hand_back(
        estimator, "to_keras", "Keras", ("dense", "dropout", "batch_norm", "layer_norm")
    ):
        layers.append(_layer(keras, layer, dtype))
        weights.append((layers[-1], _weights(layer)))
        if layer.activation != "identity":
            layers.append(_activation(keras, layer.activation, dtype))
    if link != "identity":
        layers.append(_activation(keras, link, dtype))
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)  # or the model would cast inputs to float32
    try:
        model = keras.Sequential(layers)
    finally:
        keras.config.set_dtype_policy(policy)
    for made, arrays in weights:
        made.set_weights([np.array(array) for array in arrays])
    return model


def _activation(keras: Any, name: str, dtype: str) -> Any:
    if name == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=0.01, dtype=dtype)
    if name not in _KERAS_NAMES:
        raise ValueError(f"Keras has no activation like {name!r}.")
    return keras.layers.Activation(_KERAS_NAMES[name], dtype=dtype)


def _layer(keras: Any, layer: Any, dtype: str) -> Any:
    layers = keras.layers
    if layer.kind == "dropout":
        return layers.Dropout(layer.rate, dtype=dtype)
    if layer.kind == "dense":
        return layers.Dense(layer.width, dtype=dtype)
    if layer.kind == "batch_norm":
        return layers.BatchNormalization(
            epsilon=EPSILON, momentum=MOMENTUM, dtype=dtype
        )
    return layers.LayerNormalization(epsilon=EPSILON, dtype=dtype)


def _weights(layer: Any) -> list[np.ndarray]:
    arrays = layer.arrays
    if layer.kind == "dropout":
        return []
    if layer.kind == "dense":
        return [arrays["coefs_"], arrays["intercepts_"]]
    statistics = arrays.get("running_statistics_", ())
    return [arrays["gains_"], arrays["shifts_"], *statistics]
