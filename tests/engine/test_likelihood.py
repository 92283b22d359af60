"""The maximum-likelihood M-step, from moments about any origin."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine.likelihood import SMALLEST_COUNT, Likelihood, estimate
from fastmix.engine.passes import accumulate
from fastmix.engine.whitening import CollapseError

EPS = np.finfo(np.float64).eps
K = 3


def shared_out(random, n, case):
    """Responsibilities (n, K): everybody's, or with component 1 empty or holding one row."""
    resp = random.dirichlet(np.ones(K), n)
    if case == "empty":
        resp[:, 1] = 0.0
    if case == "one row":
        resp[:, 1] = 0.0
        resp[n // 2] = [0.0, 1.0, 0.0]
    return resp


@pytest.mark.parametrize("case", ["shared", "empty", "one row"])
@pytest.mark.parametrize("distance", [0.0, 3.0])
@pytest.mark.parametrize("d", [1, 4])
def test_the_m_step_is_that_of_the_definition(
    rng, packed, covariance, covariance_type, case, distance, d
):
    X, resp = 2 + rng.normal(size=(50, d)), shared_out(rng, 50, case)
    origin = distance * rng.normal(size=(K, d))
    totals = accumulate(packed(X), [resp], origin, covariance)
    got = Likelihood(covariance, 1e-3).update(totals)
    weights, means, covariances = naive.m_step(X, resp, covariance_type, 1e-3)
    # sums of 50 numbers below 10; moments below 200, of which the move to the means cancels most
    assert_allclose(got.weights, weights, rtol=50 * EPS)
    assert_allclose(got.means, means, rtol=0, atol=50 * 10 * EPS)
    assert_allclose(got.covariances, covariances, rtol=0, atol=50 * 200 * EPS)
    assert_array_equal(got.factor, covariance.factor(got.covariances))
    log_det = covariance.log_det(got.factor, K, d)
    expected = np.log(got.weights) + log_det - 0.5 * d * naive.LOG_2PI
    assert_array_equal(got.log_const, expected)


def test_an_empty_component_has_the_smallest_count_and_rests_at_zero(rng, packed, covariance):
    resp = shared_out(rng, 40, "empty")
    totals = accumulate(packed(rng.normal(size=(40, 2))), [resp], np.ones((K, 2)), covariance)
    got = estimate(totals, covariance, 1e-3)
    assert SMALLEST_COUNT == naive.TEN_EPS
    assert got.counts[1] == naive.TEN_EPS
    assert_array_equal(got.means[1], 0)


def test_row_weights_are_multiplicities(rng, packed, covariance):
    X, resp, weight = rng.normal(size=(30, 2)), shared_out(rng, 30, "shared"), np.arange(30.0) % 3
    times = weight.astype(int)
    origin = np.zeros((K, 2))
    got = Likelihood(covariance, 0.1).update(
        accumulate(packed(X, weight), [resp], origin, covariance)
    )
    repeated = packed(np.repeat(X, times, axis=0)), [np.repeat(resp, times, axis=0)]
    expected = Likelihood(covariance, 0.1).update(accumulate(*repeated, origin, covariance))
    for mine, other in zip(got[:5], expected[:5], strict=True):
        assert_allclose(mine, other, rtol=1e-13, atol=1e-13)


def test_log_const_is_the_log_probability_at_the_mean(
    rng, parameters, covariance_type, random_covariances
):
    weights, means = np.array([0.5, 0.0, 0.5]), rng.normal(size=(K, 2))
    covariances = random_covariances(K, 2)
    got = parameters(weights, means, covariances).log_const
    density = np.diagonal(naive.log_gaussian(means, means, covariances, covariance_type))
    with np.errstate(divide="ignore"):
        expected = density + np.log(weights)
    assert_allclose(got, expected.astype(np.float64), rtol=10 * EPS, atol=10 * EPS)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"], indirect=True)
def test_a_collapse_names_the_component_and_ways_out(rng, packed, covariance):
    X = rng.normal(size=(40, 2))
    X[:2] = 0.0
    resp = np.zeros((40, K))
    resp[:2, 1], resp[2:20, 0], resp[20:, 2] = 1.0, 1.0, 1.0
    totals = accumulate(packed(X), [resp], np.zeros((K, 2)), covariance)
    with pytest.raises(CollapseError, match=r"Component 1 \(weight 0\.05\)") as error:
        Likelihood(covariance, 0.0).update(totals)
    assert error.value.component == 1
    for way_out in ("number of components", "reg_covar", "scale the input"):
        assert way_out in str(error.value)


@pytest.mark.parametrize("covariance_type", ["tied", "tied_diag", "tied_spherical"], indirect=True)
def test_a_collapse_of_the_shared_covariance_names_no_component(packed, covariance):
    totals = accumulate(
        packed(np.zeros((9, 2))), [np.ones((9, K)) / K], np.zeros((K, 2)), covariance
    )
    with pytest.raises(CollapseError, match="The covariance that all components share") as error:
        Likelihood(covariance, 0.0).update(totals)
    assert error.value.component is None
