"""Calls of kernels by address: wrong arguments are found while they are compiled."""

from collections import namedtuple

import numpy as np
import pytest

from sknn.jit import declarations
from sknn.jit.declarations import INTERPRETED
from sknn.jit.kernel import (
    COMPILED,
    INT32,
    INTEGER,
    REAL,
    Array,
    Record,
    caller,
    driver,
    kernel,
)

pytestmark = pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
Place = namedtuple("Place", "start step factor")
Other = namedtuple("Other", "start step factor")
SIGNATURE = (
    Array(),
    Array(INT32, is_read_only=True),
    REAL,
    Record(Place, (INTEGER, INTEGER, REAL)),
)
call_summed = caller("summed", SIGNATURE)


@pytest.fixture(autouse=True)
def _nothing_is_kept():
    before = len(COMPILED), len(declarations.CALLERS)
    yield
    del COMPILED[before[0] :], declarations.CALLERS[before[1] :]


def compiled(call):
    """Return a driver around a call, given as a function of all that it may pass."""
    types = (INTEGER, Array(), Array(INT32, is_read_only=True), Array(ndim=2), REAL)
    return driver(types)(call)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_right_call(dtype):
    @kernel(SIGNATURE)
    def summed(x, order, factor, place):
        total = 0.0
        for i in range(place.start, order.size, place.step):
            total += factor * place.factor * x[order[i]]
        return total

    def run(address, x, order, square, factor):
        place = Place(start=1, step=2, factor=0.5)
        return call_summed(address, (x, order, factor, place))

    x, order = np.arange(5, dtype=dtype), np.array([3, 4, 2, 1], np.int32)
    arguments = summed.address(dtype), x, order, np.ones((2, 2), dtype), 3.0
    assert compiled(run)(dtype, *arguments) == 7.5
    place = Place(1, 2, 0.5)
    assert call_summed(summed.address(dtype), (x, order, 3.0, place)) == 7.5


def swapped_arrays(address, x, order, square, factor):
    return call_summed(address, (order, x, factor, Place(1, 2, 0.5)))


def swapped_numbers(address, x, order, square, factor):
    return call_summed(address, (x, order, factor, Place(1, 0.5, 2)))


def an_integer_for_a_float(address, x, order, square, factor):
    return call_summed(address, (x, order, 1, Place(1, 2, 0.5)))


def a_missing_argument(address, x, order, square, factor):
    return call_summed(address, (x, order, Place(1, 2, 0.5)))


def one_argument_too_many(address, x, order, square, factor):
    return call_summed(address, (x, order, factor, Place(1, 2, 0.5), 1))


def another_record(address, x, order, square, factor):
    return call_summed(address, (x, order, factor, Other(1, 2, 0.5)))


def a_tuple_for_a_record(address, x, order, square, factor):
    return call_summed(address, (x, order, factor, (1, 2, 0.5)))


def two_dimensions(address, x, order, square, factor):
    return call_summed(address, (square, order, factor, Place(1, 2, 0.5)))


def a_strided_array(address, x, order, square, factor):
    return call_summed(address, (x[::2], order, factor, Place(1, 2, 0.5)))


def a_float_for_the_address(address, x, order, square, factor):
    return call_summed(factor, (x, order, factor, Place(1, 2, 0.5)))


WRONG = {
    swapped_arrays: r"summed: argument 1 must be Array\(element='dtype'",
    swapped_numbers: "summed: argument 4, step, must be int64; got float64",
    an_integer_for_a_float: "summed: argument 3 must be float64; got int64",
    a_missing_argument: "summed takes 4 arguments, got 3",
    one_argument_too_many: "summed takes 4 arguments, got 5",
    another_record: "summed: argument 4 must be Place; got Other",
    a_tuple_for_a_record: r"summed: argument 4 must be Place; got Tuple\(",
    two_dimensions: "summed: argument 1 must be Array.*; got array.*2d",
    a_strided_array: "summed: argument 1 must be Array.*; got array.*1d, A",
    a_float_for_the_address: "summed: the address must be an integer, got float64",
}


@pytest.mark.parametrize("call", WRONG, ids=lambda call: call.__name__)
def test_a_wrong_call_is_not_compiled(call):
    with pytest.raises(Exception, match=WRONG[call]) as caught:
        compiled(call).address(np.dtype(np.float64))
    assert type(caught.value).__name__ == "TypingError"


def test_arrays_of_the_specialization_have_one_dtype():
    call_pair = caller("pair", (Array(), Array()))

    def mixed(address, x, order, square, factor):
        return call_pair(address, (x, np.zeros(3, np.float32)))

    with pytest.raises(Exception, match=r"argument 2 must be.*'dtype' is float64; got"):
        compiled(mixed).address(np.dtype(np.float64))


def test_a_read_only_array_is_not_passed_to_be_written():
    call_write = caller("write", (Array(INT32),))

    def run(address, x, order, square, factor):
        return call_write(address, (order,))

    with pytest.raises(Exception, match=r"write: argument 1 must be Array.*readonly"):
        compiled(run).address(np.dtype(np.float64))
