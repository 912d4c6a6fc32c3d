"""L-BFGS and its line search beside scipy's."""

import warnings

import numpy as np
import pytest
import scipy
import scipy.optimize
from numpy.testing import assert_allclose
from outcomes import as_new_scipy
from threadpoolctl import threadpool_limits

from sknn.training.minimize import Limits, minimize

IS_OLD_SCIPY = tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 15)

RNG = np.random.RandomState(0)
N = 12
SCALES = 10.0 ** np.linspace(-3, 3, N)
MATRIX = RNG.normal(size=(N, N))


def rosenbrock(x):
    return scipy.optimize.rosen(x), scipy.optimize.rosen_der(x)


def quadratic(x):
    return 0.5 * np.sum(SCALES * x * x), SCALES * x


def coupled(x):
    residual = MATRIX @ x - 1
    return 0.5 * residual @ residual, MATRIX.T @ residual


def waves(x):
    """Many minima, and curvature of both signs."""
    return np.sum(x * x / 20 - np.cos(3 * x)), x / 10 + 3 * np.sin(3 * x)


def steep(x):
    return np.sum(np.cosh(4 * x)), 4 * np.sinh(4 * x)


def flat(x):
    """Falls for ever, ever more slowly."""
    return np.sum(np.exp(-x)), -np.exp(-x)


def fourth_power(x):
    return np.sum(x**4), 4 * x**3


def kinked(x):
    """No gradient at the minimum: the line search fails."""
    return np.sum(np.abs(x)), np.sign(x)


def downhill(x):
    """Falls for ever: steps grow to the largest."""
    return -np.sum(x), -np.ones(N)


FUNCTIONS = [
    rosenbrock, quadratic, coupled, waves, steep, flat, fourth_power, kinked, downhill,
]  # fmt: skip
STARTS = [RNG.normal(size=N) for _ in range(3)] + [np.full(N, 1e-3), np.full(N, 30.0)]


def by_scipy(function, start, limits):
    seen = []

    def note(intermediate_result):
        seen.append((intermediate_result.fun, intermediate_result.x.copy()))

    found = scipy.optimize.minimize(
        function, start, method="L-BFGS-B", jac=True, callback=note,
        options={
            "maxfun": limits.max_fun, "maxiter": limits.max_iter,
            "gtol": limits.gtol, "ftol": limits.ftol,
        },
    )  # fmt: skip
    return found, seen


def by_ours(function, start, limits):
    seen = []
    found = minimize(
        function, start, lambda each: seen.append((each.fun, each.x)), limits
    )
    return found, seen


@pytest.mark.parametrize("k", range(len(STARTS)))
@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_iteration_is_scipys(function, k):
    limits = Limits(max_iter=12, max_fun=200, gtol=1e-9, ftol=1e-15)
    with np.errstate(all="ignore"):
        (theirs, expected), (ours, found) = (
            minimizer(function, STARTS[k].copy(), limits)
            for minimizer in (by_scipy, by_ours)
        )
    assert (ours.nit, ours.nfev, ours.status) == (
        theirs.nit, theirs.nfev, theirs.status,
    )  # fmt: skip
    for (loss, x), (their_loss, their_x) in zip(found, expected, strict=True):
        # Rounding errors grow by a digit in some iterations.
        assert_allclose(loss, their_loss, rtol=1e-6, atol=1e-9)
        assert_allclose(x, their_x, rtol=1e-4, atol=1e-6)
    assert_allclose(ours.fun, theirs.fun, rtol=1e-6, atol=1e-9)


LIMITS = {
    "a flat gradient": {"gtol": 1e-2},
    "a steady function": {"ftol": 1e-3},
    "max_iter": {"max_iter": 3},
    "max_fun": {"max_fun": 4},
    "flat from the start": {"gtol": 1e9},
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_ends_a_search(name):
    given = {"max_iter": 500, "max_fun": 1000, "gtol": 1e-9, "ftol": 1e-15}
    limits = Limits(**given | LIMITS[name])
    theirs, ours = (
        minimizer(rosenbrock, STARTS[0].copy(), limits)[0]
        for minimizer in (by_scipy, by_ours)
    )
    assert (ours.nit, ours.nfev, ours.status, ours.success) == (
        theirs.nit, theirs.nfev, theirs.status, theirs.success,
    )  # fmt: skip
    assert ours.message == as_new_scipy(theirs.message)


def test_the_minimum():
    limits = Limits(max_iter=500, max_fun=5000, gtol=1e-9, ftol=0.0)
    found, _ = by_ours(rosenbrock, STARTS[0].copy(), limits)
    assert found.success
    assert_allclose(found.x, 1, atol=1e-8)


def test_a_callback_ends_the_search():
    seen = []

    def stop(iterate):
        seen.append(iterate.fun)
        if len(seen) == 3:
            raise StopIteration

    limits = Limits(max_iter=500, max_fun=5000, gtol=1e-9, ftol=0.0)
    found = minimize(rosenbrock, STARTS[0].copy(), stop, limits)
    assert (found.nit, found.status, found.success) == (3, 99, False)
    assert found.fun == seen[-1]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("first", [0, 1, 5])
def test_what_is_not_finite(value, first):
    if np.isnan(value) and IS_OLD_SCIPY:
        pytest.skip("scipy before 1.15 may go on after NaN")

    def function(x):
        nonlocal n_calls
        n_calls += 1
        loss, gradient = rosenbrock(x)
        return (value if n_calls > first else loss), gradient

    limits, found = Limits(max_iter=50, max_fun=100, gtol=1e-9, ftol=1e-15), []
    for minimizer in (by_scipy, by_ours):
        n_calls = 0
        with warnings.catch_warnings():
            warnings.simplefilter("error" if minimizer is by_ours else "ignore")
            result, _ = minimizer(function, STARTS[0].copy(), limits)
        found.append((result.fun, result.nit, result.status))
    assert n_calls <= 100 + 20  # those of a line search
    np.testing.assert_equal(found[1], found[0])


def test_a_gradient_whose_square_overflows():
    """A step cannot be chosen: the function gets NaN, and the search has failed."""
    seen = []

    def function(x):
        seen.append(x)
        return rosenbrock(x)[0], 1e200 * rosenbrock(x)[1]

    found, _ = by_ours(function, STARTS[0].copy(), Limits(5, 50, 1e-9, 0.0))
    assert (found.nit, found.status, found.success) == (0, 2, False)
    assert np.isnan(seen[-1]).all()
    assert (found.x == STARTS[0]).all()


def test_the_start_is_not_changed():
    start = STARTS[0].copy()
    by_ours(rosenbrock, start, Limits(5, 50, 1e-9, 0.0))
    assert (start == STARTS[0]).all()


def test_threads_of_blas_change_nothing():
    """scipy's sums of more than 10,000 terms depend on them."""
    start = RNG.normal(size=30_000)
    limits = Limits(max_iter=15, max_fun=50, gtol=1e-9, ftol=0.0)
    found = []
    for n_threads in (1, 2, 4):
        with threadpool_limits(n_threads):
            found.append(by_ours(waves, start, limits)[0].x.tobytes())
    assert len(set(found)) == 1
