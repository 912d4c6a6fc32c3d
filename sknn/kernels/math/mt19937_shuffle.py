"""Orders of the rows, drawn as ``numpy.random.RandomState.shuffle`` draws it.

All words of the Mersenne Twister's state [1]_ are made, and tempered, at once and in
vectors, where NumPy makes one word for each number. Which of the numbers count is
NumPy's choice: those that are not too large once they are cut to the bits needed.

References
----------
.. [1] M. Matsumoto and T. Nishimura, "Mersenne Twister: A 623-Dimensionally
   Equidistributed Uniform Pseudorandom Number Generator", ACM TOMACS 8, 1998.
"""

from sknn.jit.kernel import INT32, INTEGER, Array, driver, inline_scalar

# The state is so many words of 32 bits, and behind them how many have been used.
N_WORDS = 624
N_STATE = N_WORDS + 1

_AHEAD = 397
_SIGN = 2**31
_BELOW_SIGN = _SIGN - 1
_LOW = 2**32 - 1


@driver((Array(INT32), Array(INT32), Array(INTEGER, 2), INTEGER, INTEGER))
def shuffle(state, words, orders, last, n):
    """Draw the next n orders; leave the generator's state as NumPy would.

    Each is the one before it, shuffled.

    Parameters
    ----------
    state : ndarray of shape (N_STATE,)
    words : ndarray of shape (N_WORDS,)
        Memory.
    orders : ndarray of shape (n or more, n_rows)
        Where the orders are put, from the first row on.
    last : int
        The row of ``orders`` that holds the order before them.
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
                _renew(state)
                used = 0
                _temper(state, words, used)
            if i <= mask >> 1:
                mask >>= 1
            while used < N_WORDS and i > mask >> 1:
                number = int(words[used]) & mask
                used += 1
                # Half of the numbers may be too large, in no order that a processor
                # could foresee: in place of a branch, they exchange a row with itself.
                j = number if number <= i else i
                row = order[i]
                order[i] = order[j]
                order[j] = row
                i -= 1 if number <= i else 0
    state[N_WORDS] = used
    return 0.0


@inline_scalar
def _renew(state):
    """Make the next words of the state."""
    behind = N_WORDS - _AHEAD
    for k in range(behind):
        state[k] = _next(state[k], state[k + 1], state[k + _AHEAD])
    for k in range(_AHEAD - 1):
        state[k + behind] = _next(state[k + behind], state[k + behind + 1], state[k])
    last = N_WORDS - 1
    state[last] = _next(state[last], state[0], state[_AHEAD - 1])


@inline_scalar
def _next(word, following, ahead):
    joined = (int(word) & _SIGN) | (int(following) & _BELOW_SIGN)
    twist = 0x9908B0DF if joined & 1 else 0
    return _signed((int(ahead) & _LOW) ^ (joined >> 1) ^ twist)


@inline_scalar
def _temper(state, words, first):
    """Make numbers of the words from the first one on."""
    for k in range(first, N_WORDS):
        x = int(state[k]) & _LOW
        x ^= x >> 11
        x ^= (x << 7) & 0x9D2C5680
        x ^= (x << 15) & 0xEFC60000
        words[k] = _signed(x ^ (x >> 18))


@inline_scalar
def _signed(x):
    """Return the number in int32 that has the 32 bits of x."""
    return (x ^ _SIGN) - _SIGN
