"""How properties are run: a few examples by default, more when asked for."""

import os
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings

# SKNN_FUZZ=20 runs twenty times as many examples, drawn anew each time.
FACTOR = int(os.environ.get("SKNN_FUZZ", "1"))

# The tests of each property: with few examples, and in the slow tests with many.
amounts = pytest.mark.parametrize(
    "factor",
    [1, pytest.param(10, marks=pytest.mark.slow)],
    ids=["few", "many"],
)


class Property(NamedTuple):
    """Something that must hold for all examples.

    ``check`` takes settings and runs as many examples as they say.
    """

    check: Callable[[settings], None]
    n_examples: int
    module: str


PROPERTIES: dict[str, Property] = {}


def settings_of(n_examples: int, derandomize: bool, **options) -> settings:
    """Return hypothesis' settings; no example fails for the time it takes."""
    return settings(
        max_examples=n_examples,
        derandomize=derandomize,
        database=None,
        deadline=None,
        print_blob=True,
        stateful_step_count=15,
        suppress_health_check=list(HealthCheck),
        **options,
    )


def holds(n_examples: int, **strategies):
    """Register a function as a property of examples that the strategies draw."""

    def register(function):
        def check(options):
            options(given(**strategies)(function))()

        PROPERTIES[function.__name__] = Property(check, n_examples, function.__module__)
        return function

    return register


def names_in(module: str) -> list[str]:
    """Return the names of a module's properties."""
    return [name for name, each in PROPERTIES.items() if each.module == module]


def run(name: str, factor: int) -> None:
    """Run a property: on the same examples each time, if there is no SKNN_FUZZ."""
    check, n_examples, _ = PROPERTIES[name]
    check(settings_of(n_examples * factor * FACTOR, derandomize=FACTOR == 1))


def run_once_more(name: str) -> None:
    """Run a property on new examples. What fails is not shrunk, which may take long."""
    check, n_examples, _ = PROPERTIES[name]
    phases = (Phase.generate,)
    check(settings_of(n_examples, derandomize=False, phases=phases))
