"""What the cache does not keep or load: code of other sources, settings or users."""

import os
import stat
from pathlib import Path

import pytest
from processes import FIT, FITS, ONE_KERNEL, copy_package, files_of, run

from sknn.jit import object_cache as cache
from sknn.jit.declarations import BOUNDS_CHECKED, INTERPRETED
from sknn.jit.loader import Code

pytestmark = pytest.mark.skipif(
    INTERPRETED or BOUNDS_CHECKED, reason="there is no cache"
)

CHANGED_ON_DISK = (
    FITS
    + FIT
    + """
from pathlib import Path
from sknn.kernels.layers.activations import ACTIVATIONS

root, changed, loads_before = Path(sknn.__file__).parent, sys.argv[1], int(sys.argv[2])
dtype = np.dtype(float)
if loads_before:
    ACTIVATIONS["relu"].backward.address(dtype)
with (root / changed).open("a") as file:
    file.write("# another version")
message = ""
try:
    ACTIVATIONS["softsign"].backward.address(dtype)
except RuntimeError as error:
    message = str(error)
print(json.dumps([COMPILED_HERE, message]))
"""
)


def test_a_process_that_outlives_an_upgrade_writes_nothing(tmp_path):
    """Its code is of the sources that it imported; later processes have others."""
    copy_package(tmp_path)
    places = {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    changed = Path("kernels", "layers", "activations.py")
    compiled, message = run(CHANGED_ON_DISK, changed, 1, **places)
    assert compiled == ["relu_backward-float64", "softsign_backward-float64"]
    assert not message
    assert [file.stem for file in files_of(tmp_path / "cache")] == compiled[:1]
    assert run(ONE_KERNEL, **places)["compiled"] == compiled[:1]


def test_a_process_that_outlives_an_upgrade_mixes_no_versions(tmp_path):
    copy_package(tmp_path)
    places = {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    changed = Path("kernels", "gemm", "microkernel_intrinsics.py")
    compiled, message = run(CHANGED_ON_DISK, changed, 0, **places)
    assert compiled == []
    assert "microkernel_intrinsics.py" in message
    assert "Restart the process" in message
    assert not (tmp_path / "cache").exists()


def test_settings_of_numba_in_a_file_have_code_of_their_own(monkeypatch, tmp_path):
    before = cache.key.__wrapped__()
    monkeypatch.chdir(tmp_path)
    assert cache.key.__wrapped__() == before
    (tmp_path / ".numba_config.yaml").write_text("opt: 0")
    assert cache.key.__wrapped__() != before


def test_settings_of_numba_that_change_use_no_cache(monkeypatch, tmp_path):
    import numba

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    code = Code(b"code", ())
    cache.write("before-float64", code)
    monkeypatch.setattr(numba.config, "OPT", 1)
    cache.write("after-float64", code)
    assert cache.read("before-float64") is None
    monkeypatch.undo()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert cache.read("before-float64") == code
    assert cache.read("after-float64") is None


posix = pytest.mark.skipif(os.name != "posix", reason="needs permissions of POSIX")


@posix
@pytest.mark.parametrize("umask", [0, 0o002, 0o022, 0o077])
def test_folders_that_nobody_else_can_write_to(umask, monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "new" / "folder"))
    before = os.umask(umask)
    try:
        cache.write("kernel-float64", Code(b"code", ()))
    finally:
        os.umask(before)
    for path in (tmp_path / "new").rglob("*"):
        assert not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH), path
    assert cache.read("kernel-float64") == Code(b"code", ())


@posix
@pytest.mark.parametrize("level", range(3))
def test_what_others_can_write_to_is_not_loaded(level, monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    cache.write("kernel-float64", Code(b"code", ()))
    (file,) = files_of(tmp_path)
    [file, *file.parents][level].chmod(0o777)
    assert cache.read("kernel-float64") is None


@posix
def test_files_of_another_user_are_not_loaded(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    cache.write("kernel-float64", Code(b"code", ()))
    (file,) = files_of(tmp_path)
    if os.geteuid() == 0:
        os.chown(file, 65534, 65534)
    else:
        me = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    assert cache.read("kernel-float64") is None


@posix
def test_a_named_pipe_or_a_huge_file_is_not_read(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    cache.write("kernel-float64", Code(b"code", ()))
    (file,) = files_of(tmp_path)
    os.truncate(file, 2**40)
    assert cache.read("kernel-float64") is None
    file.unlink()
    os.mkfifo(file, 0o644)
    assert cache.read("kernel-float64") is None
