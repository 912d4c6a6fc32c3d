"""One network trained on a Dask cluster, each worker on its part of the rows.

Needs Dask, which ``pip install 'sknn[dask]'`` installs, and sknn on each worker.

>>> from dask.distributed import Client  # doctest: +SKIP
>>> from sknn.dask import DaskMLPClassifier  # doctest: +SKIP
>>> client = Client("scheduler-address:8786")  # doctest: +SKIP
>>> model = DaskMLPClassifier(random_state=0).fit(X, y)  # doctest: +SKIP
>>> model.predict(X).compute()  # doctest: +SKIP
"""

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np

from sknn._cluster import fit_on_cluster
from sknn._cluster_worker import Timeouts
from sknn._extras import import_extra
from sknn._sklearn import Interval
from sknn.distributed.collective import WorkerError
from sknn.estimators.classifier import MLPClassifier
from sknn.estimators.regressor import MLPRegressor
from sknn.network.data import ArrayLike

__all__ = ["DaskMLPClassifier", "DaskMLPRegressor", "WorkerError"]


def __dir__() -> list[str]:
    return sorted(__all__)


class _OnCluster:
    """What both estimators have: a client, and fits and predictions on its workers."""

    client: Any
    timeout: float
    heartbeat_timeout: float
    _local: ClassVar[type]

    @property
    def client_(self) -> Any:
        """The client: the one given, or the one that was made last."""
        if self.client is not None:
            return self.client
        return import_extra("distributed", "dask").get_client()

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: ArrayLike = None,
        y_val: ArrayLike = None,
        sample_weight_val: ArrayLike = None,
    ) -> Self:
        """Train the network on the workers of the cluster.

        Each batch has rows of all workers, in proportion to how many they have. The
        partitions are divided among the workers in the order of their addresses. With
        the same partitions, number of workers and ``random_state``, the weights are the
        same, bit for bit; with one worker, they are those of a local fit.

        Parameters
        ----------
        X : dask Array of shape (n_samples, n_features) or dask DataFrame
            Training data. The partition of a worker must fit into its memory.
        y : dask Array of shape (n_samples,) or (n_samples, n_outputs), or dask Series
            Targets, in the same partitions as X.
        sample_weight : dask Array or Series of shape (n_samples,), default=None
            Weights of the samples.
        X_val : array-like of shape (n_val, n_features), default=None
            Validation data, which each worker gets.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation data.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation data.

        Returns
        -------
        self : object

        Raises
        ------
        WorkerError
            If a worker is gone, is silent for ``heartbeat_timeout`` seconds, or keeps
            the others waiting for ``timeout`` seconds. The estimator is then as it was
            before, and nothing is left on the workers.
        ValueError
            As ``fit`` of the local estimator.
        """
        arrays = [X, y] if sample_weight is None else [X, y, sample_weight]
        return self._fit_on_cluster(
            arrays, (X_val, y_val, sample_weight_val), resumes=False
        )

    def resume_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: ArrayLike = None,
        y_val: ArrayLike = None,
        sample_weight_val: ArrayLike = None,
    ) -> Self:
        """Go on with a fit that was interrupted, or ended by ``max_iter``.

        On the same partitions and number of workers it gives what the fit would have
        given without a break, bit for bit. After a fit that has failed, go on from the
        file of a :class:`~sknn.callbacks.ModelCheckpoint`: see `from_local`.

        Parameters
        ----------
        X : dask Array of shape (n_samples, n_features) or dask DataFrame
            Training data, as in ``fit``, as are all others.
        y : dask Array of shape (n_samples,) or (n_samples, n_outputs), or dask Series
            Targets, in the same partitions as X.
        sample_weight : dask Array or Series of shape (n_samples,), default=None
            Weights of the samples.
        X_val : array-like of shape (n_val, n_features), default=None
            Validation data, which each worker gets.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation data.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation data.

        Returns
        -------
        self : object

        Raises
        ------
        WorkerError
            As ``fit``.
        ValueError
            As ``resume_fit`` of the local estimator.
        """
        arrays = [X, y] if sample_weight is None else [X, y, sample_weight]
        return self._fit_on_cluster(
            arrays, (X_val, y_val, sample_weight_val), resumes=True
        )

    def _fit_on_cluster(
        self, arrays: list[Any], validation: tuple[Any, Any, Any], resumes: bool
    ) -> Self:
        estimator: Any = self
        goes_on = resumes or estimator.warm_start
        local = self.to_local() if goes_on else self._unfitted()
        local.set_callbacks(*getattr(self, "_skl_callbacks", ()))
        fitted = fit_on_cluster(
            self.client_,
            local,
            _partitions(arrays),
            validation,
            Timeouts(self.timeout, self.heartbeat_timeout),
            resumes,
        )
        self._take_over(fitted)
        return self

    def _take_over(self, local: Any) -> None:
        """Take the fitted attributes of a local estimator, in place of all others."""
        known = local.get_params(deep=False)
        learnt = {k: v for k, v in vars(local).items() if k not in known}
        own = self._parameters()
        if hasattr(self, "_skl_callbacks"):  # not what the workers had of them
            learnt["_skl_callbacks"] = self._skl_callbacks
        vars(self).clear()
        vars(self).update(own | learnt)

    @classmethod
    def from_local(cls, local: Any, **options: Any) -> Any:
        """Return an estimator of the cluster with all that a local one has learnt.

        Parameters
        ----------
        local : MLPClassifier or MLPRegressor
            Such as one from ``to_local``, or from a file of
            :class:`~sknn.callbacks.ModelCheckpoint`.
        **options
            ``client``, ``timeout`` and ``heartbeat_timeout``, as for the constructor.

        Returns
        -------
        estimator : DaskMLPClassifier or DaskMLPRegressor
            ``resume_fit`` goes on with the fit of the local one.

        Raises
        ------
        TypeError
            If the local estimator is of another class.
        """
        if type(local) is not cls._local:
            raise TypeError(
                f"{cls.__name__}.from_local takes a fitted {cls._local.__name__}, got "
                f"a {type(local).__name__}."
            )
        make: Any = cls
        given: Any = local
        estimator = make(**options, **given.get_params(deep=False))
        estimator._take_over(local)
        return estimator

    def to_local(self) -> Any:
        """Return a local estimator with the same parameters and fitted attributes."""
        local, own = self._unfitted(), {*self._parameters(), "_skl_callbacks"}
        vars(local).update({k: v for k, v in vars(self).items() if k not in own})
        return local

    def _unfitted(self) -> Any:
        names = set(self._local().get_params(deep=False))
        own = self._parameters()
        return self._local(**{k: v for k, v in own.items() if k in names})

    def _parameters(self) -> dict[str, Any]:
        estimator: Any = self
        parameters: dict[str, Any] = estimator.get_params(deep=False)
        return parameters

    def _lazily(self, method: str, X: Any) -> Any:
        """Return predictions: lazy ones for Dask's arrays and data frames."""
        local = self.to_local()
        predict = getattr(local, method)
        if not hasattr(X, "dask"):
            return predict(X)
        example = predict(np.zeros((1, local.n_features_in_)))
        if hasattr(X, "map_partitions"):  # a data frame
            X = X.to_dask_array()
        return X.rechunk({1: -1}).map_blocks(
            lambda rows: predict(np.asarray(rows)),
            dtype=example.dtype,
            drop_axis=1 if example.ndim == 1 else None,
            chunks=None if example.ndim == 1 else (X.chunks[0], example.shape[1:]),
        )

    def predict(self, X: Any) -> Any:
        """Predict, lazily for Dask's arrays and data frames.

        Parameters
        ----------
        X : dask Array, dask DataFrame or array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : dask Array, or ndarray, of shape (n_samples,) or (n_samples, n_outputs)
        """
        return self._lazily("predict", X)

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        return {**state, "client": None}


def _partitions(arrays: list[Any]) -> list[Any]:
    """Return the partitions of arrays, or of data frames, side by side."""
    dask = import_extra("dask", "dask")
    divided = []
    for array in arrays:
        if not hasattr(array, "dask"):
            raise TypeError(
                "X, y and sample_weight must be Dask arrays or data frames, got a "
                f"{type(array).__name__}. Pass dask.array.from_array(...), or fit a "
                "local estimator."
            )
        if hasattr(array, "chunks") and array.ndim == 2:
            array = array.rechunk({1: -1})
        divided.append([*np.ravel(np.array(array.to_delayed(), dtype=object))])
    numbers = [len(parts) for parts in divided]
    if len(set(numbers)) > 1:
        raise ValueError(
            f"X, y and sample_weight must have the same partitions, got {numbers} of "
            "them. Call rechunk, or repartition."
        )
    return [dask.delayed(_batch)(*parts) for parts in zip(*divided, strict=True)]


def _batch(*arrays: Any) -> tuple[Any, ...]:
    return arrays


class DaskMLPClassifier(_OnCluster, MLPClassifier):  # type: ignore[misc]
    """MLPClassifier that trains on the workers of a Dask cluster.

    Parameters
    ----------
    client : distributed.Client, default=None
        Client of the cluster. None for the one that was made last.
    timeout : float, default=60
        Seconds that workers wait for one that gives signs of life, but has not come to
        the same step.
    heartbeat_timeout : float, default=4
        Seconds without a sign of life after which a worker counts as gone.
    **parameters : dict
        Those of :class:`sknn.MLPClassifier`.

    Examples
    --------
    >>> from dask.distributed import Client  # doctest: +SKIP
    >>> from sknn.dask import DaskMLPClassifier  # doctest: +SKIP
    >>> client = Client("scheduler-address:8786")  # doctest: +SKIP
    >>> model = DaskMLPClassifier(client=client).fit(X, y)  # doctest: +SKIP
    >>> model.predict(X).compute()  # doctest: +SKIP
    """

    _local = MLPClassifier
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **MLPClassifier._parameter_constraints,
        "client": ["no_validation"],
        "timeout": [Interval(Real, 0, None, closed="neither")],
        "heartbeat_timeout": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        client: Any = None,
        timeout: float = 60.0,
        heartbeat_timeout: float = 4.0,
        **parameters: Any,
    ) -> None:
        super().__init__(**parameters)
        self.client = client
        self.timeout = timeout
        self.heartbeat_timeout = heartbeat_timeout

    def predict_proba(self, X: Any) -> Any:
        """Predict probabilities, lazily for Dask's arrays and data frames.

        Parameters
        ----------
        X : dask Array, dask DataFrame or array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        probabilities : dask Array, or ndarray, of shape (n_samples, n_classes)
        """
        return self._lazily("predict_proba", X)


class DaskMLPRegressor(_OnCluster, MLPRegressor):  # type: ignore[misc]
    """MLPRegressor that trains on the workers of a Dask cluster.

    Parameters
    ----------
    client : distributed.Client, default=None
        Client of the cluster. None for the one that was made last.
    timeout : float, default=60
        Seconds that workers wait for one that gives signs of life, but has not come to
        the same step.
    heartbeat_timeout : float, default=4
        Seconds without a sign of life after which a worker counts as gone.
    **parameters : dict
        Those of :class:`sknn.MLPRegressor`.

    Examples
    --------
    >>> from dask.distributed import Client  # doctest: +SKIP
    >>> from sknn.dask import DaskMLPRegressor  # doctest: +SKIP
    >>> client = Client("scheduler-address:8786")  # doctest: +SKIP
    >>> model = DaskMLPRegressor(client=client).fit(X, y)  # doctest: +SKIP
    >>> model.predict(X).compute()  # doctest: +SKIP
    """

    _local = MLPRegressor
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **MLPRegressor._parameter_constraints,
        "client": ["no_validation"],
        "timeout": [Interval(Real, 0, None, closed="neither")],
        "heartbeat_timeout": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        client: Any = None,
        timeout: float = 60.0,
        heartbeat_timeout: float = 4.0,
        **parameters: Any,
    ) -> None:
        super().__init__(**parameters)
        self.client = client
        self.timeout = timeout
        self.heartbeat_timeout = heartbeat_timeout
