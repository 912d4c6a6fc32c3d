"""The labels of a classifier: their dtype, their form, and what is known of them."""

import warnings
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target, unique_labels

from sknn.estimators.data_errors import called, cure_for_y, explain, is_refused
from sknn.estimators.validation import missing_values
from sknn.network.data import ArrayLike
from sknn.training.user_warnings import warn_user

_NUMBERS = (int, float, np.integer, np.floating, np.bool_)
_N_VALUES_SHOWN = 5
_FEWEST_CLASSES = 3  # in a one-hot encoding that is told from indicators


# Reading y -------------------------------------------------------------------------


def read_labels(y: ArrayLike, name: str = "y") -> Any:
    """Return labels in one dimension, or an indicator matrix of 0 and 1.

    Labels in an array of objects get the dtype that NumPy has for them; text stays as
    it is, as in scikit-learn. The indicator matrix is sparse if y is.
    """
    if type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "biuU":
        return y  # as it would be below, in a fraction of the time
    if not scipy.sparse.issparse(y):
        y = with_natural_dtype(y, name)
    if _is_matrix(y):
        return read_indicators(y, name)
    with called(name):
        y = column_or_1d(y, warn=True)
    if y.dtype.kind == "S":
        raise TypeError(
            f"Support for labels represented as bytes is not supported. Convert {name} "
            f"to text, as {name}.astype(str) does."
        )
    _refuse_fractions(y, name)
    return y


def _is_matrix(y: ArrayLike) -> bool:
    return bool(y.ndim == 2 and y.shape[1] > 1)


def with_natural_dtype(y: np.ndarray, name: str) -> np.ndarray:
    """Return an array of objects, if they are numbers, with a numeric dtype.

    Arrays of another dtype, and of strings, are returned as they are.
    """
    if y.dtype != object:
        return y
    types = set(map(type, y.ravel().tolist()))
    names = sorted(label_type.__name__ for label_type in types)
    if all(issubclass(label_type, str) for label_type in types):
        return y
    for type_name, shown in {"NAType": "pandas.NA", "NoneType": "None"}.items():
        if type_name in names:
            raise missing_values(name, shown)
    if "str" in names and any(value != value for value in y.ravel().tolist()):
        raise missing_values(name, "NaN")
    if all(issubclass(label_type, _NUMBERS) for label_type in types):
        converted = np.array(y.tolist())
        are_whole = not any(
            issubclass(label_type, float | np.floating) for label_type in types
        )
        if converted.dtype.kind in ("biu" if are_whole else "f"):
            return converted
        raise ValueError(
            f"Unknown label type: {name} holds whole numbers that no integer dtype of "
            f"NumPy can hold together. Convert them, as {name}.astype(str) does."
        )
    if len(types) > 1:
        raise TypeError(
            f"The labels are of different types, {' and '.join(names)}, which have no "
            f"common order. Give all of them one type, as np.array({name}, dtype=str) "
            "does."
        )
    raise ValueError(
        f"Unknown label type: {name} has dtype object and holds {names[0]}. Convert "
        f"it to text, as np.array({name}, dtype=str) does."
    )


def _has_fractions(y: np.ndarray) -> bool:
    """Return whether scikit-learn calls y continuous."""
    if y.dtype.kind != "f":
        return False
    with np.errstate(invalid="ignore"):
        return bool((y != y.astype(np.int64)).any())


def _refuse_fractions(y: np.ndarray, name: str) -> None:
    if _has_fractions(y):
        raise ValueError(
            f"Unknown label type: {name} holds continuous numbers (dtype {y.dtype}). "
            "Use MLPRegressor for numbers, or turn them into classes, as np.digitize "
            "does."
        )


def read_indicators(y: ArrayLike, name: str = "y") -> Any:
    """Return an indicator matrix of 0 and 1: as scikit-learn does, non-zero is true.

    What scikit-learn misreads, such as -1 and 1, is refused.
    """
    is_sparse = scipy.sparse.issparse(y)
    if y.dtype.kind not in "biuf":
        raise ValueError(
            f"Multioutput target data is not supported: {name} has {y.shape[1]} "
            f"columns of dtype {y.dtype}. Pass one label per row, or an indicator "
            "matrix of 0 and 1, as sklearn.preprocessing.MultiLabelBinarizer makes."
        )
    if is_sparse:
        y = y.tocsr(copy=True)
        y.sum_duplicates()
        y.eliminate_zeros()
    values = y.data if is_sparse else y
    if values.dtype == bool:
        return y
    largest = values.max(initial=0)
    is_indicator = not _has_fractions(np.atleast_1d(largest)) and (
        ((values == 0) | (values == largest)).all()
    )
    if not is_indicator:
        _refuse_indicators(y, np.unique(values), name)
    if largest <= 1:
        return y
    return (y != 0).astype(np.int64)


def warn_of_one_hot(given: Any, y: ArrayLike, fewest_rows: int) -> None:
    """Warn where an indicator matrix looks like a one-hot encoding of classes.

    Parameters
    ----------
    given : array-like
        y as the user gave it.
    y : ndarray or sparse matrix of shape (n_samples, n_labels)
        An indicator matrix that was read.
    fewest_rows : int
        In fewer rows it may well be chance.
    """
    n_rows, n_labels = y.shape
    if n_labels < _FEWEST_CLASSES or n_rows < fewest_rows:
        return
    if scipy.sparse.issparse(y):
        n_in_rows = np.diff(y.indptr)
    else:
        n_in_rows = np.count_nonzero(y, axis=1)
    if (n_in_rows != 1).any():
        return
    if hasattr(given, "idxmax"):
        cure = "y.to_numpy().argmax(axis=1), or for their names y.idxmax(axis=1)"
    elif scipy.sparse.issparse(given) or not hasattr(given, "argmax"):
        cure = "np.ravel(np.argmax(y, axis=1))"
    else:
        cure = "y.argmax(axis=1)"
    warn_user(
        f"y is taken as multilabel: an indicator matrix of {n_labels} labels, of which "
        "a row may have any number. But each row has exactly one. If y is a one-hot "
        f"encoding of {n_labels} classes, pass the classes: {cure}."
    )


def _refuse_indicators(y: ArrayLike, values: np.ndarray, name: str) -> None:
    if scipy.sparse.issparse(y) and y.nnz < np.prod(y.shape):
        values = np.union1d(values, [0]).astype(values.dtype)
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise ValueError(
            f"Input {name} contains NaN. Leave out the rows where {name} is missing, "
            "or fill it."
        )
    shown = ", ".join(str(value) for value in values[:_N_VALUES_SHOWN].tolist())
    if len(values) > _N_VALUES_SHOWN:
        shown += f", ... ({len(values)} values)"
    beginning = (
        "Multioutput target data is not supported: an indicator matrix holds 0 and 1, "
        f"but {name}, with {y.shape[1]} columns of dtype {y.dtype}, holds {shown}."
    )
    if _has_fractions(values):
        raise ValueError(
            f"{beginning} Use MLPRegressor for numbers, or write ({name} > 0.5)."
            "astype(int) for probabilities."
        )
    if len(values) == 2:
        rule = "!= 0" if values[1] == 0 else f"> {max(values[0], 0)}"
        label = values[0] if values[1] == 0 else values[1]
        raise ValueError(
            f"{beginning} Write ({name} {rule}).astype(int) if {label} stands for the "
            "labels that a row has."
        )
    raise ValueError(
        f"{beginning} Write ({name} > 0).astype(int) if positive numbers stand for the "
        "labels that a row has; for several outputs of more than two classes fit a "
        "classifier for each, as sklearn.multioutput.MultiOutputClassifier does."
    )


def read_classes(classes: ArrayLike) -> Any:
    """Return the ``classes`` of ``partial_fit`` with the dtype that y will have."""
    if classes is None:
        return None
    array = with_natural_dtype(np.asarray(classes), "classes")
    _refuse_fractions(array, "classes")
    # scikit-learn refuses a list of numbers and strings.
    return array if np.asarray(classes).dtype == object else classes


def labels_to_score(y: ArrayLike) -> Any:
    """Return y, not checked yet, in the form in which ``predict`` returns labels."""
    if not scipy.sparse.issparse(y):
        y = np.asarray(y)
        if y.ndim:
            y = with_natural_dtype(y, "y")
    return read_indicators(y) if _is_matrix(y) else y


def shows_several_labels(y: ArrayLike) -> bool:
    """Return whether y, not checked yet, is an indicator matrix."""
    if hasattr(y, "__array__"):
        y = with_natural_dtype(np.asarray(y), "y")
    try:
        with warnings.catch_warnings():
            # Before version 1.8, scikit-learn warns of what is refused later anyway.
            warnings.simplefilter("ignore")
            return str(type_of_target(y)).startswith("multilabel")
    except TypeError:
        with_natural_dtype(np.asarray(y), "y")  # has a better message
        raise
    except ValueError as error:
        explain(error, "y", cure_for_y(error, y, "y"))
        raise


# Comparing with known labels --------------------------------------------------------


def labels_in(y: ArrayLike) -> np.ndarray:
    """Return ``unique_labels(y)`` of labels that were read."""
    if _is_matrix(y):
        return np.arange(y.shape[1])
    classes = _whole_numbers_in(y)
    return unique_labels(y) if classes is None else classes


def binarizer_of(y: ArrayLike) -> LabelBinarizer:
    """Return ``LabelBinarizer().fit(y)`` of labels that were read."""
    binarizer = LabelBinarizer()
    if _is_matrix(y):
        binarizer.y_type_ = "multilabel-indicator"
        binarizer.sparse_input_ = scipy.sparse.issparse(y)
        binarizer.classes_ = np.arange(y.shape[1])
        return binarizer
    classes = _whole_numbers_in(y)
    if classes is None:
        return binarizer.fit(y)
    binarizer.y_type_ = "multiclass" if len(classes) > 2 else "binary"
    binarizer.sparse_input_ = False
    binarizer.classes_ = classes
    return binarizer


def _whole_numbers_in(y: ArrayLike) -> np.ndarray | None:
    """Return the distinct labels, or None where scikit-learn has to look at them.

    It warns where there are more than half as many classes as rows.
    """
    is_vector = type(y) is np.ndarray and y.ndim == 1 and y.dtype.isnative
    if not (is_vector and y.dtype.kind in "iub"):
        return None
    classes = np.unique(y)
    return classes if 0 < 2 * len(classes) <= len(y) else None


def check_labels(
    y: ArrayLike, known: np.ndarray, n_labels: int, name: str, needs_all: bool = False
) -> None:
    """Refuse labels of another form or type than those that are known, or others.

    Parameters
    ----------
    y : array-like
        Labels that were read.
    known : ndarray of shape (n_classes,)
        The known classes.
    n_labels : int
        Number of columns of the known indicator matrix; 0 for one label a row.
    name : {"y", "y_val"}
        Name of the labels in messages.
    needs_all : bool, default=False
        Whether y must hold all known classes.
    """
    check_form(y, known, n_labels, name)
    with called(name):
        classes = labels_in(y)
    _check_classes(classes, known, name, needs_all)


def check_form(
    y: ArrayLike,
    classes: np.ndarray,
    n_labels: int,
    name: str,
    before: str | None = None,
) -> None:
    """Refuse labels of another form or type than those that are known.

    ``before`` is what messages call these; None: y, or that of the call before.
    """
    before = before or ("y" if name == "y_val" else "y of the call before")
    if y.ndim == 2 and not n_labels:
        raise ValueError(
            f"{name} is an indicator matrix with {y.shape[1]} columns, but {before} "
            f"has one label per row. Pass {name} as labels: for a one-hot matrix, "
            f"whose columns are in the order of classes_, classes_[np.argmax({name}, "
            "axis=1)]."
        )
    if y.ndim == 1 and n_labels:
        raise ValueError(
            f"{name} has one label per row, but {before} is an indicator matrix with "
            f"{n_labels} columns. Pass {name} as an indicator matrix too: "
            f"np.eye({n_labels}, dtype=int)[{name}] for the labels 0 to {n_labels - 1}."
        )
    if y.ndim == 2 and y.shape[1] != n_labels:
        raise ValueError(
            f"{name} has {y.shape[1]} columns, but {before} has {n_labels}. Pass a "
            "column for each label, in the same order."
        )
    if y.ndim == 1 and _type_of(y) != _type_of(classes):
        raise ValueError(
            f"{name} holds {_type_of(y)} (dtype {y.dtype}), but {before} holds "
            f"{_type_of(classes)} (dtype {classes.dtype}). "
            f"{_conversion(y, classes.dtype, name)}"
        )


def _conversion(y: np.ndarray, dtype: np.dtype, name: str) -> str:
    """Return how to bring labels into the dtype of those that are known."""
    dtype = np.dtype(str) if dtype.kind in "OUT" else dtype
    is_possible = not {y.dtype.kind, dtype.kind} & set("mMc")
    if is_possible and not is_refused(lambda: y.astype(dtype)):
        short = "str" if dtype.kind == "U" else dtype.name
        return f"Convert {name}, as {name}.astype({short}) does."
    return "Pass labels of the same type, among those of the attribute classes_."


def _check_classes(
    classes: np.ndarray, known: np.ndarray, name: str, needs_all: bool
) -> None:
    """Refuse classes that the network does not have; or, if it needs all, too few."""
    if needs_all and set(classes) != set(known):
        raise ValueError(
            "warm_start can only be used where `y` has the same classes as in the "
            f"previous call to fit. Previously got {known}, `y` has {classes}"
        )
    if not (known.take(known.searchsorted(classes), mode="clip") == classes).all():
        raise ValueError(
            f"`{name}` has classes not in `self.classes_`. `self.classes_` has "
            f"{known}. '{name}' has {classes}."
        )


def check_classes_of_columns(classes: np.ndarray, y: ArrayLike) -> None:
    """Refuse ``classes`` of ``partial_fit`` that do not number the columns of y."""
    if not np.array_equal(classes, np.arange(y.shape[1])):
        raise ValueError(
            f"y is an indicator matrix with {y.shape[1]} columns, for which classes "
            f"must number the columns. Pass classes=np.arange({y.shape[1]})."
        )


def _type_of(labels: np.ndarray) -> str:
    if labels.dtype.kind in "biuf":
        return "numbers"
    return "text" if labels.dtype.kind in "OUT" else "values"


def rare_class(groups: np.ndarray, classes: np.ndarray) -> str:
    """Return a sentence on the class of one row, if there are two classes, else ''."""
    counts = np.bincount(np.ravel(groups), minlength=2)
    if len(classes) != 2 or counts.min() > 1:
        return ""
    return (
        f" It is the class {classes[counts.argmin()]}: give it a second row, pass "
        "X_val and y_val to fit, or hold out no rows (early_stopping=False, "
        "validate=False)."
    )
