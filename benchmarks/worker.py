"""Run one section in a process of its own: ``python -m benchmarks.worker '{...}'``.

Prints each row as a line of JSON. The process keeps to its cores before any library
counts them.
"""

import argparse
import importlib
import json
import sys

from benchmarks.machine import pin


def main() -> None:
    """Read the options, keep to the cores, print the rows."""
    options = argparse.Namespace(**json.loads(sys.argv[1]))
    pin(options.cores)
    section = importlib.import_module(f"benchmarks.{options.section}")
    for row in section.rows(options):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
