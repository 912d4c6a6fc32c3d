"""Activations and losses that users registered, and how estimators carry them along.

:mod:`sknn.custom` checks them; here they are entered in the tables of built-in ones.
"""

import gc
from collections.abc import Callable, Container
from types import FunctionType
from typing import Any, NamedTuple, NoReturn
from weakref import WeakSet

from sknn.jit.kernel import inline_scalar, like
from sknn.kernels.layers import activations
from sknn.kernels.losses import table as losses
from sknn.network.network import look_up_kernels_again
from sknn.network.same_functions import are_same


class Definition(NamedTuple):
    """What it takes to register an activation or a loss again, elsewhere."""

    arguments: tuple[Any, ...]  # of the function that adds it, after its name
    token: str  # differs from one registration to the next
    is_received: bool = False  # whether it came from another process


class Definitions:
    """What a stored estimator carries of users' activations and losses."""

    def __init__(self, entries: dict[tuple[str, str], Definition]):
        self.entries = entries

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # All that pickle and copy call; skops calls the others.
        return Definitions, (self.entries,)

    def __getstate__(self) -> NoReturn:
        names = sorted(name for _, name in self.entries)
        raise TypeError(
            f"skops cannot store an estimator that uses {', '.join(map(repr, names))}, "
            "which is registered by functions of your own: its files hold no code. Use "
            "a built-in activation and loss, or pickle or joblib."
        )

    __reduce__ = __getstate__


DEFINITIONS: dict[tuple[str, str], Definition] = {}  # by component and name


def definitions_of(names: Container[str]) -> dict[tuple[str, str], Definition]:
    """Return the definitions of those that users registered, for a pickle."""
    return {key: DEFINITIONS[key] for key in sorted(DEFINITIONS) if key[1] in names}


# Estimators that were loaded with a definition from another process, by its key.
_users: dict[tuple[str, str], WeakSet[Any]] = {}


def receive(definitions: dict[tuple[str, str], Definition], user: Any) -> None:
    """Register what a loaded estimator carries along.

    Raises
    ------
    ValueError
        If another function has the same name here, in the user's own registration or
        in an estimator that was loaded before and is still in use.
    """
    for key, definition in definitions.items():
        known = DEFINITIONS.get(key)
        if known is None or known.token == definition.token:
            continue
        if are_same(known.arguments, definition.arguments):
            continue
        if known.is_received and not _is_in_use(key):
            continue
        component, name = key
        whose = (
            "a model that was loaded before" if known.is_received else "this process"
        )
        raise ValueError(
            f"This {type(user).__name__} cannot be loaded: it uses the {component} "
            f"{name!r}, but another function is registered under that name by {whose}. "
            "Load it in a process of its own, or register one of the two under another "
            "name."
        )
    register_missing(definitions)
    for key in definitions:
        _users.setdefault(key, WeakSet()).add(user)


def _is_in_use(key: tuple[str, str]) -> bool:
    """Return whether there are estimators left that were loaded with a definition."""
    if _users.get(key):
        gc.collect()  # some may be held by cycles alone
    return bool(_users.get(key))


def register_missing(definitions: dict[tuple[str, str], Definition]) -> None:
    """Register what `definitions_of` returned in another process.

    What was registered by a call in this process stays. What came from another one is
    replaced: workers live on when a user changes a function and registers it again.
    """
    for (component, name), definition in definitions.items():
        known = DEFINITIONS.get((component, name))
        if known is None or (known.is_received and known.token != definition.token):
            check_name("register_missing", component, name)
            define(component, name, definition._replace(is_received=True))


def define(component: str, name: str, definition: Definition) -> None:
    """Enter an activation or a loss into the table of its component."""
    add = _add_activation if component == "activation" else _add_loss
    add(name, *definition.arguments)
    DEFINITIONS[component, name] = definition


def _add_activation(
    name: str,
    function: Callable[..., Any],
    derivative: Callable[..., Any],
    onnx: Callable[..., Any] | None = None,
) -> None:
    activations.register(
        name,
        _typed(function),
        _typed(derivative),
        description="registered by a user",
        needs_preactivation=True,
        cached=False,
        onnx=onnx,
    )
    look_up_kernels_again()


def _add_loss(
    name: str,
    function: Callable[..., Any],
    derivative: Callable[..., Any],
    link: str,
    check_targets: Callable[[Any], None] | None,
) -> None:
    losses.register_custom(
        name,
        fresh_function(function, 2),
        fresh_function(derivative, 2),
        link,
        check_targets,
    )


def fresh_function(function: Callable[..., Any], n_numbers: int) -> Callable[..., Any]:
    """Return a function of exactly n numbers that Numba has not seen yet.

    It remembers what it compiled for a function object, and with that the values of
    global names, which the user may have changed since.
    """
    inner = function
    if isinstance(function, FunctionType):
        copy = FunctionType(
            function.__code__,
            function.__globals__,
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        inner = inline_scalar(copy)
    if n_numbers == 1:
        return lambda z: inner(z)
    return lambda y, z: inner(y, z)


def _typed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a scalar function whose results have the type of its argument."""
    untyped = inline_scalar(fresh_function(function, 1))
    return inline_scalar(lambda z: like(z, untyped(z)))


def check_name(caller: str, component: str, name: Any) -> None:
    """Refuse a name that is no identifier, or that of a built-in one."""
    table = activations.ACTIVATIONS if component == "activation" else losses.LOSSES
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(
            f"{caller}: the name {name!r} is not a string such as 'my_{component}', of "
            "letters, digits and underscores."
        )
    if name in table and (component, name) not in DEFINITIONS:
        raise ValueError(
            f"{caller}: {name!r} is a built-in {component}. Choose another name."
        )
