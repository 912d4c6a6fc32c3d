"""What 16 and 64 machines would do: computed from measured times, not measured.

A step of N machines, on a batch of B rows, by a network of P parameters in float32,
takes::

    B / N * row  +  2 (N - 1) * (message + latency)  +  P * number  +
        8 P (N - 1) / (N * bandwidth)

with ``row`` the time of a row in a step of one machine, ``message`` what two processes
of one machine take to exchange nothing, and ``number`` what they take more for each
number that they sum. In both halves of a sum, each machine exchanges a share of 4 P / N
bytes with each of the N - 1 others, one after the other.
"""

from collections.abc import Iterator, Sequence

SIZES = (1, 1_000, 100_000, 1_000_000)
REDUCE, MESSAGE = "sum of {:,} numbers", "an exchange of nothing"
COMPUTE = "a fit, hidden {}"
MACHINES = (16, 64)
GIGABITS = (1, 10, 25)
LATENCY = 50e-6  # seconds from one machine to another, in one data centre
EFFICIENCIES = (0.5, 0.8)


def seconds_to_reduce(
    n_machines: int, n_parameters: int, gigabits: float, message: float, number: float
) -> float:
    """Return how long a sum over machines takes."""
    n_turns = 2 * (n_machines - 1)
    bandwidth = gigabits * 1e9 / 8
    sent = 8 * n_parameters * (n_machines - 1) / n_machines
    return n_turns * (message + LATENCY) + n_parameters * number + sent / bandwidth


def batch_for(efficiency: float, n_machines: int, reduce: float, row: float) -> float:
    """Return the rows of a batch from which machines spend this share on computing."""
    return n_machines * reduce / row * efficiency / (1 - efficiency)


def estimates(rows: Sequence[dict]) -> Iterator[dict]:
    """Yield a row for each measured network, number of machines and bandwidth."""
    measured = {row["what"]: row for row in rows}

    def of(size: int) -> float:
        return float(measured[REDUCE.format(size)]["ms"]) / 1000

    message = float(measured[MESSAGE]["ms"]) / 1000
    number = (of(SIZES[-1]) - of(SIZES[0])) / SIZES[-1]
    for row in (row for row in rows if row.get("parameters")):
        n_parameters = int(row["parameters"])
        of_row = float(row["ms"]) / 1000 / int(row["batch"])
        for machines in MACHINES:
            for gigabits in GIGABITS:
                reduce = seconds_to_reduce(
                    machines, n_parameters, gigabits, message, number
                )
                yield {
                    "what": row["what"],
                    "machines": machines,
                    "gigabits": gigabits,
                    "ms to sum": 1000 * reduce,
                    **{
                        f"batch for {efficiency}": batch_for(
                            efficiency, machines, reduce, of_row
                        )
                        for efficiency in EFFICIENCIES
                    },
                }
