"""Which components may matter to a tile: bounds against distances in long double."""

from typing import NamedTuple

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.passes import passes_of
from fastmix.kernels.certificates import NATS, SLACK, admit, certify, drift
from fastmix.kernels.expectation import everybody
from fastmix.kernels.simd_responsibilities import respond
from fastmix.kernels.tiles import tile_rows

K, D, TILES = 5, 3, 6


class Mixture(NamedTuple):
    """Means and whitening of the rows' dtype, and constants."""

    means: np.ndarray  # (k, d)
    factor: np.ndarray
    log_const: np.ndarray  # (k,)


class Known(NamedTuple):
    """What is known of the distances."""

    near: np.ndarray  # (n_tiles, k) float32
    far: np.ndarray  # (n_tiles,) float32
    home: np.ndarray  # (n_tiles,) int64


def nothing_known(guarded=np.array):
    return Known(
        guarded(np.zeros((TILES, K), np.float32)),
        guarded(np.full(TILES, np.inf, np.float32)),
        guarded(np.zeros(TILES, np.int64)),
    )


def draw(rng, covariance_type, dtype):
    """A mixture whose components are some standard deviations apart, with other weights."""
    shape = COVARIANCES[covariance_type].shape(K, D)
    factor = np.atleast_1d(rng.uniform(0.7, 1.4, shape))
    if covariance_type in ("full", "tied"):
        factor = factor * np.eye(D) + np.tril(rng.normal(scale=0.2, size=shape), -1)
    means = 6 * rng.normal(size=(K, D))
    parts = means, factor, np.log(rng.dirichlet(np.ones(K)))
    return Mixture(*(part.astype(dtype) for part in parts))


def moved(rng, mixture, size):
    """The mixture after a drift, and what a distance can have changed by: low, high and shift."""
    dtype = mixture.means.dtype
    means = mixture.means + size * rng.normal(size=(K, D))
    factor = mixture.factor * np.exp(size / 2 * rng.normal(size=mixture.factor.shape))
    after = Mixture(
        means.astype(dtype), factor.astype(dtype), mixture.log_const + dtype.type(0.01 * size)
    )
    low, high, shift = np.empty((3, K))
    before_full, after_full = full(mixture), full(after)
    for c in range(K):
        change = after_full[c] @ np.linalg.inv(before_full[c])
        s = np.linalg.svd(change, compute_uv=False)
        low[c], high[c] = s[-1] * (1 - 1e-12), s[0] * (1 + 1e-12)  # its own rounding
        gap = after.means[c].astype(np.float64) - mixture.means[c]
        shift[c] = np.linalg.norm(after_full[c] @ gap)
    return after, low, high, shift


def full(mixture):
    """Whitenings (k, d, d) in float64."""
    factor = mixture.factor.astype(np.float64)
    if factor.shape == (D, D):
        return np.broadcast_to(factor, (K, D, D))
    if factor.shape in ((D,), (1,)):  # variances that all components share
        return np.broadcast_to(np.diag(np.broadcast_to(factor, D)), (K, D, D))
    return (
        factor if factor.ndim == 3 else np.array([np.diag(np.broadcast_to(f, D)) for f in factor])
    )


def distances(tiles, mixture):
    """Whitened distances (n_tiles, R, k), in long double."""
    X, W = tiles.swapaxes(1, 2).astype(naive.WIDE), full(mixture).astype(naive.WIDE)
    gaps = X[:, :, None, :] - mixture.means.astype(naive.WIDE)
    return np.sqrt((((W * gaps[..., None, :]).sum(-1)) ** 2).sum(-1))


def rounding(tiles, mixture, tied):
    """Bound (n_tiles, R, k) on the errors of log-probabilities, as in test_expectation.py."""
    X, W = tiles.swapaxes(1, 2).astype(np.float64), np.abs(full(mixture))
    x, m = X[:, :, None, :], mixture.means
    gaps = np.abs(x) + np.abs(m) if tied else np.abs(x - m)
    spread = (((W * gaps[..., None, :]).sum(-1)) ** 2).sum(-1)
    constant = np.abs(mixture.log_const.astype(np.float64))
    return np.finfo(tiles.dtype).eps * ((D + 4) * spread + 2 * constant)


def look(covariance_type, tiles, mixture, known, members, sizes):
    """Measure the members of all tiles, and take down what is found."""
    kernels, (n_tiles, _, R) = passes_of(COVARIANCES[covariance_type]), tiles.shape
    points = kernels.locate(mixture.means, mixture.factor)
    resp = np.full((K, n_tiles * R), np.nan, tiles.dtype)
    extremes = np.full((n_tiles, K, 2), np.nan, tiles.dtype)
    kernels.log_prob(
        tiles, 0, n_tiles, points, mixture.factor, mixture.log_const, members, sizes, resp
    )
    reach, (ones, top, total) = np.full(K, -np.inf, tiles.dtype), np.ones((3, n_tiles * R))
    holds = np.zeros((K, n_tiles), np.uint8)
    respond(resp, n_tiles, members, sizes, reach, ones, top, total, holds, extremes)
    certify(0, n_tiles, members, sizes, mixture.log_const, extremes, *known)


@pytest.fixture
def tiles(rng, dtype):
    """Tiles whose rows lie around a place of their own each."""
    around = 6 * rng.normal(size=(TILES, D, 1))
    return (around + rng.normal(size=(TILES, D, tile_rows(dtype)))).astype(dtype)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1e-3, 0.1, 0.5])
def test_bounds_hold_after_any_drift(covariance_type, dtype, tiles, guarded, seed, size):
    rng = np.random.RandomState(seed)
    mixture, known = draw(rng, covariance_type, dtype), nothing_known(guarded)
    members, sizes = everybody(TILES, K)
    look(covariance_type, tiles, mixture, known, members, sizes)
    # A distance y is measured as sqrt(y**2 +- 2 off); that error moves on as the distance does.
    y = distances(tiles, mixture)
    off = 2 * rounding(tiles, mixture, covariance_type == "tied")
    above, below = np.sqrt(y**2 + off) - y, y - np.sqrt(np.maximum(y**2 - off, 0))
    home = known.home.copy()
    for _ in range(5):
        y = distances(tiles, mixture)
        assert np.all(known.near[:, None, :] <= y + above)
        y_home, below_home = (v[np.arange(TILES), :, home] for v in (y, below))
        assert np.all(known.far[:, None] >= y_home - below_home)
        mixture, low, high, shift = moved(rng, mixture, size)
        drift(0, TILES, low, high, shift, *known)
        above, below = above * low, below * high
        assert_array_equal(known.home, home)
    # they are not empty: small drifts leave most of the distances
    if size == 1e-3:
        assert np.all(known.near >= 0.9 * distances(tiles, mixture).min(1) - 0.1)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [1e-3, 0.1, 0.5])
def test_no_component_that_matters_is_ever_left_out(covariance_type, dtype, tiles, seed, size):
    rng = np.random.RandomState(seed)
    mixture, known = draw(rng, covariance_type, dtype), nothing_known()
    reach = rng.uniform(-20, -3, K).astype(dtype)
    members, sizes = np.empty((TILES, K), np.int64), np.empty(TILES, np.int64)
    left_out = 0
    for _ in range(6):
        admit(0, TILES, *known, mixture.log_const, reach, members, sizes)
        log_prob = mixture.log_const - distances(tiles, mixture) ** 2 / 2
        gaps = log_prob - log_prob.max(2, keepdims=True)
        for t in range(TILES):
            others = np.setdiff1d(np.arange(K), members[t, : sizes[t]])
            assert np.all(gaps[t][:, others] <= reach[others])
            assert_array_equal(members[t, : sizes[t]], np.sort(members[t, : sizes[t]]))
            left_out += len(others)
        look(covariance_type, tiles, mixture, known, members, sizes)
        mixture, low, high, shift = moved(rng, mixture, size)
        drift(0, TILES, low, high, shift, *known)
    # all tiles begin with everybody; wide shared variances may leave nobody out
    assert left_out > 0 or covariance_type.startswith("tied_")


# --- by hand ---------------------------------------------------------------------------------


def test_distances_are_taken_down_with_some_slack(guarded):
    """Rows at 0 and 2, unit components at 0, 3 and 12: nearest 0, 1, 10, farthest 2, 3, 12."""
    known = Known(
        guarded(np.full((1, 3), 7, np.float32)),
        guarded(np.full(1, 7, np.float32)),
        guarded(np.full(1, 7)),
    )
    extremes = -0.5 * np.square([[[0.0, 2.0], [1.0, 3.0], [10.0, 12.0]]])
    members, sizes = np.array([[0, 1, 2]]), np.array([3])
    certify(0, 1, members, sizes, np.zeros(3), guarded(extremes), *known)
    eps = float(np.finfo(np.float32).eps)
    assert_allclose(known.near, np.array([[0, 1, 10]]) * (1 - SLACK), rtol=eps)
    assert_allclose(known.far, 2 * (1 + SLACK), rtol=eps)
    assert_array_equal(known.home, 0)
    # standard deviations of 1/2, 1 and 2, and means that move by 0, 1/4 and 1 of them
    drift(
        0, 1, np.array([2.0, 1.0, 0.5]), np.array([2.0, 1.0, 0.5]), np.array([0, 0.25, 1]), *known
    )
    assert_allclose(known.near, [[0, 0.75, 4]], rtol=5 * SLACK)
    assert np.all(known.near <= [[0, 0.75, 4]])
    assert_allclose(known.far, 4, rtol=3 * SLACK)
    assert known.far[0] >= 4
    drift(0, 1, np.ones(3), np.ones(3), np.full(3, 9.0), *known)
    assert_array_equal(known.near, 0)  # a bound below zero says nothing


def test_only_members_are_taken_down(guarded):
    near = guarded(np.full((2, 3), 7, np.float32))
    known = Known(near, guarded(np.full(2, 7, np.float32)), guarded(np.full(2, 1)))
    members, sizes = np.array([[2, 1 << 40, 1 << 40]]), np.array([1])
    extremes = np.full((1, 3, 2), np.nan)
    extremes[0, 0] = -0.5, -8.0
    certify(1, 2, members, sizes, np.zeros(3), extremes, *known)
    assert_array_equal(near[0], 7)
    assert_array_equal(near[1, :2], 7)
    assert_allclose(near[1, 2], 1, rtol=2 * SLACK)
    assert_allclose(known.far, [7, 4], rtol=2 * SLACK)
    assert_array_equal(known.home, [1, 2])


@pytest.mark.parametrize(("reach", "expected"), [(-7.4, [0]), (-7.6, [0, 1]), (-1e9, [0, 1, 2])])
def test_who_is_within_reach_is_admitted(reach, expected):
    """Home at 1 at most, others at 4 and 100 at least: 7.5 and 5000 nats, of which NATS are forgiven."""
    known = np.array([[0, 4, 100]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64)
    members, sizes = np.full((1, 3), -7), np.full(1, -7)
    limits = np.full(3, reach + NATS)
    admit(0, 1, *known, np.zeros(3), limits, members, sizes)
    assert_array_equal(members[0, : sizes[0]], expected)


# --- edges -----------------------------------------------------------------------------------


def test_where_nothing_is_known_everybody_is_admitted(rng):
    members, sizes = np.full((TILES, K), -7), np.full(TILES, -7)
    admit(0, TILES, *nothing_known(), rng.normal(size=K), np.full(K, -36.0), members, sizes)
    assert_array_equal(members, everybody(TILES, K)[0])
    assert_array_equal(sizes, K)


def test_a_component_beyond_the_dtype_may_come_back(dtype):
    """What is known of a distance that overflows is no bound: the component may become wide at once."""
    R = tile_rows(dtype)
    tiles = np.full((1, 1, R), 1e17 if dtype == np.float32 else 1e150, dtype)
    factor = np.array([1.0, 1e5], dtype)  # the second: beyond reach
    mixture = Mixture(np.array([tiles[0, :, 0], [0]], dtype), factor, np.zeros(2, dtype))
    known = np.zeros((1, 2), np.float32), np.full(1, np.inf, np.float32), np.zeros(1, np.int64)
    members, sizes = everybody(1, 2)
    resp = np.empty((2, R), dtype)
    given = mixture.means, mixture.factor, mixture.log_const, members, sizes
    with np.errstate(over="ignore", invalid="ignore"):
        passes_of(COVARIANCES["spherical"]).log_prob(tiles, 0, 1, *given, resp)
    assert_array_equal(resp[:, 0], [0, -np.inf])
    extremes = np.stack([resp.max(1), resp.min(1)], axis=1)[None]
    with np.errstate(over="ignore", invalid="ignore"):
        certify(0, 1, members, sizes, mixture.log_const, extremes, *known)
    assert np.isfinite(known[0]).all()
    # now its standard deviation is that of the rows, and its mean is theirs
    spread = np.array([1.0, 1e-22 if dtype == np.float32 else 1e-155])
    drift(0, 1, spread, spread, np.array([0.0, 1.0]), *known)
    admit(0, 1, *known, np.zeros(2), np.full(2, -16.0), members, sizes)
    assert sizes[0] == 2


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_a_tile_with_a_row_beyond_every_component_admits_everybody():
    known = np.ones((1, 2), np.float32), np.ones(1, np.float32), np.zeros(1, np.int64)
    members, sizes = everybody(1, 2)
    extremes = np.array([[[-1.0, -np.inf], [-np.inf, -np.inf]]])
    certify(0, 1, members, sizes, np.zeros(2), extremes, *known)
    drift(0, 1, np.ones(2), np.ones(2), np.zeros(2), *known)
    sizes[:] = 0
    admit(0, 1, *known, np.zeros(2), np.full(2, -16.0), members, sizes)
    assert_array_equal(members[0, : sizes[0]], [0, 1])


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_a_component_without_weight_hinders_nobody():
    known = np.zeros((1, 2), np.float32), np.full(1, np.inf, np.float32), np.zeros(1, np.int64)
    members, sizes = everybody(1, 2)
    log_const = np.array([0.0, -np.inf])
    extremes = np.array([[[-1.0, -2.0], [-np.inf, -np.inf]]])
    certify(0, 1, members, sizes, log_const, extremes, *known)
    assert_allclose(known[1], 2, rtol=2 * SLACK)
    drift(0, 1, np.ones(2), np.ones(2), np.zeros(2), *known)
    assert not np.isnan(known[0]).any()
    admit(0, 1, *known, log_const, np.array([-16.0, -np.inf]), members, sizes)
    assert members[0, 0] == 0
