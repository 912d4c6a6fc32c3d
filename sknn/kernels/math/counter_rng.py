"""Random numbers for dropout, found from a count and not from a state.

Whether an element is dropped is a function of the seed, the step, the layer and the
element's row and column in the batch. So backward finds what forward drew without
keeping it, a fit that goes on later draws what it would have drawn, and the order in
which things run changes nothing. Arithmetic is in int64 with 32 bits in use, so that
compiled code and plain Python agree.

Each row has a key of its own, so that one hash for each element is enough. Counting on
through all rows, a slight bias of the hash would show after a million draws.

References
----------
.. [1] C. Wellons, "Prospecting for Hash Functions", 2018,
   https://nullprogram.com/blog/2018/07/31 (the function ``lowbias32``).
.. [2] J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011 (on
   counters in place of states).
"""

from sknn.jit.kernel import inline_scalar

RANGE = 2**32
_LOW = RANGE - 1


@inline_scalar
def scramble(x):
    """Return a one-to-one mixture of the low 32 bits of x."""
    x = int(x) & _LOW
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & _LOW
    x = ((x ^ (x >> 15)) * 0x846CA68B) & _LOW
    return x ^ (x >> 16)


@inline_scalar
def draw(key, index):
    """Return a number from 0 to 2**32 - 1, which can be the key of other draws."""
    return scramble(key ^ int(index))


@inline_scalar
def batch_key(seed, step):
    """Return the key of a batch from the seed of a fit and the number of the step."""
    # Scrambled, or seeds next to each other would share the keys of their steps.
    return draw(seed, scramble(step))


@inline_scalar
def row_key(key, layer_id, i):
    """Return the key of the i-th row of a batch, in the layer that has this salt."""
    return draw(draw(key, layer_id), i)


@inline_scalar
def dropout_factor(threshold, key, column):
    """Return what dropout multiplies an element by: 0, or 1 over the share kept.

    ``threshold`` is the share kept times 2**32, ``key`` that of the row.
    """
    return RANGE / threshold if draw(key, column) < threshold else 0.0
