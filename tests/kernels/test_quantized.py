"""Rows and centers as bytes: what is lost is bounded, and nobody who may be nearest is ruled out."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix._numba import kernel
from fastmix.engine import lloyd, quantized
from fastmix.engine.kmeans import means
from fastmix.engine.quantized import rounded_points, rounded_rows
from fastmix.engine.results import Frame
from fastmix.engine.rows import pack
from fastmix.kernels import simd_bytes
from fastmix.kernels.quantized import ROUNDING, list_bits, nearest_of_few
from fastmix.kernels.simd_bytes import ROWS, TOGETHER, ZERO


@kernel
def bounds(tile, points, begin, squares, unit, lost, length, factor, own, away, out, least):
    simd_bytes.bounds(
        tile, points, begin, squares, unit, lost, length, factor, own, away, out, least
    )


@kernel
def at_most(values, limit, masks):
    simd_bytes.at_most(values, limit, masks)


def in_frame_of_zero(X, weight=None):
    return pack(X, Frame(np.zeros(X.shape[1], X.dtype), 0), weight, 2)


# --- bytes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "groups"), [(1, 1), (3, 2), (4, 5), (9, 13)])
def test_bounds_of_products_are_those_of_the_plain_twin(rng, guarded, k, groups):
    tile = guarded(rng.randint(1, 256, (groups, ROWS, TOGETHER)).astype(np.uint8))
    points = guarded(rng.randint(-127, 128, (k, groups * TOGETHER)).astype(np.int8))
    begin = guarded(rng.randint(-9999, 9999, k).astype(np.int32))
    of_points = [guarded(rng.uniform(size=k).astype(np.float32)) for _ in range(4)]
    of_rows = [guarded(rng.uniform(-1, 1, ROWS).astype(np.float32)) for _ in range(3)]
    got = guarded(np.empty((k, ROWS), np.float32)), guarded(np.empty(ROWS, np.float32))
    expected = np.empty((k, ROWS), np.float32), np.empty(ROWS, np.float32)
    bounds(tile, points, begin, *of_points, *of_rows, *got)
    simd_bytes._bounds_plainly(tile, points, begin, *of_points, *of_rows, *expected)
    size = float(np.abs(expected[0]).max()) + 1
    for mine, plain in zip(got, expected, strict=True):
        assert_allclose(mine, plain, rtol=0, atol=8 * np.finfo(np.float32).eps * size)


def test_the_largest_bytes_do_not_overflow(guarded):
    groups = 4000
    tile = guarded(np.full((groups, ROWS, TOGETHER), 255, np.uint8))
    points = guarded(np.full((1, groups * TOGETHER), -127, np.int8))
    nothing, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    rows = np.ones(ROWS, np.float32), np.zeros(ROWS, np.float32), np.zeros(ROWS, np.float32)
    out, least = guarded(np.empty((1, ROWS), np.float32)), np.empty(ROWS, np.float32)
    begin = np.array([127 * ZERO * groups * TOGETHER], np.int32)
    bounds(tile, points, begin, nothing, one, nothing, nothing, *rows, out, least)
    assert_array_equal(out, np.float32(-127 * 127 * groups * TOGETHER))


def test_masks_say_which_values_are_at_most_the_limit(rng, guarded):
    values = guarded(rng.normal(size=(7, ROWS)).astype(np.float32))
    limit, masks = guarded(values[3].copy()), guarded(np.zeros(7, np.uint64))
    values[5, 2] = np.inf
    at_most(values, limit, masks)
    bits = (masks[:, None] >> np.arange(ROWS, dtype=np.uint64)) & np.uint64(1)
    assert_array_equal(bits.astype(bool), values <= limit)


def test_lists_hold_the_masks_of_every_bit_as_far_as_there_is_room(rng, guarded):
    wanted = rng.uniform(size=(9, ROWS)) < 0.4
    wanted[:, 5] = False
    bits = np.uint64(1) << np.arange(ROWS, dtype=np.uint64)
    masks = guarded((wanted * bits).sum(1, dtype=np.uint64))
    left, size = guarded(np.full((ROWS, 4), -1, np.int32)), guarded(np.zeros(ROWS, np.int64))
    list_bits(masks, left, size)
    assert_array_equal(size, wanted.sum(0))
    for r in range(ROWS):
        assert_array_equal(left[r, : min(size[r], 4)], np.flatnonzero(wanted[:, r])[:4])


DATA = {
    "a cloud": lambda rng, n, d: rng.normal(size=(n, d)),
    "integers with ties": lambda rng, n, d: rng.randint(-3, 4, (n, d)).astype(float),
    "far from zero": lambda rng, n, d: 100 + rng.normal(size=(n, d)),
    "scales of all kinds": lambda rng, n, d: rng.normal(size=(n, d)) * 10.0 ** np.arange(-d, 0),
    "one far row": lambda rng, n, d: np.vstack([rng.normal(size=(n - 1, d)), np.full(d, 1e6)]),
    "equal rows": lambda rng, n, d: np.ones((n, d)),
    "zeros": lambda rng, n, d: np.zeros((n, d)),
    "clusters": lambda rng, n, d: 9 * rng.randint(3, size=(n, 1)) + rng.normal(size=(n, d)),
}


@pytest.fixture(params=DATA.values(), ids=DATA)
def make(request):
    return request.param


@pytest.mark.parametrize(("n", "d"), [(1, 1), (64, 4), (65, 7), (200, 18)])
def test_what_rounding_rows_loses_is_known(rng, dtype, make, n, d):
    X = make(rng, n, d).astype(dtype)
    weight = rng.uniform(size=len(X))
    rows, squares = rounded_rows(in_frame_of_zero(X, weight))
    total = (weight[:, None] * X.astype(np.float64) ** 2).sum()
    unit = 2.0 ** in_frame_of_zero(X, weight).weight_exponent
    assert squares * unit == pytest.approx(total, rel=1e-12)
    values = rows.tiles.transpose(0, 2, 1, 3).reshape(-1, rows.tiles.shape[1] * TOGETHER)
    held = (values[:n, :d].astype(naive.WIDE) - ZERO) * rows.unit[:n, None]
    wide = X.astype(naive.WIDE)
    assert_array_equal(values[n:], ZERO)
    assert_array_equal(values[:, d:], ZERO)
    assert np.all(np.sqrt(((wide - held) ** 2).sum(1)) <= rows.lost[:n])
    assert np.all(np.sqrt((held**2).sum(1)) <= rows.length[:n])
    assert_allclose(rows.square[:n].astype(float), (wide**2).sum(1).astype(float), rtol=1e-6)
    # half a unit in every feature, and no more
    assert np.all(rows.lost[:n] <= (0.5 * rows.unit[:n] * np.sqrt(d)) * (1 + 2 * ROUNDING) + 1e-30)


def test_what_rounding_points_loses_is_known(rng, dtype, make):
    centers = make(rng, 20, 7).astype(dtype)
    points = rounded_points(centers)
    held = points.bytes[:, :7].astype(naive.WIDE) * points.unit[:, None]
    wide = centers.astype(naive.WIDE)
    assert_array_equal(points.begin, -ZERO * points.bytes.sum(1, dtype=int))
    assert_array_equal(points.bytes[:, 7:], 0)
    assert np.all(np.sqrt(((wide - held) ** 2).sum(1)) <= points.lost)
    assert np.all(np.sqrt((wide**2).sum(1)) <= points.length)
    assert_allclose(points.squares, (wide**2).sum(1).astype(float), rtol=1e-6)


# --- passes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d", "k"), [(1, 1, 1), (700, 18, 20), (1500, 40, 30)])
def test_labels_are_right_after_every_pass(rng, dtype, make, n, d, k):
    X = make(rng, n, d).astype(dtype)
    rows = in_frame_of_zero(X, rng.uniform(0.5, 2, n))
    centers = X[rng.choice(n, k, replace=False)].copy()
    state = quantized.start(rows, centers)
    for _ in range(5):
        totals = quantized.assign(rows, centers, state)
        expected, _, _ = naive.nearest(X, centers)
        assert_array_equal(state.labels[:n], expected)
        centers = means(totals, centers)


def test_few_distances_are_measured(rng):
    X = rng.normal(size=(4000, 64))
    rows, centers = in_frame_of_zero(X), X[:100].copy()
    state = quantized.start(rows, centers)
    for _ in range(3):
        centers = means(quantized.assign(rows, centers, state), centers)
    assert max(state.measured) < 0.1 * 4000 * 100


def test_the_nearest_of_a_few_centers_is_certain_unless_it_ties(rng, dtype, guarded):
    centers = rng.randint(-5, 6, (9, 5)).astype(dtype)
    centers[7] = centers[2]
    rows, lists = np.stack([centers[2]] * 4), [[1, 2, 7], [1, 2, 0], [8, 0, 0], [1, 2, 3]]
    zero, one, eps = np.zeros(5, dtype), dtype.type(1), 13 * float(np.finfo(dtype).eps)
    left, size = np.array(lists, np.int32), np.array([3, 2, 1, 4])
    found = guarded(np.zeros(4, np.int32))
    assert nearest_of_few(rows, zero, one, centers, left, size, eps, found) == 5
    assert_array_equal(found, [-1, 2, 8, -1])


# --- the edges of float32 and int32 ------------------------------------------------------------


def lloyds_labels(rows, centers):
    state = lloyd.start(rows, centers)
    lloyd.assign(rows, centers, state)
    return state.labels[: rows.n]


def bytes_labels(rows, centers):
    state = quantized.start(rows, centers)
    quantized.assign(rows, centers, state)
    return state.labels[: rows.n]


@pytest.mark.parametrize("size", [1e19, 1e20, 1e38])
def test_centers_too_far_for_float32_are_measured(rng, size):
    rows = in_frame_of_zero(rng.normal(size=(64, 16)))
    centers = np.stack([np.full(16, size), np.zeros(16), np.full(16, 0.4e19)])
    assert_array_equal(bytes_labels(rows, centers), lloyds_labels(rows, centers))


def test_products_that_int32_does_not_hold_are_not_taken(rng, monkeypatch):
    rows = in_frame_of_zero(rng.normal(size=(100, 20)))
    centers = rows.X[:5].copy()
    monkeypatch.setattr(simd_bytes, "MOST_FEATURES", 19)
    assert not quantized.pays(rows)
    state = quantized.start(rows, centers)
    assert state.name == "lloyd"
    quantized.assign(rows, centers, state)
    assert_array_equal(state.labels[:100], lloyds_labels(rows, centers))
    assert state.measured == [500]


def test_the_limit_of_the_features_is_that_of_int32():
    assert (
        127 * 127 * simd_bytes.MOST_FEATURES < 2**31 <= 127 * 127 * (simd_bytes.MOST_FEATURES + 1)
    )


def test_distances_whose_squares_vanish_tie_as_lloyds_do():
    X = np.zeros((64, 4), np.float32)
    X[0], X[1] = 1, -1
    centers = np.array([[1, 1, 1, 1], [2e-23, 0, 0, 0], [1e-23, 0, 0, 0]], np.float32)
    rows = in_frame_of_zero(X)
    assert_array_equal(bytes_labels(rows, centers), lloyds_labels(rows, centers))


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e8, 1e19, 1e30])
def test_bytes_are_taken_for_sizes_that_float32_holds(rng, size, monkeypatch):
    monkeypatch.setattr(simd_bytes, "FAST", True)
    rows = in_frame_of_zero(size * rng.normal(size=(50, 30)))
    assert quantized.pays(rows) == (1e-9 < size < 1e9)


def test_rows_that_float32_does_not_hold_are_left_to_lloyd(rng):
    X = 1e30 * rng.normal(size=(50, 30))
    rows, centers = in_frame_of_zero(X), X[:3].copy()
    state = quantized.start(rows, centers)
    assert state.name == quantized.start(rows, centers, state).name == "lloyd"
    quantized.assign(rows, centers, state)
    assert_array_equal(state.labels[:50], naive.nearest(X, centers)[0])
    assert quantized.inspect(rows, centers, state).sq_dist[0] == 0.0


def test_rows_nearly_as_far_from_two_centers_get_lloyds_labels(near_the_plane, dtype):
    X, centers = near_the_plane(640, 40, np.finfo(dtype).eps, dtype)
    rows = in_frame_of_zero(X)
    assert_array_equal(bytes_labels(rows, centers), lloyds_labels(rows, centers))
