"""How many operations a second a core can do at most: multiply-adds in registers.

So many sums run side by side that none is waited for, and no memory is read. Written
in LLVM's instructions, for a compiler would not leave such a loop as it is.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import binding

from benchmarks.timing import seconds
from sknn.jit.target import vector_bytes

N_SUMS = 12  # of four cycles each, two at a time, with some to spare
N_ROUNDS = 100_000


def operations_a_second(dtype: np.dtype) -> float:
    """Return how many multiplications and additions a second there are."""
    run, _ = _loop(dtype)
    lanes = vector_bytes() // dtype.itemsize
    return 2 * N_SUMS * lanes * N_ROUNDS / seconds(run, N_ROUNDS)


@cache
def _loop(dtype: np.dtype) -> tuple[Callable[[int], float], Any]:
    """Return the compiled loop, which takes a number of rounds, and its owner."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
    )
    module = binding.parse_assembly(_code(dtype))
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64)
    return kind(engine.get_function_address("peak")), engine


def _code(dtype):
    """Write the loop: each sum x becomes x / 2 + 1 / 2, again and again."""
    bits, sums = 8 * dtype.itemsize, range(N_SUMS)
    found = "fpext float" if bits == 32 else "bitcast double"
    lanes, number = 8 * vector_bytes() // bits, {32: "float", 64: "double"}[bits]
    kind, function = f"<{lanes} x {number}>", f"@llvm.fmuladd.v{lanes}f{bits}"
    half = f"{kind} <{', '.join([f'{number} 0.5'] * lanes)}>"
    return "\n".join(
        [
            f"declare {kind} {function}({kind}, {kind}, {kind})",
            'define double @peak(i64 %n) "min-legal-vector-width"="512" {',
            "entry:",
            "br label %loop",
            "loop:",
            "%k = phi i64 [0, %entry], [%next, %loop]",
            *(f"%x{i} = phi {kind} [{half[len(kind) :]}, %entry], [%y{i}, %loop]"
              for i in sums),
            *(f"%y{i} = call {kind} {function}({kind} %x{i}, {half}, {half})"
              for i in sums),
            "%next = add i64 %k, 1",
            "%again = icmp slt i64 %next, %n",
            "br i1 %again, label %loop, label %done",
            "done:",
            *(f"%s{i} = fadd {kind} %{f's{i - 1}' if i > 1 else 'y0'}, %y{i}"
              for i in sums[1:]),
            f"%one = extractelement {kind} %s{N_SUMS - 1}, i32 0",
            f"%found = {found} %one to double",
            "ret double %found",
            "}",
        ]
    )  # fmt: skip
