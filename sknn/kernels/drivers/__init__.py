"""Drivers: the compiled loops over batches, which Python calls."""
