"""scikit-learn's decorators, with types that keep the signatures of methods."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from sknn import _sklearn
from sknn.estimators.suggestions import explain_call

Method = TypeVar("Method", bound=Callable[..., Any])


def suggests_names(method: Method) -> Method:
    """Add the nearest valid name to the TypeError of an unknown argument."""

    @wraps(method)
    def explained(self: Any, /, *arguments: Any, **options: Any) -> Any:
        try:
            return method(self, *arguments, **options)
        except TypeError as error:
            explain_call(error, method, self, arguments, options)
            raise

    return cast(Method, explained)


class _AvailableIf(_sklearn.AvailableIf):
    """scikit-learn's descriptor, with the reason in the message itself."""

    def _check(self, obj: Any, owner: type) -> None:
        try:
            super()._check(obj, owner)
        except AttributeError as error:
            if error.__cause__ is not None:
                error.args = (f"{error}: {error.__cause__}",)
            raise


def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """Make a method available only where ``check(estimator)`` returns True.

    Otherwise there is no such attribute, for the reason that ``check`` raises.
    """

    def decorate(method: Method) -> Method:
        return cast(Method, _AvailableIf(method, check, method.__name__))

    return decorate
