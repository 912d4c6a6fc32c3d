"""Softmax of the rows of a matrix.

A loop over a few classes costs more than what it does. So rows are put side by side,
one class after another: what is done to a row then takes a step for each class and
vector of rows. Rows of many classes stay as they are.

`softmax_intrinsics.py` has the first four functions as instructions.
"""

from sknn.jit.kernel import flat, inline_array, instruction, matrix, scratch
from sknn.kernels.math.elementary import exp

# Classes are moved by so many at a time, and so is the room that they take.
CLASSES = 4
_MOST_CLASSES = 32  # of rows that are put side by side
_ROWS = 16  # the most that a vector holds
_ROOM = _ROWS * _MOST_CLASSES

_builtin = instruction("sknn.kernels.math.softmax_intrinsics")


@_builtin
def fill_columns(rows, columns):
    """Set columns to rows, each less its highest number.

    Behind the columns there is room for as many more as are missing to a multiple of
    CLASSES.
    """
    columns[:] = (rows - rows.max(axis=1, keepdims=True)).T


@_builtin
def fill_rows(rows, columns):
    """Set rows to columns, each divided by its sum."""
    # NumPy's sum of a column that is alone would be another one.
    rows[:] = (columns * (1 / sum(columns))).T


@_builtin
def lower_rows(rows, lower):
    """Set a matrix, which may be the first, to rows that are longer than a vector.

    Each is taken less its highest number.
    """
    lower[:] = rows - rows.max(axis=1, keepdims=True)


@_builtin
def divide_rows(rows, shares):
    """Set a matrix, which may be the first, to rows that are longer than a vector.

    Each is divided by its sum.
    """
    shares[:] = rows / rows.sum(axis=1, keepdims=True)


@inline_array
def fill_softmax(raw, out):
    """Set out, which may be raw, to the softmax of its rows."""
    n_rows, n_classes = raw.shape
    is_wide = n_classes > _MOST_CLASSES
    room = (n_classes + CLASSES - 1) // CLASSES * CLASSES  # for a row
    at_once = n_rows if is_wide else _ROOM // room // _ROWS * _ROWS
    memory = scratch(raw[0, 0], _ROOM)
    for first in range(0, n_rows, at_once):
        n = at_once if first + at_once < n_rows else n_rows - first
        rows = matrix(raw, first * n_classes, n, n_classes)
        shares = matrix(out, first * n_classes, n, n_classes)
        if is_wide:
            lower_rows(rows, shares)
            numbers = flat(shares)
        else:
            columns = matrix(memory, 0, n_classes, n)
            fill_columns(rows, columns)
            numbers = flat(columns)
        for k in range(numbers.size):
            numbers[k] = exp(numbers[k])
        if is_wide:
            divide_rows(shares, shares)
        else:
            fill_rows(shares, columns)
