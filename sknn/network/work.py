"""How much work a network does, and in which parts it is done."""

from collections.abc import Iterator

from sknn.network.layout import Layout

# Rows pass through a network in blocks of about so many numbers a layer, which stay in
# the cache from one operation to the next; and of so many rows at least, for each
# block reads all weights.
_BLOCK_SIZE = 2**12
_FEWEST_ROWS = 32
# Rows of which the gradient of the whole loss is found at a time.
_BATCH_SIZE = 512
# Rows of members that share weights, whose activations stay in the cache until the
# gradient of the parameters is computed from them.
_PART = 256
# Rows of which labels are predicted at a time.
_LABELS_AT_ONCE = 2**16
# With batch statistics, a rest of fewer rows than a batch divided by this number is
# no batch of its own.
_SMALLEST_SHARE = 8

# Multiplications in products that take a slow core about a fifth of a second; and, in
# these units, what else costs time: a multiplication with an element of CSR, an output
# of a layer in a row, a parameter in a step, and a batch.
_OPERATIONS_A_CALL = 10**9
_OF_SPARSE, _OF_OUTPUT, _OF_PARAMETER, _OF_BATCH = 5, 100, 30, 30_000


class Work:
    """The part of a network that counts work and divides rows.

    Parameters
    ----------
    layout : Layout
    """

    def __init__(self, layout: Layout):
        self.n_parameters = layout.n_parameters
        learning = [placed for placed in layout.layers if placed.spec.learns]
        # Members that share weights read them together.
        self._widest = max(placed.n_outputs for placed in learning)
        self._n_members = layout.n_members
        self._needs_whole_batch = any(p.spec.needs_whole_batch for p in learning)
        products = [
            p.n_members * p.spec.n_multiplications(p.fan_in, p.fan_out)
            for p in learning
        ]
        self._n_multiplications = sum(products)
        beside = 3 * sum(products[1:]) + _OF_OUTPUT * sum(p.n_outputs for p in learning)
        # For dense and for CSR inputs, of which all elements may be there.
        self._cost_of_row = (
            3 * products[0] + beside,
            3 * _OF_SPARSE * products[0] + beside,
        )

    def multiplications(self, n_rows: int) -> int:
        """Return how many multiplications a prediction for n_rows rows takes."""
        return n_rows * self._n_multiplications

    def training_multiplications(self, batch_size: int) -> int:
        """Return how many multiplications the gradient of a batch takes, about."""
        return 3 * self.multiplications(batch_size)

    def block(self, n_rows: int) -> int:
        """Return how many rows to pass through the network at a time."""
        rows = _BLOCK_SIZE // self._widest
        if self._n_members == 1:
            return min(n_rows, max(_FEWEST_ROWS, rows // 8 * 8))
        return min(n_rows, max(-(-_FEWEST_ROWS // self._n_members), rows))

    def part(self, n_rows: int) -> int:
        """Return how many rows of a batch to find the gradient of at a time; 0: all."""
        rows = max(1, _PART // self._n_members)
        return rows if self._n_members > 1 and rows < n_rows else 0

    def parts(self, n_rows: int) -> Iterator[tuple[int, int]]:
        """Yield from where to where to predict, that few labels are kept twice.

        In whole blocks, so that predictions are the same bits as in one go.
        """
        block = self.block(n_rows)
        step = block * max(1, _LABELS_AT_ONCE // block)
        for start in range(0, n_rows, step):
            yield start, min(start + step, n_rows)

    def gradient_batch(self, n_rows: int, training: bool = False) -> int:
        """Return of how many rows to find the gradient of the loss at a time."""
        if training and self._needs_whole_batch:
            return n_rows
        return min(n_rows, max(1, _BATCH_SIZE // self._n_members))

    def training_block(self, n_rows: int) -> int:
        """Return how many rows of a batch to pass through the network at a time."""
        return n_rows if self._needs_whole_batch else self.block(n_rows)

    def smallest_batch(self, batch_size: int) -> int:
        """Return how many rows a rest must have to be a batch of its own.

        The mean and the variance of very few rows are those of no other batch; a
        single row has no variance.
        """
        if not self._needs_whole_batch:
            return 1
        return min(batch_size, max(2, -(-batch_size // _SMALLEST_SHARE)))

    def calls(
        self,
        n_rows: int,
        batch_size: int,
        is_sparse: bool = False,
        first: int = 0,
        forward_only: bool = False,
    ) -> list[tuple[int, int]]:
        """Return from where to where each call of a driver goes, in whole batches."""
        batches = self._batches_a_call(batch_size, is_sparse, forward_only)
        step = batch_size * max(1, batches)
        starts = range(first, n_rows, step)
        return [(start, min(start + step, n_rows)) for start in starts]

    def epochs_a_call(self, n_rows: int, batch_size: int, is_sparse: bool) -> int:
        """Return how many epochs a call of a driver may run."""
        n_batches = -(-n_rows // batch_size)
        return max(1, self._batches_a_call(batch_size, is_sparse) // n_batches)

    def _batches_a_call(
        self, batch_size: int, is_sparse: bool, forward_only: bool = False
    ) -> int:
        """Return of how many batches a call takes about a fifth of a second.

        Only between calls can Ctrl-C interrupt. The way forward is a third of the work.
        """
        of_batch = _OF_PARAMETER * self.n_parameters + _OF_BATCH
        of_batch += batch_size * self._cost_of_row[is_sparse]
        return _OPERATIONS_A_CALL * (3 if forward_only else 1) // of_batch
