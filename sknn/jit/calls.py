"""Calls of kernels by address, whose arguments are checked while they are compiled."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError

from sknn.jit.abi import flatten
from sknn.jit.declarations import DTYPE, Array, Record, Signature, Type


def numba_type(type_: Type, dtype: np.dtype[Any]) -> Any:
    """Return Numba's type for that of an argument."""
    if isinstance(type_, Record):
        fields = [numba_type(field, dtype) for field in type_.fields]
        return types.NamedTuple(fields, type_.factory)
    if isinstance(type_, Array):
        element = numba_type(type_.element, dtype)
        return types.Array(element, type_.ndim, "C", readonly=type_.is_read_only)
    return numba.from_dtype(dtype if type_ == DTYPE else np.dtype(type_))


def call_definition(name: str, signature: Signature) -> Callable[..., Any]:
    """Return the definition of a caller, for ``compiler.lower_intrinsic``.

    Parameters
    ----------
    name : str
        What messages call the kernels.
    signature : tuple
        The types of their arguments.
    """

    def definition(typingctx: Any, address: Any, arguments: Any) -> Any:
        if not isinstance(address, types.Integer):
            raise TypingError(f"{name}: the address must be an integer, got {address}.")
        if not isinstance(arguments, types.BaseTuple):
            raise TypingError(f"{name}: arguments must be a tuple, got {arguments}.")
        checker = _Checker(name)
        checker.check_items(signature, arguments, "argument")

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            flat = list(flatten(context, builder, arguments, values[1]))
            result = context.get_value_type(types.float64)
            function = ir.FunctionType(result, [value.type for value in flat])
            pointer = builder.inttoptr(values[0], function.as_pointer())
            return builder.call(pointer, flat)

        return types.float64(types.int64, arguments), codegen

    return definition


class _Checker:
    """Compares the types of arguments with a signature; raises TypingError."""

    def __init__(self, name: str):
        self.name = name
        self.dtype: Any = None  # of the specialization, from the first that has it

    def check_items(self, expected: Signature, actual: Any, what: str) -> None:
        if len(actual) != len(expected):
            raise TypingError(
                f"{self.name} takes {len(expected)} {what}s, got {len(actual)}."
            )
        for k, (type_, item) in enumerate(zip(expected, actual, strict=True)):
            self.check(type_, item, f"{what} {k + 1}")

    def check(self, expected: Type, actual: Any, what: str) -> None:
        """Check one argument or field."""
        if isinstance(expected, Record):
            if getattr(actual, "instance_class", None) is not expected.factory:
                self.refuse(expected.factory.__name__, actual, what)
            names = expected.factory._fields
            for field, type_, item in zip(names, expected.fields, actual, strict=True):
                self.check(type_, item, f"{what}, {field},")
        elif isinstance(expected, Array):
            is_right = (
                isinstance(actual, types.Array)
                and actual.ndim == expected.ndim
                and actual.layout == "C"
                and (actual.mutable or expected.is_read_only)
                and self.is_dtype(expected.element, actual.dtype)
            )
            if not is_right:
                self.refuse(str(expected), actual, what)
        elif not self.is_dtype(expected, actual):
            self.refuse(expected, actual, what)

    def is_dtype(self, expected: str, actual: Any) -> bool:
        actual = types.unliteral(actual)
        if expected != DTYPE:
            return bool(actual == numba.from_dtype(np.dtype(expected)))
        if self.dtype is None and actual in (types.float32, types.float64):
            self.dtype = actual
        return bool(actual == self.dtype)

    def refuse(self, expected: str, actual: Any, what: str) -> None:
        is_open = self.dtype is not None and repr(DTYPE) in expected
        own = f", where {DTYPE!r} is {self.dtype}" if is_open else ""
        raise TypingError(f"{self.name}: {what} must be {expected}{own}; got {actual}.")
