"""How kernels are called from Python."""

from collections import namedtuple

import numpy as np
import pytest
from llvmlite import binding, ir
from processes import run

from sknn.jit import target
from sknn.jit.declarations import INTERPRETED
from sknn.jit.kernel import (
    INTEGER,
    REAL,
    Array,
    Kernel,
    Record,
    call,
    caller,
    driver,
    kernel,
)
from sknn.kernels.math.elementary import logistic
from sknn.kernels.math.mt19937_shuffle import shuffle
from sknn.network.data import read_only

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


weighted_signature = (Array(), REAL, Array(INTEGER, is_read_only=True))
call_weighted = caller("weighted", weighted_signature)


@kernel(weighted_signature)
def weighted_leaf(x, factor, order):
    total = 0.0
    for i in range(order.size):
        total += x[order[i]] * factor
    return total


@driver((REAL, Array(ndim=2), INTEGER, INTEGER, Array(INTEGER, is_read_only=True)))
def weighted_flat(factor, x, row, address, order):
    """Write the sum to the first element of the row, and return it."""
    x[row, 0] = call_weighted(address, (x[row], factor, order))
    return x[row, 0]


Scaled = namedtuple("Scaled", "factor x")
Task = namedtuple("Task", "row address")


@driver(
    (
        Record(Scaled, (REAL, Array(ndim=2))),
        Record(Task, (INTEGER, INTEGER)),
        Array(INTEGER, is_read_only=True),
    )
)
def weighted_records(scaled, task, order):
    """Do the same, with the same arguments in namedtuples."""
    x = scaled.x
    arguments = x[task.row], scaled.factor, order
    x[task.row, 0] = call_weighted(task.address, arguments)
    return x[task.row, 0]


@pytest.fixture(params=[weighted_flat, weighted_records], ids=lambda run: run.name)
def weighted(request):
    return request.param


def test_fields_of_records_have_names_of_their_own():
    signature = (Record(Scaled, (REAL, Array(ndim=2))), INTEGER)
    with pytest.raises(TypeError, match="two_of_a_name has two parameters of one name"):

        @driver(signature)
        def two_of_a_name(scaled, factor):
            return 0.0


def test_only_own_functions_are_kept_on_disk():
    """The digest there knows the files of the package alone."""
    assert shuffle.cached
    assert not weighted_flat.cached
    assert not weighted_leaf.cached


@pytest.fixture(params=[FLOAT32, FLOAT64], ids=str)
def arguments(request):
    dtype = request.param
    x = np.arange(6, dtype=dtype).reshape(2, 3)
    order = read_only(np.array([2, 0, 1, 2]))
    address = weighted_leaf.address(dtype)
    return dtype, {"factor": 0.5, "x": x, "row": 1, "address": address, "order": order}


def test_call(weighted, arguments):
    dtype, given = arguments
    assert weighted(dtype, *given.values()) == 8.5
    assert given["x"][1, 0] == 8.5


def test_prepared_call(weighted, arguments):
    dtype, given = arguments
    changing = {name: given.pop(name) for name in ("factor", "row", "order")}
    prepared = weighted.prepare(dtype, **given)
    assert prepared(*changing.values()) == 8.5
    assert prepared(2.0, 0, np.array([1])) == 2.0
    given["x"][:] = 1
    assert prepared(3.0, 1, np.array([0, 1, 2])) == 9.0
    with pytest.raises(ValueError, match="argument"):
        prepared(3.0, 1)
    with pytest.raises(TypeError, match="nothing"):
        weighted.prepare(dtype, nothing=1)


@pytest.mark.parametrize("keeps_gil", [False, True])
def test_prepared_call_with_all_arguments(weighted, arguments, keeps_gil):
    dtype, given = arguments
    prepared = weighted.prepare(dtype, keeps_gil=keeps_gil, **given)
    _ = [bytearray([255]) * n for n in range(200)]  # memory that was let go of
    assert prepared() == 8.5


def test_leaf_from_python(arguments):
    dtype, given = arguments
    leaf_arguments = (given["x"][1], 0.5, given["order"])
    assert call(weighted_leaf.address(dtype), leaf_arguments) == 8.5


def test_nan_is_a_result(weighted, arguments):
    dtype, given = arguments
    given["x"][1, 2] = np.nan
    assert np.isnan(weighted(dtype, *given.values()))
    x = given.pop("x")
    assert np.isnan(weighted.prepare(dtype, **given)(x))


WRONG = {
    "dtype": lambda x: x.astype(np.int64),
    "other float": lambda x: x.astype(np.float16),
    "byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "order": np.asfortranarray,
    "dimensions": lambda x: x[0],
    "read-only": read_only,
    "strided": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
}


@pytest.mark.skipif(INTERPRETED, reason="plain Python takes what it is given")
@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_wrong_arrays(weighted, change, arguments):
    dtype, given = arguments
    given["x"] = change(given["x"])
    with pytest.raises(TypeError, match=rf"{weighted.name}: x must be an array"):
        weighted(dtype, *given.values())
    x = given.pop("x")
    with pytest.raises(TypeError, match=rf"{weighted.name}: x must be an array"):
        weighted.prepare(dtype, **given)(x)


@pytest.mark.skipif(INTERPRETED, reason="plain Python takes what it is given")
def test_wrong_numbers(weighted, arguments):
    dtype, given = arguments
    with pytest.raises(TypeError, match="takes 5 arguments"):
        weighted(dtype, *list(given.values())[:-1])
    with pytest.raises(Exception, match="integer"):
        weighted(dtype, *{**given, "row": 0.5}.values())


BOUNDS = """
import json
import numpy as np
from sknn.jit.kernel import INTEGER, Array, caller, driver, kernel, matrix

call_pick = caller("pick", (Array(), INTEGER))

@kernel((Array(), INTEGER))
def pick(x, i):
    return matrix(x, 0, 2, 3)[1, i]

@driver((INTEGER, Array(), INTEGER))
def drive(address, x, i):
    call_pick(address, (x, i))
    return 0.0

dtype, found = np.dtype(float), []
for i in (2, 3, 0):
    try:
        drive(dtype, pick.address(dtype), np.ones(6), i)
        found.append("")
    except IndexError as error:
        found.append(str(error))
print(json.dumps(found))
"""


def test_bounds_are_checked_on_demand(tmp_path):
    place = {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": None}
    found = run(BOUNDS, NUMBA_BOUNDSCHECK="1", **place)
    assert found == ["", "An index was out of bounds in the kernel 'pick'.", ""]
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_interleaved_loops_change_no_bit(dtype):
    def pieces(z, kept):
        for k in range(z.size):
            z[k] = logistic(z[k]) * kept[k] + z[k]
        return 0.0

    kinds = (Array(), Array())
    one, four = (
        Kernel(pieces, kinds, f"pieces_{count}", interleave=count) for count in (1, 4)
    )

    call_pieces = caller("pieces", kinds)

    @driver((INTEGER, *kinds))
    def through(address, z, kept):
        return call_pieces(address, (z, kept))

    random = np.random.RandomState(0)
    for size in (0, 1, 3, 7, 8, 16, 31, 64, 65, 127, 128, 200, 500):
        z, kept = random.normal(size=(2, size)).astype(dtype)
        found, expected = z.copy(), z.copy()
        through(np.dtype(dtype), one.address(np.dtype(dtype)), expected, kept)
        through(np.dtype(dtype), four.address(np.dtype(dtype)), found, kept)
        np.testing.assert_array_equal(found, expected)


def test_only_loops_are_told_to_interleave():
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.IntType(1)]), "f")
    start, body, end = (function.append_basic_block() for _ in range(3))
    builder = ir.IRBuilder(start)
    builder.branch(body)
    builder.position_at_end(body)
    builder.cbranch(function.args[0], body, end)
    builder.position_at_end(end)
    builder.ret_void()
    target.interleave_loops(module, 4)
    assert not start.terminator.metadata
    assert not end.terminator.metadata
    assert str(module).count("!llvm.loop") == 1
    assert '!"llvm.loop.interleave.count", i32 4' in str(module)
    binding.parse_assembly(str(module)).verify()
