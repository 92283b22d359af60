"""The EM loop and its E-steps, in float64 unless the name says otherwise."""

import re

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine import em
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.likelihood import Likelihood
from fastmix.engine.passes import accumulate, expect, infer

EPS = np.finfo(np.float64).eps
# the types in which components differ in their covariances
OF_THEIR_OWN = [name for name, each in COVARIANCES.items() if each.shape(2, 4) != each.shape(3, 4)]
OPTIONS = {"tol": 1e-3, "max_iter": 50, "reg_covar": 1e-6}


def run(rows, start, covariance, *, reg_covar, **options):
    """Maximum likelihood by EM."""
    return em.run(rows, start, Likelihood(covariance, reg_covar), **options)


@pytest.fixture
def problem(blobs, parameters, covariance_type):
    """Maker of overlapping blobs and of a mixture from half of them, for oracle and engine."""

    def make(n=90, d=2, k=3, gap=4.0):
        X, truth, _ = blobs(n=n, d=d, k=k, gap=gap)
        half = n // 2
        start = naive.m_step(X[:half], naive.one_hot(truth[:half], k), covariance_type, 0.1)
        return X, start, parameters(*start)

    return make


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


# --- expect and accumulate -------------------------------------------------------------------


def test_a_pass_adds_up_the_e_step(problem, packed, rng, covariance, covariance_type):
    X, start, parameters = problem(d=3)
    weight = rng.randint(1, 3, 90).astype(np.float64)
    rows = packed(X, weight)
    totals = expect(rows, parameters, covariance)
    log_norm, resp = naive.e_step(X, *start, covariance_type)
    scale = 2.0**rows.weight_exponent
    assert scale * totals.objective == pytest.approx(float(weight @ log_norm), rel=1e-12)
    assert_array_equal(totals.origin, parameters.means)
    got = Likelihood(covariance, 0.0).update(totals)
    expected = naive.m_step(X, weight[:, None] * resp, covariance_type, 0.0)
    for mine, oracles in zip(got[:3], expected, strict=True):
        assert_allclose(mine, oracles, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("covariance_type", ["full"], indirect=True)
def test_float32_rows_give_totals_about_float32_means(problem, packed, covariance, covariance_type):
    X, start, parameters = problem(d=3)
    X = X.astype(np.float32)
    totals = expect(packed(X), parameters, covariance)
    assert_array_equal(totals.origin, parameters.means.astype(np.float32))
    log_norm, resp = naive.e_step(X, *start, covariance_type)
    # whitened distances of about 5, whose means and factors are off by half an eps of 12
    eps = float(np.finfo(np.float32).eps)
    assert totals.objective == pytest.approx(float(log_norm.sum()), rel=100 * eps)
    got = Likelihood(covariance, 0.0).update(totals)
    expected = naive.m_step(X, resp, covariance_type, 0.0)
    for mine, oracles in zip(got[:3], expected, strict=True):
        assert mine.dtype == np.float64
        assert_allclose(mine, oracles, rtol=0, atol=1000 * eps)


@pytest.mark.parametrize("n", [5, 32, 33, 100])
def test_responsibilities_may_come_in_blocks(rng, packed, covariance, n):
    X, resp, origin = rng.normal(size=(n, 2)), rng.dirichlet(np.ones(3), n), np.ones((3, 2))
    rows = packed(X, rng.uniform(1, 2, n))
    whole = accumulate(rows, [resp], origin, covariance)
    for size in (32, 64):
        blocks = (resp[first : first + size] for first in range(0, n, size))
        got = accumulate(rows, blocks, origin, covariance)
        assert got.objective == 0.0
        for mine, other in zip(got, whole, strict=True):
            # n terms in another order, no square of a distance above 25
            assert_allclose(mine, other, rtol=0, atol=n * EPS * 2 * n * 25)


# --- infer -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d", "k"), [(4, 1, 2), (32, 2, 3), (33, 3, 5), (120, 9, 11)])
@pytest.mark.parametrize("want_resp", [True, False])
def test_inference_is_that_of_the_definition(
    problem, packed, covariance, covariance_type, n, d, k, want_resp
):
    X, start, parameters = problem(max(n, 4 * k), d, k)
    X = X[:n]
    got = infer(packed(X), parameters, covariance, want_resp)
    log_norm, resp = naive.e_step(X, *start, covariance_type)
    assert got.labels.dtype == np.int64
    assert_array_equal(got.labels, resp.argmax(axis=1))
    assert_allclose(got.log_norm, log_norm.astype(np.float64), rtol=1e-11)
    assert got.resp.shape == (n if want_resp else 0, k)
    assert_allclose(got.resp, resp[: len(got.resp)].astype(np.float64), rtol=0, atol=1e-11)


def wide_mixture(covariance_type):
    """Unit covariances, means at -1e199 and, twice, at 1e199 in the first of two features."""
    means = np.array([[-1e199, 0.0], [1e199, 0.0], [1e199, 0.0]])
    covariances = naive.from_full(np.array([np.eye(2)] * 3), np.ones(3), covariance_type)
    return np.array([0.5, 0.25, 0.25]), means, covariances


@pytest.mark.parametrize("want_resp", [True, False])
def test_rows_beyond_float64_belong_to_the_nearest_component(
    packed, parameters, covariance, covariance_type, want_resp
):
    X = np.array([[1e200, 0.0], [1e199, 1.0], [-1e200, 1e150], [-1e308, 0.0], [0.0, 1e300]])
    with np.errstate(over="ignore", invalid="ignore"):  # heard of in plain Python only
        got = infer(packed(X), parameters(*wide_mixture(covariance_type)), covariance, want_resp)
    assert_array_equal(got.labels, [1, 1, 0, 0, 0])  # the last one is as far from all three
    assert_array_equal(got.log_norm == -np.inf, [True, False, True, True, True])
    # the second row lies at distance 1 from the mean of two components with weight 1/4 each
    assert_allclose(got.log_norm[1], np.log(0.5) - naive.LOG_2PI - 0.5, rtol=10 * EPS)
    if want_resp:
        expected = np.eye(3)[got.labels]
        expected[1] = [0, 0.5, 0.5]
        assert_array_equal(got.resp, expected)


def test_a_component_without_weight_takes_no_row_however_far(
    packed, parameters, covariance, covariance_type
):
    _, means, covariances = wide_mixture(covariance_type)
    mixture = parameters(np.array([1.0, 0.0, 0.0]), means, covariances)
    with np.errstate(over="ignore", invalid="ignore"):
        got = infer(packed(np.array([[1e200, 0.0], [1e199, 0.0]])), mixture, covariance)
    assert_array_equal(got.labels, 0)


@pytest.mark.parametrize("covariance_type", OF_THEIR_OWN, indirect=True)
def test_a_far_row_goes_where_it_lies_fewest_deviations_away(
    packed, parameters, covariance, covariance_type
):
    covariances = naive.from_full(np.array([np.eye(2), 9 * np.eye(2)]), np.ones(2), covariance_type)
    mixture = parameters(np.full(2, 0.5), np.array([[1.0, 0.0], [0.0, 0.0]]), covariances)
    with np.errstate(over="ignore", invalid="ignore"):
        got = infer(packed(np.array([[1e200, 0.0], [1e155, -1e170]])), mixture, covariance)
    assert_array_equal(got.labels, 1)
