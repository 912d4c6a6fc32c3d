"""The benchmarks run all libraries with the kernels that they choose by themselves."""

import ast
import json
import os
import subprocess
import sys

import pytest

from benchmarks import machine, pinned, results, startup
from benchmarks.__main__ import main
from benchmarks.kernels import named
from benchmarks.machine import KERNEL_CHOICES, ROOT

# Kernels that OpenBLAS has for every x86-64 processor and takes on none of today's.
OLD = "Prescott"
ASK = [sys.executable, "-m", "benchmarks.kernels"]


def asked(environment):
    """Return the kernels that a process takes in an environment."""
    result = subprocess.run(
        ASK, env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


@pytest.fixture
def chosen(monkeypatch):
    """Set the variables that choose kernels, as some environments do."""
    for name in KERNEL_CHOICES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENBLAS_CORETYPE", OLD)
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1048576")
    machine.kernels.cache_clear()
    yield
    machine.kernels.cache_clear()


@pytest.mark.parametrize(
    "environment", [machine.unlimited, machine.without_kernel_choices]
)
def test_no_variable_chooses_kernels(monkeypatch, environment):
    for name in KERNEL_CHOICES:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SOMETHING_ELSE", "1")
    found = environment()
    assert not {*KERNEL_CHOICES} & {*found}
    assert found["SOMETHING_ELSE"] == "1"
    assert all(os.environ[name] == "1" for name in KERNEL_CHOICES)


@pytest.mark.parametrize("cores", [1, 2])
def test_a_limited_process_has_only_the_word_on_threads(monkeypatch, cores):
    for name in (*KERNEL_CHOICES, "XLA_FLAGS"):
        monkeypatch.setenv(name, "of the user")
    found = machine.limited_to(cores)
    assert not {*KERNEL_CHOICES} & {*found}
    assert found["OPENBLAS_NUM_THREADS"] == str(cores)
    assert found.get("XLA_FLAGS") != "of the user"


@pytest.mark.parametrize("cores", [1, 2])
def test_pinned_processes_choose_by_themselves(chosen, cores):
    expression = "float('OPENBLAS_CORETYPE' in os.environ)"
    assert pinned.once(cores, "benchmarks.machine", expression) == 0


def test_scripts_of_a_new_process_choose_by_themselves(chosen):
    script = "import os; print(*sorted(k for k in os.environ if 'OPENBLAS_' in k))"
    assert "OPENBLAS_CORETYPE" not in startup.output_of(script, None)


def test_a_new_process_keeps_bytecode(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    script = "import sys; print(sys.dont_write_bytecode)"
    assert startup.output_of(script, None).strip() == "False"


def test_the_kernels_named_are_not_those_of_the_variable(chosen):
    own_choice = asked(machine.without_kernel_choices())
    if asked(dict(os.environ)) == own_choice:
        pytest.skip("OPENBLAS_CORETYPE chooses nothing here")
    assert machine.kernels() == own_choice
    assert results.provenance()["kernels"] == machine.kernels()


def test_every_process_is_given_its_environment():
    """A call without ``env`` would hand on the variables."""
    calls = [
        (path.name, {word.arg for word in node.keywords})
        for path in (ROOT / "benchmarks").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("subprocess.run", "subprocess.Popen")
    ]
    without = [name for name, words in calls if "env" not in words]
    assert without == ["revision.py"]  # git, which measures nothing
    started = {name for name, _ in calls}
    assert {"memory.py", "pinned.py", "predict.py", "worker.py"} <= started


@pytest.mark.slow
def test_the_command_says_what_it_removed_and_names_the_kernels(
    chosen, tmp_path, capsys
):
    command = "training --cases iris-sized --activations tanh --dtypes float32"
    command += " --cores 1 --peers scikit-learn --repeats 1 --seconds 0.001"
    main([*command.split(), "--output", str(tmp_path)])
    said = capsys.readouterr().out
    assert f"OPENBLAS_CORETYPE={OLD}, OPENBLAS_L2_SIZE=1048576: removed" in said
    assert f"Matrix products: {machine.kernels()}" in said
    (row,) = results.read("training", tmp_path)
    assert row["kernels"] == machine.kernels()


@pytest.mark.parametrize("program", ["products", "revision"])
def test_a_program_of_its_own_starts_anew_without_the_variables(program):
    text = (ROOT / "benchmarks" / f"{program}.py").read_text("utf-8")
    (_, start) = text.split('if __name__ == "__main__":\n')
    assert start.startswith("    rerun_without_kernel_choices()\n")


def test_a_program_is_run_anew_with_its_arguments(chosen):
    script = (
        "import json, os, sys\n"
        "from benchmarks.machine import rerun_without_kernel_choices\n"
        "rerun_without_kernel_choices()\n"
        "print(json.dumps([sys.argv[1:], sorted(os.environ)]))\n"
        "sys.exit(3)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, "HEAD~5", "--repeats"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 3
    arguments, names = json.loads(result.stdout)
    assert arguments == ["HEAD~5", "--repeats"]
    assert not {*KERNEL_CHOICES} & {*names}
    assert result.stderr.startswith(f"OPENBLAS_CORETYPE={OLD}, ")


def test_nothing_is_said_where_nothing_is_set(monkeypatch):
    for name in KERNEL_CHOICES:
        monkeypatch.delenv(name, raising=False)
    assert machine.removed_choices() == ""
    machine.rerun_without_kernel_choices()


@pytest.mark.parametrize(
    ("library", "expected"),
    [
        ({"internal_api": "openblas", "version": "0.3.30", "architecture": "Zen"},
         "OpenBLAS 0.3.30 with kernels for Zen"),
        ({"internal_api": "mkl", "version": "2024.2"}, "MKL 2024.2"),
        ({"internal_api": "flexiblas", "version": None}, "flexiblas"),
    ],
)  # fmt: skip
def test_a_library_is_named_as_far_as_it_is_known(library, expected):
    assert named(library) == expected
