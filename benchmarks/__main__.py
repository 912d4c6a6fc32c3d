"""Print how fast sknn trains and predicts beside scikit-learn's MLP.

Both run in one process, in turns, on the same data, for the same number of epochs;
figures are medians. Ratios above 1 mean that sknn is faster. The limit is the ratio
that the matrix products alone would reach, without all else that training is.

    python -m benchmarks                  # every case with relu, one core
    python -m benchmarks --cases defaults "small batch" --activations relu tanh
"""

import argparse
import os
import platform
import statistics
import sys
import time
import warnings

import numba
import numpy as np
import sklearn
from sklearn import neural_network
from threadpoolctl import threadpool_limits

import sknn
from benchmarks.cases import CASES
from benchmarks.floor import products_of_an_epoch
from benchmarks.startup import compile_times, startup_times


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--activations", nargs="+", default=["relu"])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--no-startup", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
    print(machine(options.cores))
    print()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    with threadpool_limits(options.cores):
        print_training(options)
    if not options.no_startup:
        print_startup()


def machine(cores: int) -> str:
    """Name the processor and the versions."""
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":")[1] for line in file if "model name" in line]
        processor = names[0].strip()
    except (OSError, IndexError):
        pass
    return (
        f"{processor}, {cores} of {os.cpu_count()} cores; Python "
        f"{platform.python_version()}, numpy {np.__version__}, scikit-learn "
        f"{sklearn.__version__}, numba {numba.__version__}, sknn {sknn.__version__}"
    )


def print_training(options) -> None:
    """Print a line for each case, dtype and activation."""
    print(
        "| case | rows x features, outputs | hidden | batch | dtype | activation "
        "| sknn ms/epoch | scikit-learn ms/epoch | ratio | limit | predict: ratio "
        "| 1 row: ratio | loss sknn / scikit-learn |"
    )
    print("|" + "---|" * 13)
    ratios = []
    for name in options.cases:
        case = CASES[name]
        for dtype in options.dtypes:
            X, y = case.data(np.dtype(dtype))
            for activation in options.activations:
                row = measure(case, X, y, activation, options.repeats)
                ratios.append(row["ratio"])
                print(
                    f"| {name} | {case.shape} | {', '.join(map(str, case.hidden))} "
                    f"| {case.batch_size} | {dtype} | {activation} "
                    f"| {row['ours']:.3g} | {row['theirs']:.3g} "
                    f"| **{row['ratio']:.1f}** | {row['limit']} "
                    f"| {row['predict']:.1f} "
                    f"| {row['one_row']:.1f} | {row['losses']} |",
                    flush=True,
                )
    print(f"\nGeometric mean of the ratios: {statistics.geometric_mean(ratios):.1f}")


def measure(case, X, y, activation: str, repeats: int) -> dict:
    """Time one epoch of each library, as the slope between a short and a long fit."""
    kind = "MLPRegressor" if case.n_outputs == 1 else "MLPClassifier"
    short, long = 2, 2 + epochs_for(case)
    makers = {
        library: (
            lambda n, library=library: getattr(library, kind)(
                hidden_layer_sizes=case.hidden,
                activation=activation,
                batch_size=case.batch_size,
                max_iter=n,
                n_iter_no_change=10**6,
                random_state=0,
            )
        )
        for library in (sknn, neural_network)
    }
    for make in makers.values():
        make(1).fit(X, y)
    products = []
    epochs = {library: [] for library in makers}
    predict = {library: [] for library in makers}
    one_row = {library: [] for library in makers}
    fitted = {}
    for _ in range(repeats):
        for library, make in makers.items():
            spent = [seconds(make(n).fit, X, y) for n in (short, long)]
            epochs[library].append(1e3 * (spent[1] - spent[0]) / (long - short))
        if case.density == 1:
            products.append(products_of_an_epoch(case, X.dtype))
    for library, make in makers.items():
        fitted[library] = make(short).fit(X, y)
        fitted[library].predict(X)
    for _ in range(repeats):
        for library, model in fitted.items():
            predict[library].append(seconds(model.predict, X))
            row = X[:1]
            one_row[library].append(min(seconds(model.predict, row) for _ in range(20)))
    ours, theirs = (statistics.median(epochs[library]) for library in makers)

    def ratio(times: dict) -> float:
        a, b = (statistics.median(times[library]) for library in makers)
        return b / a

    return {
        "ours": ours,
        "theirs": theirs,
        "ratio": theirs / ours,
        "limit": f"{theirs / statistics.median(products):.1f}" if products else "",
        "predict": ratio(predict),
        "one_row": ratio(one_row),
        "losses": " / ".join(f"{model.loss_:.5f}" for model in fitted.values()),
    }


def epochs_for(case) -> int:
    """Return how many epochs take long enough to be timed."""
    inputs = case.n_features * case.density
    work = case.n_rows * case.hidden[0] * (inputs + sum(case.hidden))
    return max(2, min(200, int(1.5e9 / work)))


def seconds(function, *arguments) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def print_startup() -> None:
    """Print what a new process pays before its first fit is done."""
    print("\nA new process, iris, 20 epochs (seconds, medians; import and fit):\n")
    print("| | import | first fit | together |")
    print("|---|---|---|---|")
    for name, (imported, fit) in startup_times().items():
        print(f"| {name} | {imported:.2f} | {fit:.2f} | {imported + fit:.2f} |")
    print("\nSeconds to compile each kernel for float64, in this order:\n")
    times = compile_times()
    print(", ".join(f"{name} {seconds:.2f}" for name, seconds in times.items()))
    print(f"\nTogether: {sum(times.values()):.1f}")


if __name__ == "__main__":
    sys.exit(main())
