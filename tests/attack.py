"""Attack the package in all ways, for as long as one likes.

``python tests/attack.py --minutes 30`` prints how many attacks of each kind were made
and which faults were found, and ends with 1 if there were any. Each attack is drawn
from a seed. Another process makes it, so that a crash is found like any other fault:
``python tests/attack.py --kind forks --seed 17`` makes one attack again.
"""

import argparse
import faulthandler
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1]))

from attacks import KINDS

SECONDS_OF_A_TURN = 20
LONGEST = 600  # seconds, after which an attack hangs


def make(kind: str, seed: int) -> str:
    """Make one attack; return the fault that it found, or an empty text."""
    try:
        KINDS[kind].attack(random.Random(f"{kind} {seed}"))
    except Exception as error:
        place = error.__traceback__
        while place.tb_next:
            place = place.tb_next
        where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
        return f"{where}: {type(error).__name__}: {error}"[:2000]
    return ""


def work(kind: str, seed: int, seconds: float) -> None:
    """Make attacks of one kind until the time is over; print each seed and fault."""
    faulthandler.enable()
    # A script that starts this in the background has it ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    while True:
        print(json.dumps(["begin", seed]), flush=True)
        print(json.dumps(["end", make(kind, seed)]), flush=True)
        seed += 1
        if time.monotonic() - began > seconds:
            return


def turn(kind: str, seed: int, seconds: float) -> tuple[int, int, list[str]]:
    """Let another process make attacks.

    Returns
    -------
    next_seed, n_attacks : int
    faults : list of str
    """
    command = [sys.executable, __file__, "--kind", kind, "--seed", str(seed)]
    command += ["--seconds", str(seconds)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            command, stdout=out, stderr=err, env={**os.environ, **KINDS[kind].variables}
        )
        try:
            ended = f"the process ended with {process.wait(seconds + LONGEST)}"
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            ended = f"it hung for {LONGEST} seconds"
        out.seek(0)
        err.seek(0)
        # What a process prints that dies in the midst of a line is not read.
        lines = [json.loads(line) for line in out if line.endswith("]\n")]
        said = err.read()[-2000:]
    faults, n_attacks = [], 0
    for event, value in lines:
        if event == "begin":
            last, n_attacks = value, n_attacks + 1
        elif value:
            faults.append(f"{kind}, seed {last}: {value}")
    if process.returncode or not lines or lines[-1][0] == "begin":
        last = seed if not lines else last
        faults.append(f"{kind}, seed {last}: {ended}\n{said}")
    return seed + max(1, n_attacks), n_attacks, faults


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, help="default: 30")
    parser.add_argument("--kind", choices=KINDS, help="of this kind only")
    parser.add_argument("--seed", type=int, help="of the first attack; else any")
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.seconds is not None:  # the other process
        work(arguments.kind, arguments.seed, arguments.seconds)
        return 0
    if arguments.kind and arguments.seed is not None and not arguments.minutes:
        fault = turn(arguments.kind, arguments.seed, 0)[2]
        print(*(fault or ["no fault"]), sep="\n")
        return bool(fault)
    first = random.randrange(10**6) if arguments.seed is None else arguments.seed
    kinds = [arguments.kind] if arguments.kind else list(KINDS)
    seeds, counts, faults = dict.fromkeys(kinds, first), dict.fromkeys(kinds, 0), []
    minutes = arguments.minutes or 30
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until:
        for kind in kinds:
            left = until - time.monotonic()
            if left < 0:
                break
            seconds = min(SECONDS_OF_A_TURN, left)
            seeds[kind], n_attacks, found = turn(kind, seeds[kind], seconds)
            counts[kind] += n_attacks
            faults += found
    print(f"{minutes:g} minutes, seeds from {first} on")
    for kind, count in counts.items():
        n_faults = sum(fault.startswith(f"{kind}, ") for fault in faults)
        print(f"{kind}: {count} attacks, {n_faults} faults")
    print(*faults, sep="\n")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
