"""A process that keeps to some cores and runs what it is told, again and again.

Two of them, on one core and on two, can be asked in turns.
"""

import subprocess
import sys

from benchmarks.machine import limited_to, pin, unlimited


class Pinned:
    """A process that evaluates an expression of a module of the benchmarks.

    One core: the libraries are limited to it. More: nothing is set but the cores, for
    nobody should have to.
    """

    def __init__(self, cores: int, module: str):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.pinned", str(cores), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=limited_to(1) if cores == 1 else unlimited(),
        )

    def __call__(self, expression: str) -> float:
        """Return the number that the expression is in there."""
        print(expression, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"The process ended while it evaluated {expression!r}.")
        return float(answer)

    def __enter__(self) -> "Pinned":
        return self

    def __exit__(self, *_) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def once(cores: int, module: str, expression: str) -> float:
    """Return what an expression is in a new process, as the first thing it does."""
    with Pinned(cores, module) as process:
        return process(expression)


def main(cores: int, module: str) -> None:
    """Answer each line with a number."""
    pin(cores)
    names = vars(__import__(module, fromlist=["_"]))
    for line in sys.stdin:
        print(eval(line, names), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
