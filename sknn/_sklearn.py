"""The names that scikit-learn keeps private and sknn needs, in one place.

They give sknn scikit-learn's checks and messages to the letter. Every supported
version of scikit-learn is tested; a change there is mended here.
"""

from sklearn.metrics._scorer import _BaseScorer as BaseScorer
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._available_if import _AvailableIfDescriptor as AvailableIf
from sklearn.utils._openmp_helpers import (
    _openmp_effective_n_threads as openmp_effective_n_threads,
)
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.extmath import _approximate_mode as approximate_mode
from sklearn.utils.multiclass import _check_partial_fit_first_call as first_call
from sklearn.utils.optimize import _check_optimize_result as check_optimize_result
from sklearn.utils.validation import (
    _check_feature_names_in as check_feature_names_in,
)
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = [
    "AvailableIf",
    "BaseScorer",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "Options",
    "StrOptions",
    "approximate_mode",
    "check_feature_names_in",
    "check_optimize_result",
    "check_sample_weight",
    "first_call",
    "openmp_effective_n_threads",
    "safe_indexing",
    "validate_parameter_constraints",
]
