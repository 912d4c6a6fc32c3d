"""A counter-based random number generator for dropout, which has no state.

Whether an element is dropped is a function of the seed, the step, the layer and the
element's row and column in the batch. So the backward pass draws the same mask as the
forward pass without storing it, a resumed fit draws what an uninterrupted one would
have drawn, and the order of execution changes nothing. Arithmetic is in int64 with 32
bits in use, so that compiled code and plain Python agree.

A key for each row makes one hash for each element enough. With a single counter over
all rows, a slight bias of the hash would show after a million draws.

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
def scramble(x: int) -> int:
    """Return a one-to-one hash of the low 32 bits of x, an integer below 2**32."""
    x = int(x) & _LOW
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & _LOW
    x = ((x ^ (x >> 15)) * 0x846CA68B) & _LOW
    return x ^ (x >> 16)


@inline_scalar
def draw(key: int, index: int) -> int:
    """Return hash(key ^ index), an integer below 2**32, or the key of other draws."""
    return scramble(key ^ int(index))


@inline_scalar
def batch_key(seed: int, step: int) -> int:
    """Return the key of a batch, from the seed of the fit and the step's number."""
    # Hash the step as well: else adjacent seeds would share the keys of their steps.
    return draw(seed, scramble(step))


@inline_scalar
def row_key(key: int, layer_id: int, i: int) -> int:
    """Return the key of row i of a batch in a layer, from the key of the batch."""
    return draw(draw(key, layer_id), i)


@inline_scalar
def dropout_factor(threshold: int, key: int, column: int) -> float:
    """Return 1 / keep_probability, or 0 where the element is dropped.

    ``threshold`` is keep_probability * 2**32, ``key`` the key of the row. An element is
    kept if draw(key, column) < threshold.
    """
    return RANGE / threshold if draw(key, column) < threshold else 0.0
