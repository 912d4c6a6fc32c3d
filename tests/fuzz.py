"""Run the properties of the tests on new examples, until the time is over.

``python tests/fuzz.py --minutes 30`` prints what it has tried, and ends with 1 if any
property failed. A failure prints its example, and how to run it again.
"""

import argparse
import sys
import time
import traceback

import test_fuzz  # noqa: F401
import test_fuzz_learning  # noqa: F401
import test_fuzz_products  # noqa: F401
import test_fuzz_states  # noqa: F401
from fuzzing import PROPERTIES, run_once_more
from outcomes import TALLY


def main():
    """Run all properties in turn, and print how much was tried."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("names", nargs="*", help="properties; all, if none is given")
    arguments = parser.parse_args()
    names = arguments.names or list(PROPERTIES)
    began, failures, rounds = time.monotonic(), {}, dict.fromkeys(names, 0)
    while names and time.monotonic() - began < 60 * arguments.minutes:
        for name in list(names):
            rounds[name] += 1
            try:
                run_once_more(name)
            except Exception:
                traceback.print_exc()
                failures[name] = rounds[name]
                names.remove(name)  # its first failure is enough
            if time.monotonic() - began > 60 * arguments.minutes:
                break
    minutes = (time.monotonic() - began) / 60
    print(f"{minutes:.1f} minutes")
    for name, n_rounds in rounds.items():
        n_examples = n_rounds * PROPERTIES[name].n_examples
        failed = " FAILED" if name in failures else ""
        print(f"{name}: up to {n_examples} examples{failed}")
    print(
        f"fits and predictions: {TALLY['generated']} generated, "
        f"{TALLY['refused']} refused, {TALLY['trained']} done"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
