"""Benchmarks of sknn beside its peers: ``python -m benchmarks --help``."""
