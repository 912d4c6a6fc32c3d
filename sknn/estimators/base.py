"""What the classifier and the regressor share: the course of a fit."""

from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

import numpy as np
import scipy.sparse
from sklearn.base import is_regressor
from sklearn.utils.validation import validate_data

from sknn._sklearn import fit_context
from sknn.estimators import fit_state as _state
from sknn.estimators.callbacks import (
    CallbackSupportMixin,
    epoch_callbacks,
    with_callbacks,
)
from sknn.estimators.docstrings import takes_validation
from sknn.estimators.estimator import Estimator
from sknn.estimators.fit_lock import fit_lock
from sknn.estimators.held_out import split_rows
from sknn.estimators.metrics import metrics_of
from sknn.estimators.missing import refuse_missing_in_fit
from sknn.estimators.parameters import (
    CONSTRAINTS,
    STOCHASTIC_SOLVERS,
    architecture_of,
    check_effects,
    defaults_of,
    initializers_of,
    plain,
)
from sknn.estimators.prediction import Predictor
from sknn.estimators.scale_check import warn_of_other_scale
from sknn.estimators.validation import (
    check_for_missing,
    check_same_shape,
    is_plain,
    make_training_data,
    weights_of,
)
from sknn.kernels.losses.table import LOSSES
from sknn.network.data import FLOATS
from sknn.network.network import Network
from sknn.network.network import network as network_of
from sknn.network.threads import active_fit
from sknn.training.lbfgs import train_lbfgs
from sknn.training.memory import check_memory, rows_at_once
from sknn.training.monitor import DefaultScore, Monitor, Rows, Validation
from sknn.training.progress import Progress
from sknn.training.shuffling import random_state_of
from sknn.training.stochastic import train_stochastic


class BaseMLP(CallbackSupportMixin, Predictor, Estimator, metaclass=ABCMeta):
    """Base of the multi-layer perceptrons. Use a class derived from it."""

    t_: int
    early_stopping: bool
    metrics: Any
    random_state: Any
    solver: str
    validate: bool
    validation_fraction: float
    warm_start: bool
    _split_state: dict
    _resume_state: dict | None

    _parameter_constraints: ClassVar[dict] = CONSTRAINTS

    # What the two estimators define ----------------------------------------------

    @abstractmethod
    def _learn_targets(self, y, goes_on: bool) -> Any:
        """Check y; learn what is to be known before its encoding; return it to use."""

    @abstractmethod
    def _check_known(self, y, n_targets: int) -> Any:
        """Check targets for validation; return them to use."""

    @abstractmethod
    def _encode(self, y) -> np.ndarray:
        """Return targets of shape (n_samples, n_targets)."""

    @abstractmethod
    def _loss_name(self) -> str:
        """Return the key of the loss in LOSSES."""

    @abstractmethod
    def _n_outputs(self, targets: np.ndarray) -> int:
        """Return the number of outputs, before the loss multiplies it."""

    @abstractmethod
    def _class_weights(self, y, sample_weight, incremental) -> np.ndarray | None:
        """Return a weight for each row that follows from its class, or None."""

    @abstractmethod
    def _stratify_by(self, targets: np.ndarray) -> np.ndarray | None:
        """Return the number of each row's group in a stratified split, or None."""

    def _rare_class(self, groups: np.ndarray | None) -> str:
        """Return what to add to scikit-learn's message where groups are too small."""
        return ""

    @abstractmethod
    def _default_score(self) -> DefaultScore:
        """Return what scores a validation set where nobody names a scorer."""

    @abstractmethod
    def _score_predictions(self, targets, predictions, sample_weight) -> float:
        """Return the score of predictions for a validation set."""

    # Fitting ---------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
    @takes_validation
    def resume_fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Go on with a fit that was interrupted, stopped or ended by ``max_iter``.

        Trains up to epoch ``max_iter``, counted from the start of that fit, and gives
        just what the fit would have given without a break, also after the estimator
        was pickled. Does nothing where training had ended by itself.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data: the same as in ``fit``, as are all others.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        {validation}

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As ``fit``; and if there is no fit to go on with, or the number of rows or
            the layers have changed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sknn import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = MLPClassifier(max_iter=400, random_state=0, n_iter_no_change=400)
        >>> whole = model.fit(X, y).predict(X)
        >>> model = model.set_params(max_iter=200).fit(X, y)
        >>> model = model.set_params(max_iter=400).resume_fit(X, y)
        >>> bool((model.predict(X) == whole).all())
        True
        """
        given = (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, given, resumes=True)

    def _fit(self, *arguments, **options):
        """Train, or change nothing."""
        # Outside of the callbacks' management, which needs what it set to tear down.
        with self._all_or_nothing() as twin:
            twin._train(*arguments, **options)
        return self

    @with_callbacks
    def _train(
        self,
        X,
        y,
        sample_weight=None,
        given=(None, None, None),
        *,
        incremental: bool = False,
        resumes: bool = False,
    ):
        """Train; ``given`` holds the validation set and its weights."""
        defaults = defaults_of(type(self))
        parameters = {name: plain(getattr(self, name)) for name in defaults}
        check_effects(parameters, defaults, is_validated=given[0] is not None)
        goes_on = self.warm_start or incremental or resumes
        is_first = not (goes_on and hasattr(self, "coefs_"))
        holds_out = self.early_stopping or self.validate
        if holds_out and incremental and given[0] is None:
            name = "early_stopping" if self.early_stopping else "validate"
            raise ValueError(f"partial_fit does not support {name}=True")
        data = (X, y, sample_weight)
        refuse_missing_in_fit(data, given)
        X, y = self._validated(X, y, reset=is_first)
        y = self._learn_targets(y, incremental or resumes)
        targets = self._encode(y)
        loss = LOSSES[self._loss_name()]
        loss.check_targets(targets, parameters)
        n_outputs = self._n_outputs(targets) * loss.outputs_per_target(parameters)
        settings = loss.settings_of(parameters)
        architecture = architecture_of(
            parameters, X.shape[1], n_outputs, loss.link, settings
        )
        # Checked where training goes on too, which does not use them.
        initializers = initializers_of(parameters, architecture.n_hidden)
        dtype = X.dtype if is_first else self.coefs_[0].dtype
        network = network_of(architecture, dtype)
        if not is_first:
            check_same_shape(self, network)
        n_rows = rows_at_once(network, X.shape[0], parameters)
        check_memory(network, n_rows, scipy.sparse.issparse(X), parameters)
        metrics = metrics_of(parameters["metrics"])
        own_weights = weights_of(sample_weight, X, dtype)
        factors = self._class_weights(y, own_weights, incremental)
        problem = make_training_data(X, targets, own_weights, factors, dtype)
        targets, factors = problem.targets, None  # which were larger
        random_state = random_state_of(self.random_state)

        self.n_layers_ = architecture.n_hidden + 2
        self.n_outputs_ = n_outputs
        self.out_activation_ = network.link
        self._architecture = architecture.to_plain()
        if is_first:
            theta = network.initial_parameters(random_state, **initializers)
            _state.forget(self)
        else:
            theta = network.pack(vars(self))
        # What a callback or a metric copies of the estimator must fit together.
        self.__dict__.update(network.unpack(theta))
        progress = _state.progress_of(self, network, theta, parameters)
        is_same_optimizer = (incremental or resumes) and _state.take_optimizer(
            progress, self, parameters
        )
        if network.draws and not is_same_optimizer:
            progress.seed = int(random_state.randint(2**31))

        rows, validation = Rows(X, y, own_weights), None
        if given[0] is not None or given[1] is not None:
            validation = self._given(given, loss, parameters, dtype, targets.shape[1])
            if is_first or not incremental:  # a later batch may be of any kind
                own, other = (
                    (problem.targets, validation.problem.targets)
                    if is_regressor(self)
                    else (None, None)
                )
                warn_of_other_scale(X, validation.rows.X, own, other)
        elif holds_out and self.solver in STOCHASTIC_SOLVERS:
            problem, rows, validation = self._split(X, y, random_state, problem)
        monitor = None
        if validation is not None or metrics:
            monitor = Monitor(
                network,
                loss,
                rows,
                validation,
                scoring=parameters["scoring"],
                metrics=metrics,
                default_score=self._default_score(),
                stops_early=self.early_stopping and self.solver != "lbfgs",
                estimator_of=lambda theta: self._as_of(network, theta),
            )
        if resumes:
            random_state = _state.resume(self, progress, problem, is_same_optimizer)
        arguments = (network, loss, problem, progress, parameters)
        with (
            epoch_callbacks(
                self,
                partial(self._attributes_after, network),
                1 if incremental else parameters["max_iter"] - progress.n_iter,
                *data,
                "lbfgs-iter" if self.solver == "lbfgs" else "epoch",
            ) as after_epoch,
            active_fit(),
        ):
            watchers: dict[str, Any] = {"monitor": monitor, "after_epoch": after_epoch}
            if self.solver == "lbfgs":
                train_lbfgs(*arguments, **watchers)
                _state.forget_optimizer(self)
            else:
                if not incremental:
                    before = random_state.get_state(legacy=False)
                train_stochastic(
                    *arguments, random_state, incremental=incremental, **watchers
                )
                if monitor and not incremental:
                    monitor.check_scores(progress, parameters["max_iter"])
                _state.store_stochastic(self, progress, parameters)
                self._resume_state = None
                if not incremental:
                    self._resume_state = _state.to_resume(
                        progress, before, problem.n_rows
                    )
            self.__dict__.update(self._attributes_after(network, progress, True))

    def _validated(self, X, y, reset: bool) -> tuple[Any, Any]:
        if is_plain(X, y):
            if reset:
                self.n_features_in_ = X.shape[1]
                self.__dict__.pop("feature_names_in_", None)
            n_known = getattr(self, "n_features_in_", None)
            if n_known == X.shape[1] and not hasattr(self, "feature_names_in_"):
                return X, y
        try:
            return validate_data(
                self,
                X,
                y,
                accept_sparse="csr",
                dtype=FLOATS,
                order="C",
                multi_output=True,
                y_numeric=is_regressor(self),
                reset=reset,
            )
        except TypeError as error:
            check_for_missing(error)
            raise

    def _attributes_after(
        self, network: Network, progress: Progress, is_end: bool = False
    ) -> dict[str, Any]:
        """Return the fitted attributes as they are after an epoch, or at the end."""
        theta = progress.result if is_end else progress.theta.copy()
        history = progress.history
        if not is_end:
            history = {name: list(column) for name, column in history.items()}
        return {
            **network.unpack(theta),
            "loss_": progress.loss,
            "n_iter_": progress.n_iter,
            "t_": progress.n_samples_seen,
            "history_": history,
        }

    @contextmanager
    def _all_or_nothing(self) -> Iterator["BaseMLP"]:
        """Yield a twin to train, and become it at the end, unless an exception passes.

        Until then the estimator is as it was, for other threads too. Those that train
        it as well take turns.
        """
        with fit_lock(self):
            twin, generator = self._with(vars(self).copy()), self.random_state
            is_own = isinstance(generator, np.random.RandomState)
            draws = generator.get_state(legacy=False) if is_own else None
            try:
                yield twin
            except BaseException:
                if is_own:
                    generator.set_state(draws)
                raise
            self.__dict__ = vars(twin)

    def _as_of(self, network: Network, theta: np.ndarray):
        """Return an estimator that predicts with theta; it shares all else."""
        twin = self._with({**vars(self), **network.unpack(theta)})
        # Its rows come as arrays, whatever the user's had for names.
        vars(twin).pop("feature_names_in_", None)
        return twin

    # Validation ------------------------------------------------------------------

    def _given(self, given, loss, parameters, dtype, n_targets) -> Validation:
        """Check the validation set that came with the call."""
        X, y, sample_weight = given
        if X is None or y is None:
            raise ValueError(
                "X_val and y_val belong together, but one of them is None. Pass both, "
                "or neither."
            )
        X, y = self._validated(X, y, reset=False)
        y = self._check_known(y, n_targets)
        targets = self._encode(y)
        loss.check_targets(targets, parameters)
        weights = weights_of(sample_weight, X, dtype)
        problem = make_training_data(X, targets, weights, None, dtype)
        return Validation(Rows(X, y, weights), problem, "X_val and y_val")

    def _split(self, X, y, random_state, problem):
        """Set rows aside for validation; return the others, in both forms, and them.

        As in a validation set that is given, weights of classes do not count in it.
        """
        if hasattr(self, "_split_state"):
            # A warm start validates on the rows that were never trained on.
            random_state = np.random.RandomState()
            random_state.set_state(self._split_state)
        else:
            self._split_state = random_state.get_state(legacy=False)
        groups = self._stratify_by(problem.targets)
        try:
            train, held_out = split_rows(
                len(problem.targets), self.validation_fraction, groups, random_state
            )
        except ValueError as error:
            raise ValueError(f"{error}{self._rare_class(groups)}") from None
        if len(held_out) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or "
                "the size of your dataset."
            )
        for name, part, weights in (
            ("held out for validation", held_out, problem.sample_weight),
            ("left", train, problem.weights),
        ):
            if weights.size and not weights[part].any():
                raise ValueError(
                    f"All rows {name} have a weight of zero. Leave out the rows whose "
                    "weight is zero, or pass X_val and y_val."
                )

        def rows_of(indices):
            weights = (
                problem.sample_weight[indices] if problem.sample_weight.size else None
            )
            return Rows(X[indices], y[indices], weights)

        rows = rows_of(held_out)
        targets = problem.targets[held_out]
        dtype = targets.dtype
        validation = make_training_data(
            rows.X, targets, rows.sample_weight, None, dtype
        )
        # A copy, which only the metrics need.
        others = rows_of(train if self.metrics is not None else train[:0])
        name = "the rows held out for validation"
        return problem._replace(rows=train), others, Validation(rows, validation, name)
