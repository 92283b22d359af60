"""Nearest centers and the totals of clusters, against distances in long double.

Most data are small integers: their squared distances and sums are exact in both dtypes, and many
are equal.
"""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix._numba import kernel
from fastmix.kernels.exact import grid
from fastmix.kernels.lloyd import add_rows, assign, distances, label, sq_distances
from fastmix.kernels.simd_kmeans import nearest as nearest_in_registers
from fastmix.kernels.tiles import tile_rows

GARBAGE = 3  # where tiles are padded: whoever counts it is found out


@kernel
def nearest(tile, centers, labels, best):
    nearest_in_registers(tile, centers, labels, best)


@pytest.fixture
def rows(rng, size, dtype):
    return rng.randint(-5, 6, (size.n, size.d)).astype(dtype)


@pytest.fixture
def centers(rng, size, dtype):
    return rng.randint(-5, 6, (size.k, size.d)).astype(dtype)


# --- one tile --------------------------------------------------------------------------------


def test_sq_distances_are_exact_where_the_numbers_are(rows, centers, in_tiles, guarded):
    R = tile_rows(rows.dtype)
    tiles = guarded(in_tiles(rows))
    for c, center in enumerate(guarded(centers)):
        got = guarded(np.full(R, np.nan, rows.dtype))
        sq_distances(tiles[0], center, got)
        first = rows[:R]
        assert_array_equal(got[: len(first)], naive.sq_distances(first, centers)[:, c])


def test_sq_distances_lose_few_bits_far_from_zero(rng, size, dtype, in_tiles):
    X = (1000 + rng.normal(size=(size.n, size.d))).astype(dtype)
    center = (1000 + rng.normal(size=size.d)).astype(dtype)
    got = np.empty(tile_rows(dtype), dtype)
    sq_distances(in_tiles(X)[0], center, got)
    expected = naive.sq_distances(X[: len(got)], center[None])[:, 0]
    # half an eps each for a difference (twice, squared), its square and d sums of positive terms
    rtol = (size.d + 3) / 2 * np.finfo(dtype).eps
    assert_allclose(got[: len(X)], expected.astype(np.float64), rtol=rtol)


def test_nearest_takes_the_lowest_index_among_equals(rows, centers, in_tiles, guarded):
    R = tile_rows(rows.dtype)
    tiles = guarded(in_tiles(rows))
    labels, best = guarded(np.full(R, -7, np.int32)), guarded(np.full(R, np.nan, rows.dtype))
    nearest(tiles[0], guarded(centers), labels, best)
    expected, sq_dist, _ = naive.nearest(rows[:R], centers)
    assert_array_equal(labels[: len(expected)], expected)
    assert_array_equal(best[: len(expected)], sq_dist)


def test_between_equal_centers_the_first_wins(dtype, in_tiles):
    tile = in_tiles(np.array([[0.0], [1.0], [2.0], [3.0]], dtype))[0]
    labels, best = np.empty(tile_rows(dtype), np.int32), np.empty(tile_rows(dtype), dtype)
    nearest(tile, np.array([[3.0], [1.0], [1.0], [3.0]], dtype), labels, best)
    assert_array_equal(labels[:4], [1, 1, 0, 0])  # 2 lies half-way between the first two
    assert_array_equal(best[:4], [1, 0, 1, 0])


def test_a_row_that_is_no_number_is_infinitely_far_from_center_0(dtype, in_tiles):
    tile = in_tiles(np.array([[1.0, np.nan], [1.0, 2.0]], dtype))[0]
    labels, best = np.empty(tile_rows(dtype), np.int32), np.empty(tile_rows(dtype), dtype)
    nearest(tile, np.array([[0.0, 0.0], [1.0, 2.0]], dtype), labels, best)
    assert_array_equal(labels[:2], [0, 1])
    assert_array_equal(best[:2], [np.inf, 0])


# --- all rows --------------------------------------------------------------------------------


def exact_grids(weight, X):
    heaviest = float(weight.max())
    return np.array([grid(heaviest * float(np.abs(X).max()), len(X)), grid(heaviest, len(X))])


def test_assign_labels_every_row_and_takes_changes_along(
    rng, rows, centers, size, in_tiles, in_lanes, guarded
):
    n, d, k = size
    weight = rng.randint(1, 4, size=n) / 2.0
    weight[rng.randint(4, size=n) == 0] = 0.0
    weight[0] = 1.5
    tiles = guarded(in_tiles(rows, GARBAGE))
    lanes = guarded(in_lanes(weight, tiles))
    old = rng.randint(-1, k, size=n).astype(np.int32)
    labels = guarded(in_lanes(old, tiles, padding=-7))
    sq_dist = guarded(np.full(lanes.size, np.nan, rows.dtype))
    slots = np.zeros((3, k, d + 1)), np.zeros((3, k, d + 1)), np.zeros(3), np.zeros(3, np.int64)
    high, low, objective, changed = (guarded(slot) for slot in slots)
    given = tiles, n, lanes, guarded(centers), exact_grids(weight, rows)
    assign.block(1, 0, len(tiles), *given, labels, sq_dist, high, low, objective, changed)
    expected, best, _ = naive.nearest(rows, centers)
    assert_array_equal(labels[:n], expected)
    assert_array_equal(labels[n:], -7)
    assert_array_equal(sq_dist[:n], best)
    counts, sums = naive.cluster_totals(rows, weight, expected, k)
    held = old >= 0
    before = naive.cluster_totals(rows[held], weight[held], old[held], k)
    assert_array_equal((high + low)[1, :, d], counts - before[0])
    assert_array_equal((high + low)[1, :, :d], sums - before[1])
    assert objective[1] == naive.inertia(rows, weight, expected, centers)
    assert changed[1] == np.count_nonzero(expected != old)
    for got in (high, low, objective, changed):
        assert_array_equal(got[[0, 2]], 0)  # the slots of other shards


def test_assign_of_one_shard_leaves_the_other_tiles_alone(dtype, in_tiles):
    R = tile_rows(dtype)
    tiles, centers = in_tiles(np.ones((3 * R, 1), dtype)), np.ones((1, 1), dtype)
    labels, sq_dist = np.full(3 * R, -1, np.int32), np.full(3 * R, np.nan, dtype)
    high, low, objective = np.zeros((1, 1, 2)), np.zeros((1, 1, 2)), np.zeros(1)
    changed = np.zeros(1, np.int64)
    weight = np.ones(3 * R)
    given = tiles, 3 * R, weight, centers, exact_grids(weight, np.ones((3 * R, 1)))
    assign.block(0, 1, 2, *given, labels, sq_dist, high, low, objective, changed)
    assert_array_equal(np.flatnonzero(labels == 0), np.arange(R, 2 * R))
    assert_array_equal(np.flatnonzero(sq_dist == 0), np.arange(R, 2 * R))
    assert (high[0, 0, 1] + low[0, 0, 1], changed[0]) == (R, R)


def test_all_rows_are_added_to_the_sums_of_their_labels(
    rng, rows, size, in_tiles, in_lanes, guarded
):
    n, d, k = size
    weight, labels = rng.randint(4, size=n) / 2.0, rng.randint(k, size=n).astype(np.int32)
    tiles = guarded(in_tiles(rows, GARBAGE))
    total = guarded(np.zeros((2, k, d + 1)))
    lanes = guarded(in_lanes(weight, tiles))
    add_rows.block(1, 0, len(tiles), tiles, n, lanes, guarded(in_lanes(labels, tiles)), total)
    counts, sums = naive.cluster_totals(rows, weight, labels, k)
    assert_array_equal(total[1, :, d], counts)
    assert_array_equal(total[1, :, :d], sums)
    assert_array_equal(total[0], 0)


def test_label_is_the_first_half_of_assign(rng, rows, centers, size, in_tiles, in_lanes, guarded):
    n, _, _ = size
    tiles, weight = guarded(in_tiles(rows, GARBAGE)), rng.randint(3, size=n) / 2.0
    lanes = guarded(in_lanes(weight, tiles))
    labels = guarded(np.full(lanes.size, -7, np.int32))
    sq_dist, objective = guarded(np.full(lanes.size, np.nan, rows.dtype)), guarded(np.full(3, 5.0))
    label.block(1, 0, len(tiles), tiles, lanes, guarded(centers), labels, sq_dist, objective)
    expected, best, _ = naive.nearest(rows, centers)
    assert_array_equal(labels[:n], expected)
    assert_array_equal(sq_dist[:n], best)
    assert_array_equal(objective, [5, 5 + naive.inertia(rows, weight, expected, centers), 5])


def test_distances_are_roots(rows, centers, size, in_tiles, guarded):
    tiles = guarded(in_tiles(rows, GARBAGE))
    dist = guarded(np.full((size.n, size.k), np.nan, rows.dtype))
    distances.block(0, 0, len(tiles), tiles, guarded(centers), dist)
    exact = naive.sq_distances(rows, centers).astype(rows.dtype)
    assert_array_equal(dist, np.sqrt(exact))  # both are rounded correctly


@pytest.mark.compiled
def test_three_threads_assign_the_same_bits_as_one(rng, in_tiles, in_lanes, assert_same_bits):
    n, d, k = 3001, 4, 5
    X = rng.normal(size=(n, d)).astype(np.float32)
    tiles, centers = in_tiles(X), X[:k].copy()
    weight = in_lanes(rng.uniform(size=n), tiles)
    bounds = np.linspace(0, len(tiles), 8).astype(np.int64)

    def totals(n_threads):
        found = [np.full(weight.size, -1, np.int32), np.zeros(weight.size, np.float32)]
        found += [np.zeros((7, k, d + 1)), np.zeros((7, k, d + 1)), np.zeros(7), np.zeros(7, int)]
        assign(n_threads, bounds, tiles, n, weight, centers, exact_grids(weight, X), *found)
        return found

    one = totals(1)
    assert (one[2] + one[3])[..., d].sum() == pytest.approx(weight.sum())
    assert_same_bits(totals(3), one)
