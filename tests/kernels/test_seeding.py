"""Distances to the nearest seed, on small integers: every sum is exact."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmix.kernels.seeding import add_seed, potential
from fastmix.kernels.tiles import tile_rows

NOBODY = np.zeros(2, np.uint64)
GARBAGE = 3  # where tiles are padded: whoever counts it is found out


@pytest.fixture
def rows(rng, size, dtype):
    return rng.randint(-5, 6, (size.n, size.d)).astype(dtype)


@pytest.fixture
def weight(rng, size):
    return rng.randint(3, size=size.n) / 2.0  # a third of them 0


def test_add_seed_keeps_the_distance_to_the_nearest_seed(
    rows, weight, rng, in_tiles, in_lanes, guarded
):
    n, R = len(rows), tile_rows(rows.dtype)
    tiles = guarded(in_tiles(rows, GARBAGE))
    lanes = guarded(in_lanes(weight, tiles))
    closest = guarded(np.full((2, lanes.size), np.inf, rows.dtype))
    seeds = rng.randint(-5, 6, (4, 2, rows.shape[1])).astype(rows.dtype)
    nothing = np.zeros((2, len(tiles)), np.uint64)
    for m in range(4):
        tile_potential = guarded(np.full((2, len(tiles)), np.nan))
        given = tiles, lanes, guarded(seeds[m]), nothing, NOBODY
        add_seed.block(0, 0, len(tiles), *given, closest, tile_potential)
        for start in range(2):
            expected = naive.sq_distances(rows, seeds[: m + 1, start]).min(axis=1)
            assert_array_equal(closest[start, :n], expected)
            weighted = in_lanes((weight * expected).astype(np.float64), tiles)
            assert_array_equal(tile_potential[start], weighted.reshape(-1, R).sum(axis=1))


def test_add_seed_looks_at_its_own_tiles_only(dtype, in_tiles):
    R = tile_rows(dtype)
    tiles, closest = in_tiles(np.ones((3 * R, 1), dtype)), np.full((1, 3 * R), np.inf, dtype)
    tile_potential = np.full((1, 3), np.nan)
    nothing = np.zeros((1, 3), np.uint64)
    given = tiles, np.ones(3 * R), np.zeros((1, 1), dtype), nothing, NOBODY[:1]
    add_seed.block(1, 1, 2, *given, closest, tile_potential)
    assert_array_equal(tile_potential, [[np.nan, R, np.nan]])
    assert_array_equal(closest[0], np.repeat([np.inf, 1, np.inf], R))


def test_potential_is_what_every_candidate_would_leave(
    rows, weight, rng, in_tiles, in_lanes, guarded
):
    d = rows.shape[1]
    seeds, candidates = np.split(rng.randint(-5, 6, (2, 6, d)).astype(rows.dtype), [1], axis=1)
    tiles = guarded(in_tiles(rows, GARBAGE))
    lanes = guarded(in_lanes(weight, tiles))
    totals = guarded(np.full((3, 2, 5), 7.0))
    closest = [naive.sq_distances(rows, seed)[:, 0] for seed in seeds]
    near = [in_lanes(its.astype(rows.dtype), tiles, padding=99) for its in closest]
    near, closer = guarded(np.array(near)), guarded(np.zeros((2, len(tiles)), np.uint64))
    points = guarded(np.ascontiguousarray(candidates))
    potential.block(1, 0, len(tiles), tiles, lanes, points, near, closer, totals)
    assert_array_equal(totals[[0, 2]], 7)
    assert_array_equal(near[:, : len(rows)], closest)  # nothing is decided yet
    for start in range(2):
        sq_dist = naive.sq_distances(rows, candidates[start])
        left = np.minimum(closest[start][:, None], sq_dist)
        assert_array_equal(totals[1, start], 7 + weight @ left)
        for c in range(5):
            improves = sq_dist[:, c] < closest[start]
            some = in_lanes(improves.astype(float), tiles).reshape(len(tiles), -1).any(1)
            noted = (closer[start] >> np.uint64(c)) & np.uint64(1) == 1
            assert np.all(noted[some])  # padded lanes may be noted too
            whole = np.arange(len(tiles)) < len(rows) // tiles.shape[2]
            assert_array_equal(noted[whole], some[whole])


def test_tiles_that_a_seed_does_not_come_closer_to_are_left_alone(rng, dtype, in_tiles):
    R = tile_rows(dtype)
    tiles = in_tiles(rng.normal(size=(4 * R, 2)).astype(dtype))
    closest, tile_potential = np.full((2, 4 * R), 99, dtype), np.full((2, 4), -1.0)
    closer = np.array([[1, 2, 3, 4], [4, 1, 1, 1]], np.uint64)
    given = tiles, np.ones(4 * R), np.zeros((2, 2), dtype), closer, np.array([2, 4], np.uint64)
    add_seed.block(0, 0, 4, *given, closest, tile_potential)
    expected = [[False, True, True, False], [True, False, False, False]]
    assert_array_equal(tile_potential >= 0, expected)
    assert_array_equal((closest < 99).reshape(2, 4, R).all(2), expected)


@pytest.mark.compiled
def test_three_threads_add_a_seed_with_the_same_bits_as_one(
    rng, in_tiles, in_lanes, assert_same_bits
):
    X = rng.normal(size=(2001, 3))
    tiles = in_tiles(X)
    weight = in_lanes(rng.uniform(size=2001), tiles)
    bounds = np.linspace(0, len(tiles), 8).astype(np.int64)

    def run(n_threads):
        closest, tile_potential = (
            np.full((2, weight.size), np.inf),
            np.full((2, len(tiles)), np.nan),
        )
        given = tiles, weight, X[[7, 8]], np.zeros((2, len(tiles)), np.uint64), NOBODY
        add_seed(n_threads, bounds, *given, closest, tile_potential)
        return closest, tile_potential

    one = run(1)
    assert one[0][0, 7] == one[0][1, 8] == 0
    assert_same_bits(run(3), one)
