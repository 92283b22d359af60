"""Responsibilities: exact to a few eps, exactly zero where nothing is in reach, and never NaN."""

from typing import NamedTuple

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba.core.errors import TypingError
from numpy.testing import assert_allclose, assert_array_equal

from fastmix._numba import JIT
from fastmix.kernels import simd_responsibilities as simd
from fastmix.kernels.lanes import SIDE, VECTOR_BYTES
from fastmix.kernels.responsibilities import log_sums
from fastmix.kernels.simd_responsibilities import EXP, respond
from fastmix.kernels.tiles import tile_rows

LOWEST = -np.finfo(np.float64).max
SHAPES = [(1, 1), (2, 1), (2, 3), (5, 1), (5, 2), (11, 3)]  # components, tiles
# what the kernels of the types give: -inf, or a constant of moderate size less half of a finite number
LOG_PROB = st.one_of(st.just(-np.inf), st.floats(LOWEST / 2, 1e3), st.floats(-50, 50))
WIDER = np.finfo(naive.WIDE).nmant > np.finfo(np.float64).nmant
MANY = 20_000 if JIT else 2_000


class Shared(NamedTuple):
    """What respond gives."""

    resp: np.ndarray  # (k, rows)
    top: np.ndarray  # (rows,)
    total: np.ndarray  # (rows,)
    holds: np.ndarray  # (k, tiles)
    extremes: np.ndarray  # (tiles, k, 2) or (0, k, 2)


def shared(log_prob, weight=None, reach=-np.inf, members=None, extremes=True, guarded=np.array):
    """Rows (k, rows) shared out, among everybody or among members (tiles, k), sizes (tiles,)."""
    k, m = log_prob.shape
    n_tiles = m // tile_rows(log_prob.dtype)
    if members is None:
        members = np.tile(np.arange(k), (n_tiles, 1)), np.full(n_tiles, k)
    limits = np.full(k, reach, log_prob.dtype) if np.ndim(reach) == 0 else reach
    found = Shared(
        guarded(log_prob),
        guarded(np.full(m, np.nan)),
        guarded(np.full(m, np.nan)),
        guarded(np.full((k, n_tiles), 7, np.uint8)),
        guarded(np.full((n_tiles if extremes else 0, k, 2), np.nan, log_prob.dtype)),
    )
    weights = guarded(np.ones(m) if weight is None else weight)
    resp, top, total, holds, far = found
    given = map(guarded, members)
    respond(resp, n_tiles, *given, guarded(limits), weights, top, total, holds, far)
    return found


def log_norms(found):
    norm = found.total.copy()
    log_sums(found.top, norm)
    return norm


@pytest.fixture(params=SHAPES, ids=str)
def shape(request, dtype):
    k, n_tiles = request.param
    return k, n_tiles * tile_rows(dtype)


# --- the definition --------------------------------------------------------------------------


@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (30, -400), (300, -1e5), (1e-3, 700)])
def test_responsibilities_are_those_of_the_definition(rng, shape, dtype, scale, shift, guarded):
    log_prob = (shift + scale * rng.normal(size=shape)).astype(dtype)
    found = shared(log_prob, guarded=guarded)
    expected_norm, expected = naive.responsibilities(log_prob.T.astype(naive.WIDE))
    # the argument of exp is rounded once, exp twice; a sum of k terms; a quotient; a product
    k, widest, eps = len(log_prob), np.ptp(log_prob, axis=0).max(), float(np.finfo(dtype).eps)
    near = min(float(widest), -EXP[dtype.itemsize][4]) + k + 8
    exact = 3 * float(np.finfo(np.float64).eps)  # top is exact, and added in float64
    norm = expected_norm.astype(np.float64)
    assert_allclose(log_norms(found), norm, rtol=exact, atol=near * eps)
    tiny = 4 * float(np.finfo(dtype).smallest_normal)
    assert_allclose(found.resp.T, expected.astype(np.float64), rtol=near * eps, atol=tiny)
    assert_array_equal(found.top, log_prob.max(0))
    # which is seen by tile: somebody is above nothing at all
    assert_array_equal(found.holds, (found.resp.reshape(k, -1, tile_rows(dtype)) > 0).any(2))


def test_equal_components_share_equally(dtype):
    found = shared(np.full((4, tile_rows(dtype)), -3, dtype))
    assert_array_equal(found.resp, 0.25)
    assert_allclose(log_norms(found), np.log(4) - 3, rtol=2 * np.finfo(np.float64).eps)


def test_a_row_far_from_every_component_gets_nothing(dtype, guarded):
    log_prob = np.zeros((2, tile_rows(dtype)), dtype)
    log_prob[:, :4] = [[-np.inf, 0.0, -np.inf, -1e5], [-np.inf, -np.inf, 1.0, -1e5]]
    found = shared(log_prob, guarded=guarded)
    assert_array_equal(found.resp[:, :4], [[0, 1, 0, 0.5], [0, 0, 1, 0.5]])
    assert_array_equal(found.total[:4], [0, 1, 1, 2])
    norm = log_norms(found)
    assert_array_equal(norm[:3], [-np.inf, 0, 1])
    assert norm[3] == pytest.approx(-1e5 + np.log(2))


@given(arrays(np.float64, st.tuples(st.integers(1, 4), st.just(32)), elements=LOG_PROB))
def test_not_a_number_never_appears(log_prob):
    found = shared(log_prob)
    norm, eps = log_norms(found), np.finfo(np.float64).eps
    reached = norm > -np.inf
    assert not np.isnan(norm).any()
    assert np.all((found.resp >= 0) & (found.resp <= 1 + eps))
    assert_array_equal(found.resp[:, ~reached], 0)
    # k products, each rounded, and their sum
    assert_allclose(found.resp[:, reached].sum(0), 1, rtol=0, atol=(len(log_prob) + 3) * eps)
    # within float64's reach of a component, a row is shared out
    assert np.all(reached[log_prob.max(0) > -1e307])


def test_responsibilities_carry_the_weight_of_their_row(rng, shape, dtype):
    log_prob = rng.normal(size=shape).astype(dtype)
    weight = rng.randint(3, size=shape[1]).astype(np.float64)
    got, ones = shared(log_prob, weight), shared(log_prob)
    assert_allclose(got.resp, ones.resp * weight, rtol=2 * np.finfo(dtype).eps)
    for mine, other in zip(got[1:], ones[1:], strict=True):  # which do not depend on it
        assert_array_equal(mine, other)


# --- reach -----------------------------------------------------------------------------------


def test_components_out_of_reach_of_a_tile_get_exactly_nothing(rng, dtype, guarded):
    R = tile_rows(dtype)
    log_prob = rng.uniform(-3, 0, (3, 2 * R)).astype(dtype)
    log_prob[1, :R] -= 20  # in the first tile: out of its own reach, not of that of component 2
    log_prob[2] -= 20
    log_prob[2, R + 5] = -1  # one row of the second tile
    found = shared(log_prob, reach=np.array([-15, -15, -30], dtype), guarded=guarded)
    assert_array_equal(found.holds, [[1, 1], [0, 1], [1, 1]])
    assert_array_equal(found.resp[1, :R], 0)
    _, expected = naive.responsibilities(np.delete(log_prob[:, :R], 1, 0).T.astype(naive.WIDE))
    eps = float(np.finfo(dtype).eps)
    assert_allclose(found.resp[[0, 2], :R].T, expected.astype(np.float64), rtol=40 * eps)


def test_what_reach_leaves_out_is_below_it(rng, shape, dtype):
    log_prob = (20 * rng.normal(size=shape)).astype(dtype)
    reach = rng.uniform(-30, -1, shape[0]).astype(dtype)
    got, whole = shared(log_prob, reach=reach), shared(log_prob)
    k, R = shape[0], tile_rows(dtype)
    gaps = log_prob - log_prob.max(0)
    left_out = got.resp == 0
    assert np.all(
        gaps[left_out & (whole.resp > 0)]
        <= np.broadcast_to(reach[:, None], shape)[left_out & (whole.resp > 0)]
    )
    assert_array_equal(got.holds, (gaps > reach[:, None]).reshape(k, -1, R).any(2))
    # shares are of a sum that lacks less than k exponentials of the reach
    most = k * float(np.exp(reach.max())) + 20 * float(np.finfo(dtype).eps)
    assert_allclose(got.resp[~left_out], whole.resp[~left_out], rtol=most)


# --- members ---------------------------------------------------------------------------------


def test_only_members_of_a_tile_share_its_rows(rng, dtype, guarded):
    R, k = tile_rows(dtype), 4
    log_prob = rng.normal(size=(k, 3 * R)).astype(dtype)
    lists, untouched = [[2], [0, 3], [0, 1, 2, 3]], 7.0
    members, sizes = np.full((3, k), 1 << 40), np.array([len(each) for each in lists])
    expected, holds = np.full_like(log_prob, untouched), np.zeros((k, 3))
    for t, each in enumerate(lists):
        members[t, : len(each)] = each
        rows = slice(t * R, (t + 1) * R)
        expected[each, rows] = shared(np.ascontiguousarray(log_prob[each, rows])).resp
        holds[each, t] = 1
        others = np.setdiff1d(np.arange(k), each)
        log_prob[others, rows] = untouched  # greater than any other
    found = shared(log_prob, members=(members, sizes), guarded=guarded)
    assert_array_equal(found.resp, expected)
    assert_array_equal(found.holds, holds)


def test_extremes_are_those_of_every_member_and_tile(rng, dtype, guarded):
    R, k = tile_rows(dtype), 3
    log_prob = (100 * rng.normal(size=(k, 2 * R))).astype(dtype)
    log_prob[1, 3] = log_prob[2, 2 * R - 1] = -np.inf
    log_prob[0, R:] = -np.inf
    members, sizes = np.array([[0, 1, 2], [2, 0, 1]]), np.array([3, 2])
    found = shared(log_prob, members=(members, sizes), guarded=guarded)
    in_tiles = log_prob.reshape(k, 2, R)
    assert_array_equal(found.extremes[0, :, 0], in_tiles[:, 0].max(1))
    assert_array_equal(found.extremes[0, :, 1], in_tiles[:, 0].min(1))
    assert_array_equal(found.extremes[1, :2, 0], in_tiles[[2, 0], 1].max(1))
    assert_array_equal(found.extremes[1, :2, 1], in_tiles[[2, 0], 1].min(1))
    assert np.isnan(found.extremes[1, 2]).all()
    without = shared(log_prob, members=(members, sizes), extremes=False)
    assert_array_equal(without.resp, found.resp)


@pytest.mark.parametrize("lane", range(64))
def test_extremes_are_seen_in_every_lane(dtype, lane):
    R = tile_rows(dtype)
    log_prob = np.zeros((1, R), dtype)
    log_prob[0, lane % R], log_prob[0, (lane + 7) % R] = 3, -4
    assert_array_equal(shared(log_prob).extremes, [[[3, -4]]])


# --- exp -------------------------------------------------------------------------------------


def exp_of(x):
    """exp of numbers (n,) of at most 0, as respond has it: the share of a row whose weight is its total."""
    R = tile_rows(x.dtype)
    log_prob = np.zeros((2, -(-len(x) // R) * R), x.dtype)
    log_prob[1, : len(x)] = x
    found = shared(log_prob, weight=shared(log_prob).total)
    assert_array_equal(found.resp[0], 1)
    return found.resp[1, : len(x)]


def assert_within_two_ulp(x):
    expected = np.exp(x.astype(naive.WIDE))
    unit = np.spacing(expected.astype(x.dtype)).astype(naive.WIDE)
    # Where long double is no wider than double, the oracle itself is off by up to an ulp.
    limit = 2 if WIDER or x.dtype == np.float32 else 3
    assert np.max(np.abs(exp_of(x) - expected) / unit) <= limit


@pytest.mark.parametrize("low", [None, -40.0, -1.0, -1e-6])
def test_exp_is_within_two_ulp(rng, dtype, low):
    least = EXP[dtype.itemsize][4]
    assert_within_two_ulp(rng.uniform(least if low is None else low, 0.0, MANY).astype(dtype))


def test_exp_is_within_two_ulp_where_its_pieces_meet(dtype):
    least = EXP[dtype.itemsize][4]
    halves = (-(np.arange(1022) + 0.5) * np.log(2)).astype(
        dtype
    )  # the reduced argument is greatest
    x = np.concatenate([halves, np.nextafter(halves, dtype.type(-1e9)), np.nextafter(halves, 1)])
    assert_within_two_ulp(x[x >= least].astype(dtype))


def test_exp_at_its_edges(dtype):
    least = dtype.type(EXP[dtype.itemsize][4])
    assert_within_two_ulp(np.array([least, 0.0, -0.0, -1e-30], dtype))
    assert exp_of(np.array([least], dtype)) >= np.finfo(dtype).smallest_normal
    assert_array_equal(exp_of(np.array([0.0, -0.0], dtype)), 1)


def test_exp_below_its_least_argument_is_zero(dtype):
    least = dtype.type(EXP[dtype.itemsize][4])
    below = np.array([np.nextafter(least, dtype.type(-1e9)), -1e5, -1e30, -np.inf], dtype)
    assert_array_equal(exp_of(below), 0)


# --- the plain twin --------------------------------------------------------------------------


@pytest.mark.compiled
def test_respond_equals_its_plain_twin(rng, shape, dtype):
    (k, m), R = shape, tile_rows(dtype)
    log_prob, n_tiles = (10 * rng.normal(size=shape)).astype(dtype), m // R
    log_prob[rng.random_sample(shape) < 0.1] = -np.inf
    weight, reach = rng.uniform(size=m), np.full(k, -12, dtype)
    members = np.tile(np.arange(k), (n_tiles, 1)), np.full(n_tiles, k)
    got = shared(log_prob, weight, reach)
    resp, top, total = log_prob.astype(np.float64), np.empty(m), np.empty(m)
    holds, extremes = np.zeros((k, n_tiles), np.uint8), np.empty((n_tiles, k, 2))
    simd._respond_plainly(
        resp, n_tiles, *members, reach.astype("f8"), weight, top, total, holds, extremes
    )
    assert_array_equal(got.holds, holds)
    assert_array_equal(got.extremes, extremes)
    reached = total > 0
    assert_array_equal(got.top[reached], top[reached])
    # here what is out of reach of a register tile is left out too: at most k exp(-12)
    most = k * np.exp(-12) + 40 * np.finfo(dtype).eps
    assert_allclose(got.total, total, rtol=most)
    assert_allclose(got.resp, resp, rtol=most, atol=np.exp(-12))


@pytest.mark.compiled
def test_reach_is_asked_for_by_register_tile(dtype):
    """Of a tile that a component matters to, only those parts are worked on where it does."""
    R, part = tile_rows(dtype), SIDE * VECTOR_BYTES // dtype.itemsize
    log_prob = np.zeros((2, R), dtype)
    log_prob[1] = -10
    log_prob[1, 0] = -1
    found = shared(log_prob, reach=-5.0)
    assert_array_equal(found.resp[1] > 0, np.arange(R) < part)
    assert_array_equal(found.holds, 1)


@pytest.mark.compiled
def test_arrays_of_another_layout_or_dtype_are_refused_when_compiled(dtype):
    log_prob = np.zeros((2, tile_rows(dtype)), dtype)
    other = np.zeros(2, np.float64 if dtype == np.float32 else np.float32)
    with pytest.raises(TypingError, match=f"reach must be a C-ordered array of {dtype}"):
        shared(log_prob, reach=other)
    with pytest.raises(TypingError, match="weight must be a C-ordered array of float64"):
        shared(log_prob, weight=np.ones(log_prob.shape[1], np.float32))
