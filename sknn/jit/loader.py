"""Machine code in this process: how it gets in. Knows LLVM only, not Numba."""

import os
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple


class Code(NamedTuple):
    """Machine code of one function.

    Attributes
    ----------
    data : bytes
        An object file.
    externals : tuple of str
        Symbols that it needs from this process.
    """

    data: bytes
    externals: tuple[str, ...]


@cache
def processor() -> str:
    """Return what LLVM calls the system, the processor and its features.

    As Numba has it: its variables choose another processor to compile for.
    """
    import llvmlite
    from llvmlite import binding

    name = os.environ.get("NUMBA_CPU_NAME")
    features = os.environ.get("NUMBA_CPU_FEATURES", "" if name == "generic" else None)
    if features is None:
        with suppress(RuntimeError):  # where LLVM cannot tell
            features = binding.get_host_cpu_features().flatten()
    name = name or binding.get_host_cpu_name()
    return f"{llvmlite.__version__} {binding.get_process_triple()} {name} {features}"


@cache
def _engine() -> Any:
    from llvmlite import binding

    with suppress(RuntimeError):  # newer versions need no call, and say so
        binding.initialize()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    machine = target.create_target_machine(jit=True)
    return binding.create_mcjit_compiler(binding.parse_assembly(""), machine)


def is_complete(code: Code) -> bool:
    """Return whether this process has all symbols that code needs."""
    from llvmlite import binding

    _engine()  # which lets LLVM look among the symbols of the process
    return all(binding.address_of_symbol(name) is not None for name in code.externals)


def load(code: Code, symbol: str) -> int:
    """Put code into this process; return the address of a function in it.

    Parameters
    ----------
    code : Code
        Complete: LLVM ends the process where a symbol is missing.
    symbol : str
        Name of the function.
    """
    from llvmlite import binding

    engine = _engine()
    engine.add_object_file(binding.ObjectFileRef.from_data(code.data))
    engine.finalize_object()
    return int(engine.get_function_address(symbol))
