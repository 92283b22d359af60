"""The passes of every covariance type: log-probabilities, E-steps and moments about the means."""

from typing import NamedTuple

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine.covariances import COVARIANCES
from fastmix.kernels.tiles import tile_rows

EPS = np.finfo(np.float64).eps
GARBAGE = 3  # where tiles are padded: whoever counts it is found out

GROUP = 2  # tiles whose rows are taken together


# Scatter as the kernels add it up, from matrices (k, d, d).
SCATTER = {
    "full": np.tril,
    "tied": lambda matrices: np.tril(matrices.sum(axis=0)),
    "diag": lambda matrices: np.diagonal(matrices, axis1=1, axis2=2),
    "spherical": lambda matrices: np.diagonal(matrices, axis1=1, axis2=2),
}


class Mixture(NamedTuple):
    """A mixture as the kernels take it, and its covariances for the oracle."""

    weights: np.ndarray  # (k,)
    means: np.ndarray  # (k, d) of the rows' dtype
    factor: np.ndarray  # the whitening, of the rows' dtype
    covariances: np.ndarray  # in long double, of exactly that whitening
    log_const: np.ndarray  # (k,)


def whitening(random, covariance_type, k, d):
    """A random whitening with standard deviations between 1/2 and 2."""
    shape = COVARIANCES[covariance_type].shape(k, d)
    diagonal = random.uniform(0.5, 2.0, shape)
    if covariance_type in ("full", "tied"):
        return diagonal * np.eye(d) + np.tril(random.normal(scale=0.3, size=shape), -1)
    return diagonal


def covariances_of(factor, covariance_type):
    """Covariances of a whitening, to the last bits of long double."""
    if covariance_type in ("diag", "spherical"):
        return 1 / factor.astype(naive.WIDE) ** 2
    d = factor.shape[-1]
    roots = [naive.forward_substitution(W, np.eye(d)) for W in factor.reshape(-1, d, d)]
    return np.array([L @ L.T for L in roots]).reshape(factor.shape)


@pytest.fixture
def mixture(rng, size, dtype, covariance_type, guarded):
    _, d, k = size
    weights = rng.dirichlet(np.ones(k))
    means = rng.normal(scale=2, size=(k, d)).astype(dtype)
    factor = whitening(rng, covariance_type, k, d).astype(dtype)
    covariances = covariances_of(factor, covariance_type)
    at_mean = np.diagonal(naive.log_gaussian(means, means, covariances, covariance_type))
    log_const = (np.log(weights) + at_mean).astype(dtype)
    means, factor, log_const = map(guarded, (means, factor, log_const))
    return Mixture(weights, means, factor, covariances, log_const)


@pytest.fixture
def rows(rng, size, dtype):
    return rng.normal(scale=2, size=(size.n, size.d)).astype(dtype)


@pytest.fixture
def weight(rng, size):
    return rng.randint(3, size=size.n) / 2.0  # a third of them 0


@pytest.fixture
def tiles(rows, in_tiles, guarded):
    return guarded(in_tiles(rows, GARBAGE))


@pytest.fixture
def kernels(covariance_type):
    return COVARIANCES[covariance_type].kernels


@pytest.fixture
def log_joint(rows, mixture, covariance_type):
    """Log of weight times density, (n, k) in long double."""
    weights, means, _, covariances, _ = mixture
    log_prob = naive.log_gaussian(rows, means, covariances, covariance_type)
    return log_prob + np.log(weights.astype(naive.WIDE))


@pytest.fixture
def rounding(rows, mixture, covariance_type):
    """Bound (n, k) on the rounding errors of log-probabilities.

    With u = eps / 2, y = W (x - mean) is off by (d + 2) u |W| |x - mean| at most, so the sum of its
    squares by (3 d + 5) u times the squared length of |W| |x - mean|; half of it enters.
    """
    k, d = mixture.means.shape
    diff = np.abs(rows[:, None, :].astype(np.float64) - mixture.means)
    W = naive.to_full(np.abs(mixture.factor), covariance_type, k, d)
    spread = (np.einsum("kij,nkj->nki", W, diff) ** 2).sum(axis=2)
    constant = np.abs(mixture.log_const.astype(np.float64))
    return np.finfo(rows.dtype).eps * ((d + 4) * spread + 2 * constant)


@pytest.fixture
def slots(size, covariance_type, guarded):
    """Maker of the totals of three shards: counts, sums, scatter and objective."""
    _, d, k = size
    scatter = COVARIANCES[covariance_type].scatter_shape(k, d)

    def make(value):
        return [guarded(np.full((3, *shape), value)) for shape in ((k,), (k, d), scatter, ())]

    return make


def assert_moments(got, before, rows, share, means, covariance_type, resp_error=0.0):
    """Shard 1 of counts, sums, scatter has grown from `before` by the moments about the means.

    `share` (n, k) is weight times responsibility, the latter with a relative error of resp_error.
    """
    counts, raw, scatter = naive.moments(rows, share, means)
    expected = counts, raw - counts[:, None] * means, SCATTER[covariance_type](scatter)
    # Within a group the terms, each of three or four rounded factors, are added in the rows' dtype.
    k, R = len(means), tile_rows(rows.dtype)
    eps = (GROUP * R + k + 8) * np.finfo(rows.dtype).eps + resp_error
    largest = float(max(np.abs(rows[:, None, :] - means).max(), np.abs(rows).max()))
    total = float(counts.sum())
    for power, (found, change) in enumerate(zip(got, expected, strict=True)):
        atol = eps * (before + total * largest**power)
        assert_allclose(found[1], (before + change).astype(np.float64), rtol=0, atol=atol)
        assert_array_equal(found[[0, 2]], before)  # the slots of other shards


# --- log-probabilities -----------------------------------------------------------------------


def test_log_prob_is_that_of_the_definition(
    rows, tiles, mixture, kernels, log_joint, rounding, guarded
):
    k = len(mixture.means)
    got = []
    for t in range(len(tiles)):
        out = guarded(np.full((k, tiles.shape[2]), np.nan, rows.dtype))
        kernels.log_prob(tiles, t, t + 1, mixture.means, mixture.factor, mixture.log_const, out)
        got.append(out.T)
    assert np.all(np.abs(np.concatenate(got)[: len(rows)] - log_joint) <= rounding)


def test_one_feature_one_component_by_hand(covariance_type, dtype):
    """A row at distance 3 from the mean, standard deviation 2: log(1/2) - log(2 pi)/2 - 9/8."""
    kernels = COVARIANCES[covariance_type].kernels
    factor = np.full(COVARIANCES[covariance_type].shape(1, 1), 0.5, dtype)
    tiles = np.full((1, 1, tile_rows(dtype)), 4, dtype)
    out = np.empty(tiles.shape[1:], dtype)
    log_const = np.array([np.log(0.5) - naive.LOG_2PI / 2], dtype)
    kernels.log_prob(tiles, 0, 1, np.ones((1, 1), dtype), factor, log_const, out)
    expected = np.log(0.5) - naive.LOG_2PI / 2 - 9 / 8
    assert_allclose(out, expected, rtol=3 * np.finfo(dtype).eps)


# --- moments ---------------------------------------------------------------------------------


def test_accumulate_adds_moments_about_the_means(
    rng, rows, weight, tiles, mixture, kernels, covariance_type, slots, in_lanes, guarded
):
    means = mixture.means
    resp = rng.dirichlet(np.ones(len(means)), len(rows))
    # lanes beyond the rows carry a weight: without responsibilities they do not count all the same
    lanes = guarded(in_lanes(weight, tiles, padding=5))
    *got, _ = slots(0.25)
    given = tiles, lanes, GROUP, means, guarded(resp), 0
    kernels.accumulate.block(1, 0, len(tiles), *given, *got)
    assert_moments(got, 0.25, rows, weight[:, None] * resp, means, covariance_type)


def test_accumulate_takes_responsibilities_of_later_tiles(
    rng, dtype, covariance_type, in_tiles, assert_same_bits
):
    R, covariance = tile_rows(dtype), COVARIANCES[covariance_type]
    X = rng.normal(size=(3 * R + 2, 2)).astype(dtype)
    tiles, means, resp = in_tiles(X), X[:2].copy(), rng.dirichlet(np.ones(2), len(X))
    whole, parts = (
        [np.zeros((4, 2)), np.zeros((4, 2, 2)), np.zeros((4, *covariance.scatter_shape(2, 2)))]
        for _ in range(2)
    )
    lanes = np.ones(4 * R)
    for shard in range(4):
        rest = resp[2 * R :].copy() if shard >= 2 else resp
        offset = 2 if shard >= 2 else 0
        block = covariance.kernels.accumulate.block
        block(shard, shard, shard + 1, tiles, lanes, GROUP, means, resp, 0, *whole)
        block(shard, shard, shard + 1, tiles, lanes, GROUP, means, rest, offset, *parts)
    assert whole[0].sum() == pytest.approx(len(X), rel=1e-6)
    assert_same_bits(parts, whole)


# --- E-steps ---------------------------------------------------------------------------------


def test_expect_adds_the_moments_of_the_e_step(
    rows, weight, tiles, mixture, covariance_type, log_joint, rounding, slots, in_lanes, guarded
):
    lanes = guarded(in_lanes(weight, tiles))
    *got, objective = slots(0.25)
    given = tiles, lanes, GROUP, mixture.means, mixture.factor, mixture.log_const
    expect = COVARIANCES[covariance_type].kernels.expect
    expect.block(1, 0, len(tiles), *given, *got, objective)
    log_norm, resp = naive.responsibilities(log_joint)
    eps = np.finfo(rows.dtype).eps
    off = float(rounding.max()) + 20 * eps
    share = weight[:, None] * resp
    # an error in a log-probability is a relative one of the exponential and of their sum
    assert_moments(got, 0.25, rows, share, mixture.means, covariance_type, resp_error=2 * off)
    atol = off * weight.sum() + len(rows) * eps * (weight @ np.abs(log_norm) + 0.25)
    assert_allclose(objective[1], float(0.25 + weight @ log_norm), rtol=0, atol=float(atol))
    assert_array_equal(objective[[0, 2]], 0.25)


@pytest.mark.parametrize("want_resp", [True, False])
def test_infer_gives_labels_likelihoods_and_responsibilities(
    tiles, mixture, kernels, log_joint, rounding, want_resp, guarded
):
    n, k = log_joint.shape
    given = tiles, GROUP, mixture.means, mixture.factor, mixture.log_const
    labels, log_norm = guarded(np.full(n, -7)), guarded(np.full(n, np.nan))
    resp = guarded(np.full((n if want_resp else 0, k), np.nan))
    kernels.infer.block(0, 0, len(tiles), *given, labels, log_norm, resp)
    expected_norm, expected = naive.responsibilities(log_joint)
    eps = np.finfo(tiles.dtype).eps
    off = rounding.max(axis=1) + 20 * eps * (1 + np.abs(expected_norm))
    taken = log_joint[np.arange(n), labels]
    assert np.all(taken >= log_joint.max(axis=1) - 2 * off)  # nothing but rounding can be better
    assert np.all(np.abs(log_norm - expected_norm) <= off)
    if want_resp:
        assert np.all(np.abs(resp - expected) <= 2 * off[:, None])


def test_infer_of_one_shard_leaves_other_rows_alone(dtype, covariance_type, in_tiles):
    R, covariance = tile_rows(dtype), COVARIANCES[covariance_type]
    tiles = in_tiles(np.zeros((2 * R + 1, 2), dtype))
    means, factor = np.zeros((3, 2), dtype), np.zeros(covariance.shape(3, 2), dtype)
    labels, log_norm = np.full(2 * R + 1, -7), np.full(2 * R + 1, np.nan)
    resp = np.full((2 * R + 1, 3), np.nan)
    covariance.kernels.infer.block(
        1, 1, 3, tiles, GROUP, means, factor, np.zeros(3, dtype), labels, log_norm, resp
    )
    assert_array_equal(labels, np.repeat([-7, 0], [R, R + 1]))  # ties: the lowest index wins
    assert np.isnan(log_norm[:R]).all()
    assert np.isnan(resp[:R]).all()
    assert_allclose(log_norm[R:], np.log(3), rtol=2 * EPS)
    assert_allclose(resp[R:], 1 / 3, rtol=2 * np.finfo(dtype).eps)


def test_a_row_beyond_float64_has_no_likelihood_and_no_share(covariance_type, in_tiles, in_lanes):
    covariance = COVARIANCES[covariance_type]
    X = np.array([[0.0, 1.0], [1e200, 0.0], [1.0, 0.0], [-1e300, 1e300]])
    tiles, means = in_tiles(X), np.zeros((2, 2))
    factor = np.zeros(covariance.shape(2, 2)) + (1.0 if covariance_type != "tied" else np.eye(2))
    factor = np.tril(factor) if covariance_type == "full" else factor
    log_const = np.array([-1.0, -np.inf])  # the second component has weight 0
    labels, log_norm, resp = np.full(4, -7), np.full(4, np.nan), np.full((4, 2), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):  # heard of in plain Python only
        covariance.kernels.infer.block(
            0, 0, 1, tiles, GROUP, means, factor, log_const, labels, log_norm, resp
        )
    assert_array_equal(resp, [[1, 0], [0, 0], [1, 0], [0, 0]])
    assert_array_equal(labels, 0)
    assert_array_equal(log_norm == -np.inf, [False, True, False, True])
    assert not np.isnan(log_norm).any()


@pytest.mark.parametrize(("far_weight", "expected"), [(0.0, -3.0), (0.5, -np.inf)])
def test_a_row_beyond_float64_rules_the_objective_only_if_it_weighs(
    covariance_type, in_tiles, in_lanes, far_weight, expected
):
    covariance = COVARIANCES[covariance_type]
    tiles, means = in_tiles(np.array([[0.0, 0.0], [1e200, 0.0], [0.0, 0.0]])), np.zeros((1, 2))
    factor = np.ones(covariance.shape(1, 2))
    factor = np.tril(factor) if covariance_type in ("full", "tied") else factor
    counts, sums, objective = np.zeros((1, 1)), np.zeros((1, 1, 2)), np.zeros(1)
    scatter = np.zeros((1, *covariance.scatter_shape(1, 2)))
    totals = counts, sums, scatter
    lanes = in_lanes(np.array([2.0, far_weight, 1.0]), tiles)
    with np.errstate(over="ignore", invalid="ignore"):
        covariance.kernels.expect.block(
            0, 0, 1, tiles, lanes, GROUP, means, factor, np.array([-1.0]), *totals, objective
        )
    assert objective[0] == expected
    assert counts[0, 0] == 3.0
    assert np.isfinite(sums).all()


# --- threads ---------------------------------------------------------------------------------


@pytest.mark.compiled
def test_three_threads_expect_the_same_bits_as_one(rng, in_tiles, in_lanes, assert_same_bits):
    n, d, k = 2001, 3, 4
    X = rng.normal(size=(n, d))
    tiles, means = in_tiles(X), X[:k].copy()
    lanes = in_lanes(rng.uniform(size=n), tiles)
    bounds = np.linspace(0, len(tiles), 8).astype(np.int64)

    def totals(n_threads):
        found = np.zeros((7, k)), np.zeros((7, k, d)), np.zeros((7, k, d)), np.zeros(7)
        given = tiles, lanes, GROUP, means, np.ones((k, d)), np.zeros(k)
        COVARIANCES["diag"].kernels.expect(n_threads, bounds, *given, *found)
        return list(found)

    one = totals(1)
    assert one[0].sum() == pytest.approx(lanes.sum())
    assert_same_bits(totals(3), one)
