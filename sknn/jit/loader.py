"""Machine code in this process: how it gets in. Knows LLVM only, not Numba."""

import os
import sys
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

from sknn.jit.room import check_room

_MEGABYTES_OF_LLVM, _MEGABYTES_TO_LOAD = 160, 4


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
    """Return LLVM's names for the system, the processor and its features.

    As Numba has it: its variables choose another processor to compile for.
    """
    if "llvmlite" not in sys.modules:
        check_room(_MEGABYTES_OF_LLVM, "load LLVM")
    import llvmlite
    from llvmlite import binding

    name = os.environ.get("NUMBA_CPU_NAME")
    features = os.environ.get("NUMBA_CPU_FEATURES", "" if name == "generic" else None)
    if features is None:
        with suppress(RuntimeError):  # where LLVM cannot tell
            features = binding.get_host_cpu_features().flatten()
    name = name or binding.get_host_cpu_name()
    return f"{llvmlite.__version__} {binding.get_process_triple()} {name} {features}"


class _Mcjit:
    """LLVM's older loader. It takes half as long as the newer one."""

    def __init__(self, machine: Any):
        from llvmlite import binding

        empty = binding.parse_assembly("")
        self._engine = binding.create_mcjit_compiler(empty, machine)

    def load(self, code: Code, symbol: str) -> int:
        from llvmlite import binding

        self._engine.add_object_file(binding.ObjectFileRef.from_data(code.data))
        self._engine.finalize_object()
        return int(self._engine.get_function_address(symbol))


class _Lljit:
    """LLVM's newer loader, for when there will be no other one."""

    def __init__(self, machine: Any):
        from llvmlite import binding

        self._engine = binding.create_lljit_compiler(machine)
        self._libraries: list[Any] = []  # which go with the code in them

    def load(self, code: Code, symbol: str) -> int:
        from llvmlite import binding

        builder = binding.JITLibraryBuilder()
        builder.add_object_img(code.data).add_current_process().export_symbol(symbol)
        for name in code.externals:
            builder.import_symbol(name, binding.address_of_symbol(name))
        # A name may come again where a kernel is loaded twice.
        library = builder.link(self._engine, f"{symbol}_{len(self._libraries)}")
        self._libraries.append(library)
        return int(library[symbol])


@cache
def _loader() -> _Mcjit | _Lljit:
    check_room(_MEGABYTES_TO_LOAD, "load compiled code")
    from llvmlite import binding

    with suppress(RuntimeError):  # newer versions need no call, and say so
        binding.initialize()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    machine = target.create_target_machine(jit=True)
    return (_Mcjit if hasattr(binding, "create_mcjit_compiler") else _Lljit)(machine)


def is_complete(code: Code) -> bool:
    """Return whether this process has all symbols that code needs."""
    from llvmlite import binding

    _loader()  # which lets LLVM look among the symbols of the process
    return all(binding.address_of_symbol(name) is not None for name in code.externals)


def load(code: Code, symbol: str) -> int:
    """Put code into this process; return the address of a function in it.

    Parameters
    ----------
    code : Code
        Complete: LLVM ends the process where a symbol is missing.
    symbol : str
        Name of the function.

    Raises
    ------
    MemoryError
        If there is too little memory left for LLVM.
    """
    check_room(_MEGABYTES_TO_LOAD, "load compiled code")
    return _loader().load(code, symbol)
