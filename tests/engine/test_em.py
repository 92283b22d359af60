"""The EM loop, in float64."""

import re

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine import em
from fastmix.engine.likelihood import Likelihood

EPS = np.finfo(np.float64).eps
OPTIONS = {"tol": 1e-3, "max_iter": 50, "reg_covar": 1e-6}


def run(rows, start, covariance, *, reg_covar, **options):
    """Maximum likelihood by EM."""
    return em.run(rows, start, Likelihood(covariance, reg_covar), **options)


# --- run -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d", "k"), [(31, 1, 2), (90, 2, 3), (120, 4, 5)])
def test_a_run_is_that_of_the_definition(problem, packed, covariance, covariance_type, n, d, k):
    X, start, parameters = problem(n, d, k)
    expected = naive.em(X, covariance_type, start=start, **OPTIONS)
    got = run(packed(X), parameters, covariance, **OPTIONS)
    assert (got.n_iter, got.converged) == (expected.n_iter, expected.converged)
    # Each step adds rounding of a sum of n terms, and EM forgets a part of what went before.
    close = {"rtol": 1e-10, "atol": 1e-10}
    assert_allclose(got.history, expected.lower_bounds, **close)
    assert_allclose(got.parameters.weights, expected.weights, **close)
    assert_allclose(got.parameters.means, expected.means, **close)
    assert_allclose(got.parameters.covariances, expected.covariances, **close)
    assert_array_equal(got.parameters.factor, covariance.factor(got.parameters.covariances))


def test_the_likelihood_never_falls(problem, packed, covariance):
    X, _, parameters = problem(gap=1.5)
    got = run(packed(X), parameters, covariance, tol=0.0, max_iter=25, reg_covar=0.0)
    assert len(got.history) == 25
    assert np.all(np.diff(got.history) >= -90 * EPS * np.abs(got.history[0]))


def test_a_bound_that_falls_is_not_at_rest(blobs, packed, parameters, covariance, covariance_type):
    X, truth, _ = blobs()
    start = naive.m_step(X, naive.one_hot(truth, 3), covariance_type, 0.0)
    options = OPTIONS | {"reg_covar": 2.0}  # away from the most likely covariances
    expected = naive.em(X, covariance_type, start=start, **options)
    got = run(packed(X), parameters(*start), covariance, **options)
    assert expected.lower_bounds[1] < expected.lower_bounds[0] - 0.1
    assert expected.n_iter > 2
    assert (got.n_iter, got.converged) == (expected.n_iter, expected.converged)


def test_one_component_by_hand(packed, parameters, covariance):
    """Rows at -1, -1, 1, 1: the mean log-density is -(log(2 pi v) + 1 / v) / 2, best at v = 1."""
    X = np.array([[-1.0], [-1.0], [1.0], [1.0]])
    start = parameters(np.ones(1), np.zeros((1, 1)), np.full(covariance.shape(1, 1), 4.0))
    got = run(packed(X), start, covariance, tol=1e-12, max_iter=9, reg_covar=0.0)
    assert_allclose(got.history[0], -(naive.LOG_2PI + np.log(4) + 0.25) / 2, rtol=4 * EPS)
    assert_allclose(got.history[1:], -(naive.LOG_2PI + 1) / 2, rtol=4 * EPS)
    assert got.n_iter == 3
    assert got.converged
    assert_allclose(got.parameters.covariances.ravel(), 1, rtol=20 * EPS)


@pytest.mark.parametrize("max_iter", [0, 1, 2])
def test_an_interrupted_run_has_not_converged(problem, packed, covariance, max_iter):
    X, _, parameters = problem()
    options = OPTIONS | {"tol": 0.0, "max_iter": max_iter}
    got = run(packed(X), parameters, covariance, **options)
    assert (got.n_iter, got.converged, len(got.history)) == (max_iter, False, max_iter)
    assert (got.parameters is parameters) == (max_iter == 0)


def test_a_run_may_be_taken_up_again(problem, packed, covariance, assert_same_bits):
    X, _, parameters = problem(gap=2.0)
    rows, options = packed(X), OPTIONS | {"tol": 3e-4}
    whole = run(rows, parameters, covariance, **options)
    assert 3 < whole.n_iter < 50
    first = run(rows, parameters, covariance, **options | {"max_iter": 2})
    options["bound"] = first.history[-1]
    rest = run(rows, first.parameters, covariance, **options)
    assert_same_bits(first.history + rest.history, whole.history)
    assert_same_bits(rest.parameters, whole.parameters)
    options["bound"] = whole.history[-1]
    again = run(rows, whole.parameters, covariance, **options)
    assert (again.n_iter, again.converged) == (1, True)


def test_row_weights_are_multiplicities(problem, packed, covariance):
    X, _, parameters = problem()
    times = np.arange(90) % 4
    got = run(packed(X, times.astype(np.float64)), parameters, covariance, **OPTIONS)
    expected = run(packed(np.repeat(X, times, axis=0)), parameters, covariance, **OPTIONS)
    assert got.n_iter == expected.n_iter
    assert_allclose(got.history, expected.history, rtol=1e-10)
    assert_allclose(got.parameters.means, expected.parameters.means, rtol=1e-9, atol=1e-9)


def test_a_start_out_of_reach_of_a_row_is_refused(packed, parameters, covariance, covariance_type):
    X = np.array([[0.0, 0.0], [1e160, 0.0]])
    unit = naive.from_full(np.array([np.eye(2)] * 2), np.ones(2), covariance_type)
    start = parameters(np.full(2, 0.5), np.zeros((2, 2)), unit)
    with (
        np.errstate(over="ignore", invalid="ignore"),  # heard of in plain Python only
        pytest.raises(
            ValueError, match=r"so far from every component.*means_init and precisions_init"
        ),
    ):
        run(packed(X), start, covariance, **OPTIONS)


@pytest.mark.parametrize(
    ("verbose", "line"),
    [
        (1, r"  Iteration \d+"),
        (2, r"  Iteration \d+\t time lapse \d+\.\d{5}s\t ll change [-\dinf.]+"),
    ],
)
def test_a_verbose_run_reports_as_often_as_asked(
    problem, packed, covariance, capsys, verbose, line
):
    X, _, parameters = problem()
    options = OPTIONS | {"max_iter": 7, "tol": 0.0}
    run(packed(X), parameters, covariance, verbose=verbose, verbose_interval=3, **options)
    lines = capsys.readouterr().out.splitlines()
    assert [int(re.search(r"\d+", each)[0]) for each in lines] == [3, 6]
    assert all(re.fullmatch(line, each) for each in lines)
