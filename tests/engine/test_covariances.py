"""Every covariance type: shapes, whitenings and back, moments about another origin, draws."""

import math

import naive
import numpy as np
import pytest
from numpy.random import RandomState
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine.covariances import COVARIANCES, from_covariances
from fastmix.engine.passes import accumulate
from fastmix.engine.whitening import CollapseError

EPS = np.finfo(np.float64).eps
MATRICES = [name for name, each in COVARIANCES.items() if each.shape(7, 5)[-2:] == (5, 5)]
NUMBERS = [name for name in COVARIANCES if name not in MATRICES]
K, D = 4, 3
# A few dozen operations on numbers of at most 50, by matrices of a condition below 100.
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def matrices(factor, covariance_type):
    """Whitenings as matrices (K, D, D)."""
    return naive.to_full(factor, covariance_type, K, D)


@pytest.fixture
def covariances(random_covariances):
    return random_covariances(K, D)


@pytest.fixture
def factor(covariance, covariances):
    return covariance.factor(covariances)


# --- shapes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 9])
@pytest.mark.parametrize("k", [1, 2, 11])
def test_shapes_and_sizes_are_those_of_the_definition(
    covariance, covariance_type, random_covariances, k, d
):
    covariances = random_covariances(k, d)
    assert covariance.shape(k, d) == covariances.shape == covariance.factor(covariances).shape
    others = k * d + k - 1  # means, and weights that sum to one
    assert covariance.n_parameters(k, d) + others == naive.n_parameters(covariance_type, k, d)
    assert_array_equal(
        covariance.to_full(covariances, k, d), naive.to_full(covariances, covariance_type, k, d)
    )
    assert covariance.log_det(covariance.factor(covariances), k, d).shape == (k,)


def test_covariances_come_from_moments_about_the_means(rng, packed, covariance, covariance_type):
    X, resp = rng.normal(size=(50, D)), rng.dirichlet(np.ones(K), 50)
    counts, sums, _ = naive.moments(X, resp, np.zeros((K, D)))
    means = (sums / counts[:, None]).astype(np.float64)
    totals = accumulate(packed(X), [resp], means, covariance)
    assert totals.scatter.shape == covariance.scatter_shape(K, D)
    got = covariance.covariances(totals.scatter, totals.counts, 0.5)
    scatter = naive.moments(X, resp, means)[2]
    expected = naive.from_full(scatter, counts, covariance_type)
    expected = naive.regularised(expected, covariance_type, 0.5)
    assert_allclose(got, expected.astype(np.float64), **CLOSE)


# --- whitenings ------------------------------------------------------------------------------


def test_a_factor_whitens(covariance_type, covariances, factor):
    W = matrices(factor, covariance_type)
    cov = naive.to_full(covariances, covariance_type, K, D)
    assert_array_equal(W, np.tril(W))
    assert np.all(np.diagonal(W, axis1=1, axis2=2) > 0)
    assert_allclose(W @ cov @ W.swapaxes(1, 2), np.broadcast_to(np.eye(D), cov.shape), **CLOSE)


def test_log_det_is_that_of_the_factor(covariance, covariance_type, covariances, factor):
    _, log_det = np.linalg.slogdet(naive.to_full(covariances, covariance_type, K, D))
    assert_allclose(covariance.log_det(factor, K, D), -log_det / 2, **CLOSE)


def test_inverting_a_factor_gives_its_covariances_back(covariance, covariances, factor):
    assert_allclose(covariance.invert(factor), covariances, **CLOSE)


def test_precisions_are_the_inverse_of_the_covariances(
    covariance, covariance_type, covariances, factor
):
    expected = naive.precisions(covariances, covariance_type)
    assert_allclose(covariance.precisions(factor), expected, **CLOSE)


def test_precisions_lead_to_the_factor(covariance, covariance_type, covariances, factor):
    got = covariance.from_precisions(naive.precisions(covariances, covariance_type))
    assert_allclose(got, factor, **CLOSE)


def test_precisions_cholesky_are_upper_triangular_roots(
    covariance, covariance_type, covariances, factor
):
    chol = covariance.to_chol(factor)
    assert chol.shape == covariance.shape(K, D)
    U = matrices(chol, covariance_type)
    expected = np.linalg.inv(naive.to_full(covariances, covariance_type, K, D))
    assert_array_equal(U, np.triu(U))
    assert_allclose(U @ U.swapaxes(1, 2), expected, **CLOSE)


def test_a_factor_returns_from_precisions_cholesky_bit_for_bit(
    covariance, factor, assert_same_bits
):
    got = covariance.from_chol(covariance.to_chol(factor))
    assert_same_bits(np.ascontiguousarray(got), np.ascontiguousarray(factor))


@pytest.mark.parametrize("covariance_type", MATRICES, indirect=True)
def test_precisions_cholesky_may_be_set_to_any_root(covariance, factor):
    precisions = covariance.precisions(factor)
    lower = np.linalg.cholesky(precisions)  # L L' = precision, as well as U U'
    assert not np.array_equal(lower, np.triu(lower))
    assert_allclose(covariance.from_chol(lower), factor, **CLOSE)


@pytest.mark.parametrize("covariance_type", MATRICES, indirect=True)
@pytest.mark.parametrize("wrong", [[[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.5], [0.0, 1.0]]])
def test_matrices_that_are_no_precisions_are_refused(covariance, covariance_type, wrong):
    precisions = np.zeros(covariance.shape(2, 2)) + np.eye(2)
    precisions[(1,) if precisions.ndim == 3 else ...] = wrong
    message = f"'{covariance_type} precision' should be symmetric, positive-definite"
    with pytest.raises(ValueError, match=message):
        covariance.from_precisions(precisions)


@pytest.mark.parametrize("covariance_type", NUMBERS, indirect=True)
@pytest.mark.parametrize("wrong", [0.0, -1.0])
def test_numbers_that_are_no_precisions_are_refused(covariance, covariance_type, wrong):
    precisions = np.ones(covariance.shape(3, 2))
    precisions.flat[-1] = wrong
    with pytest.raises(ValueError, match=f"'{covariance_type} precision' should be positive"):
        covariance.from_precisions(precisions)


# --- free numbers ----------------------------------------------------------------------------


def test_free_numbers_are_as_many_as_parameters_and_lead_back(covariance, covariances):
    vector = covariance.to_vector(covariances)
    assert vector.shape == (covariance.n_parameters(K, D),)
    assert_allclose(covariance.from_vector(vector, K, D), covariances, **CLOSE)


def test_any_free_numbers_are_covariances(rng, covariance):
    vector = 2 * rng.normal(size=covariance.n_parameters(K, D))
    got = covariance.from_vector(vector, K, D)
    assert got.shape == covariance.shape(K, D)
    assert np.isfinite(covariance.factor(got)).all()
    assert_allclose(covariance.to_vector(got), vector, rtol=1e-9, atol=1e-9)


def test_the_least_variance_is_the_smallest_eigenvalue(covariance, covariance_type, covariances):
    eigenvalues = np.linalg.eigvalsh(naive.to_full(covariances, covariance_type, K, D))
    assert covariance.least_variance(covariances) == pytest.approx(eigenvalues.min(), rel=1e-12)


def test_covariances_of_the_caller_lead_to_the_factor(covariance, covariances, factor):
    assert_array_equal(from_covariances(covariance, covariances), factor)


# --- some of the features --------------------------------------------------------------------


@pytest.mark.parametrize("dims", [[0], [2, 0], [1, 2, 0]])
def test_a_marginal_leaves_the_other_features_out(covariance, covariance_type, covariances, dims):
    got = covariance.marginal(covariances, np.array(dims))
    full = naive.to_full(covariances, covariance_type, K, D)
    expected = full[:, dims][:, :, dims]
    assert_array_equal(covariance.to_full(got, K, len(dims)), expected)


@pytest.mark.parametrize(("known", "rest"), [([0], [1, 2]), ([2, 0], [1]), ([1], [0, 2])])
def test_what_is_left_is_a_regression(rng, covariance, covariance_type, covariances, known, rest):
    diff = rng.normal(size=(K, len(known)))
    shift, left = covariance.conditional(covariances, np.array(known), np.array(rest), diff)
    full = naive.to_full(covariances, covariance_type, K, D)
    for c, matrix in enumerate(covariance.to_full(left, K, len(rest))):
        cross = full[c][np.ix_(rest, known)]
        slope = cross @ np.linalg.inv(full[c][np.ix_(known, known)])
        assert_allclose(shift[c], slope @ diff[c], **CLOSE)
        assert_allclose(matrix, full[c][np.ix_(rest, rest)] - slope @ cross.T, **CLOSE)


# --- collapse --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        ([[1.0, 2.0], [2.0, 1.0]], "not positive definite"),
        ([[0.0, 0.0], [0.0, 0.0]], "not positive definite"),
        ([[1.0, 1.0], [1.0, 1.0 + 2 * EPS]], "smallest relative pivot is"),
        ([[4.0**90, 4.0**90], [4.0**90, 4.0**90 * (1 + 2 * EPS)]], "smallest relative pivot is"),
        ([[np.nan, np.nan], [np.nan, np.nan]], "its "),
    ],
)
@pytest.mark.parametrize("covariance_type", MATRICES, indirect=True)
def test_a_matrix_without_volume_has_collapsed(covariance, matrix, reason):
    covariances = np.zeros(covariance.shape(3, 2)) + np.eye(2)
    shared = covariances.ndim == 2
    covariances[... if shared else 1] = matrix
    with pytest.raises(CollapseError, match=reason) as error:
        covariance.factor(covariances)
    assert error.value.component == (None if shared else 1)
    assert error.value.reason == str(error.value)


@pytest.mark.parametrize("wrong", [0.0, -1e-30, np.nan])
@pytest.mark.parametrize("covariance_type", NUMBERS, indirect=True)
def test_a_variance_that_is_not_positive_has_collapsed(covariance, wrong):
    covariances = np.ones(covariance.shape(3, 2))
    shared = covariances.shape[:1] != (3,)
    if shared:
        covariances[...] = wrong
    else:
        covariances[1], covariances[2] = wrong, -5.0  # the first of the two is named
    with pytest.raises(CollapseError, match="its smallest variance is") as error:
        covariance.factor(covariances)
    assert error.value.component == (None if shared else 1)


@pytest.mark.parametrize("scale", [1e-300, 1e-20, 1e20, 1e300])
def test_a_small_or_large_volume_has_not_collapsed(covariance, covariances, factor, scale):
    got = covariance.factor(covariances * scale)
    assert_allclose(got * math.sqrt(scale), factor, **CLOSE)


@pytest.mark.parametrize("covariance_type", MATRICES, indirect=True)
def test_a_pivot_above_rounding_has_not_collapsed(covariance):
    covariances = np.ones(covariance.shape(3, 2))
    covariances[..., 1, 1] += 8 * EPS
    assert np.isfinite(covariance.factor(covariances)).all()


# --- moments about another origin ------------------------------------------------------------


@pytest.mark.parametrize("distance", [0.0, 1.0, 100.0])
def test_recentred_moments_are_those_about_the_new_origin(
    rng, packed, covariance, covariance_type, distance
):
    X, resp = rng.normal(size=(60, D)), rng.dirichlet(np.ones(K), 60)
    origin, offset = distance * rng.normal(size=(K, D)), rng.normal(size=(K, D))
    totals = accumulate(packed(X), [resp], origin, covariance)
    shift = totals.sums / totals.counts[:, None]
    moved = totals.scatter + covariance.change(totals.counts, shift, offset)
    got = covariance.covariances(moved, totals.counts, 0.0)
    counts, _, scatter = naive.moments(X, resp, origin + shift + offset)
    expected = naive.from_full(scatter, counts, covariance_type)
    # what cancels is as large as the square of the way moved; counts are sums of 60 numbers
    atol = 100 * EPS * (5 + 4 * distance) ** 2
    assert_allclose(got, expected.astype(np.float64), rtol=0, atol=atol)


@pytest.mark.parametrize("covariance_type", NUMBERS, indirect=True)
def test_rounding_makes_no_variance_negative(covariance):
    shift = np.array([[0.1, 3.0]])
    scatter = (7 * shift**2 * (1 - 2 * EPS)).reshape(covariance.scatter_shape(1, 2))
    moved = scatter + covariance.change(np.array([7.0]), shift, np.zeros((1, 2)))
    assert (moved < 0).all()
    assert_array_equal(covariance.covariances(moved, np.array([7.0]), 0.0), 0)


# --- draws -----------------------------------------------------------------------------------


def test_draws_have_the_moments_of_their_component(rng, covariance, covariance_type, covariances):
    counts, means = np.array([8000, 0, 3, 8000]), 5 * rng.normal(size=(K, D))
    got = covariance.draw(RandomState(1), means, covariances, counts)
    assert got.shape == (16_003, D)
    full = naive.to_full(covariances, covariance_type, K, D)
    for c, rows in ((0, got[:8000]), (3, got[8003:])):
        # five standard errors of a mean, and of a variance: sqrt(2 / n) of itself
        variance = np.diag(full[c]).max()
        assert_allclose(rows.mean(axis=0), means[c], atol=5 * math.sqrt(variance / 8000))
        assert_allclose(np.cov(rows.T), full[c], atol=5 * math.sqrt(2 / 8000) * variance)


def test_draws_repeat_with_their_random_state(covariance, covariances):
    counts, means = np.array([2, 0, 1, 3]), np.zeros((K, D))
    one, two = (covariance.draw(RandomState(1), means, covariances, counts) for _ in range(2))
    assert_array_equal(one, two)
    assert not np.array_equal(one, covariance.draw(RandomState(2), means, covariances, counts))
