"""Layers and activations: forward, backward and gradient kernels."""
