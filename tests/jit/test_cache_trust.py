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

    monkeypatch.setattr(cache, "_compiled_with_own_settings", [])
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    code = Code(b"code", ())
    cache.write("before-float64", code)
    with monkeypatch.context() as patch:
        patch.setattr(numba.config, "OPT", 1)
        cache.write("during-float64", code)
        cache.note_settings("during-float64")
        assert cache.read("before-float64") is None
    cache.write("after-float64", code)  # by an LLVM that was set up for the others
    assert cache.read("before-float64") == code
    assert cache.read("during-float64") is None
    assert cache.read("after-float64") is None


# Numba reads its settings when it is imported, and again where they have changed.
CHANGED_SETTINGS = (
    FITS
    + FIT
    + """
import os
from sknn.jit import object_cache
from sknn.kernels.layers.activations import ACTIVATIONS

dtype = np.dtype(float)
ACTIVATIONS["relu"].backward.address(dtype)  # the key is computed
exec(sys.argv[1])
ACTIVATIONS["softsign"].backward.address(dtype)
exec(sys.argv[2])
ACTIVATIONS["tanh"].backward.address(dtype)
print(json.dumps(COMPILED_HERE))
"""
)
CHANGES = {
    "a variable of Numba": (
        "os.environ['NUMBA_OPT'] = '0'",
        "del os.environ['NUMBA_OPT']",
    ),
    "the way to compile": (
        "was = os.environ.get('SKNN_COMPILER'); "
        "other = {'documented': 'internal'}.get(was, 'documented'); "
        "os.environ['SKNN_COMPILER'] = other",
        "",
    ),
    "numba.config": (
        "from numba import config; was = config.LOOP_VECTORIZE; "
        "config.LOOP_VECTORIZE = int(not was)",
        "config.LOOP_VECTORIZE = was",
    ),
    "a file of settings": ("open('.numba_config.yaml', 'w').write('opt: 0')", ""),
}


@pytest.mark.parametrize("was_imported", [True, False])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.default_cases(2)
def test_settings_that_change_after_the_first_kernel(change, was_imported, tmp_path):
    """What is compiled with them is kept for nobody, nor what follows."""
    first, second = CHANGES[change]
    folder = tmp_path / "work"
    folder.mkdir()
    places = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    if not was_imported:  # the first kernel is loaded from the cache
        run(ONE_KERNEL, **places)
    first = f"os.chdir({str(folder)!r}); {first}"
    compiled = run(CHANGED_SETTINGS, first, second, **places)
    names = [f"{name}_backward-float64" for name in ("relu", "softsign", "tanh")]
    assert compiled == names[0 if was_imported else 1 :]
    assert [file.stem for file in files_of(tmp_path / "cache")] == names[:1]


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
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
@pytest.mark.parametrize("level", range(4))
def test_what_others_can_write_to_is_not_loaded(level, mode, monkeypatch, tmp_path):
    """Neither the file nor a folder up to the one in NUMBA_CACHE_DIR."""
    root = tmp_path / "root"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(root))
    monkeypatch.setattr(cache, "_complaints", [])
    cache.write("kernel-float64", Code(b"code", ()))
    (file,) = files_of(root)
    place = [file, *file.parents][level]
    place.chmod(mode)
    assert cache.read("kernel-float64") is None
    if level:
        with pytest.warns(
            RuntimeWarning, match=rf"Others can write to {place}: .*go-w"
        ):
            cache.write("other-float64", Code(b"code", ()))
        place.chmod(0o755)
        assert cache.read("other-float64") is None
        assert cache.read("kernel-float64") == Code(b"code", ())


@posix
def test_a_folder_for_everybody_where_only_owners_may_rename(monkeypatch, tmp_path):
    """Such as /tmp."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    tmp_path.chmod(0o1777)
    cache.write("kernel-float64", Code(b"code", ()))
    assert cache.read("kernel-float64") == Code(b"code", ())


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="only root can give away files"
)
@pytest.mark.parametrize("level", range(4))
def test_nothing_of_another_user_is_loaded(level, monkeypatch, tmp_path):
    root = tmp_path / "root"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(root))
    monkeypatch.setattr(cache, "_complaints", [])
    cache.write("kernel-float64", Code(b"code", ()))
    (file,) = files_of(root)
    place = [file, *file.parents][level]
    os.chown(place, 65534, 65534)
    assert cache.read("kernel-float64") is None
    if level:
        with pytest.warns(RuntimeWarning, match=f"{place} belongs to another user"):
            cache.write("other-float64", Code(b"code", ()))


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="only root can give away links"
)
@pytest.mark.parametrize("level", [1, 2])
def test_links_of_another_user_are_not_followed(level, monkeypatch, tmp_path):
    """They could lead to a folder of this user with a file from elsewhere."""
    root = tmp_path / "root"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(root))
    cache.write("kernel-float64", Code(b"code", ()))
    (file,) = files_of(root)
    place = [file, *file.parents][level]
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert cache.read("kernel-float64") == Code(b"code", ())
    os.chown(place, 65534, 65534, follow_symlinks=False)
    assert cache.read("kernel-float64") is None


def dangle(file):
    file.unlink()
    file.symlink_to(file.with_name("nothing"))


def link_to_itself(file):
    file.unlink()
    file.symlink_to(file)


def link_to_a_device(file):
    file.unlink()
    file.symlink_to("/dev/zero")


def forbid(file):
    file.chmod(0)
    if os.geteuid() == 0:  # who may read it all the same
        file.write_bytes(b"")


def forbid_the_folder(file):
    forbid(file)
    file.parent.chmod(0)


@posix
@pytest.mark.parametrize(
    "damage", [dangle, link_to_itself, link_to_a_device, forbid, forbid_the_folder]
)
def test_what_cannot_be_read_is_replaced(damage, monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "_complaints", ["said already"])
    code = Code(b"code", ())
    cache.write("kernel-float64", code)
    (file,) = files_of(tmp_path)
    damage(file)
    assert cache.read("kernel-float64") is None
    cache.write("kernel-float64", code)
    file.parent.chmod(0o755)
    expected = {code} if os.geteuid() == 0 else {code, None}
    assert cache.read("kernel-float64") in expected


NO_DESCRIPTORS = (
    FITS
    + FIT
    + """
import os, resource
from sknn.jit import compiler, loader
from sknn.kernels.layers.activations import ACTIVATIONS
loader._loader()
ACTIVATIONS["tanh"].backward.address(np.dtype(float))  # imports what compiles
COMPILED_HERE.clear()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
try:
    while True:
        os.open(os.devnull, os.O_RDONLY)
except OSError:
    pass
ACTIVATIONS["relu"].backward.address(np.dtype(float))
print(json.dumps([COMPILED_HERE, len(caught)]))
"""
)


@posix
def test_without_file_descriptors_kernels_are_compiled(tmp_path):
    found = run(NO_DESCRIPTORS, NUMBA_CACHE_DIR=str(tmp_path))
    assert found == [["relu_backward-float64"], 0]
    assert [file.stem for file in files_of(tmp_path)] == ["tanh_backward-float64"]


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
