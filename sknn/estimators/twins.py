"""Twins: second objects of an estimator's class, with its attributes.

A fit trains a twin, so that the estimator stays as it is meanwhile. What is set on
either of them in that time, by a callback, a schedule or another thread, stays.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from operator import is_
from types import MemberDescriptorType
from typing import Any, TypeVar

from sknn.estimators.fit_state import fitted_attributes

Twin = TypeVar("Twin")
_NOTHING: Any = object()  # stands for an attribute that does not exist


def twin_of(estimator: Twin, attributes: dict[str, Any]) -> Twin:
    """Return an object of the same class with these attributes, and the same slots.

    No constructor and no ``__setattr__`` of a derived class runs.
    """
    twin: Twin = object.__new__(type(estimator))
    object.__setattr__(twin, "__dict__", attributes)
    if slots_of(estimator):
        _give_slots(estimator, twin)
    return twin


@contextmanager
def trained_twin(estimator: Any) -> Iterator[Any]:
    """Yield a twin to train; then give the estimator the twin's attributes.

    Attributes that are not of the fit, and that were set on the estimator meanwhile,
    stay as they are, unless the twin's were set too. After an exception the estimator
    gets nothing.
    """
    before, slots = vars(estimator).copy(), slot_values(estimator)
    twin = twin_of(estimator, before.copy())
    yield twin
    replaced, new = vars(estimator), vars(twin)
    seen = replaced.copy()
    _set_unless_changed(new, before, _changes(before, seen))
    # All at once, for other threads that predict.
    object.__setattr__(estimator, "__dict__", new)
    # What another thread has set since it was seen.
    _set_unless_changed(new, seen, _changes(seen, replaced))
    give_changed_slots(twin, estimator, slots)


@contextmanager
def fitted_twin(estimator: Any, fitted: Mapping[str, Any]) -> Iterator[Any]:
    """Yield a twin with other fitted attributes, for a function of the user's.

    The estimator gets other attributes that the function sets on the twin.
    """
    before, slots = {**vars(estimator), **fitted}, slot_values(estimator)
    twin = twin_of(estimator, before.copy())
    yield twin
    _set_unless_changed(vars(estimator), before, _changes(before, vars(twin)))
    give_changed_slots(twin, estimator, slots)


def _changes(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Return attributes that were set or deleted, but those of a fit."""
    if list(before) == list(now) and all(map(is_, before.values(), now.values())):
        return {}
    now = now.copy()  # which other threads may change
    return {
        name: now.get(name, _NOTHING)
        for name in before.keys() | now.keys()
        if now.get(name, _NOTHING) is not before.get(name, _NOTHING)
        and name not in fitted_attributes()
    }


def _set_unless_changed(
    attributes: dict[str, Any], before: dict[str, Any], changes: dict[str, Any]
) -> None:
    """Make changes to attributes that are as they were before."""
    for name, value in changes.items():
        if attributes.get(name, _NOTHING) is not before.get(name, _NOTHING):
            continue
        if value is _NOTHING:
            attributes.pop(name, None)
        else:
            attributes[name] = value


# Slots of derived classes ------------------------------------------------------------


def slots_of(estimator: Any) -> tuple[MemberDescriptorType, ...]:
    """Return the descriptors of the ``__slots__`` of an estimator's class."""
    own: Any = type(estimator)
    return _slots_of_class(own)


@cache
def _slots_of_class(estimator: Any) -> tuple[MemberDescriptorType, ...]:
    return tuple(
        member
        for base in estimator.__mro__
        for member in vars(base).values()
        if isinstance(member, MemberDescriptorType)
    )


def slot_values(estimator: Any) -> list[Any]:
    """Return the values of the estimator's slots, in the order of `slots_of`."""
    return [_slot_value(estimator, slot) for slot in slots_of(estimator)]


def give_changed_slots(twin: Any, estimator: Any, before: list[Any]) -> None:
    """Set the slots of an estimator that have changed on its twin."""
    for slot, was in zip(slots_of(twin), before, strict=True):
        value = _slot_value(twin, slot)
        if value is not was:
            _set_slot(estimator, slot, value)


def _give_slots(estimator: Any, twin: Any) -> None:
    for slot in slots_of(estimator):
        _set_slot(twin, slot, _slot_value(estimator, slot))


def _slot_value(estimator: Any, slot: MemberDescriptorType) -> Any:
    try:
        return slot.__get__(estimator, type(estimator))
    except AttributeError:
        return _NOTHING


def _set_slot(estimator: Any, slot: MemberDescriptorType, value: Any) -> None:
    if value is not _NOTHING:
        slot.__set__(estimator, value)
    elif _slot_value(estimator, slot) is not _NOTHING:
        slot.__delete__(estimator)
