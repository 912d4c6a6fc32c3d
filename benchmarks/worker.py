"""Run one section in a process of its own: ``python -m benchmarks.worker '{...}'``.

Prints each row as a line of JSON. The process keeps to its cores before any library
counts them.
"""

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.machine import ROOT, pin


def rows_of(options: dict, environment: dict[str, str]) -> Iterator[dict]:
    """Run a section in a process of its own; yield its rows as they come."""
    text = json.dumps(options, default=str)
    command = [sys.executable, "-m", "benchmarks.worker", text]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as process:
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def main() -> None:
    """Read the options, keep to the cores, print the rows."""
    options = argparse.Namespace(**json.loads(sys.argv[1]))
    pin(options.cores)
    section = importlib.import_module(f"benchmarks.{options.section}")
    for row in section.rows(options):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
