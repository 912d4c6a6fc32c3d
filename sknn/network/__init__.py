"""A network: its layers, the layout of its parameters, the program of kernels."""
