"""Benchmarks: ``python -m benchmarks`` prints sknn beside scikit-learn."""
