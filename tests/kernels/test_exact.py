"""Sums that do not depend on the order of their terms."""

import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmix.kernels.exact import (
    MANY,
    MOST_BESIDE,
    columns,
    differ,
    exchange,
    fold,
    grids_of,
    move_tile,
    relabel,
    rows_beside,
    turn,
)
from fastmix.kernels.simd_exact import _exchange_plainly
from fastmix.kernels.tiles import tile_rows

N, D, K = 200, 3, 4


@pytest.fixture
def terms(rng):
    """Rows over 15 decades, their weights, and the grids of both."""
    X = rng.normal(size=(D, N)) * 10.0 ** rng.randint(-15, 1, (D, N))
    weight = rng.uniform(0.5, 2, N)
    return X, weight, grids_of(weight.max() * np.abs(X).max(), weight.max(), N, D)


def sums(terms, order, labels, moves=()):
    X, weight, grids = terms
    found = np.zeros((K, 2, columns(D)))
    for r in order:
        exchange(X, r, weight[r], -1, labels[r], grids, found)
    for r, before, now in moves:
        exchange(X, r, weight[r], before, now, grids, found)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_does_not_matter(terms, seed, rng):
    labels = rng.randint(K, size=N)
    order = np.random.RandomState(seed).permutation(N)
    assert_array_equal(sums(terms, order, labels), sums(terms, range(N), labels))


@pytest.mark.parametrize("d", [1, 3, 7, 8, 9, 16, 20])
@pytest.mark.parametrize("before", [-1, 0, 2])
def test_vectors_do_what_the_plain_loop_does(rng, dtype, in_tiles, guarded, d, before):
    R = tile_rows(dtype)
    tile = guarded(in_tiles(rng.normal(size=(R, d)).astype(dtype))[0])
    grids, start = grids_of(9.0, 2.0, R, d), rng.randint(-9, 9, (3, 2, columns(d))).astype(float)
    found, expected = guarded(start), start.copy()
    for r, w in enumerate(rng.uniform(size=R)):
        exchange(tile, r, w, before, 2, grids, found)
        _exchange_plainly(tile, r, w, before, 2, grids, expected)
    assert_array_equal(found, expected)


def test_rows_that_leave_take_exactly_their_part_along(terms, rng):
    labels, later = rng.randint(K, size=(2, N))
    moves = [(r, labels[r], later[r]) for r in rng.permutation(N)]
    assert_array_equal(sums(terms, range(N), labels, moves), sums(terms, range(N), later))


def test_sums_are_those_of_exact_arithmetic(terms):
    X, weight, _ = terms
    above, below = sums(terms, range(N), np.zeros(N, int))[0]
    largest = weight.max() * np.abs(X).max()
    for j in range(D):
        exact = math.fsum(weight * X[j])
        # products are rounded once; a row loses 2**(2 * 9 - 104) of the largest; one rounding at the end
        assert abs(above[j] + below[j] - exact) <= 2**-53 * abs(exact) + N * 2**-86 * largest
    assert above[D] + below[D] == pytest.approx(math.fsum(weight), rel=2**-52)


def test_halves_lie_on_their_grids_and_lose_no_more_than_the_finer_one(terms):
    X, weight, grids = terms
    coarse, fine = grids[:, 0] * 2.0**-52 / 1.5  # steps of a number as large as the constants
    for term in (weight * X).ravel():
        sums, row = np.zeros((1, 2, columns(D))), np.full((D, 1), term)
        exchange(row, 0, 1.0, -1, 0, grids, sums)
        above, below = sums[0, :, 0]
        assert (above % coarse, below % fine) == (0, 0)
        assert abs(term - above) <= coarse / 2
        assert abs(term - above - below) <= fine / 2


def test_nothing_but_zeros_has_a_grid_too():
    assert np.all(np.isfinite(grids_of(0.0, 1.0, 5, D)))
    assert np.all(grids_of(0.0, 1.0, 5, D) > 0)


@pytest.mark.parametrize("before", [-1, 0, 2])
def test_a_whole_tile_moves_as_its_rows_do(rng, dtype, in_tiles, guarded, before):
    R = tile_rows(dtype)
    X, weight = rng.normal(size=(R, 3)).astype(dtype), rng.uniform(-1.0, 1.0, size=R)
    tile = guarded(in_tiles(X)[0])
    grids = grids_of(np.abs(X).max(), 1.0, R, 3)
    found, expected = (guarded(np.zeros((3, 2, columns(3)))) for _ in range(2))
    move_tile(tile, guarded(weight), before, 2, grids, found)
    if before != 2:
        for r in range(R):
            exchange(tile, r, weight[r], before, 2, grids, expected)
    assert_array_equal(found, expected)


@pytest.mark.parametrize("moving", [0, 1, MANY - 1, MANY, None])
@pytest.mark.parametrize("d", [1, 3, 8, 20, MOST_BESIDE])
def test_relabelled_rows_go_along_and_the_others_stay(rng, dtype, in_tiles, guarded, d, moving):
    """One by one as all together: the sums have the same bits."""
    R = tile_rows(dtype)
    X, weight = rng.normal(size=(R, d)).astype(dtype), rng.uniform(size=R - 1)
    tile, grids = guarded(in_tiles(X)[0]), guarded(grids_of(9.0, 1.0, R, d))
    labels = rng.randint(-1, K, R - 1).astype(np.int32)  # the last row is none
    later = labels.copy()
    some = rng.permutation(R - 1)[:moving]
    later[some] = (labels[some] + 1) % K

    def held(by):
        found = np.zeros((K, 2, columns(d)))
        for r in np.flatnonzero(by >= 0):
            _exchange_plainly(tile, r, weight[r], -1, by[r], grids, found)
        return found

    mine, found = guarded(labels), guarded(held(labels))
    beside = guarded(rows_beside(tile, grids))
    given = tile, guarded(weight), np.append(later, 0).astype(np.int32), mine, grids, beside, found
    assert relabel(*given) == len(some)
    assert_array_equal(mine, later)
    assert_array_equal(found, held(later))


@pytest.mark.parametrize("d", [1, 7, 8, 9, 20])
def test_a_turned_tile_is_its_rows(rng, dtype, in_tiles, guarded, d):
    X = rng.normal(size=(tile_rows(dtype), d)).astype(dtype)
    tile, grids = guarded(in_tiles(X)[0]), grids_of(9.0, 1.0, 9, d)
    rows = guarded(rows_beside(tile, grids))
    turn(tile, rows)
    assert_array_equal(rows[:, :d], X)
    assert_array_equal(rows[:, d], 1)
    assert_array_equal(rows[:, d + 1 :], 0)


def test_places_that_differ_are_counted(rng, guarded):
    left, right = (guarded(rng.randint(2, size=40).astype(np.int32)) for _ in range(2))
    for m in (0, 1, 31, 40):
        assert differ(left, right[:m]) == np.count_nonzero(left[:m] != right[:m])


# --- fold ------------------------------------------------------------------------------------


def test_changes_are_added_and_taken_away_where_there_are_any(rng, guarded):
    """Integers: every sum is exact."""
    changes = rng.randint(-99, 100, (4, K, 2, columns(D))).astype(np.float64)
    changed = np.array([3, 0, 1, 0])
    before = rng.randint(-99, 100, (K, 2, columns(D))).astype(np.float64)
    slots, total = guarded(changes), guarded(before)
    fold.block(0, 1, 3, guarded(changed), slots, total)
    assert_array_equal(total[1:3], (before + changes[0] + changes[2])[1:3])
    assert_array_equal(total[[0, 3]], before[[0, 3]])  # the clusters of other shards
    assert_array_equal(slots[[0, 2], 1:3], 0)
    assert_array_equal(slots[[0, 2]][:, [0, 3]], changes[[0, 2]][:, [0, 3]])
    assert_array_equal(slots[[1, 3]], changes[[1, 3]])  # nobody has looked at them


@pytest.mark.compiled
@pytest.mark.parametrize("n_threads", [2, 3])
def test_more_threads_fold_the_same_bits(rng, n_threads, assert_same_bits):
    changes, bounds = rng.normal(size=(5, 9, 2, columns(D))), np.arange(10)

    def folded(n_threads):
        slots, total = changes.copy(), np.ones((9, 2, columns(D)))
        fold(n_threads, bounds, np.array([1, 0, 2, 3, 4]), slots, total)
        return slots, total

    one = folded(1)
    assert np.count_nonzero(one[0]) == one[0][1].size
    assert_same_bits(folded(n_threads), one)
