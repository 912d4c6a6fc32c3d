"""A callback that writes the network to disk while it trains."""

import os
from pathlib import Path
from string import Formatter
from tempfile import NamedTemporaryFile
from typing import Any

import joblib
import numpy as np

from sknn._extras import import_extra
from sknn.callbacks.epoch_callback import EpochCallback, value_of

# All else is a score, of which more is better.
_LOWER_IS_BETTER = ("loss", "val_loss", "seconds")


class ModelCheckpoint(EpochCallback):
    """Writes the network to a file after each epoch, or after each that is the best.

    The file replaces an older one only once it is complete. It holds what ``fit`` would
    have returned after the epoch, without callbacks. ``resume_fit`` of the loaded
    network goes on from there, and gives what the fit would have given.

    Parameters
    ----------
    path : str or path-like
        The file, of joblib, or of skops if it ends in ".skops". It may have fields for
        ``epoch``, counted from 1, and for values of the epoch, as in
        "net-{epoch:03d}-{val_loss:.2f}.joblib"; a file without fields holds the last
        network that was written. The folder must exist.
    monitor : str, default=None
        Name in ``history_`` of the value that decides: a network is written only if no
        epoch before was as good. Losses are better the lower they are, all else the
        higher. None writes after each epoch.
    every : int, default=1
        Epochs from one look to the next.

    See Also
    --------
    sknn.MLPClassifier.resume_fit : Goes on with a fit that was interrupted.

    Examples
    --------
    >>> import joblib, os, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sknn import MLPClassifier
    >>> from sknn.callbacks import ModelCheckpoint
    >>> X, y = load_iris(return_X_y=True)
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = os.path.join(folder.name, "net.joblib")
    >>> model = MLPClassifier(max_iter=20, tol=None, random_state=0)
    >>> _ = model.set_callbacks(ModelCheckpoint(path)).fit(X, y)
    >>> loaded = joblib.load(path)
    >>> loaded.n_iter_
    20
    >>> loaded.set_params(max_iter=30).resume_fit(X, y).n_iter_
    30
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        monitor: str | None = None,
        every: int = 1,
    ) -> None:
        self.path = path
        self.monitor = monitor
        self.every = every
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every!r}.")

    def on_train_begin(self, logs: dict[str, float]) -> None:
        """Refuse a folder that does not exist, and skops where it is missing."""
        folder = Path(os.fspath(self.path)).parent
        if not folder.is_dir():
            raise ValueError(
                f"The folder {str(folder)!r} of path={os.fspath(self.path)!r} does not "
                "exist. Make it before the fit."
            )
        if os.fspath(self.path).endswith(".skops"):
            import_extra("skops.io", "io")

    def on_epoch_end(  # type: ignore[override]
        self, epoch: int, logs: dict[str, float], fitted_estimator: Any
    ) -> None:
        """Write the network, if it is its turn."""
        if (epoch + 1) % self.every:
            return
        if self.monitor is not None:
            value = value_of(logs, self.monitor)
            column = np.array(fitted_estimator.history_[self.monitor][:epoch])
            if not self._is_better(value, column[self.every - 1 :: self.every]):
                return
        fields = {**logs, "epoch": epoch + 1}
        template = os.fspath(self.path)
        for _, name, _, _ in Formatter().parse(template):
            if name is not None:
                value_of(fields, name, "The field of path")
        fitted_estimator.set_callbacks()
        _write(fitted_estimator, Path(template.format(**fields)))

    def _is_better(self, value: float, before: np.ndarray) -> bool:
        """Return whether a value is a number, and better than those before."""
        before = before[np.isfinite(before)]
        better = np.less if self.monitor in _LOWER_IS_BETTER else np.greater
        return bool(np.isfinite(value) and better(value, before).all())


def _write(estimator: Any, path: Path) -> None:
    """Write a file that replaces another once it is complete."""
    is_skops = path.suffix == ".skops"
    with NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as f:
        try:
            dump = import_extra("skops.io", "io").dump if is_skops else joblib.dump
            dump(estimator, f)
            f.close()
            os.replace(f.name, path)
        except BaseException:
            f.close()
            os.unlink(f.name)
            raise
