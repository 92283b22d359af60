"""Nearest centers and the totals of clusters, against distances in long double.

Most data are small integers: their squared distances and sums are exact in both dtypes, and many
are equal.
"""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix._numba import kernel
from fastmix.kernels.exact import columns, grids_of
from fastmix.kernels.lloyd import (
    add_rows,
    assign,
    own_distances,
    own_distances_of,
    squares,
    weighted_sum,
)
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


def test_own_distances_are_exact_where_the_numbers_are(rng, rows, centers, size, in_tiles, guarded):
    R = tile_rows(rows.dtype)
    tiles, first = guarded(in_tiles(rows, GARBAGE)), rows[:R]
    labels = guarded(rng.randint(size.k, size=len(first)).astype(np.int32))
    got = guarded(np.full(R, np.nan, rows.dtype))
    own_distances_of(tiles[0], labels, guarded(centers), got)
    expected = naive.sq_distances(first, centers)[np.arange(len(first)), labels]
    assert_array_equal(got[: len(first)], expected)
    assert np.isnan(got[len(first) :]).all()


def test_own_distances_lose_few_bits_far_from_zero(rng, size, dtype, in_tiles):
    X, centers = ((1000 + rng.normal(size=(m, size.d))).astype(dtype) for m in (size.n, size.k))
    first = X[: tile_rows(dtype)]
    labels, got = rng.randint(size.k, size=len(first)).astype(np.int32), np.empty(len(first), dtype)
    own_distances_of(in_tiles(X)[0], labels, centers, got)
    expected = naive.sq_distances(first, centers)[np.arange(len(first)), labels]
    # half an eps each for a difference (twice, squared), its square and d sums of positive terms
    rtol = (size.d + 3) / 2 * np.finfo(dtype).eps
    assert_allclose(got, expected.astype(np.float64), rtol=rtol)


def test_own_distances_are_those_that_nearest_finds_bit_for_bit(
    rng, size, dtype, in_tiles, assert_same_bits
):
    """The farthest rows, which fill empty clusters, are the same whoever has measured them."""
    X, centers = (rng.normal(size=(m, size.d)).astype(dtype) for m in (size.n, size.k))
    tile, R = in_tiles(X)[0], tile_rows(dtype)
    labels, best, own = np.empty(R, np.int32), np.empty(R, dtype), np.empty(R, dtype)
    nearest(tile, centers, labels, best)
    own_distances_of(tile, labels, centers, own)
    assert_same_bits(own, best)


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
    return grids_of(heaviest * float(np.abs(X).max()), heaviest, *X.shape)


@pytest.mark.parametrize("many", [True, None])
def test_assign_labels_every_row_and_takes_changes_along(
    rng, rows, centers, size, in_tiles, in_lanes, guarded, many
):
    n, d, k = size
    weight = rng.randint(1, 4, size=n) / 2.0
    weight[rng.randint(4, size=n) == 0] = 0.0
    weight[0] = 1.5
    tiles = guarded(in_tiles(rows, GARBAGE))
    lanes = guarded(in_lanes(weight, tiles))
    old = rng.randint(-1, k, size=n).astype(np.int32)
    labels = guarded(in_lanes(old, tiles, padding=-7))
    slots = np.zeros((3, k, 2, columns(d))), np.zeros(3), np.zeros(3, np.int64)
    changes, objective, changed = (guarded(slot) for slot in slots)
    given = tiles, n, lanes, guarded(centers), exact_grids(weight, rows)
    assign.block(1, 0, len(tiles), *given, labels, many, changes, objective, changed)
    expected, _, _ = naive.nearest(rows, centers)
    assert_array_equal(labels[:n], expected)
    assert_array_equal(labels[n:], -7)
    counts, sums = naive.cluster_totals(rows, weight, expected, k)
    held = old >= 0
    before = naive.cluster_totals(rows[held], weight[held], old[held], k)
    total = changes.sum(2)[1]
    assert_array_equal(total[:, d], counts - before[0])
    assert_array_equal(total[:, :d], sums - before[1])
    assert objective[1] == naive.inertia(rows, weight, expected, centers)
    assert changed[1] == np.count_nonzero(expected != old)
    for got in (changes, objective, changed):
        assert_array_equal(got[[0, 2]], 0)  # the slots of other shards


def test_assign_of_one_shard_leaves_the_other_tiles_alone(dtype, in_tiles):
    R = tile_rows(dtype)
    tiles, centers = in_tiles(np.ones((3 * R, 1), dtype)), np.ones((1, 1), dtype)
    labels = np.full(3 * R, -1, np.int32)
    changes, objective, changed = (
        np.zeros((1, 1, 2, columns(1))),
        np.zeros(1),
        np.zeros(1, np.int64),
    )
    weight = np.ones(3 * R)
    given = tiles, 3 * R, weight, centers, exact_grids(weight, np.ones((3 * R, 1)))
    assign.block(0, 1, 2, *given, labels, True, changes, objective, changed)
    assert_array_equal(np.flatnonzero(labels == 0), np.arange(R, 2 * R))
    assert (changes[0, 0, :, 1].sum(), changed[0]) == (R, R)


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


def test_own_distances_are_those_to_the_label(
    rng, rows, centers, size, in_tiles, in_lanes, guarded
):
    n, _, k = size
    labels, weight = rng.randint(k, size=n).astype(np.int32), rng.randint(3, size=n) / 2.0
    tiles = guarded(in_tiles(rows, GARBAGE))
    lanes = guarded(in_lanes(weight, tiles))
    sq_dist, objective = guarded(np.full(lanes.size, np.nan, rows.dtype)), guarded(np.full(3, 5.0))
    given = tiles, n, lanes, guarded(centers), guarded(in_lanes(labels, tiles, padding=-7))
    own_distances.block(1, 0, len(tiles), *given, sq_dist, objective)
    assert_array_equal(sq_dist[:n], naive.sq_distances(rows, centers)[np.arange(n), labels])
    assert_array_equal(objective, [5, 5 + naive.inertia(rows, weight, labels, centers), 5])


def test_squares_are_weighted_sums_about_zero(rng, rows, size, in_tiles, in_lanes, guarded):
    weight, tiles = rng.randint(3, size=size.n) / 2.0, guarded(in_tiles(rows))
    total = guarded(np.full(3, 5.0))
    squares.block(1, 0, len(tiles), tiles, guarded(in_lanes(weight, tiles)), total)
    expected = naive.inertia(rows, weight, np.zeros(size.n, int), np.zeros((1, size.d)))
    assert_array_equal(total, [5, 5 + expected, 5])


def test_squares_of_one_shard_leave_the_other_tiles_out(dtype, in_tiles):
    R, total = tile_rows(dtype), np.zeros(1)
    squares.block(0, 1, 2, in_tiles(2 * np.ones((3 * R, 2), dtype)), np.full(3 * R, 0.5), total)
    assert total == [0.5 * R * (4 + 4)]


def test_squares_of_float32_are_taken_in_float64(in_tiles):
    tiles, total = in_tiles(np.full((3, 1), 3e30, np.float32)), np.zeros(1)
    squares.block(0, 0, 1, tiles, np.repeat([1.0, 0.0], [3, 61]), total)
    assert total[0] == pytest.approx(2.7e61)


def test_what_weighs_nothing_may_be_infinite(dtype):
    values, weight = np.array([1.0, np.inf, 3.0], dtype), np.array([2.0, 0.0, 0.5])
    assert weighted_sum(values, weight) == 3.5


@pytest.mark.compiled
def test_three_threads_assign_the_same_bits_as_one(rng, in_tiles, in_lanes, assert_same_bits):
    n, d, k = 3001, 4, 5
    X = rng.normal(size=(n, d)).astype(np.float32)
    tiles, centers = in_tiles(X), X[:k].copy()
    weight = in_lanes(rng.uniform(size=n), tiles)
    bounds = np.linspace(0, len(tiles), 8).astype(np.int64)

    def totals(n_threads):
        found = [np.full(weight.size, -1, np.int32)]
        found += [np.zeros((7, k, 2, columns(d))), np.zeros(7), np.zeros(7, int)]
        given = tiles, n, weight, centers, exact_grids(weight, X), found[0], True
        assign(n_threads, bounds, *given, *found[1:])
        return found

    one = totals(1)
    assert one[1][..., d].sum() == pytest.approx(weight.sum())
    assert_same_bits(totals(3), one)
