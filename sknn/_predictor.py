"""What a fitted estimator does with its network: predict, and let look inside."""

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils.validation import check_is_fitted, validate_data

from sknn._parameters import per_layer
from sknn._summary import summary_of
from sknn.inputs import Inputs, is_finite
from sknn.kernels.losses import LINKS
from sknn.network import Network
from sknn.network import network as network_of
from sknn.operations import Architecture
from sknn.threads import running

FLOATS = (np.float64, np.float32)


def _warned(outputs: np.ndarray) -> np.ndarray:
    if not is_finite(outputs):
        warnings.warn(
            "Some of the predictions are not finite numbers: X holds values too large "
            f"for this network in {outputs.dtype}, or the very last step of training "
            "diverged. Scale X as the training data were, or lower learning_rate_init.",
            RuntimeWarning,
            stacklevel=5,
        )
    return outputs


def steady(method: Callable) -> Callable:
    """Let a method see its estimator as it is now, though others may train it.

    A training does not change attributes in place, but all of them at once.
    """

    @wraps(method)
    def on_twin(self, *arguments, **options):
        return method(self._with(vars(self)), *arguments, **options)

    return on_twin


class Predictor:
    """The part of both estimators that needs nothing but fitted attributes."""

    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    n_outputs_: int
    out_activation_: str
    activation: Any

    @steady
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

    @steady
    def hidden_activations(self, X, layer=-1):
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
        X, network, theta = self._ready(X)
        n_hidden = len(network.units) - 2
        if not -n_hidden <= layer < n_hidden:
            raise ValueError(
                f"There is no hidden layer {layer}: the network has {n_hidden}. Count "
                "them from 0, or from the last with -1."
            )
        with running():
            return network.hidden_outputs(
                theta, Inputs.of(X, network.dtype), layer % n_hidden
            )

    @steady
    def input_gradients(self, X):
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
        X, network, theta = self._ready(X)
        inputs, gradient = Inputs.of(X, network.dtype), LINKS[network.link].gradient
        settings = network.architecture.settings
        with running():
            gradients = [
                network.input_gradient(
                    theta, inputs, lambda raw, k=k: gradient(raw, k, settings)
                )
                for k in range(self.n_outputs_)
            ]
        return gradients[0] if len(gradients) == 1 else np.stack(gradients, axis=1)

    def _with(self, attributes: dict[str, Any]):
        """Return a twin that has these attributes."""
        twin = object.__new__(type(self))
        twin.__dict__ = attributes
        return twin

    def _predict_outputs(self, X) -> np.ndarray:
        """Check X; return the network's predictions, shape (n_samples, n_outputs)."""
        X, network, theta = self._ready(X)
        with running():
            return _warned(network.predict(theta, Inputs.of(X, network.dtype)))

    def _predict_in_parts(self, X, decide: Callable[[np.ndarray], np.ndarray]):
        """Check X; return what ``decide`` makes of the outputs, some rows at a time."""
        X, network, theta = self._ready(X)
        inputs, found = Inputs.of(X, network.dtype), np.empty(0)
        with running():
            for start, stop in network.parts(inputs):
                is_all = stop - start == inputs.n_samples
                rows = inputs if is_all else inputs.rows(start, stop)
                part = decide(_warned(network.predict(theta, rows)))
                if is_all:
                    return part
                if start == 0:
                    found = np.empty((inputs.n_samples, *part.shape[1:]), part.dtype)
                found[start:stop] = part
        return found

    def _ready(self, X) -> tuple[Any, Network, np.ndarray]:
        """Check X; return it, and the network and parameters in the dtype to use."""
        if not self._needs_no_validation(X):
            check_is_fitted(self)
            X = validate_data(self, X, accept_sparse="csr", order="C", reset=False)
        dtype = np.result_type(X.dtype, self.coefs_[0].dtype)
        dtype = dtype if dtype in FLOATS else np.dtype(np.float64)
        network = self._network_of_weights(dtype)
        if X.shape[1] != network.units[0]:  # someone set the weights by hand
            raise ValueError(
                f"X has {X.shape[1]} features, but the weights in coefs_[0] are for "
                f"{network.units[0]}."
            )
        return X, network, network.vector_of(vars(self))

    def _needs_no_validation(self, X) -> bool:
        """Return True if X is just what ``validate_data`` would return.

        Validation costs ten times what the network does for a single row.
        """
        if type(X) is np.ndarray and X.ndim == 2 and X.flags.c_contiguous:
            values = X
        elif scipy.sparse.issparse(X) and X.ndim == 2 and X.format == "csr":
            values = X.data
        else:
            return False
        might = (
            values.dtype in FLOATS
            and values.dtype.isnative
            and X.shape[0] > 0
            and X.shape[1] == getattr(self, "n_features_in_", None)
            and not hasattr(self, "feature_names_in_")
            and hasattr(self, "coefs_")
        )
        with np.errstate(over="ignore", invalid="ignore"):
            return might and bool(np.isfinite(values.sum()))

    def _network_of_weights(self, dtype) -> Network:
        units = (*(coef.shape[0] for coef in self.coefs_), self.n_outputs_)
        known = getattr(self, "_architecture", None)
        if known is None:  # someone set the weights by hand
            names = per_layer("activation", self.activation, len(units) - 2)
            known = {"activations": names, "link": self.out_activation_}
        return network_of(Architecture(**{**known, "units": units}), dtype)
