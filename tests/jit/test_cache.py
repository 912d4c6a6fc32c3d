"""The cache of compiled code, with faults that are reproduced for real."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import llvmlite
import numpy as np
import pytest
from numpy.testing import assert_allclose
from processes import FIT, FITS, ONE_KERNEL, PACKAGE, copy_package, files_of, run

from sknn.jit import configuration, loader
from sknn.jit import object_cache as cache
from sknn.jit.declarations import BOUNDS_CHECKED, INTERPRETED
from sknn.jit.loader import Code

pytestmark = pytest.mark.skipif(
    INTERPRETED or BOUNDS_CHECKED, reason="there is no cache"
)

USUAL = FITS + FIT + 'report(fit("MLPRegressor", hidden_layer_sizes=3))'


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """A full cache for the usual script, and what the script reports."""
    folder = tmp_path_factory.mktemp("usual")
    report = run(USUAL, NUMBA_CACHE_DIR=str(folder))
    assert report["compiled"]
    assert not report["warnings"]
    return folder, report


@pytest.fixture
def full(usual, tmp_path):
    """A copy of the full cache."""
    return Path(shutil.copytree(usual[0], tmp_path / "full"))


def check(report, usual, n_warnings=0):
    """Check the weights, and that a warning, if there is one, says what to do."""
    for mine, other in zip(report["weights"], usual[1]["weights"], strict=True):
        assert_allclose(mine, other, rtol=1e-12)
    assert len(report["warnings"]) == n_warnings
    for category, message in report["warnings"]:
        assert category == "RuntimeWarning"
        assert "NUMBA_CACHE_DIR" in message


# A full cache ------------------------------------------------------------------------


def test_a_full_cache_spares_the_compiler(usual):
    report = run(USUAL, NUMBA_CACHE_DIR=str(usual[0]))
    assert not report["compiled"]
    check(report, usual)


@pytest.mark.slow
def test_a_full_cache_spares_the_import_of_numba(tmp_path):
    script = (
        FITS
        + FIT
        + """
report(fit("MLPRegressor", hidden_layer_sizes=(20, 3)))
"""
    )
    reports = [run(script, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    assert [report["numba"] for report in reports] == [True, False]
    assert reports[0]["weights"] == reports[1]["weights"]


@pytest.mark.skipif(
    tuple(map(int, llvmlite.__version__.split(".")[:2])) < (0, 45),
    reason="this llvmlite has the older loader, and Numba needs it",
)
def test_an_llvm_without_its_older_loader(usual):
    script = "import llvmlite.binding\ndel llvmlite.binding.create_mcjit_compiler\n"
    report = run(script + USUAL, NUMBA_CACHE_DIR=str(usual[0]))
    assert not report["compiled"]
    assert report["weights"] == usual[1]["weights"]


def test_nobody_else_can_write_the_files(tmp_path, monkeypatch):
    """For they hold machine code."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    before = os.umask(0)
    try:
        cache.write("kernel-float64", Code(b"code", ()))
    finally:
        os.umask(before)
    (file,) = files_of(tmp_path)
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert cache.read("kernel-float64") == Code(b"code", ())
    assert cache.read("kernel-float32") is None


# Damage ------------------------------------------------------------------------------


def truncate(path, other):
    os.truncate(path, path.stat().st_size // 2)


def cut_off_the_last_byte(path, other):
    os.truncate(path, path.stat().st_size - 1)


def empty(path, other):
    os.truncate(path, 0)


def flip_a_bit(path, other):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace_by_garbage_behind_the_checksum(path, other):
    content = path.read_bytes()
    path.write_bytes(content[:40] + b"\x90" * (len(content) - 40))


def replace_by_another_kernel(path, other):
    shutil.copy(other, path)


def delete(path, other):
    path.unlink()


DAMAGES = [
    truncate,
    cut_off_the_last_byte,
    empty,
    flip_a_bit,
    replace_by_garbage_behind_the_checksum,
    replace_by_another_kernel,
    delete,
]


@pytest.mark.slow
def test_damaged_files(full, usual):
    """What is damaged is compiled again, silently, and put in order."""
    victims = files_of(full)[: len(DAMAGES)]
    other = files_of(full)[-1]
    for damage, victim in zip(DAMAGES, victims, strict=True):
        damage(victim, other)
    report = run(USUAL, NUMBA_CACHE_DIR=str(full))
    assert sorted(report["compiled"]) == [victim.stem for victim in victims]
    check(report, usual)
    again = run(USUAL, NUMBA_CACHE_DIR=str(full))
    assert not again["compiled"]
    check(again, usual)


def test_a_folder_in_place_of_a_file(full, usual):
    (victim,) = full.rglob("relu_backward-float64.bin")
    victim.unlink()
    victim.mkdir()
    check(run(USUAL, NUMBA_CACHE_DIR=str(full)), usual, n_warnings=1)


def test_deleted_between_import_and_fit(full, usual):
    script = (
        FITS
        + FIT
        + f"""
import shutil
first = fit("MLPRegressor", "float64", hidden_layer_sizes=3)
shutil.rmtree({str(full)!r})
again = fit("MLPRegressor", "float64", hidden_layer_sizes=3)
other = fit("MLPRegressor", "float64", hidden_layer_sizes=3, activation="softsign")
assert np.isfinite(other.predict(X)).all()
report(again)
"""
    )
    report = run(script, NUMBA_CACHE_DIR=str(full))
    names = ["softsign_forward-float64", "softsign_backward-float64"]
    assert report["compiled"] == names
    check(report, usual)
    assert len(files_of(full)) == 2


# No place ----------------------------------------------------------------------------


@pytest.mark.slow
def test_the_folder_is_a_file(tmp_path):
    file = tmp_path / "file"
    file.touch()
    report = run(ONE_KERNEL, NUMBA_CACHE_DIR=str(file))
    assert len(report["warnings"]) == 1


@pytest.mark.slow
def test_no_folder_anywhere(tmp_path, usual):
    """Wherever a cache could be, there is a file in place of the folder."""
    copy = copy_package(tmp_path)
    (copy / "kernels" / "__pycache__").touch()
    file = tmp_path / "file"
    file.touch()
    names = ["HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "USERPROFILE"]
    places = dict.fromkeys(names, str(file))
    root = str(tmp_path)
    report = run(USUAL, PYTHONPATH=root, NUMBA_CACHE_DIR=None, **places)
    assert Path(report["file"]).parent == copy
    check(report, usual, n_warnings=1)


@pytest.mark.skipif(os.name != "posix", reason="needs permissions of POSIX")
@pytest.mark.slow
def test_read_only_installation(usual):
    """As in a container: neither the package nor the home folder can be written.

    What lies beside the package, compiled when the container was built, is used.
    """
    python = [sys.executable]
    if os.geteuid() == 0:  # who may write everywhere: give that up, if it works
        drop = "--bounding-set=-dac_override,-dac_read_search"
        python = [shutil.which("setpriv") or "false", drop, *python]
        if subprocess.run([*python, "-c", ""], capture_output=True).returncode:
            pytest.skip("root may write everywhere")
    # Not in tmp_path, which other users may not enter.
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copy = copy_package(root)
        options = {
            "PYTHONPATH": str(root),
            "HOME": str(root),
            "XDG_CACHE_HOME": str(root / "cache"),
            "NUMBA_CACHE_DIR": None,
        }

        def set_modes(mode):
            for path in [root, *(path for path in root.rglob("*") if path.is_dir())]:
                path.chmod(mode)

        try:
            set_modes(0o555)
            report = run(USUAL, python=python, **options)
            assert Path(report["file"]).parent == copy
            check(report, usual, n_warnings=1)
            set_modes(0o755)
            assert not run(USUAL, **options)["warnings"]  # now as the owner
            assert (copy / "kernels" / "__pycache__" / "sknn").is_dir()
            set_modes(0o555)
            report = run(USUAL, python=python, **options)
            assert not report["compiled"]
            check(report, usual)
        finally:
            set_modes(0o755)


# Other code --------------------------------------------------------------------------


@pytest.mark.slow
def test_code_of_an_older_version_is_not_used(tmp_path):
    """A helper in another file than the kernel's changed; the cache is the same."""
    script = (
        FITS
        + FIT
        + """
report(fit("MLPRegressor", hidden_layer_sizes=(3,), dropout=0.5))
"""
    )
    places = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    before = run(script, **places)
    copy = copy_package(tmp_path)
    file = copy / "kernels" / "math" / "counter_rng.py"
    text = file.read_text("utf-8")
    assert text.count("0x7FEB352D") == 1
    file.write_text(text.replace("0x7FEB352D", "0x5851F42D"), "utf-8")
    places["PYTHONPATH"] = str(tmp_path)
    after = run(script, **places)
    expected = run(script, NUMBA_DISABLE_JIT="1", **places)
    assert Path(after["file"]).parent == copy
    assert "dropout_forward-float64" in after["compiled"]
    for mine, other in zip(after["weights"], expected["weights"], strict=True):
        assert_allclose(mine, other, rtol=1e-10)
    assert not np.allclose(after["weights"][0], before["weights"][0])


@pytest.mark.slow
def test_another_processor_has_code_of_its_own(full):
    """And the code that is chosen so is found again, whatever the processor is."""
    generic = {"NUMBA_CACHE_DIR": str(full), "NUMBA_CPU_NAME": "generic"}
    assert run(ONE_KERNEL, **generic)["compiled"] == ["relu_backward-float64"]
    assert not run(ONE_KERNEL, **generic)["compiled"]
    assert not run(ONE_KERNEL, NUMBA_CACHE_DIR=str(full))["compiled"]


@pytest.mark.parametrize(
    ("where", "name"), [(cache, "_version_of_numba"), (loader, "processor")]
)
def test_what_the_key_depends_on(where, name, monkeypatch):
    before = cache.key.__wrapped__()
    monkeypatch.setattr(where, name, lambda: "another")
    assert cache.key.__wrapped__() != before


def test_the_key_depends_on_the_sources_of_all_folders(monkeypatch):
    before = cache.key.__wrapped__()
    current = configuration.configuration()
    rooms = {file.parent.name for file in current.digests}
    assert {"jit", "kernels", "gemm", "layers", "math"} < rooms
    for file in current.digests:
        digests = {**current.digests, file: b"another"}
        changed = current._replace(digests=digests)
        monkeypatch.setattr(configuration, "_current", [changed])
        assert cache.key.__wrapped__() != before


@pytest.mark.parametrize(
    ("name", "matters"), [("NUMBA_OPT", True), ("NUMBA_NUM_THREADS", False)]
)
def test_what_variables_of_numba_matter(name, matters, monkeypatch):
    before = cache.key.__wrapped__()
    monkeypatch.setenv(name, "2" if os.environ.get(name) != "2" else "1")
    assert (cache.key.__wrapped__() != before) is matters


# At the same time --------------------------------------------------------------------


@pytest.mark.slow
def test_eight_cold_processes_at_once(tmp_path, usual):
    environment = {
        **os.environ,
        "PYTHONPATH": str(PACKAGE.parent),
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", USUAL]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        for _ in range(8)
    ]
    assert [process.wait() for process in processes] == [0] * 8
    assert {path.suffix for path in files_of(tmp_path)} == {".bin"}
    report = run(USUAL, NUMBA_CACHE_DIR=str(tmp_path))
    assert not report["compiled"]
    check(report, usual)


@pytest.mark.slow
def test_eight_cold_threads_at_once(tmp_path, usual):
    script = (
        FITS
        + FIT
        + """
from threading import Barrier, Thread
barrier, models = Barrier(8), []

def work():
    barrier.wait()
    models.append(fit("MLPRegressor", hidden_layer_sizes=3))

threads = [Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(models) == 8
for model in models:
    for mine, other in zip(model.coefs_, models[0].coefs_, strict=True):
        assert (mine == other).all()
report(models[0])
"""
    )
    report = run(script, NUMBA_CACHE_DIR=str(tmp_path))
    assert sorted(report["compiled"]) == sorted(usual[1]["compiled"])
    check(report, usual)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.slow
def test_fork_while_another_thread_compiles(tmp_path, usual):
    script = (
        FITS
        + FIT
        + """
import os, signal, threading, time
from sknn.jit import compiler

began = threading.Event()
lower = compiler.lower

def slow(*arguments):
    began.set()
    time.sleep(0.05)  # so that the fork comes while the lock is held
    return lower(*arguments)

compiler.lower = slow
thread = threading.Thread(target=fit, args=("MLPRegressor",))
thread.start()
assert began.wait(60)
warnings.simplefilter("ignore", DeprecationWarning)
child = os.fork()
if child == 0:
    signal.alarm(60)  # which ends a child that waits forever
    fit("MLPRegressor")
    os._exit(0)
thread.join()
_, status = os.waitpid(child, 0)
assert status == 0, status
report(fit("MLPRegressor", hidden_layer_sizes=3))
"""
    )
    check(run(script, NUMBA_CACHE_DIR=str(tmp_path)), usual)
