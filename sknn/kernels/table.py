"""The columns of a network's table of operations.

The table is of int64, with one row for each operation. Columns hold the addresses of
the operation's kernels, its widths, and where its parameters and its outputs lie.

Members that share weights have their rows side by side: the rows of a batch of n rows
are n * MEMBERS rows then, those of all members for its first row, then those for its
second one, and so on. All widths and columns of the operation count these rows.
"""

# Columns of the table.
FORWARD, BACKWARD, GRADIENT = 0, 1, 2  # addresses of kernels; GRADIENT may be 0
FAN_IN, FAN_OUT = 3, 4  # widths
WEIGHTS, BIAS = 5, 6  # where the parameters start in theta
INPUT, OUTPUT = 7, 8  # columns of values and deltas that lie before the matrices
NEEDS_INPUT_DELTA = 9  # whether the gradient of the inputs is needed
INPUT_DELTA = 10  # columns of deltas before it: INPUT, but where that is FROM_BATCH
ACTIVATION, ACTIVATION_GRAD = 11, 12  # addresses of kernels; 0: identity, or fused
PREACTIVATION = 13  # columns of values before what the derivative takes
SCRATCH = 14  # columns of values before what forward keeps for backward
RUNNING = 15  # where the running mean and variance start in theta
THRESHOLD, LAYER_ID = 16, 17  # of dropout: see `counter_rng.py`
ROWS_PRODUCT, DOTS_PRODUCT = 18, 19  # addresses of the kernels of `products.py`
TRANSPOSE = 20  # that of its transposition, if backward needs it; else 0
EPILOGUE = 21  # what the product does to outputs: see `operands.py`
INPUT_EPILOGUE = 22  # that of the product backwards, whose gate is the inputs
QUADRATIC_P, QUADRATIC_Q = 23, 24  # its coefficients p and q
OPTION_1, OPTION_2, OPTION_3 = 25, 26, 27  # integers that a layer may use
PREPARE = 28  # address of the kernel that fills PREPARED; 0: there is none
PREPARED = 29  # how far from the end of values the numbers start that it fills
MEMBERS = 30  # how many rows the operation has for each row of the batch
MEMBER_RAW = 31  # columns before room for the raw outputs of one member
N_COLUMNS = 32  # from here on a row holds the `LayerSpec.integers` of its layer

FROM_BATCH = -1  # in column INPUT: the operation reads the batch itself
