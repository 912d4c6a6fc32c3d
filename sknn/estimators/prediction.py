"""Predictions, hidden activations, gradients and the summary of a fitted network."""

import warnings
from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import scipy.sparse
from sklearn.utils.validation import check_is_fitted, validate_data

from sknn.estimators.attributes import Attributes
from sknn.estimators.data_errors import cure_for_X, explain
from sknn.estimators.missing import refuse_missing
from sknn.estimators.parameters import per_layer
from sknn.estimators.state_checks import (
    check_features,
    check_fitted,
    check_weights,
    dtype_of_weights,
)
from sknn.estimators.suggestions import explain_call
from sknn.estimators.summary import summary_of
from sknn.estimators.twins import (
    give_changed_slots,
    slot_values,
    slots_of,
    twin_of,
)
from sknn.kernels.drivers.prediction import (
    CHECK_INPUT,
    N_NONFINITE_FLAGS,
    NONFINITE_INPUT,
    NONFINITE_OUTPUT,
)
from sknn.kernels.losses.table import OUTPUT_ACTIVATIONS
from sknn.network.data import FLOATS, NATIVE_FLOATS, ArrayLike, Inputs, is_finite
from sknn.network.layout import Architecture, mlp_layers
from sknn.network.network import Network, cached_theta
from sknn.network.network import network as network_of
from sknn.network.threads import active_fit

_CONVERTED_AT_ONCE = 2**18  # numbers

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


def _blocks_to_convert(X: ArrayLike, dtype: np.dtype) -> list[tuple[int, int]]:
    """Return blocks of rows of which a copy in another dtype takes little memory."""
    n_rows, n_features = X.shape
    if X.dtype == dtype or scipy.sparse.issparse(X):
        return [(0, n_rows)]
    step = max(1, _CONVERTED_AT_ONCE // n_features)
    return [(k, min(k + step, n_rows)) for k in range(0, n_rows, step)]


def _warn_of_nonfinite_predictions(dtype: np.dtype) -> None:
    warnings.warn(
        "Some of the predictions are not finite numbers: X holds values too large "
        f"for this network in {dtype}, or the very last step of training diverged. "
        "Scale X as the training data were, or lower learning_rate_init.",
        RuntimeWarning,
        stacklevel=6,
    )


def input_gradients_of(
    network: Network, theta: np.ndarray, inputs: Inputs, outputs: Iterable[int]
) -> list[np.ndarray]:
    """Return the gradients of predicted outputs, each of shape (n_rows, n_features)."""
    gradient = OUTPUT_ACTIVATIONS[network.link].gradient
    settings = network.architecture.settings
    scaling = network.layout.output_scaling(theta)

    def seed(raw: np.ndarray, k: int) -> np.ndarray:
        seeds = gradient(raw, k, settings)
        return seeds if scaling is None else seeds * scaling[0][k]

    with active_fit():
        return [
            network.input_gradient(theta, inputs, partial(seed, k=k)) for k in outputs
        ]


def on_snapshot(
    method: Callable[Concatenate[Any, _Parameters], _Result],
) -> Callable[Concatenate[Any, _Parameters], _Result]:
    """Let a method see the estimator as it is now, while other threads train it.

    A fit does not change attributes in place: it replaces all of them at once. They are
    checked before, if users have set some.
    """

    @wraps(method)
    def on_twin(
        self: Any, /, *arguments: _Parameters.args, **options: _Parameters.kwargs
    ) -> _Result:
        twin, slots = twin_of(self, vars(self)), slots_of(self) and slot_values(self)
        check_fitted(twin)
        try:
            result = method(twin, *arguments, **options)
        except TypeError as error:
            explain_call(error, method, self, arguments, options)
            raise
        if slots:
            give_changed_slots(twin, self, slots)
        return result

    return on_twin


class Predictor(Attributes):
    """Methods of both estimators that need only fitted attributes."""

    @on_snapshot
    def summary(self) -> None:
        """Print the layers, what they put out and how many parameters they have.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted: the number of features is not known before.

        Examples
        --------
        >>> from sknn import MLPRegressor
        >>> X, y = [[0.0, 1.0], [1.0, 2.0]], [0.0, 1.0]
        >>> MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs").fit(X, y).summary()
        MLPRegressor
        ------------------------------------------------------
        layer                        output shape   parameters
        ------------------------------------------------------
        input                           (None, 2)            0
        hidden 1: dense, relu           (None, 3)            9
        output: dense, identity         (None, 1)            4
        ------------------------------------------------------
        parameters: 13
        """
        check_is_fitted(self)
        print(summary_of(self))

    @on_snapshot
    def hidden_activations(self, X: ArrayLike, layer: int = -1) -> np.ndarray:
        """Return the outputs of a hidden layer, as the next layer gets them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        layer : int, default=-1
            Which hidden layer, from 0 on; negative numbers count from the last.

        Returns
        -------
        activations : ndarray of shape (n_samples, width)
            In the dtype of X or of the weights, whichever is wider.

        Raises
        ------
        ValueError
            If there is no such hidden layer.
        """
        X, network, theta = self._validated_with_network(X)
        n_hidden = len(network.hidden_widths)
        if not -n_hidden <= layer < n_hidden:
            raise ValueError(
                f"There is no hidden layer {layer}: the network has {n_hidden}. Count "
                "them from 0, or from the last with -1."
            )
        with active_fit():
            return network.hidden_outputs(
                theta, Inputs.of(X, network.dtype), layer % n_hidden
            )

    @on_snapshot
    def input_gradients(self, X: ArrayLike) -> np.ndarray:
        """Return the gradient of the predictions with respect to the inputs.

        It says how fast a prediction changes with each feature, at each row of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        gradients : ndarray of shape (n_samples, n_features) or \
                (n_samples, n_outputs, n_features)
            Of the predicted number, or of the probability of the second of two
            classes; for several outputs, classes or labels, of each of them.
        """
        X, network, theta = self._validated_with_network(X)
        inputs = Inputs.of(X, network.dtype)
        gradients = input_gradients_of(network, theta, inputs, range(self.n_outputs_))
        return gradients[0] if len(gradients) == 1 else np.stack(gradients, axis=1)

    def _predict_outputs(self, X: ArrayLike) -> np.ndarray:
        """Check X; return the network's predictions, shape (n_samples, n_outputs)."""
        return self._predicted(X, Network.predict)

    def _predict_labels(self, X: ArrayLike, names: np.ndarray) -> np.ndarray:
        """Check X; return the names of the predicted classes, shape (n_samples,)."""
        return self._predicted(X, partial(Network.labels, names=names))

    def _predicted(self, X: ArrayLike, predict: Callable[..., Any]) -> np.ndarray:
        """Check X; return what a method of the network predicts.

        The kernels check that X is finite, block by block: a separate pass would take
        as long as a small network.
        """
        skips_validation = self._skips_validation(X)
        X, network, theta = self._with_network(
            X if skips_validation else self._validated_X(X)
        )
        nonfinite_flags = np.zeros(N_NONFINITE_FLAGS, dtype=np.int64)
        nonfinite_flags[CHECK_INPUT] = skips_validation

        def predicted() -> np.ndarray:
            n_rows = X.shape[0]
            whole: np.ndarray = np.empty(0)
            for start, stop in _blocks_to_convert(X, network.dtype):
                rows = X if stop - start == n_rows else X[start:stop]
                block: np.ndarray = predict(
                    network,
                    theta,
                    Inputs.of(rows, network.dtype),
                    nonfinite_flags=nonfinite_flags,
                )
                if rows is X:
                    return block
                if start == 0:
                    whole = np.empty((n_rows, *block.shape[1:]), block.dtype)
                whole[start:stop] = block
            return whole

        with active_fit():
            predictions = predicted()
            if nonfinite_flags[NONFINITE_INPUT]:
                # scikit-learn refuses it, unless assume_finite is set.
                self._validated_X(X)
                nonfinite_flags[:] = 0
                predictions = predicted()
        if nonfinite_flags[NONFINITE_OUTPUT]:
            _warn_of_nonfinite_predictions(network.dtype)
        return predictions

    def _validated_with_network(self, X: ArrayLike) -> tuple[Any, Network, np.ndarray]:
        """Check X; return it, and the network and parameters in the dtype to use."""
        values = X.data if scipy.sparse.issparse(X) else X
        if not (self._skips_validation(X) and is_finite(values)):
            X = self._validated_X(X)
        return self._with_network(X)

    def _validated_X(self, X: ArrayLike) -> Any:
        check_is_fitted(self)
        check_features(self)
        refuse_missing(X=X)
        try:
            checked = validate_data(
                self, X, accept_sparse="csr", order="C", reset=False
            )
            if checked.dtype == object:  # as pandas' categorical columns
                checked = checked.astype(np.float64)
            return checked
        except (TypeError, ValueError) as error:
            explain(error, "X", cure_for_X(error, X, "X"))
            raise

    def _with_network(self, X: ArrayLike) -> tuple[Any, Network, np.ndarray]:
        """Return X, and the network and parameters in the dtype to use."""
        network, theta = self._network_in(X.dtype)
        if X.shape[1] != network.n_features:  # the user set the weights
            raise ValueError(
                f"X has {X.shape[1]} features, but the weights in coefs_[0] are for "
                f"{network.n_features}."
            )
        return X, network, theta

    def _network_in(self, dtype: np.dtype) -> tuple[Network, np.ndarray]:
        """Return the network and parameters for inputs of a dtype."""
        network, theta = cached_theta(vars(self))
        if network is None or network.dtype != dtype:
            check_weights(self)
            dtype = np.result_type(dtype, dtype_of_weights(vars(self)))
            dtype = dtype if dtype in FLOATS else np.dtype(np.float64)
            network = self._network_of_weights(dtype)
            theta = network.vector_of(vars(self))
        return network, theta

    def _skips_validation(self, X: ArrayLike) -> bool:
        """Return True if X is what ``validate_data`` would return, if it is finite.

        Validation costs ten times what the network does for a single row.
        """
        if type(X) is np.ndarray:
            if X.ndim != 2 or not X.flags.c_contiguous:
                return False
        elif not (
            scipy.sparse.issparse(X)
            and X.ndim == 2
            and X.format == "csr"
            and not isinstance(X.data, np.ma.MaskedArray)
        ):
            return False
        return (
            X.dtype in NATIVE_FLOATS
            and X.shape[0] > 0
            and X.shape[1] == getattr(self, "n_features_in_", None)
            and getattr(self, "feature_names_in_", None) is None
            and hasattr(self, "coefs_")
        )

    def _network_of_weights(self, dtype: np.dtype) -> Network:
        """Return the network of the fitted attributes."""
        check_fitted(self)
        check_weights(self)
        known = getattr(self, "_architecture", None)
        if known is not None:
            architecture = Architecture.of_plain(known)
            architecture = architecture.with_arrays(vars(self), self.n_outputs_)
            architecture = architecture._replace(link=self.out_activation_)
        else:  # the user set the weights
            n_features, *hidden = (coef.shape[0] for coef in self.coefs_)
            names = per_layer("activation", self.activation, len(hidden))
            layers = mlp_layers(hidden, self.n_outputs_, names)
            architecture = Architecture(n_features, layers, self.out_activation_)
        return network_of(architecture, dtype)
