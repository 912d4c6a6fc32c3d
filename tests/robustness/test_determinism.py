"""The same seed, data and dtype on one machine give the same bits."""

import subprocess
import sys

import busy
import numpy as np
import pytest
from busy import CODES, JOBS, NUMBERS, WIDE, X, bits_of, job
from joblib import parallel_config
from numpy.testing import assert_array_equal
from scipy.sparse import csc_array, csr_array, csr_matrix
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

import sknn
from sknn.estimators.parameters import STOCHASTIC_SOLVERS

SOLVERS = [*sorted(STOCHASTIC_SOLVERS), "lbfgs"]
DTYPES = [np.float32, np.float64]
each_dtype = pytest.mark.parametrize("dtype", DTYPES)

rng = np.random.RandomState(1)
SPARSE = np.where(rng.uniform(size=X.shape) < 0.3, X, 0.0)

# Networks of every kind of operation: narrow ones, and ones wide enough for threads.
NETWORKS = {
    "narrow": {"hidden_layer_sizes": (7,)},
    "deep": {"hidden_layer_sizes": (33, 17, 5), "activation": ("tanh", "gelu", "relu")},
    "wide": {"hidden_layer_sizes": (1024,)},
    "wide, two": {"hidden_layer_sizes": (1024, 64)},
    "batch norm": {"hidden_layer_sizes": (65,), "normalization": "batch"},
    "layer norm": {"hidden_layer_sizes": (65,), "normalization": "layer"},
    "dropout": {"hidden_layer_sizes": (40, 10), "dropout": 0.3, "input_dropout": 0.1},
    "members": {"hidden_layer_sizes": (40, 65), "n_shared_members": 8, "dropout": 0.1},
    "members with factors of the inputs": {
        "hidden_layer_sizes": (64, 65),
        "n_shared_members": 4,
        "member_factors": "inputs",
    },
    "factors": {
        "hidden_layer_sizes": (400, 65),
        "parametrization": "ntk",
        "parametric_activation": True,
    },
}
each_network = pytest.mark.parametrize("network", NETWORKS)


def model_of(network, **parameters):
    parameters = {"max_iter": 2, "random_state": 0} | NETWORKS[network] | parameters
    return sknn.MLPClassifier(**parameters)


# Fits --------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
@each_dtype
def test_a_fit_repeats(solver, dtype):
    for network in ("deep", "wide"):
        model = model_of(network, solver=solver)
        first, second = (
            bits_of(clone(model).fit(X.astype(dtype), CODES), X) for _ in range(2)
        )
        assert first == second
        assert first != bits_of(model.set_params(random_state=1).fit(X, CODES), X)


@each_dtype
@pytest.mark.parametrize("network", ["deep", "wide", "batch norm"])
def test_a_fit_repeats_beside_others(network, dtype):
    """Other fits, and NumPy's products, in threads of the same process."""
    data = X.astype(dtype), CODES
    model = model_of(network, early_stopping=True)
    alone = bits_of(clone(model).fit(*data), X)
    with busy.noise():
        for _ in range(3):
            assert bits_of(clone(model).fit(*data), X) == alone


def test_a_fit_repeats_beside_other_processes():
    alone = busy.jobs()
    burn = "import numpy as np\na = np.ones((500, 500))\nwhile True: a @ a"
    others = [subprocess.Popen([sys.executable, "-c", burn]) for _ in range(2)]
    try:
        assert busy.jobs() == alone
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_a_fit_repeats_in_other_processes():
    here = busy.jobs()
    hashes = set()
    for seed in ("0", "1"):
        one, found = busy.run("hashes", PYTHONHASHSEED=seed)
        hashes.add(one)
        assert found == here
    assert len(hashes) == 2, "the seeds made no difference"


@pytest.mark.parametrize("name", JOBS)
def test_the_number_of_threads_changes_nothing(name):
    free = job(name)
    for n_threads in (1, 2):
        with threadpool_limits(limits=n_threads):
            assert job(name) == free


@pytest.mark.parametrize("n_threads", ["1", "3"])
@pytest.mark.default_cases(1)
def test_the_number_of_threads_of_the_process_changes_nothing(n_threads):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    assert busy.run("serial", **dict.fromkeys(names, n_threads)) == busy.jobs()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_threads_of_blas_change_nothing_in_any_estimator(dtype):
    """All solvers, initializers, scores and methods, in processes and in workers."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

    def everything(n_threads, n_jobs):
        limits = dict.fromkeys(threads, n_threads)
        return busy.run("everything", dtype, n_jobs, **limits)

    alone = everything("1", "1")
    for other in (everything("2", "1"), everything("4", "1"), everything("4", "2")):
        differing = {
            (name, what)
            for name, digests in alone.items()
            for what, one in digests.items()
            if other[name][what] != one
        }
        assert not differing


@each_dtype
@pytest.mark.parametrize("network", ["narrow", "wide", "dropout"])
def test_searches_do_not_depend_on_their_jobs(network, dtype):
    grid = {"alpha": [1e-4, 1.0], "solver": ["adam", "sgd"]}
    if network == "wide":
        grid["solver"].append("lbfgs")
    data = X.astype(dtype), CODES

    def search(n_jobs):
        model = model_of(network)
        return GridSearchCV(model, grid, cv=2, n_jobs=n_jobs, error_score="raise")

    alone = search(1).fit(*data)
    for backend in ("loky", "threading"):
        with parallel_config(backend):
            found = search(2).fit(*data)
        for name, values in alone.cv_results_.items():
            if "time" not in name:
                assert_array_equal(found.cv_results_[name], values, err_msg=name)
        best = found.best_estimator_
        assert bits_of(best, X) == bits_of(alone.best_estimator_, X)


# Predictions -------------------------------------------------------------------------


def outputs_of(model, data):
    return [model.predict_proba(data), model.hidden_activations(data)]


def dense(data):
    return data


@pytest.mark.parametrize("form", [dense, csr_array])
@each_dtype
@each_network
@pytest.mark.default_cases(10)
def test_predictions_do_not_depend_on_the_other_rows(network, dtype, form):
    data = SPARSE.astype(dtype)
    model = model_of(network).fit(data, CODES)
    if form is csr_array and model.n_shared_members:
        with pytest.raises(ValueError, match="takes dense inputs only"):
            model.predict(form(data))
        return
    # More rows than pass through the network at once.
    whole = np.tile(data, (4, 1))
    expected = outputs_of(model, form(whole))
    for n_rows in (1, 2, 3, 37, 300, 611):
        starts = range(0, len(whole), n_rows)
        if n_rows == 1:
            starts = starts[:: len(whole) // 50]
        for start in starts:
            rows = slice(start, start + n_rows)
            for one, all_rows in zip(
                outputs_of(model, form(whole[rows])), expected, strict=True
            ):
                assert_array_equal(one, all_rows[rows], err_msg=f"{n_rows} rows")


@pytest.mark.parametrize("form", [dense, csr_array])
@each_dtype
def test_predictions_of_many_rows_are_those_of_their_parts(form, dtype):
    data = np.tile(SPARSE.astype(dtype), (100, 1))
    model = model_of("deep").fit(data[:300], CODES)
    few = model.predict_proba(form(data[:300]))
    assert_array_equal(model.predict_proba(form(data)), np.tile(few, (100, 1)))


# Containers --------------------------------------------------------------------------


def in_a_memory_map(data, tmp_path):
    mapped = np.memmap(tmp_path / "X", dtype=data.dtype, mode="w+", shape=data.shape)
    mapped[:] = data
    mapped.flush()
    return np.memmap(tmp_path / "X", dtype=data.dtype, mode="r", shape=data.shape)


def unaligned(data, _):
    memory = np.empty(data.nbytes + 1, np.uint8)
    found = memory[1:].view(data.dtype).reshape(data.shape)
    found[:] = data
    assert not found.flags.aligned
    return found


DENSE = {
    "F-ordered": lambda data, _: np.asfortranarray(data),
    "strided": lambda data, _: np.repeat(np.repeat(data, 2, axis=0), 3, axis=1)[
        ::2, ::3
    ],
    "reversed": lambda data, _: data[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda data, _: np.frombuffer(data.tobytes(), data.dtype).reshape(
        data.shape
    ),
    "memory map": in_a_memory_map,
    "big-endian": lambda data, _: data.astype(data.dtype.newbyteorder(">")),
    # Its dtype names the order of the machine, as does that of other buffers.
    "ctypes": lambda data, _: np.ctypeslib.as_array(np.ctypeslib.as_ctypes(data)),
    "unaligned": unaligned,
}
CSR = {
    "matrix": csr_matrix,
    "CSC": csc_array,
    "int64 indices": lambda data: with_indices(data, np.int64),
    "unsorted": lambda data: unsorted(csr_array(data)),
}


def with_indices(data, dtype):
    found = csr_array(data)
    found.indices, found.indptr = (
        found.indices.astype(dtype),
        found.indptr.astype(dtype),
    )
    return found


def unsorted(data):
    """Return the same matrix; the numbers of a row stand in it the other way round."""
    for start, stop in zip(data.indptr[:-1], data.indptr[1:], strict=True):
        data.indices[start:stop] = data.indices[start:stop][::-1].copy()
        data.data[start:stop] = data.data[start:stop][::-1].copy()
    data.has_sorted_indices = False
    return data


@each_dtype
@pytest.mark.parametrize("container", DENSE)
def test_the_order_in_memory_changes_nothing(container, dtype, tmp_path):
    data = X.astype(dtype)
    if container == "big-endian" and dtype == np.float32:
        pytest.skip("scikit-learn makes float64 of it")
    other = DENSE[container](data, tmp_path)
    assert_array_equal(other, data)
    for network in ("deep", "wide"):
        model, same = (model_of(network).fit(each, CODES) for each in (data, other))
        assert bits_of(same, data) == bits_of(model, data)
        assert_array_equal(model.predict_proba(other), model.predict_proba(data))


@each_dtype
@pytest.mark.parametrize("container", [name for name in CSR if name != "unsorted"])
def test_the_kind_of_sparse_matrix_changes_nothing(container, dtype):
    data = SPARSE.astype(dtype)
    other = CSR[container](data)
    for network in ("deep", "wide"):
        model, same = (
            model_of(network).fit(each, CODES) for each in (csr_array(data), other)
        )
        assert bits_of(same, other) == bits_of(model, csr_array(data))


@each_dtype
def test_the_same_fit_in_other_words(dtype):
    """Options that say the same, and targets in other containers."""
    data = X.astype(dtype)
    one = sknn.MLPRegressor(hidden_layer_sizes=(9,), max_iter=3, random_state=0)
    expected = bits_of(clone(one).fit(data, NUMBERS), data)
    assert bits_of(clone(one).fit(data, list(NUMBERS)), data) == expected
    assert bits_of(clone(one).fit(data, np.repeat(NUMBERS, 2)[::2]), data) == expected
    one.set_params(hidden_layer_sizes=9, random_state=np.random.RandomState(0))
    assert bits_of(one.fit(data, NUMBERS), data) == expected


@pytest.mark.parametrize("name", WIDE)
def test_wide_networks_repeat_in_threads_beside_each_other(name):
    expected = job(name)
    assert busy.at_once(4, job, [name] * 4) == [expected] * 4
