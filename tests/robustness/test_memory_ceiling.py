"""Fits on data that are larger than the memory that the system grants.

RLIMIT_DATA limits what a process allocates. The pages of a file that is mapped to be
read do not count: the system takes them away where it needs memory.
"""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux limits what is allocated"
)

N_ROWS, N_FEATURES = 600_000, 50  # 120 MB in float32
MEGABYTES = 60

SCRIPT = """
    import json, resource, sys, warnings
    import numpy as np
    import sknn
    from sknn.data import BatchSource
    warnings.simplefilter("ignore")
    path, case, n_megabytes = sys.argv[1:]

    def allocated():
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith("VmData"))
        return 1024 * int(line.split()[1])

    shape = (600_000, 50)
    X = np.memmap(path, np.float32, "r", shape=shape)
    y = np.arange(shape[0]) % 2 == 0

    class Computed:
        "Rows that are nowhere: what Zarr, HDF5 and Dask have in common."
        shape = shape
        def __getitem__(self, rows):
            k = np.arange(*rows.indices(self.shape[0]), dtype=np.float32)
            return np.sin(k[:, np.newaxis] * np.arange(1, 51, dtype=np.float32))

    def in_zarr():
        import zarr
        # The stacks of its threads count, and a busy machine starts more of them.
        zarr.config.set({"threading.max_workers": 1, "async.concurrency": 1})
        store = zarr.create_array(
            store=path + ".zarr", shape=shape, chunks=(20_000, 50), dtype="float32"
        )
        for start in range(0, shape[0], 20_000):
            store[start : start + 20_000] = X[start : start + 20_000]
        return store

    def batches():
        for start in range(0, shape[0], 20_000):
            yield X[start : start + 20_000], y[start : start + 20_000]

    options = {"batch_rows": 20_000, "buffer_size": 40_000}
    data = {
        "a memmap": lambda: (X, y),
        "a copy": lambda: (np.array(X), y),
        "a memmap in batches": lambda: (BatchSource.from_arrays(X, y, **options),),
        "an array like that of Zarr": lambda: (
            BatchSource.from_arrays(Computed(), y, **options),
        ),
        "Zarr": lambda: (BatchSource.from_arrays(stored, y, **options),),
        "a function": lambda: (BatchSource(batches, buffer_size=40_000),),
    }
    model = sknn.MLPClassifier((10,), max_iter=2, random_state=0)
    model.fit(X[:9000], y[:9000])  # loads the kernels
    model.fit(BatchSource.from_arrays(X[:9000], y[:9000]))
    stored = in_zarr() if case == "Zarr" else None
    limit = allocated() + int(n_megabytes) * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))
    try:
        model.fit(*data[case]())
        found = model.n_iter_, model.t_
    except MemoryError:
        found = "MemoryError"
    print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "X"
    rng = np.random.default_rng(0)
    with open(path, "wb") as file:
        for _ in range(10):
            part = rng.standard_normal((N_ROWS // 10, N_FEATURES), dtype=np.float32)
            part.tofile(file)
    return path


def fit_under_the_limit(case, path):
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), path, case, str(MEGABYTES)],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_limit_is_one(path):
    assert fit_under_the_limit("a copy", path) == "MemoryError"


@pytest.mark.parametrize(
    "case",
    [
        "a memmap",
        "a memmap in batches",
        pytest.param("an array like that of Zarr", marks=pytest.mark.slow),
        pytest.param("Zarr", marks=pytest.mark.slow),
        pytest.param("a function", marks=pytest.mark.slow),
    ],
)
def test_a_fit_on_more_data_than_memory(case, path):
    if case == "Zarr":
        pytest.importorskip("zarr")
    assert fit_under_the_limit(case, path) == [2, 2 * N_ROWS]
