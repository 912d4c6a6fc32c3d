"""A callback that lets Optuna end trials that do not look good."""

from typing import TYPE_CHECKING, Any

from sknn._extras import import_extra
from sknn.callbacks.epoch_callback import EpochCallback, value_of

if TYPE_CHECKING:
    import optuna


class OptunaPruningCallback(EpochCallback):
    """Reports each epoch to a trial of Optuna, and ends the fit of a pruned one.

    Works wherever the network is, in a Pipeline too. Needs ``sknn[optuna]``.

    Parameters
    ----------
    trial : optuna.trial.Trial
        The trial that the objective function got.
    monitor : str, default="val_score"
        Name in ``history_`` of the value to report: a score where the study maximises,
        "loss" or "val_loss" where it minimises.

    Raises
    ------
    optuna.TrialPruned
        In ``fit``, for Optuna to catch. ``cross_val_score`` and searches pass it on if
        ``error_score="raise"``.
    ValueError
        In ``fit``, if the study minimises a score or maximises a loss, or if there is
        no such value.

    Notes
    -----
    Of several fits of a trial, as in cross-validation, the first one alone is reported,
    since an epoch has one value.

    Examples
    --------
    >>> def objective(trial):  # doctest: +SKIP
    ...     alpha = trial.suggest_float("alpha", 1e-6, 1, log=True)
    ...     network = MLPClassifier(alpha=alpha, early_stopping=True)
    ...     network.set_callbacks(OptunaPruningCallback(trial))
    ...     make_pipeline(StandardScaler(), network).fit(X, y)
    ...     return network.best_validation_score_
    >>> optuna.create_study(direction="maximize").optimize(objective)  # doctest: +SKIP
    """

    def __init__(self, trial: "optuna.trial.Trial", monitor: str = "val_score") -> None:
        self.trial = trial
        self.monitor = monitor
        self._last_epoch = -1
        self._is_reported: bool | None = None  # this fit, once its first epoch is known

    def on_train_begin(self, logs: dict[str, float]) -> None:
        """Refuse a study that looks for the other end of the values."""
        self._is_reported = None
        study: Any = getattr(self.trial, "study", None)
        if study is None:
            return
        is_loss = self.monitor in ("loss", "val_loss")
        wanted = "minimize" if is_loss else "maximize"
        direction = study.direction.name.lower()
        if direction != wanted:
            kind = "a loss" if is_loss else "a score"
            other = "'val_score'" if is_loss else "'val_loss'"
            raise ValueError(
                f"The study has direction={direction!r}, but monitor={self.monitor!r} "
                f"is {kind}. Create the study with direction={wanted!r}, or set "
                f"monitor={other}."
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Report the epoch; raise TrialPruned where the trial is not worth going on."""
        value = value_of(logs, self.monitor)
        if self._is_reported is None:
            self._is_reported = epoch == self._last_epoch + 1
        if not self._is_reported:
            return
        self._last_epoch = epoch
        self.trial.report(value, epoch)
        if self.trial.should_prune():
            raise import_extra("optuna", "optuna").TrialPruned(
                f"Pruned after epoch {epoch + 1}, with {self.monitor} = {value:g}."
            )
