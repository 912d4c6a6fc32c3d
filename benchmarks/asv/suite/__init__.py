"""Benchmarks in asv's form, over commits: the cases of ``python -m benchmarks``.

cd benchmarks/asv
asv run main^!          # the last commit
asv continuous main     # the branch beside main
"""
