"""Losses and output activations."""
