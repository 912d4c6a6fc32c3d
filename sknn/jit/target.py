"""The processor that is compiled for, and what LLVM does with a module.

Needs llvmlite only, but for Numba's configuration, which may choose another processor.
"""

import re
from functools import cache, partial
from typing import Any

from llvmlite import binding, ir
from numba import config

from sknn.jit.loader import Code


def _cpu_name() -> str:
    return str(config.CPU_NAME or binding.get_host_cpu_name())


@cache
def triple() -> str:
    """Return LLVM's name for the system that is compiled for."""
    return str(binding.get_process_triple())


@cache
def features() -> str:
    """Return the features of the processor, such as "+avx2,-avx512f"."""
    if config.CPU_FEATURES is not None:
        return str(config.CPU_FEATURES)
    try:
        features_of_host = binding.get_host_cpu_features()
    except RuntimeError:  # where LLVM cannot tell
        return ""
    if not config.ENABLE_AVX:
        avx = [name for name in features_of_host if name.startswith("avx")]
        features_of_host.update(dict.fromkeys(avx, False))
    return str(features_of_host.flatten())


def vector_bytes() -> int:
    """Return the width of the processor's vectors, for intrinsics to rely on."""
    names = features().split(",")
    if "+avx512f" in names:
        return 64
    return 32 if "+avx" in names else 16


def n_vector_registers() -> int:
    """Return how many vectors the processor holds."""
    is_x86 = triple().startswith(("x86", "i686", "amd64"))
    return 16 if is_x86 and "+avx512f" not in features().split(",") else 32


@cache
def machine() -> Any:
    """Return LLVM's target machine, set up for code that is loaded into a process."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(triple())
    relocation = "default"
    if target.name.startswith("x86"):  # where LLVM's loader needs static code
        relocation = "static"
    return target.create_target_machine(
        cpu=_cpu_name(), features=features(), opt=int(config.OPT), reloc=relocation,
        codemodel="jitdefault", jit=True,
    )  # fmt: skip


def optimize(module: Any) -> None:
    """Run LLVM's usual passes on a module."""
    options = binding.create_pipeline_tuning_options(speed_level=int(config.OPT))
    options.loop_vectorization = bool(config.LOOP_VECTORIZE)
    options.slp_vectorization = bool(config.SLP_VECTORIZE)
    builder = binding.create_pass_builder(machine(), options)
    builder.getModulePassManager().run(module, builder)


def keep_only(module: Any, symbol: str) -> None:
    """Make all functions of a module private but one, so that unused ones go."""
    for function in module.functions:
        if not function.is_declaration:
            function.linkage = "external" if function.name == symbol else "internal"


def emit(module: Any, target_machine: Any) -> Code:
    """Return the machine code of a module."""
    module.verify()
    externals = [
        function.name
        for function in module.functions
        if function.is_declaration and not function.name.startswith("llvm.")
    ]
    return Code(target_machine.emit_object(module), tuple(externals))


def loop_hint(module: ir.Module, name: str, *values: ir.Constant) -> Any:
    """Return what tells LLVM how to treat a loop, for the branch back to its start."""
    hint = module.add_metadata([f"llvm.loop.{name}", *values])
    loop = module.add_metadata([hint, ir.IntType(64)(len(module.metadata))])
    loop.operands = (loop, hint)  # the first one says which loop it is
    return loop


def interleave_loops(module: ir.Module, count: int) -> None:
    """Have LLVM work on so many vectors at a time in each loop that it vectorises."""
    hint = partial(loop_hint, module, "interleave.count", ir.IntType(32)(count))
    for function in module.functions:
        before = set()
        for block in function.blocks:
            before.add(block)
            if not before.isdisjoint(block.terminator.operands):
                block.terminator.set_metadata("llvm.loop", hint())


def without_reference_counts(text: str) -> str:
    """Return LLVM code whose calls of Numba's memory manager do nothing.

    For functions that allocate nothing: their arrays have no owner to be released.
    """
    return re.sub(
        r"^declare void @(NRT_\w+)\(([^)]*)\).*$",
        r"define internal void @\1(\2) {\n  ret void\n}",
        text,
        flags=re.MULTILINE,
    )
