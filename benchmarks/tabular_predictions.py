"""Print what a prediction of raw tables is bound by: encoding, and multiply-adds.

Random tables with so many columns of numbers, 1,000 rows, one thread. The limit is the
time of all multiply-adds of the networks at the speed that a core reaches in registers.
Medians of several turns.

    python -m benchmarks.tabular_predictions
"""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.machine import machine, rerun_without_kernel_choices
from benchmarks.peak import operations_a_second
from benchmarks.timing import in_turns, many
from sknn.tabular import TabularMLPClassifier

COLUMNS = (5, 10, 20, 30, 57)
N_TRAINED, N_ROWS, N_TURNS, SECONDS = 2_000, 1_000, 9, 0.1


def rows(presets: tuple[str, ...] = ("default", "quick")) -> Iterator[tuple]:
    """Yield preset, columns, weights, and milliseconds: whole, encoding, limit."""
    for preset in presets:
        for n_columns in COLUMNS:
            yield preset, n_columns, *_measured(preset, n_columns)


def _measured(preset: str, n_columns: int) -> tuple[int, float, float, float]:
    rng = np.random.default_rng(0)
    names = [f"x{k}" for k in range(n_columns)]
    table = pd.DataFrame(rng.normal(size=(N_TRAINED, n_columns)), columns=names)
    y = table["x0"] + rng.normal(size=N_TRAINED) > 0
    model = TabularMLPClassifier(preset=preset, max_iter=1, random_state=0)
    model.fit(table, y)
    networks = [
        member._network_of_weights(np.dtype(np.float32))
        for member in model.ensemble_.estimators_
    ]
    new = table[:N_ROWS]
    found = in_turns(
        {
            "whole": _mean_time(partial(model.predict, new)),
            "encoding": _mean_time(partial(model.encoder_.transform, new)),
            "speed": partial(operations_a_second, np.dtype(np.float32)),
        },
        N_TURNS,
    )
    n_multiplications = sum(net.multiplications(N_ROWS) for net in networks)
    limit = 2 * n_multiplications / median(found["speed"])
    whole, encoding = (1e3 * median(found[name]) for name in ("whole", "encoding"))
    return n_multiplications // N_ROWS, whole, encoding, 1e3 * limit


def _mean_time(function: Callable[[], object]) -> Callable[[], float]:
    return partial(many, function, SECONDS)


def main() -> None:
    """Print the table."""
    rerun_without_kernel_choices()
    warnings.simplefilter("ignore")
    print(machine(), "\n")
    print("| preset | columns | weights | predict ms | encoding | limit | share |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with threadpool_limits(1):
        for preset, n_columns, n_weights, whole, encoding, limit in rows():
            print(
                f"| {preset} | {n_columns} | {n_weights:,} | {whole:.2f} "
                f"| {encoding:.2f} | {limit:.2f} | {limit / whole:.2f} |"
            )


if __name__ == "__main__":
    main()
