"""Shuffling, with the permutations of ``numpy.random.RandomState.shuffle``.

The state of the Mersenne Twister [1]_ is renewed and tempered as a whole, in vectorised
loops, where NumPy tempers a word for each draw. As in NumPy, integers up to i are drawn
by rejection: mask a word to the bits of i, and reject it if it is greater than i.

References
----------
.. [1] M. Matsumoto and T. Nishimura, "Mersenne Twister: A 623-Dimensionally
   Equidistributed Uniform Pseudorandom Number Generator", ACM TOMACS 8, 1998.
"""

from sknn.jit.array_types import Int32s, IntegerMatrix
from sknn.jit.kernel import INT32, INTEGER, Array, driver, inline_scalar

# The state is N_WORDS words of 32 bits, followed by the number of words used.
N_WORDS = 624
N_STATE = N_WORDS + 1

_OFFSET = 397  # from a word of the state to the one it is combined with
_HIGH_BIT = 2**31
_LOW_BITS = _HIGH_BIT - 1
_ALL_BITS = 2**32 - 1


@driver((Array(INT32), Array(INT32), Array(INTEGER, 2), INTEGER, INTEGER))
def shuffle(
    state: Int32s, words: Int32s, orders: IntegerMatrix, last: int, n: int
) -> float:
    """Draw n permutations, each a shuffle of the one before it.

    For i = n_rows - 1, ..., 1: swap order[i] with order[j], where j <= i is random
    (Fisher-Yates). The state ends as NumPy would leave it.

    Parameters
    ----------
    state : ndarray of shape (N_STATE,), int32
        State of the generator, updated in place.
    words : ndarray of shape (N_WORDS,), int32
        Workspace for the tempered words.
    orders : ndarray of shape (n or more, n_rows), int64
        Output: the permutations, from row 0 on.
    last : int
        The row of ``orders`` that holds the previous permutation.
    n : int
        Number of permutations to draw.
    """
    n_rows, used = orders.shape[1], int(state[N_WORDS])
    _temper(state, words, used)
    for k in range(n):
        order = orders[k]
        if k != last:
            for i in range(n_rows):
                order[i] = orders[last, i]
        last = k
        i, mask = n_rows - 1, 1
        while mask < i:
            mask = 2 * mask + 1
        while i > 0:
            if used == N_WORDS:
                _next_state(state)
                used = 0
                _temper(state, words, used)
            if i <= mask >> 1:
                mask >>= 1
            while used < N_WORDS and i > mask >> 1:
                number = int(words[used]) & mask
                used += 1
                # Up to half of the numbers are rejected, unpredictably: in place of a
                # branch, a rejected number swaps order[i] with itself.
                j = number if number <= i else i
                row = order[i]
                order[i] = order[j]
                order[j] = row
                i -= 1 if number <= i else 0
    state[N_WORDS] = used
    return 0.0


@inline_scalar
def _next_state(state: Int32s) -> None:
    """Replace the words of state, shape (N_STATE,), by the next N_WORDS words."""
    split = N_WORDS - _OFFSET
    for k in range(split):
        state[k] = _next_word(state[k], state[k + 1], state[k + _OFFSET])
    for k in range(_OFFSET - 1):
        state[k + split] = _next_word(state[k + split], state[k + split + 1], state[k])
    last = N_WORDS - 1
    state[last] = _next_word(state[last], state[0], state[_OFFSET - 1])


@inline_scalar
def _next_word(word: int, following: int, ahead: int) -> int:
    """Return the word that follows, from words k, k + 1 and k + 397 of the state."""
    mixed = (int(word) & _HIGH_BIT) | (int(following) & _LOW_BITS)
    twist = 0x9908B0DF if mixed & 1 else 0
    return _to_int32((int(ahead) & _ALL_BITS) ^ (mixed >> 1) ^ twist)


@inline_scalar
def _temper(state: Int32s, words: Int32s, first: int) -> None:
    """Set words[first:] to the tempered words of the state; shapes as in `shuffle`."""
    for k in range(first, N_WORDS):
        x = int(state[k]) & _ALL_BITS
        x ^= x >> 11
        x ^= (x << 7) & 0x9D2C5680
        x ^= (x << 15) & 0xEFC60000
        words[k] = _to_int32(x ^ (x >> 18))


@inline_scalar
def _to_int32(x: int) -> int:
    """Return the int32 with the 32 bits of x, 0 <= x < 2**32."""
    return (x ^ _HIGH_BIT) - _HIGH_BIT
