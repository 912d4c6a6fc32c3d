"""Puts estimators together from the layers of other libraries' models."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import numpy as np
import scipy.sparse

from sknn.estimators.classifier import MLPClassifier
from sknn.estimators.regressor import MLPRegressor
from sknn.kernels.layers.normalization import EPSILON


class DenseStep(NamedTuple):
    """x coef + intercept, with coef of shape (n_inputs, n_outputs)."""

    coef: np.ndarray
    intercept: np.ndarray


class ActivationStep(NamedTuple):
    """An activation of sknn."""

    name: str


class DropoutStep(NamedTuple):
    """Dropout of a share of the inputs."""

    rate: float


class NormalizationStep(NamedTuple):
    """gain * (x - mean) / sqrt(variance + epsilon) + shift.

    ``mean`` and ``variance`` are None in layer normalisation, which takes those of each
    row.
    """

    gain: np.ndarray
    shift: np.ndarray
    epsilon: float
    mean: Any = None
    variance: Any = None

    @property
    def affine(self) -> tuple[np.ndarray, np.ndarray]:
        """Scale and shift of batch normalisation."""
        scale = self.gain / np.sqrt(self.variance + self.epsilon)
        return scale, self.shift - scale * self.mean


Step = DenseStep | ActivationStep | DropoutStep | NormalizationStep


@dataclass
class Block:
    """A dense layer and what follows it, up to the next one."""

    coef: np.ndarray
    intercept: np.ndarray
    normalization: NormalizationStep | None = None
    activation: str | None = None
    dropout: float = 0.0

    def fold_normalization(self) -> None:
        """Make batch normalisation a part of the product."""
        if self.normalization is None:
            return
        scale, shift = self.normalization.affine
        self.coef = self.coef * scale
        self.intercept = self.intercept * scale + shift
        self.normalization = None


def _refuse(what: str) -> NoReturn:
    raise ValueError(
        f"sknn has no network like this model: {what}. Its hidden layers are a dense "
        "layer, then a normalisation, an activation and dropout, each of which may be "
        "missing."
    )


def blocks_of(steps: Iterable[Step]) -> tuple[list[Block], float]:
    """Return the layers of a network of sknn, and the dropout of its inputs.

    Batch normalisation that does not follow a dense layer becomes a part of the next
    one.

    Raises
    ------
    ValueError
        If there is no such network.
    """
    blocks: list[Block] = []
    input_dropout, before = 0.0, None
    for step in steps:
        last = blocks[-1] if blocks else None
        if isinstance(step, DenseStep):
            coef, intercept = step
            if before is not None:
                scale, shift = before
                coef, intercept = coef * scale[:, None], intercept + shift @ coef
                before = None
            blocks.append(Block(coef, intercept))
        elif isinstance(step, DropoutStep):
            if last is None:
                input_dropout = _both(input_dropout, step.rate)
            else:
                last.dropout = _both(last.dropout, step.rate)
        elif isinstance(step, ActivationStep):
            _set_activation(last, step.name, before)
        elif (
            last is not None
            and last.activation is None
            and last.normalization is None
            and before is None
        ):
            last.normalization = step
        elif step.mean is None:
            _refuse("it has a layer normalisation that does not follow a dense layer")
        else:
            scale, shift = step.affine
            if before is not None:
                scale, shift = scale * before[0], scale * before[1] + shift
            before = scale, shift
    if not blocks:
        _refuse("it has no dense layer")
    if before is not None:
        _refuse("its last layer is a normalisation after an activation")
    if blocks[-1].activation is not None:
        _refuse(f"its output layer has the activation {blocks[-1].activation!r}")
    _unify_normalizations(blocks)
    return blocks, input_dropout


def _both(rate: float, other: float) -> float:
    """Return the share that two layers of dropout drop together."""
    return 1 - (1 - rate) * (1 - other) if rate else other


def _set_activation(last: Block | None, name: str, before: Any) -> None:
    if name == "identity":
        return
    if last is None:
        _refuse(f"the activation {name!r} comes before the first dense layer")
    if last.activation is not None:
        _refuse(f"the activation {name!r} follows the activation {last.activation!r}")
    if before is not None:
        _refuse(f"the activation {name!r} follows a normalisation without dense layer")
    last.activation = name


def _unify_normalizations(blocks: Sequence[Block]) -> None:
    """Fold batch normalisation unless all hidden layers, and only they, have it."""
    *hidden, output = blocks
    kinds = {
        None if b.normalization is None else b.normalization.mean is None
        for b in hidden
    }
    is_batch = kinds == {False}
    for block in [output] if is_batch else blocks:
        if block.normalization is not None and block.normalization.mean is not None:
            block.fold_normalization()
    if output.normalization is not None:
        _refuse("its output layer has a layer normalisation")
    n_normalized = sum(block.normalization is not None for block in hidden)
    if n_normalized not in (0, len(hidden)):
        _refuse("some of its hidden layers have a layer normalisation and others not")


# Estimators ------------------------------------------------------------------------


def classifier_of(
    blocks: Sequence[Block],
    input_dropout: float,
    classes: Any,
    multilabel: bool,
    dtype: np.dtype,
) -> Any:
    """Return a fitted classifier, given its layers without the output activation.

    Raises
    ------
    ValueError
        If the number of classes is not that of the outputs.
    """
    output = blocks[-1]
    n_outputs = len(output.intercept)
    if multilabel:
        y = indicators(n_outputs)
        return _assemble(MLPClassifier, blocks, input_dropout, y, dtype)
    classes = np.asarray(classes)
    if classes.ndim != 1 or len(np.unique(classes)) != len(classes):
        raise ValueError(f"classes must be different labels in a list, got {classes}.")
    if len(classes) != n_outputs and not (n_outputs == 1 and len(classes) == 2):
        raise ValueError(
            f"The model has {n_outputs} outputs, but there are {len(classes)} classes. "
            "Pass the label of each output, in their order; for one output, that of 0 "
            "and that of 1."
        )
    order = np.argsort(classes)
    coef, intercept = output.coef, output.intercept
    if n_outputs == 1:
        sign = 1 if order[0] == 0 else -1
        coef, intercept = sign * coef, sign * intercept
    else:
        coef, intercept = coef[:, order], intercept[order]
    if n_outputs == 2:  # one output, the log-odds of the second class
        coef, intercept = coef[:, 1:] - coef[:, :1], intercept[1:] - intercept[:1]
    last = Block(coef, intercept)
    y = np.repeat(classes, 3)
    return _assemble(MLPClassifier, [*blocks[:-1], last], input_dropout, y, dtype)


def regressor_of(
    blocks: Sequence[Block], input_dropout: float, loss: str, dtype: np.dtype
) -> Any:
    """Return a fitted regressor, given its layers without the output activation."""
    n_outputs = len(blocks[-1].intercept)
    y = np.ones((2, n_outputs)) if n_outputs > 1 else np.ones(2)
    return _assemble(MLPRegressor, blocks, input_dropout, y, dtype, loss=loss)


def _assemble(
    estimator_type: Any,
    blocks: Sequence[Block],
    input_dropout: float,
    y: np.ndarray,
    dtype: np.dtype,
    **parameters: Any,
) -> Any:
    hidden = blocks[:-1]
    activations = [block.activation or "identity" for block in hidden]
    rates = [block.dropout for block in hidden]
    first = hidden[0].normalization if hidden else None
    if first is not None:
        parameters["normalization"] = "layer" if first.mean is None else "batch"
    if any(rates):
        parameters["dropout"] = rates
    if hidden:
        is_same = len(set(activations)) == 1
        parameters["activation"] = activations[0] if is_same else activations
    if input_dropout:
        parameters["input_dropout"] = input_dropout
    sizes = tuple(len(block.intercept) for block in hidden)
    model = estimator_type(hidden_layer_sizes=sizes, **parameters)
    arrays: dict[str, list[Any]] = {"coefs_": [], "intercepts_": []}
    for block in blocks:
        _add_arrays(arrays, block)
    fill(model, arrays, y, dtype)
    return model


def _add_arrays(arrays: dict[str, list[Any]], block: Block) -> None:
    """Add the arrays of a layer, with another epsilon than that of the model."""
    coef, intercept, norm = block.coef, block.intercept, block.normalization
    if norm is not None:
        gain = norm.gain
        if norm.mean is None:
            # (c x - c mean) / sqrt(c**2 variance + EPSILON), c**2 = EPSILON / epsilon
            c = np.sqrt(EPSILON / norm.epsilon)
            coef, intercept = c * coef, c * intercept
        else:
            ratio = (norm.variance + EPSILON) / (norm.variance + norm.epsilon)
            gain = gain * np.sqrt(ratio)
            statistics = np.stack([norm.mean, norm.variance])
            arrays.setdefault("running_statistics_", []).append(statistics)
        arrays.setdefault("gains_", []).append(gain)
        arrays.setdefault("shifts_", []).append(norm.shift)
    arrays["coefs_"].append(coef)
    arrays["intercepts_"].append(intercept)


def indicators(n_labels: int) -> np.ndarray:
    """Return targets of a multilabel classifier: a row without labels, one with all."""
    return np.repeat([[0], [1]], n_labels, axis=1)


def fill(model: Any, arrays: dict[str, list[Any]], y: Any, dtype: np.dtype) -> None:
    """Give an estimator the weights of another model, with targets of its kind."""
    n_features = len(arrays["coefs_"][0])
    n_rows = y.shape[0] if scipy.sparse.issparse(y) else len(y)
    model.initialize(np.zeros((n_rows, n_features), dtype), y)
    for name, given in arrays.items():
        for own, values in zip(getattr(model, name), given, strict=True):
            own[...] = values
    vars(model).pop("_is_untrained", None)
