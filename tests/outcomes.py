"""What became of a call: trained, refused for a readable reason, or broken.

Whoever runs properties for long finds in ``TALLY`` how many of each there were.
"""

import pickle
import re
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import scipy.sparse
import sklearn

import sknn

TALLY: Counter = Counter()
_READABLE = tuple(str(Path(package.__file__).parent) for package in (sknn, sklearn))

# Warnings that tell the user something. Any other is a slip of the code.
EXPECTED_WARNINGS = (
    "hasn't converged yet",
    "converged to",  # scikit-learn on L-BFGS: failed to converge, and why
    "failed to converge",
    "It is going to be clipped",
    "A column-vector y was passed",
    "y is taken as multilabel",
    "The best weights were restored",
    "R\\^2 score is not well-defined",
    "The number of unique classes is greater than 50%",
    "invalid value encountered in reduce",  # scikit-learn's check adds huge numbers
    "The score of .* is not defined for 1 row",
    "The score .* counts as no improvement",
    "All targets of X_val and y_val are the same",
    "The network has learnt less than a constant prediction",
    "needs batches of two rows or more",
    "has no effect with",
    "has no effect: no column of numbers",
    "learning_rate=.* has (ended|lowered the rate)",
)
# A warning that comes with results that are not finite. It counts as a refusal.
NOT_FINITE = "Some of the predictions are not finite"


class Refused(Exception):
    """A call was refused, as it should be, for the reason that this one holds."""


# What L-BFGS says in scipy before 1.15, and since, which our own says.
_MESSAGES_OF_LBFGS = {
    "STOP: TOTAL NO. of ITERATIONS": "STOP: TOTAL NO. OF ITERATIONS",
    "STOP: TOTAL NO. of f AND g EVALUATIONS": "STOP: TOTAL NO. OF F,G EVALUATIONS",
    "ABNORMAL_TERMINATION_IN_LNSRCH": "ABNORMAL: ",
    "NORM_OF_PROJECTED_GRADIENT_<=_PGTOL": "NORM OF PROJECTED GRADIENT <= PGTOL",
    "REL_REDUCTION_OF_F_<=_FACTR": "RELATIVE REDUCTION OF F <= FACTR",
}


def as_new_scipy(message):
    """Return a message with the words that scipy has for it since 1.15."""
    for old, new in _MESSAGES_OF_LBFGS.items():
        message = message.replace(old, new)
    return message


def attempt(function):
    """Call a function; return its result, or raise ``Refused`` for a clear refusal.

    A clear refusal is a ``ValueError`` or ``TypeError`` that was raised in the code of
    sknn or scikit-learn, with a sentence. Any other exception passes, and a warning
    that is not among the expected ones becomes an ``AssertionError``.
    """
    TALLY["generated"] += 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("error", NOT_FINITE)
        try:
            result = function()
        except (ValueError, TypeError, RuntimeWarning) as error:
            raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
            if not raised_in.startswith(_READABLE):
                raise
            message = str(error)
            assert re.match(r"\S+(\s+\S+){2,}", message), f"not a sentence: {message!r}"
            TALLY["refused"] += 1
            raise Refused(message) from error
    for warning in caught:
        # scikit-learn's scores of huge numbers overflow, and NumPy says so.
        is_of_a_score = re.search(r"sklearn.metrics", warning.filename)
        is_expected = re.search("|".join(EXPECTED_WARNINGS), str(warning.message))
        if not (is_expected or is_of_a_score):
            raise AssertionError(f"unexpected warning: {warning}")
    TALLY["trained"] += 1
    return result


def refused(function):
    """Call a function; return the reason for which it was refused, or None."""
    try:
        attempt(function)
    except Refused as reason:
        return str(reason)
    return None


def predicted(model, X, method="predict"):
    """Return what a fitted model predicts, and whether it warned of infinite numbers.

    Of a regressor, it does just where there are some.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = getattr(model, method)(X)
    if scipy.sparse.issparse(found):
        found = found.toarray()
    unexpected = [str(w.message) for w in caught if NOT_FINITE not in str(w.message)]
    assert not unexpected
    if isinstance(model, sknn.MLPRegressor):
        assert bool(caught) != np.isfinite(found).all()
    return found, bool(caught)


def frozen(value):
    """Return a copy of nested attributes that can be compared with ``==``."""
    if isinstance(value, np.ndarray):
        kind = value.tolist() if value.dtype == object else value.tobytes()
        return ("array", value.dtype.str, value.shape, kind)
    if scipy.sparse.issparse(value):
        return ("sparse", value.format, frozen(value.toarray()))
    if isinstance(value, dict):
        return {
            key: frozen(each) for key, each in value.items() if key != "_theta_cache"
        }
    if isinstance(value, list | tuple):
        return (type(value).__name__, [frozen(each) for each in value])
    if isinstance(value, float) and np.isnan(value):
        return "NaN"
    if hasattr(value, "__dict__") and not callable(value):
        return (type(value).__name__, frozen(vars(value)))
    return value


def state_of(model):
    """Return all that an estimator holds, but for the times of its epochs."""
    state = frozen(vars(model))
    for name in ("history_",):
        if name in state:
            state[name].pop("seconds", None)
    return state


def weights_of(model):
    """Return all parameters of a fitted network, and what was learned of the epochs."""
    names = ("coefs_", "intercepts_", "gains_", "shifts_", "running_statistics_")
    return [part for name in names for part in getattr(model, name, [])]


def stored_state(model):
    """Return all attributes as bytes, but for the network, whose tables fill up."""
    return pickle.dumps({k: v for k, v in vars(model).items() if k != "_theta_cache"})
