"""The passes of every covariance type: log-probabilities, E-steps and moments about the means."""

from typing import NamedTuple

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.passes import passes_of
from fastmix.kernels import tied
from fastmix.kernels.expectation import GROUP_BYTES, everybody, group_tiles
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
    "tied_diag": lambda matrices: np.diagonal(matrices.sum(axis=0)),
    "tied_spherical": lambda matrices: np.diagonal(matrices.sum(axis=0)),
}

# Errors of second moments, in those of a sum. The tied ones are taken about one mean h and moved by
# gaps e of at most twice the greatest distance: sum r (x - h)(x - h)' + q e' + e q'.
SECOND = {"full": 1, "tied": 5, "diag": 1, "spherical": 1, "tied_diag": 2, "tied_spherical": 2}


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
    return np.atleast_1d(diagonal)


def covariances_of(factor, covariance_type):
    """Covariances of a whitening, to the last bits of long double."""
    if covariance_type not in ("full", "tied"):
        variances = 1 / factor.astype(naive.WIDE) ** 2
        return variances[0] if covariance_type == "tied_spherical" else variances
    d = factor.shape[-1]
    roots = [naive.forward_substitution(W, np.eye(d)) for W in factor.reshape(-1, d, d)]
    return np.array([L @ L.T for L in roots]).reshape(factor.shape)


def points_of(kernels, means, factor):
    """Where the type's log_prob measures from."""
    return kernels.locate(means, factor)


def dense(k, dtype):
    """Arguments of `expect` for a pass in which every component matters to every tile."""
    reach = np.full(k, -np.inf, dtype)
    nothing = np.empty((0, k), np.float32), np.empty(0, np.float32), np.empty(0, np.int64)
    return reach, np.ones(k), np.ones(k), np.zeros(k), *nothing


def first_look(k, n_tiles, reach):
    """The same for a pass that takes down distances, of which nothing is known yet."""
    nothing = np.zeros((n_tiles, k), np.float32), np.full(n_tiles, np.inf, np.float32)
    return reach, np.ones(k), np.ones(k), np.zeros(k), *nothing, np.zeros(n_tiles, np.int64)


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
    return passes_of(COVARIANCES[covariance_type])


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
    squares by (3 d + 5) u times the squared length of |W| |x - mean|; half of it enters. Where rows
    and means are whitened alone, |x| + |mean| stands for |x - mean|.
    """
    k, d = mixture.means.shape
    wide = rows[:, None, :].astype(np.float64)
    tied = covariance_type == "tied"
    diff = np.abs(wide) + np.abs(mixture.means) if tied else np.abs(wide - mixture.means)
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
    factors = 1, 1, SECOND[covariance_type]
    largest = float(max(np.abs(rows[:, None, :] - means).max(), np.abs(rows).max()))
    total = float(counts.sum())
    for power, (found, change) in enumerate(zip(got, expected, strict=True)):
        atol = factors[power] * eps * (before + total * largest**power)
        assert_allclose(found[1], (before + change).astype(np.float64), rtol=0, atol=atol)
        assert_array_equal(found[[0, 2]], before)  # the slots of other shards


# --- log-probabilities -----------------------------------------------------------------------


def test_a_group_is_as_large_as_a_cache_bears():
    assert group_tiles(k=8, d=24, R=32, size=8) == GROUP_BYTES // (8 * 32 * 32)
    assert group_tiles(k=10**6, d=2, R=32, size=8) == 1


def test_everybody_is_every_component_of_every_tile():
    members, sizes = everybody(3, 2)
    assert_array_equal(members, [[0, 1]] * 3)
    assert_array_equal(sizes, 2)


def test_log_prob_is_that_of_the_definition(
    rows, tiles, mixture, kernels, log_joint, rounding, guarded
):
    k = len(mixture.means)
    points, got = guarded(points_of(kernels, mixture.means, mixture.factor)), []
    members, sizes = map(guarded, everybody(1, k))
    for t in range(len(tiles)):
        out = guarded(np.full((k, tiles.shape[2]), np.nan, rows.dtype))
        given = points, mixture.factor, mixture.log_const, members, sizes
        kernels.log_prob(tiles, t, t + 1, *given, out)
        got.append(out.T)
    assert np.all(np.abs(np.concatenate(got)[: len(rows)] - log_joint) <= rounding)


def test_one_feature_one_component_by_hand(covariance_type, dtype):
    """A row at distance 3 from the mean, standard deviation 2: log(1/2) - log(2 pi)/2 - 9/8."""
    kernels = passes_of(COVARIANCES[covariance_type])
    factor = np.atleast_1d(np.full(COVARIANCES[covariance_type].shape(1, 1), 0.5, dtype))
    tiles = np.full((1, 1, tile_rows(dtype)), 4, dtype)
    out = np.empty(tiles.shape[1:], dtype)
    log_const = np.array([np.log(0.5) - naive.LOG_2PI / 2], dtype)
    points = points_of(kernels, np.ones((1, 1), dtype), factor)
    kernels.log_prob(tiles, 0, 1, points, factor, log_const, *everybody(1, 1), out)
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
        block = passes_of(covariance).accumulate.block
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
    plainly = map(guarded, dense(len(mixture.means), rows.dtype))
    expect = passes_of(COVARIANCES[covariance_type]).expect
    expect.block(1, 0, len(tiles), *given, *plainly, *got, objective)
    log_norm, resp = naive.responsibilities(log_joint)
    eps = np.finfo(rows.dtype).eps
    off = float(rounding.max()) + 20 * eps
    share = weight[:, None] * resp
    # an error in a log-probability is a relative one of the exponential and of their sum
    assert_moments(got, 0.25, rows, share, mixture.means, covariance_type, resp_error=2 * off)
    atol = off * weight.sum() + len(rows) * eps * (weight @ np.abs(log_norm) + 0.25)
    assert_allclose(objective[1], float(0.25 + weight @ log_norm), rtol=0, atol=float(atol))
    assert_array_equal(objective[[0, 2]], 0.25)


def test_what_is_out_of_reach_is_below_rounding(
    rows, weight, tiles, mixture, covariance_type, slots, in_lanes
):
    """With the engine's reach, totals stay within eps of those of all components."""
    lanes, k = in_lanes(weight, tiles), len(mixture.means)
    given = tiles, lanes, GROUP, mixture.means, mixture.factor, mixture.log_const
    expect = passes_of(COVARIANCES[covariance_type]).expect
    whole, some, known = slots(0.0), slots(0.0), slots(0.0)
    eps = float(np.finfo(rows.dtype).eps)
    reach = (np.log(mixture.weights) + np.log(eps / 2)).astype(rows.dtype)
    expect.block(1, 0, len(tiles), *given, *dense(k, rows.dtype), *whole)
    expect.block(1, 0, len(tiles), *given, reach, *dense(k, rows.dtype)[1:], *some)
    expect.block(1, 0, len(tiles), *given, *first_look(k, len(tiles), reach), *known)
    largest = float(max(np.abs(rows[:, None, :] - mixture.means).max(), np.abs(rows).max(), 1))
    for power, (mine, other, noted) in enumerate(zip(some, whole, known, strict=True)):
        # what is left out, and what stays, whose shares are rounded otherwise, and once more in sums
        atol = (
            5 * (GROUP * tile_rows(rows.dtype) + k) * eps * weight.sum() * largest ** min(power, 2)
        )
        assert_allclose(mine, other, rtol=4 * eps, atol=atol)
        assert_array_equal(noted, mine)  # taking down distances changes nothing


def infer(kernels, X, mixture, want=(True, True, True), shard=(0, 0, None), guarded=np.array):
    """Labels, log_norm and resp of rows X; filled with -7 or NaN where nothing was written."""
    (n, d), k, R = X.shape, len(mixture.means), tile_rows(X.dtype)
    labels = guarded(np.full(n if want[0] else 0, -7))
    log_norm = guarded(np.full(n if want[1] else 0, np.nan))
    resp = guarded(np.full((n if want[2] else 0, k), np.nan, X.dtype))
    number, start, stop = shard
    stop = -(-n // R) if stop is None else stop
    given = np.zeros(d, X.dtype), R, GROUP, mixture.means, mixture.factor, mixture.log_const
    kernels.infer.block(number, start, stop, X, *given, labels, log_norm, resp)
    return labels, log_norm, resp


@pytest.mark.parametrize("want", [(1, 1, 1), (1, 1, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)])
def test_infer_gives_labels_likelihoods_and_responsibilities(
    rows, mixture, kernels, log_joint, rounding, want, guarded
):
    n, _ = log_joint.shape
    labels, log_norm, resp = infer(kernels, guarded(rows), mixture, want, guarded=guarded)
    expected_norm, expected = naive.responsibilities(log_joint)
    eps = np.finfo(rows.dtype).eps
    off = rounding.max(axis=1) + 20 * eps * (1 + np.abs(expected_norm))
    assert (labels.size, log_norm.size, len(resp)) == tuple(n * wanted for wanted in want)
    if labels.size:
        taken = log_joint[np.arange(n), labels]
        assert np.all(taken >= log_joint.max(axis=1) - 2 * off)  # nothing but rounding is better
    if log_norm.size:
        assert np.all(np.abs(log_norm - expected_norm) <= off)
    if resp.size:
        assert np.all(np.abs(resp - expected) <= 2 * off[:, None])


def test_infer_measures_from_the_origin_of_the_frame(rng, dtype, covariance_type, assert_same_bits):
    covariance, R = COVARIANCES[covariance_type], tile_rows(dtype)
    X = rng.randint(-9, 10, (R + 3, 2)).astype(dtype)  # integers: differences are exact
    origin, means = np.array([3, -2], dtype), np.array([[1, 1], [-2, 0]], dtype)
    factor = whitening(rng, covariance_type, 2, 2).astype(dtype)
    mixture = Mixture(None, means, factor, None, np.zeros(2, dtype))
    moved = tuple(np.full_like(each, -7) for each in infer(passes_of(covariance), X, mixture))
    given = origin, R, GROUP, means, factor, mixture.log_const
    passes_of(covariance).infer.block(0, 0, 2, X, *given, *moved)
    assert_same_bits(moved, infer(passes_of(covariance), X - origin, mixture))


def test_infer_of_one_shard_leaves_other_rows_alone(dtype, covariance_type):
    R, covariance = tile_rows(dtype), COVARIANCES[covariance_type]
    X = np.zeros((2 * R + 1, 2), dtype)
    means = np.zeros((3, 2), dtype)
    factor = np.atleast_1d(np.zeros(covariance.shape(3, 2), dtype))
    mixture = Mixture(None, means, factor, None, np.zeros(3, dtype))
    labels, log_norm, resp = infer(passes_of(covariance), X, mixture, shard=(1, 1, 3))
    assert_array_equal(labels, np.repeat([-7, 0], [R, R + 1]))  # ties: the lowest index wins
    assert np.isnan(log_norm[:R]).all()
    assert np.isnan(resp[:R]).all()
    assert_allclose(log_norm[R:], np.log(3), rtol=2 * EPS)
    assert_allclose(resp[R:], 1 / 3, rtol=2 * np.finfo(dtype).eps)


def unit(covariance_type, k):
    """Whitening of unit covariances in two features."""
    covariance = COVARIANCES[covariance_type]
    if covariance_type in ("full", "tied"):
        return np.zeros(covariance.shape(k, 2)) + np.eye(2)
    return np.atleast_1d(np.ones(covariance.shape(k, 2)))


def test_a_row_beyond_float64_has_no_label_no_likelihood_and_no_share(covariance_type):
    X = np.array([[0.0, 1.0], [1e200, 0.0], [1.0, 0.0], [-1e300, 1e300]])
    log_const = np.array([-1.0, -np.inf])  # the second component has weight 0
    mixture = Mixture(None, np.zeros((2, 2)), unit(covariance_type, 2), None, log_const)
    with np.errstate(over="ignore", invalid="ignore"):  # heard of in plain Python only
        labels, log_norm, resp = infer(passes_of(COVARIANCES[covariance_type]), X, mixture)
    assert_array_equal(resp, [[1, 0], [0, 0], [1, 0], [0, 0]])
    assert_array_equal(labels, [0, -1, 0, -1])
    assert_array_equal(log_norm == -np.inf, [False, True, False, True])
    assert not np.isnan(log_norm).any()


@pytest.mark.parametrize("known", [False, True], ids=["dense", "skips"])
@pytest.mark.parametrize(("far_weight", "expected"), [(0.0, -3.0), (0.5, -np.inf)])
def test_a_row_beyond_float64_rules_the_objective_only_if_it_weighs(
    covariance_type, in_tiles, in_lanes, far_weight, expected, known
):
    covariance = COVARIANCES[covariance_type]
    tiles, means = in_tiles(np.array([[0.0, 0.0], [1e200, 0.0], [0.0, 0.0]])), np.zeros((1, 2))
    counts, sums, objective = np.zeros((1, 1)), np.zeros((1, 1, 2)), np.zeros(1)
    scatter = np.zeros((1, *covariance.scatter_shape(1, 2)))
    totals = counts, sums, scatter
    lanes = in_lanes(np.array([2.0, far_weight, 1.0]), tiles)
    given = tiles, lanes, GROUP, means, unit(covariance_type, 1), np.array([-1.0])
    how = first_look(1, 1, np.full(1, -np.inf)) if known else dense(1, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        passes_of(covariance).expect.block(0, 0, 1, *given, *how, *totals, objective)
    assert objective[0] == expected
    assert counts[0, 0] == 3.0
    assert np.isfinite(sums).all()


def test_rank_names_the_two_most_probable_components(
    rows, tiles, mixture, kernels, log_joint, rounding, guarded
):
    n, k = log_joint.shape
    best, second = (guarded(np.full(tiles.shape[0] * tiles.shape[2], -7)) for _ in range(2))
    given = tiles, GROUP, mixture.means, mixture.factor, mixture.log_const
    kernels.rank.block(0, 0, len(tiles), *given, best, second)
    in_order = np.sort(log_joint, axis=1)[:, ::-1]
    every, off = np.arange(n), 2 * rounding.max(axis=1)
    assert np.all(log_joint[every, best[:n]] >= in_order[:, 0] - off)
    assert np.all(log_joint[every, second[:n]] >= in_order[:, min(1, k - 1)] - off)
    assert_array_equal(best == second, k == 1)


# --- tied ------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [1e2, 1e5])
def test_components_far_apart_lose_no_more_than_asked_for(rng, dtype, in_tiles, in_lanes, gap):
    """Second moments about another mean lose gap**2 * eps, up to FAR; beyond, they are not used."""
    gap = gap / 1e3 if dtype == np.float32 else gap
    n, means = 3 * tile_rows(dtype), np.array([[0, 0], [gap, 0], [-gap, gap]], dtype)
    X = (means[np.arange(n) % 3] + rng.normal(size=(n, 2))).astype(dtype)
    resp = np.eye(3)[np.arange(n) % 3]
    tiles = in_tiles(X)
    counts, sums, scatter = np.zeros(3), np.zeros((3, 2)), np.zeros((2, 2))
    places = np.tile(np.arange(3), (3, 1))
    share = np.ascontiguousarray(resp.T, dtype)
    given = tiles, 0, means, means, share, places, np.full(3, 3), counts, sums, scatter
    tied.add(*given)  # unit covariance: the means are their own whitened selves
    expected = np.tril(naive.moments(X, resp, means)[2].sum(axis=0)).astype(np.float64)
    most = min(float(gap) ** 2, tied.FAR[0] if dtype == np.float64 else tied.FAR[1])
    # sums of n terms r (x - h)(x - h)' of at most (sqrt(most) + 4)**2, whose parts q e' cancel them
    atol = 5 * n * float(np.finfo(dtype).eps) * (np.sqrt(2 * most) + 4) ** 2
    assert_allclose(scatter, expected, rtol=0, atol=atol)
    assert_array_equal(counts, n / 3)


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
        known = first_look(k, len(tiles), np.full(k, -40.0))
        passes_of(COVARIANCES["diag"]).expect(n_threads, bounds, *given, *known, *found)
        return [*found, *known]

    one = totals(1)
    assert one[0].sum() == pytest.approx(lanes.sum())
    assert_same_bits(totals(3), one)
