"""scikit-learn's decorators, with types that keep the signatures of methods."""

from collections.abc import Callable
from typing import Any, TypeVar

from sklearn.utils import metaestimators

from sknn import _sklearn

Method = TypeVar("Method", bound=Callable[..., Any])


def fit_context(method: Method) -> Method:
    """Check the estimator's parameters before the method runs."""
    decorate = _sklearn.fit_context(prefer_skip_nested_validation=True)
    decorated: Method = decorate(method)
    return decorated


def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """Make a method available only where ``check(estimator)`` returns True."""
    decorate: Callable[[Method], Method] = metaestimators.available_if(check)
    return decorate
