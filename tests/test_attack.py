"""The command that attacks the package, and that it finds faults."""

import json
import subprocess
import sys
from pathlib import Path

import attack
import pytest
from attacks import KINDS, Kind

from sknn.jit.declarations import BOUNDS_CHECKED, INTERPRETED

FILE = Path(attack.__file__)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(sys.platform != "linux", reason="needs limits and forks")
@pytest.mark.skipif(INTERPRETED or BOUNDS_CHECKED, reason="there is no cache")
@pytest.mark.parametrize("kind", KINDS)
def test_attacks_find_nothing(kind):
    done = subprocess.run(
        [sys.executable, FILE, "--kind", kind, "--minutes", "0.1", "--seed", "0"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    count, word = done.stdout.splitlines()[1].split(": ")[1].split()[:2]
    assert int(count) >= 1
    assert word == "attacks,"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_interrupts_come_where_the_process_was_started_to_ignore_them():
    command = f"trap '' INT; '{sys.executable}' '{FILE}' --kind interrupts --seed 0"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.stdout == "no fault\n", done.stdout + done.stderr


def test_an_attack_that_finds_a_fault_says_where(monkeypatch):
    def fail(rng):
        raise ValueError(rng.random())

    monkeypatch.setitem(KINDS, "test", Kind(fail, {}))
    fault = attack.make("test", 3)
    assert fault.startswith("test_attack.py:")
    assert "ValueError" in fault
    assert attack.make("test", 3) == fault
    assert attack.make("test", 4) != fault


@pytest.mark.parametrize(
    ("lines", "code", "n_faults"),
    [
        ([["begin", 5], ["end", ""]], 0, 0),
        ([["begin", 5], ["end", "a fault"], ["begin", 6], ["end", ""]], 0, 1),
        ([["begin", 5], ["end", ""], ["begin", 6]], -11, 1),
        ([], 1, 1),
    ],
)
def test_a_crash_is_a_fault(lines, code, n_faults, monkeypatch, tmp_path):
    script = tmp_path / "script.py"
    text = "".join(json.dumps(line) + "\n" for line in lines)
    script.write_text(
        f"import os, signal\nprint({text!r}, end='', flush=True)\n"
        f"os.kill(os.getpid(), {-code}) if {code} < 0 else os._exit({code})\n"
    )
    monkeypatch.setattr(attack, "__file__", str(script))
    monkeypatch.setitem(KINDS, "test", Kind(None, {}))
    _, n_attacks, faults = attack.turn("test", 5, 0)
    assert n_attacks == sum(event == "begin" for event, _ in lines)
    assert len(faults) == n_faults
    if code:
        assert f"ended with {code}" in faults[0]
