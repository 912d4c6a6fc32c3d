"""scikit-learn's decorators, with types that keep the signatures of methods."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from sklearn.utils import metaestimators

from sknn.estimators.suggestions import explain_call

Method = TypeVar("Method", bound=Callable[..., Any])


def suggests_names(method: Method) -> Method:
    """Say what was meant where a method gets an argument that does not exist."""

    @wraps(method)
    def explained(self: Any, /, *arguments: Any, **options: Any) -> Any:
        try:
            return method(self, *arguments, **options)
        except TypeError as error:
            explain_call(error, method, self, arguments, options)
            raise

    return cast(Method, explained)


def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """Make a method available only where ``check(estimator)`` returns True."""
    decorate: Callable[[Method], Method] = metaestimators.available_if(check)
    return decorate
