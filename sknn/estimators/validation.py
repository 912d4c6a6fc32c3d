"""Checks of data and weights beyond those of scikit-learn."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from sknn._sklearn import check_sample_weight
from sknn.estimators.class_weights import RowFactors
from sknn.estimators.data_errors import (
    cure_for_weights,
    cure_for_X,
    cure_for_y,
    explain,
    is_refused,
)
from sknn.estimators.twins import twin_of
from sknn.kernels.losses.table import losses_of_classifier
from sknn.network.data import (
    FLOATS,
    NATIVE_FLOATS,
    ArrayLike,
    Inputs,
    TrainingData,
    is_finite,
    read_only,
)
from sknn.network.layers.table import LAYERS
from sknn.network.network import Network, cached_theta


def has_partial_fit(estimator: Any) -> bool:
    """Return True for all solvers but L-BFGS, else raise an AttributeError.

    What is no solver is refused by the check of the parameters, with a better message.
    """
    if not (isinstance(estimator.solver, str) and estimator.solver == "lbfgs"):
        return True
    raise AttributeError(
        "partial_fit is only available for stochastic optimizers. "
        f"{estimator.solver} is not stochastic. Use another solver, or fit."
    )


def has_probabilities(estimator: Any) -> bool:
    """Return True for a loss of probabilities, else name the alternative."""
    if not _returns_scores(estimator):
        return True
    with_probabilities, _ = _losses_by_outputs()
    raise AttributeError(
        f"Probabilities are only available for {_any_of(with_probabilities)}; the "
        f"outputs of {_source_of_outputs(estimator)} are scores, which "
        "decision_function returns. Use another loss, or wrap the classifier in "
        "sklearn.calibration.CalibratedClassifierCV."
    )


def has_decision_function(estimator: Any) -> bool:
    """Return True for a loss of scores, else name the alternative."""
    if _returns_scores(estimator):
        return True
    _, with_scores = _losses_by_outputs()
    raise AttributeError(
        f"decision_function is only available for {_any_of(with_scores)}; the outputs "
        f"of {_source_of_outputs(estimator)} are probabilities, which predict_proba "
        "returns."
    )


def _returns_scores(estimator: Any) -> bool:
    """Return whether the outputs are scores; before a fit, by ``loss``."""
    link = getattr(estimator, "out_activation_", None)
    if link is not None:
        return bool(link == "identity")
    _, with_scores = _losses_by_outputs()
    return isinstance(estimator.loss, str) and estimator.loss in with_scores


def _source_of_outputs(estimator: Any) -> str:
    _, with_scores = _losses_by_outputs()
    loss = estimator.loss
    is_of_loss = isinstance(loss, str) and loss in with_scores
    if is_of_loss == _returns_scores(estimator):
        return f"loss={loss!r}"
    return f"the loss of the last fit (loss is now {loss!r})"


def _losses_by_outputs() -> tuple[list[str], list[str]]:
    """Return the classifier's losses of probabilities, and those of scores."""
    losses = losses_of_classifier()
    with_scores = [name for name in losses if losses[name].link == "identity"]
    return [name for name in losses if name not in with_scores], with_scores


def _any_of(losses: list[str]) -> str:
    return " and ".join(f"loss={name!r}" for name in losses)


def skips_validation(X: ArrayLike, y: ArrayLike) -> bool:
    """Return whether ``validate_data`` would return X and y as they are.

    The validation would take longer than some epochs of a small network.
    """
    if not (type(X) is type(y) is np.ndarray and X.ndim == 2 and y.ndim == 1):
        return False
    return (
        X.dtype in NATIVE_FLOATS
        and (y.dtype in NATIVE_FLOATS or (y.dtype.kind in "iub" and y.dtype.isnative))
        and X.flags.c_contiguous
        and len(X) == len(y) > 0
        and X.shape[1] > 0
        and is_finite(X)
        and is_finite(y)
    )


def explain_refusal(
    error: Exception,
    estimator: Any,
    data: tuple[Any, Any],
    reset: bool,
    names: tuple[str, str],
) -> None:
    """Let an error of ``validate_data`` say whether X or y is wrong, and the cure.

    Parameters
    ----------
    error : Exception
        Its message is changed.
    estimator : BaseMLP
    data : tuple
        X and y.
    reset : bool
        Whether X may have any number of features.
    names : tuple of str
        What they are called: X and y, or X_val and y_val.
    """
    (X, y), twin = data, twin_of(estimator, vars(estimator).copy())
    check: Callable[[], Any] = partial(
        validate_data, twin, X, accept_sparse="csr", dtype=FLOATS, reset=reset
    )
    if is_refused(check):
        explain(error, names[0], cure_for_X(error, X, names[0]))
    elif "inconsistent numbers of samples" not in str(error):
        if "NA is ambiguous" in str(error):
            error.args = (
                f"{names[1]} holds missing values (pandas.NA). Leave out these rows, "
                "or fill them.",
            )
        explain(error, names[1], cure_for_y(error, y, names[1]))
    elif names[0] != "X":
        error.args = (f"{names[0]} and {names[1]}: {error}",)


def missing_values(name: str, value: str = "pandas.NA") -> TypeError:
    """Return the error that says what to do with missing labels."""
    return TypeError(
        f"{name} holds missing values ({value}). Drop these rows, or give them a label "
        "of their own, as 'missing'."
    )


def check_same_shape(estimator: Any, network: Network) -> None:
    """Refuse to go on from weights that belong to another network."""
    fitted, _ = cached_theta(vars(estimator))
    fitted = fitted or estimator._network_of_weights(network.dtype)
    before, now = fitted.layout.learning, network.layout.learning
    if before == now:
        return
    if fitted.hidden_widths != network.hidden_widths:
        raise ValueError(
            "Training can only go on with the layers it began with: the weights "
            f"have hidden_layer_sizes={tuple(fitted.hidden_widths)}, but "
            f"hidden_layer_sizes is now {estimator.hidden_layer_sizes!r}. Set it back, "
            "or call fit with warm_start=False to start anew."
        )
    if fitted.n_outputs != network.n_outputs:
        raise ValueError(
            f"Training can only go on with as many outputs as it began with: the "
            f"weights have {fitted.n_outputs}, but y now asks for {network.n_outputs}. "
            "Call fit with warm_start=False to start anew."
        )
    changed = {
        LAYERS[kind].parameter for kind in {k for k, _ in before} ^ {k for k, _ in now}
    }
    if fitted.n_members != network.n_members:
        changed = {"n_shared_members"}
    name = min(changed - {"hidden_layer_sizes"}, default="")
    is_now = f"they are now {_names(now)}"
    if name:
        is_now = f"{name} is now {getattr(estimator, name)!r}"
    raise ValueError(
        f"Training can only go on with the {name or 'layers'} it began with: the "
        f"weights are those of {_names(before)}, but {is_now}. Set it back, or call "
        "fit with warm_start=False to start anew."
    )


def _names(layers: list[tuple[str, dict[str, Any]]]) -> str:
    """Return the names of layers and the shapes of their parameters, as text."""
    return ", ".join(
        f"{LAYERS[kind].name} {' '.join(map(str, shapes.values()))}"
        for kind, shapes in layers
    )


def weights_of(
    sample_weight: ArrayLike,
    X: ArrayLike,
    dtype: np.dtype,
    name: str = "sample_weight",
    may_be_zero: bool = False,
) -> np.ndarray | None:
    """Check sample weights; return them as an array, or None where there are none.

    ``may_be_zero`` says whether all of them may be, as in a part of the rows.
    """
    if sample_weight is None:
        return None
    try:
        if may_be_zero and _are_zeros(sample_weight, X.shape[0]):
            return np.zeros(X.shape[0], dtype)  # which scikit-learn refuses
        weights: np.ndarray = check_sample_weight(
            sample_weight, X, dtype=dtype, ensure_non_negative=True
        )
        if not weights.any():
            raise ValueError(
                "Sample weights must contain at least one non-zero number."
            )
    except (TypeError, ValueError) as error:
        explain(error, name, cure_for_weights(error, name))
        raise
    return weights


def _are_zeros(sample_weight: ArrayLike, n_rows: int) -> bool:
    weights = np.asarray(sample_weight)
    return weights.shape == (n_rows,) and not weights.any()


def make_training_data(
    X: ArrayLike,
    targets: np.ndarray,
    weights: np.ndarray | None,
    factors: RowFactors | None,
    dtype: np.dtype,
) -> TrainingData:
    """Convert data to the network's dtype; check that all stays finite.

    ``factors``, the weights of classes, multiply the sample weights.
    """
    with np.errstate(over="ignore"):
        targets = np.ascontiguousarray(targets, dtype=dtype)
    if np.isnan(targets).any():  # from None in an object array
        raise ValueError(
            "Input y contains NaN. Leave out the rows where y is missing, or fill it."
        )
    if not np.isfinite(targets).all():
        raise ValueError(
            f"y holds values too large for {dtype}, the dtype of X. Scale y, or pass "
            "X in float64."
        )
    sample_weight, mean_class_weight = weights, 1.0
    if factors is not None:
        # A batch without a rare class must weigh little. Were it divided by the sum of
        # its own weights, common classes would count for more than they should.
        mean_class_weight, values = factors.mean, factors.values
        weights = values if sample_weight is None else sample_weight * values

    def flat(values: np.ndarray | None) -> np.ndarray:
        values = np.empty(0) if values is None else values
        return read_only(np.ascontiguousarray(values, dtype=dtype))

    inputs, targets = Inputs.of(X, dtype), read_only(targets)
    return TrainingData(
        inputs, targets, flat(weights), flat(sample_weight), mean_class_weight
    )


def check_some_weight(weights: np.ndarray, dtype: np.dtype) -> None:
    """Refuse weights of classes that leave no row with a weight."""
    if not weights.any():
        raise ValueError(
            "class_weight and sample_weight together give every row a weight of zero, "
            f"or one too small for {dtype}. Give a class that has rows with a sample "
            "weight above zero a class_weight above zero, of the order of 1."
        )
