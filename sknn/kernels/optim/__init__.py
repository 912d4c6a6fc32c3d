"""Optimizers and regularization."""
