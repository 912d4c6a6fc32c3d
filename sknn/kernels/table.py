"""The columns of a network's table of operations.

The table is of int64, with one row for each operation. Columns hold the addresses of
the operation's kernels, its widths, and where its parameters and its outputs lie.
"""

# Columns of the table.
FORWARD, BACKWARD, GRADIENT = 0, 1, 2  # addresses of the leaves; GRADIENT may be 0
FAN_IN, FAN_OUT = 3, 4  # widths
WEIGHTS, BIAS = 5, 6  # where the parameters start in theta
INPUT, OUTPUT = 7, 8  # columns of values and deltas that lie before the matrices
NEEDS_INPUT_DELTA = 9  # whether the gradient of the inputs is needed
INPUT_DELTA = 10  # columns of deltas before it: INPUT, but where that is FROM_BATCH
ACTIVATE, SLOPE = 11, 12  # addresses of the leaves of the activation; 0: identity
PREACTIVATION = 13  # columns of values before what the slope is found from
SCRATCH = 14  # columns of values before what a layer keeps for the way back
RUNNING = 15  # where the running mean and variance start in theta
THRESHOLD, LAYER_ID = 16, 17  # of dropout: see `counter_rng.py`
ROWS_PRODUCT, DOTS_PRODUCT = 18, 19  # addresses of the leaves of `products.py`
TRANSPOSE = 20  # that of its transposition, if backward needs it; else 0
EPILOGUE = 21  # what the product does to outputs: see `microkernels.py`
INPUT_EPILOGUE = 22  # what it does to the gradients of inputs, given the inputs
SLOPE_P, SLOPE_Q = 23, 24  # what a slope among these is made of
OPTION_1, OPTION_2, OPTION_3 = 25, 26, 27  # integers that a kind of layer may use
N_COLUMNS = 28

FROM_BATCH = -1  # in column INPUT: the operation reads the batch itself
