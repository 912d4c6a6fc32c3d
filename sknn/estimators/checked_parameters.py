"""The check of an estimator's parameters; what was checked before costs little."""

import reprlib
from collections.abc import Callable
from functools import cache, lru_cache
from math import inf, isinf, log10
from numbers import Real
from operator import attrgetter
from types import NoneType
from typing import Any, NamedTuple

from sknn._sklearn import (
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)
from sknn.estimators.parameters import defaults_of
from sknn.estimators.suggestions import suggestion_for_value

_IMMUTABLE_TYPES = frozenset({bool, int, float, str, NoneType})


class _Checked(NamedTuple):
    """What is known of the parameters of an estimator.

    Attributes
    ----------
    valid : tuple
        Immutable values that were checked. They are kept, so that no other object gets
        the identity of one of them.
    mutable : tuple of str
        The names of the other parameters, which must be checked in each call.
    """

    valid: tuple[Any, ...]
    mutable: tuple[str, ...]


# By the class and the identities of all values: the key costs less than their hashes.
_checked: dict[tuple[Any, ...], _Checked] = {}
_MOST_CHECKED = 256


def check_parameters(estimator: Any) -> None:
    """Check the parameters that have changed since they were checked.

    Raises
    ------
    InvalidParameterError
        If one has a wrong type or value.
    """
    estimator_type: Any = type(estimator)
    names, values_of = _parameters_to_check(estimator_type)
    values = values_of(estimator)
    key = (estimator_type, *map(id, values))
    checked = _checked.get(key)
    try:
        if checked is None:
            checked = _check_immutable(
                estimator_type, dict(zip(names, values, strict=True))
            )
        for name in checked.mutable:
            _check(estimator_type, {name: getattr(estimator, name)})
    except InvalidParameterError as error:
        parameters = dict(zip(names, values, strict=True))
        error.args = (f"{error}{_suggestion(estimator_type, parameters)}",)
        raise
    if len(_checked) >= _MOST_CHECKED:
        _checked.clear()
    _checked[key] = checked


@cache
def _parameters_to_check(
    estimator_type: Any,
) -> tuple[list[str], Callable[[Any], tuple[Any, ...]]]:
    """Return the names of all parameters, and a function that returns their values.

    A derived class may fix some parameters of its base, which are attributes still.
    """
    names = list(
        dict.fromkeys(
            [*estimator_type._get_param_names(), *defaults_of(estimator_type)]
        )
    )
    return names, attrgetter(*names)


def _check(estimator_type: Any, parameters: dict[str, Any]) -> None:
    for name, value in parameters.items():
        if isinstance(value, Real) and not _fits_float64(value):
            raise InvalidParameterError(
                f"The {name!r} parameter of {estimator_type.__name__} is beyond the "
                f"range of float64. Got {_shown(value)}. Set it to a number below "
                "1e308."
            )
    constraints = estimator_type._parameter_constraints
    validate_parameter_constraints(constraints, parameters, estimator_type.__name__)


def _fits_float64(value: Real) -> bool:
    """Return whether a number stays finite, or infinite, as a float."""
    try:
        return not isinf(float(value)) or bool(value in (inf, -inf))
    except OverflowError:
        return False


def _shown(value: Real) -> str:
    """Return a number as text, which may have thousands of digits."""
    if isinstance(value, int):
        return f"an integer of about {int(log10(abs(value)))} digits"
    return reprlib.repr(value)


def _check_immutable(estimator_type: Any, parameters: dict[str, Any]) -> _Checked:
    """Check the values that cannot change; return them and the other names."""
    valid = {name: value for name, value in parameters.items() if _is_immutable(value)}
    names, values = tuple(valid), tuple(valid.values())
    types = tuple(
        tuple(map(type, value)) if type(value) is tuple else type(value)
        for value in values
    )
    _check_immutable_values(estimator_type, names, values, types)
    return _Checked(values, tuple(name for name in parameters if name not in valid))


def _is_immutable(value: Any) -> bool:
    types = map(type, value) if type(value) is tuple else (type(value),)
    return _IMMUTABLE_TYPES.issuperset(types)


@lru_cache(maxsize=256)
def _check_immutable_values(
    estimator_type: Any,
    names: tuple[str, ...],
    values: tuple[Any, ...],
    types: tuple[Any, ...],
) -> None:
    """Check parameters; valid ones are remembered and not checked again.

    The types distinguish equal values, such as 1 and True.
    """
    _check(estimator_type, dict(zip(names, values, strict=True)))


def _suggestion(estimator_type: Any, parameters: dict[str, Any]) -> str:
    """Return a suggestion for the first invalid parameter; empty if there is none."""
    constraints = estimator_type._parameter_constraints
    for name, value in parameters.items():
        try:
            validate_parameter_constraints(constraints, {name: value}, "")
        except InvalidParameterError:
            options = {
                option
                for constraint in constraints[name]
                if isinstance(constraint, StrOptions)
                for option in constraint.options
            }
            return suggestion_for_value(name, parameters, options)
    return ""
