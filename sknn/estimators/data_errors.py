"""Which data were refused, and how to mend them; only errors call this."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any, NamedTuple

import numpy as np

_N_SHOWN = 3
# Messages of NumPy, pandas and scikit-learn on values that are no numbers.
_NO_NUMBERS = re.compile(r"convert|float\(\) argument|numeric|DType|dtype|promot|type")
_MISSING = "contains NaN"  # may be all that scikit-learn says of text with gaps
# From NumPy's and pandas' dates, and from Python's own.
_DAYS = "({0} - {0}.min()) / np.timedelta64(1, 'D')"
_SECONDS = "np.array({0}, dtype='datetime64[s]').astype(float)"


def is_refused(check: Callable[[], Any]) -> bool:
    """Return whether a check raises an error; silence its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check()
        except (TypeError, ValueError):
            return True
    return False


def explain(error: Exception, name: str, cure: str = "") -> None:
    """Let an error say what its data are called, and how to mend them.

    Parameters
    ----------
    error : Exception
        Its message is changed.
    name : str
        Such as "y" or "X_val".
    cure : str, default=''
        A sentence to add, after a space.
    """
    text = re.sub(r"^Input (y_true )?contains", f"Input {name} contains", str(error))
    short = name.removesuffix("_val")
    if name != short:
        text = re.sub(rf"\b{short}\b", name, text)
        if name not in text:
            text = f"{name}: {text}"
    if "could not be promoted" in text:  # NumPy lists the dtypes of all columns
        text = f"{name} has columns that cannot be brought into one dtype."
    if cure and not text.rstrip().endswith((".", "!")):
        text = f"{text.rstrip()}."
    error.args = (text + cure,)


@contextmanager
def called(name: str) -> Iterator[None]:
    """Let errors say what the data are called."""
    try:
        yield
    except (TypeError, ValueError) as error:
        explain(error, name)
        raise


# X -----------------------------------------------------------------------------------


class _Fault(NamedTuple):
    """A column that does not hold numbers."""

    label: Any
    kind: str  # "text", "dates", or the name of a type
    example: Any


def cure_for_X(error: Exception, X: Any, name: str) -> str:
    """Return how to mend X, where scikit-learn's message does not say it."""
    text = str(error)
    if text.startswith("Found array with dim"):
        is_list = not hasattr(X, "reshape")
        flat = f"np.reshape({name}, (len({name}), -1))" if is_list else ""
        return (
            " Give each sample one row of numbers, as "
            f"{flat or f'{name}.reshape(len({name}), -1)'} does."
        )
    is_not_2d = text.startswith("Expected 2D array")
    if not (_NO_NUMBERS.search(text) or _MISSING in text or is_not_2d):
        return ""
    first = X[0] if isinstance(X, (list, tuple)) and len(X) else None
    if isinstance(first, Mapping):
        return f" {name} holds dicts: turn them into numbers with DictVectorizer."
    if isinstance(first, str):
        return f" {name} holds text: turn it into numbers, as TfidfVectorizer does."
    if is_not_2d:
        return ""
    try:
        faults = list(_faults(X))
    except (TypeError, ValueError, AttributeError, KeyError):
        return ""
    if not faults:
        is_text = "bytes/strings" in text
        return f" Convert it, as {name}.astype(float) does." if is_text else ""
    return _cure_for_columns([f for f in faults if f.kind == faults[0].kind], name)


def _cure_for_columns(faults: list[_Fault], name: str) -> str:
    _, kind, example = faults[0]
    labels = [fault.label for fault in faults]
    shown = ", ".join(map(repr, labels[:_N_SHOWN])) + ", ..." * (len(labels) > _N_SHOWN)
    which = f"Column {shown} of {name} holds"
    if len(labels) > 1:
        which = f"Columns {shown} of {name} hold"
    if kind == "text":
        return (
            f" {which} text, such as {example!r}. Encode it as numbers, as scikit-learn"
            f"'s ColumnTransformer([('text', OneHotEncoder(), [{shown}])], remainder="
            "'passthrough') does."
        )
    if kind == "dates":
        return (
            f" {which} dates. Turn each column of dates into numbers, as "
            f"{_numbers_of_dates('column', example)} does, or leave it out."
        )
    return f" {which} values of type {kind}. Turn them into numbers, or leave them out."


def _numbers_of_dates(name: str, example: Any) -> str:
    """Return an expression that turns dates into numbers."""
    return (_DAYS if example is None else _SECONDS).format(name)


def _faults(X: Any) -> Iterator[_Fault]:
    """Yield the columns of X that do not hold numbers."""
    if hasattr(X, "columns"):
        for k, label in enumerate(X.columns):
            column = X.iloc[:, k] if hasattr(X, "iloc") else X[label]
            yield from _fault(label, column)
        return
    array = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
    if array.ndim == 2:
        for k in range(array.shape[1]):
            yield from _fault(k, array[:, k])


def _fault(label: Any, column: Any) -> Iterator[_Fault]:
    kind = getattr(getattr(column, "dtype", None), "kind", "O")
    values = np.asarray(column).ravel()
    if "M" in (kind, values.dtype.kind) or "m" in (kind, values.dtype.kind):
        yield _Fault(label, "dates", None)
    elif values.dtype.kind not in "fiubc":
        yield from _fault_of_objects(label, values.tolist())


def _fault_of_objects(label: Any, values: list[Any]) -> Iterator[_Fault]:
    for value in values:
        if value is None:
            continue
        try:
            float(value)
        except (TypeError, ValueError):
            is_text = isinstance(value, (str, bytes))
            kind = "text" if is_text else type(value).__name__
            if isinstance(value, date):
                kind = "dates"
            yield _Fault(label, kind, str(value) if isinstance(value, str) else value)
            return


# y -----------------------------------------------------------------------------------


def cure_for_y(error: Exception, y: Any, name: str) -> str:
    """Return how to mend y, where scikit-learn's message does not say it."""
    text = str(error)
    if text.startswith("Found array with dim"):
        return f" It is {name}, which must have one dimension, or two."
    if "NaN" in text:
        return f" Leave out the rows where {name} is missing, or fill it."
    if not _NO_NUMBERS.search(text):
        return ""
    try:
        fault = next(_fault(None, y), None)
    except (TypeError, ValueError):  # as of lists of different lengths
        return ""
    return f" {not_numbers(name, fault.kind, fault.example)}" if fault else ""


def cure_for_targets(y: np.ndarray, name: str) -> str:
    """Return how to mend the targets of a regressor, which are no numbers."""
    fault = next(_fault(None, y.ravel()), None)
    if fault is None:
        return f"Convert {name}, as {name}.astype(float) does, or use MLPClassifier."
    return not_numbers(name, fault.kind, fault.example)


def cure_for_weights(error: Exception, name: str) -> str:
    """Return how to mend sample weights, where the message does not say it."""
    if "convert" in str(error) or "float()" in str(error):
        return f" {name} must hold a number for each row."
    return ""


def not_numbers(name: str, kind: str, example: Any = None) -> str:
    """Return a sentence on targets of a regressor that are no numbers."""
    if kind == "dates":
        numbers = _numbers_of_dates(name, example)
        return f"{name} holds dates. Turn them into numbers, as {numbers} does."
    if kind == "text":
        return (
            f"{name} holds text, such as {example!r}. Use MLPClassifier for labels, or "
            "numbers."
        )
    return f"{name} holds values of type {kind}, which are no numbers."
