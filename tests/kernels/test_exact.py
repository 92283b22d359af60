"""Sums that do not depend on the order of their terms."""

import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmix.kernels.exact import exchange, grid, move_tile
from fastmix.kernels.tiles import tile_rows

N, D, K = 200, 3, 4


@pytest.fixture
def terms(rng):
    """Rows over 15 decades, their weights, and the grids of both."""
    X = rng.normal(size=(D, N)) * 10.0 ** rng.randint(-15, 1, (D, N))
    weight = rng.uniform(0.5, 2, N)
    sizes = weight.max() * np.abs(X).max(), weight.max()
    return X, weight, np.array([grid(size, N) for size in sizes])


def sums(terms, order, labels, moves=()):
    X, weight, grids = terms
    high, low = np.zeros((2, K, D + 1))
    for r in order:
        exchange(X, r, weight[r], -1, labels[r], grids, high, low)
    for r, before, now in moves:
        exchange(X, r, weight[r], before, now, grids, high, low)
    return high, low


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_does_not_matter(terms, seed, rng):
    labels = rng.randint(K, size=N)
    order = np.random.RandomState(seed).permutation(N)
    for got, expected in zip(
        sums(terms, order, labels), sums(terms, range(N), labels), strict=True
    ):
        assert_array_equal(got, expected)


def test_rows_that_leave_take_exactly_their_part_along(terms, rng):
    labels, later = rng.randint(K, size=(2, N))
    moves = [(r, labels[r], later[r]) for r in rng.permutation(N)]
    for got, expected in zip(
        sums(terms, range(N), labels, moves), sums(terms, range(N), later), strict=True
    ):
        assert_array_equal(got, expected)


def test_sums_are_those_of_exact_arithmetic(terms):
    X, weight, _ = terms
    high, low = sums(terms, range(N), np.zeros(N, int))
    largest = weight.max() * np.abs(X).max()
    for j in range(D):
        exact = math.fsum(weight * X[j])
        # products are rounded once; a row loses 2**(2 * 9 - 104) of the largest; one rounding at the end
        assert abs(high[0, j] + low[0, j] - exact) <= 2**-53 * abs(exact) + N * 2**-86 * largest
    assert high[0, D] + low[0, D] == pytest.approx(math.fsum(weight), rel=2**-52)


def test_nothing_but_zeros_has_a_grid_too():
    assert np.all(np.isfinite(grid(0.0, 5)))
    assert np.all(grid(0.0, 5) > 0)


@pytest.mark.parametrize("before", [-1, 0, 2])
def test_a_whole_tile_moves_as_its_rows_do(rng, dtype, in_tiles, guarded, before):
    R = tile_rows(dtype)
    X, weight = rng.normal(size=(R, 3)).astype(dtype), rng.uniform(size=R)
    tile = guarded(in_tiles(X)[0])
    grids = np.array([grid(np.abs(X).max(), R), grid(1.0, R)])
    high, low, expected_high, expected_low = (guarded(np.zeros((3, 4))) for _ in range(4))
    move_tile(tile, guarded(weight), before, 2, grids, high, low, guarded(np.ones((3, R))))
    if before != 2:
        for r in range(R):
            exchange(tile, r, weight[r], before, 2, grids, expected_high, expected_low)
    assert_array_equal(high, expected_high)
    assert_array_equal(low, expected_low)
