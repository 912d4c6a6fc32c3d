"""Matrix products (GEMM), and the microkernels that they are made of."""
