"""scikit-learn's progress bars, down to the epochs."""

from typing import Any

from sknn._extras import import_extra


def progress_bar() -> Any:
    """Return scikit-learn's ``ProgressBar`` for all levels, down to the epochs.

    Set it on the outermost estimator: a search, a Pipeline or the network. Needs
    scikit-learn 1.9 and ``sknn[progress]``.

    Returns
    -------
    callback : sklearn.callback.ProgressBar

    Raises
    ------
    ImportError
        If scikit-learn has no callbacks yet, or rich is not installed.

    Examples
    --------
    >>> from sknn.callbacks import progress_bar
    >>> search = GridSearchCV(pipeline, grid)  # doctest: +SKIP
    >>> search.set_callbacks(progress_bar()).fit(X, y)  # doctest: +SKIP
    """
    import_extra("rich", "progress")
    try:
        from sklearn.callback import ProgressBar
    except ImportError:
        raise ImportError(
            "Progress bars need scikit-learn 1.9 or later. Run "
            "pip install -U 'scikit-learn>=1.9'."
        ) from None
    return ProgressBar(max_propagation_depth=None)
