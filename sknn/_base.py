"""What the classifier and the regressor share: parameters, fit, partial_fit."""

import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, is_regressor
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

import sknn
from sknn._checks import (
    STOCHASTIC_SOLVERS,
    check_same_shape,
    hidden_units,
    problem_of,
)
from sknn._sklearn import Interval, Options, StrOptions
from sknn._threads import blas_threads_for
from sknn.kernels.activations import ACTIVATIONS
from sknn.kernels.ahead import prepare
from sknn.kernels.losses import LOSSES
from sknn.network import Inputs, Network
from sknn.network import network as network_of
from sknn.schedules import SCHEDULES
from sknn.training import (
    Progress,
    new_slots,
    optimizer_name,
    train_lbfgs,
    train_stochastic,
)

FLOATS = (np.float64, np.float32)

# Attributes of a stochastic fit, which lbfgs does not have.
_STOCHASTIC_ATTRIBUTES = {
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "_no_improvement_count",
    "_optimizer_state",
    "_split_state",
}


class BaseMLP(BaseEstimator, metaclass=ABCMeta):
    """Base of the multi-layer perceptrons. Use a class derived from it."""

    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    validation_scores_: list[float] | None
    _split_state: dict

    _parameter_constraints: ClassVar[dict] = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "solver": [StrOptions(STOCHASTIC_SOLVERS | {"lbfgs"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [StrOptions(set(SCHEDULES))],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun

    # What the two estimators define ----------------------------------------------

    @abstractmethod
    def _validate_targets(self, y, incremental: bool) -> np.ndarray:
        """Check y; return targets of shape (n_samples, n_targets)."""

    @abstractmethod
    def _output(self, targets: np.ndarray) -> tuple[int, str]:
        """Return the number of outputs and the key of the loss."""

    @abstractmethod
    def _stratify_by(self, targets: np.ndarray) -> np.ndarray | None:
        """Return what to stratify the validation set by, or None."""

    @abstractmethod
    def _score_predictions(self, targets, predictions, sample_weight) -> float:
        """Return the score of predictions for a validation set."""

    # Fitting ---------------------------------------------------------------------

    def _fit(self, X, y, sample_weight=None, incremental: bool = False):
        with self._all_or_nothing():
            hidden = hidden_units(self.hidden_layer_sizes)
            is_first = not hasattr(self, "coefs_") or not (
                self.warm_start or incremental
            )
            if self.early_stopping and incremental:
                raise ValueError("partial_fit does not support early_stopping=True")
            X, y = validate_data(
                self,
                X,
                y,
                accept_sparse="csr",
                dtype=FLOATS,
                order="C",
                multi_output=True,
                y_numeric=is_regressor(self),
                reset=is_first,
            )
            targets = self._validate_targets(y, incremental)
            n_outputs, loss = self._output(targets)
            units = (X.shape[1], *hidden, n_outputs)
            if not is_first:
                check_same_shape(self, units)
            dtype = X.dtype if is_first else self.coefs_[0].dtype
            network = network_of(units, self.activation, LOSSES[loss].link, dtype)
            problem = problem_of(X, targets, sample_weight, LOSSES[loss], network)
            random_state = check_random_state(self.random_state)

            self.n_layers_ = len(units)
            self.n_outputs_ = n_outputs
            self.out_activation_ = network.link
            if is_first:
                theta = network.initial_parameters(random_state)
                self.t_ = 0
                for name in _STOCHASTIC_ATTRIBUTES & vars(self).keys():
                    delattr(self, name)
            else:
                theta = network.pack(self.coefs_, self.intercepts_)
            train = self._fit_lbfgs
            if self.solver in STOCHASTIC_SOLVERS:
                train = partial(
                    self._fit_stochastic, X, random_state, incremental=incremental
                )
            prepare(network.dtype)
            rows = self._rows_at_once(network, X.shape[0])
            with blas_threads_for(network.largest_product(rows)):
                theta = train(network, problem, theta)
            self.coefs_, self.intercepts_ = network.unpack(theta)
        return self

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Leave the estimator as it was if an exception passes."""
        before = self.__dict__.copy()
        try:
            yield
        except BaseException:
            self.__dict__ = before
            raise

    def _rows_at_once(self, network: Network, n_samples: int) -> int:
        """Return how many rows the largest matrix product will have."""
        if self.solver == "lbfgs":
            return network.block(n_samples)
        return min(200 if self.batch_size == "auto" else self.batch_size, n_samples)

    def _fit_lbfgs(self, network, problem, theta):
        theta, self.loss_, self.n_iter_ = train_lbfgs(
            network, problem, theta, self.get_params(deep=False)
        )
        return theta

    def _fit_stochastic(self, X, random_state, network, problem, theta, incremental):
        score = None
        if self.early_stopping:
            problem, score = self._split(X, random_state, network, problem)
        parameters = self.get_params(deep=False)
        progress = self._progress(network, theta, parameters, incremental)
        train_stochastic(
            network,
            problem,
            progress,
            parameters,
            random_state,
            incremental=incremental,
            score=score,
        )
        self.loss_ = progress.loss
        self.n_iter_ = progress.n_iter
        self.t_ = progress.n_samples_seen
        self.loss_curve_ = progress.loss_curve
        self.best_loss_ = None if score else progress.best_loss
        self.validation_scores_ = progress.scores if score else None
        self.best_validation_score_ = progress.best_score if score else None
        self._no_improvement_count = progress.n_without_improvement
        self._optimizer_state = {
            "name": optimizer_name(parameters),
            "slots": progress.slots,
            "n_steps": progress.n_steps,
            "learning_rate": progress.learning_rate,
            "learning_rate_init": float(self.learning_rate_init),
        }
        return progress.theta

    def _progress(self, network, theta, parameters, incremental) -> Progress:
        """Return where training stands: at its start, or where the last call left it.

        A warm start keeps the weights and the history, ``partial_fit`` the state of
        the optimizer too.
        """
        progress = Progress(
            theta,
            new_slots(network, parameters),
            float(self.learning_rate_init),
            n_samples_seen=self.t_,
            n_without_improvement=getattr(self, "_no_improvement_count", 0),
            loss_curve=list(getattr(self, "loss_curve_", ())),
        )
        best_loss = getattr(self, "best_loss_", None)
        if best_loss is not None:
            progress.best_loss = best_loss
        best_score = getattr(self, "best_validation_score_", None)
        if best_score is not None:
            progress.best_score = best_score
            progress.scores = list(self.validation_scores_ or ())
        state = getattr(self, "_optimizer_state", None)
        if incremental and state and state["name"] == optimizer_name(parameters):
            progress.slots = state["slots"].copy()
            progress.n_steps = state["n_steps"]
            if state["learning_rate_init"] == self.learning_rate_init:
                progress.learning_rate = state["learning_rate"]
        return progress

    def _split(self, X, random_state, network, problem):
        """Set rows aside for validation; return the others and a function to score."""
        targets = problem.targets
        if hasattr(self, "_split_state"):
            # A warm start validates on the rows that were never trained on.
            random_state = np.random.RandomState()
            random_state.set_state(self._split_state)
        else:
            self._split_state = random_state.get_state(legacy=False)
        train, held_out = train_test_split(
            np.arange(len(targets)),
            random_state=random_state,
            test_size=self.validation_fraction,
            stratify=self._stratify_by(targets),
        )
        if len(held_out) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or "
                "the size of your dataset."
            )
        inputs = Inputs.of(X[held_out], network.dtype)
        weights = problem.weights[held_out] if problem.weights.size else None

        def score(theta: np.ndarray) -> float:
            predictions = network.predict(theta, inputs)
            if not np.isfinite(predictions).all():
                return float("nan")
            return float(
                self._score_predictions(targets[held_out], predictions, weights)
            )

        return problem._replace(rows=train), score

    # Predicting ------------------------------------------------------------------

    def _predict_outputs(self, X) -> np.ndarray:
        """Check X; return the network's predictions, shape (n_samples, n_outputs)."""
        if not self._needs_no_validation(X):
            check_is_fitted(self)
            X = validate_data(self, X, accept_sparse="csr", order="C", reset=False)
        dtype = np.result_type(X.dtype, self.coefs_[0].dtype)
        dtype = dtype if dtype in FLOATS else np.dtype(np.float64)
        network = self._network_of_weights(dtype)
        theta = network.vector_of(self.coefs_, self.intercepts_)
        rows = network.block(X.shape[0])
        with blas_threads_for(network.largest_product(rows)):
            return network.predict(theta, Inputs.of(X, dtype))

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
        return network_of(units, self.activation, self.out_activation_, dtype)

    # What scikit-learn asks for --------------------------------------------------

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self):
        return {**super().__getstate__(), "_sknn_version": sknn.__version__}

    def __setstate__(self, state):
        state = dict(state)
        version = state.pop("_sknn_version", "of an unknown version")
        if version != sknn.__version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=f"sknn {sknn.__version__}",
                    original_sklearn_version=f"sknn {version}",
                ),
                stacklevel=2,
            )
        super().__setstate__(state)
        if "coefs_" in state:
            # Pickled apart, the weights become views of one vector again.
            network = self._network_of_weights(self.coefs_[0].dtype)
            theta = network.pack(self.coefs_, self.intercepts_)
            self.coefs_, self.intercepts_ = network.unpack(theta)
