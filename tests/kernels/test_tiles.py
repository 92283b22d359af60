"""Packing of rows into tiles, and the first look at the columns."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.kernels.tiles import (
    LANES,
    add_range,
    column_range,
    count_digits,
    n_tiles,
    pack,
    pack_in_order,
    pack_rows,
    place_digits,
    put_in_place,
    reach,
    square,
    take_rows,
    tile_rows,
)

EPS = np.finfo(np.float64).eps


@pytest.mark.parametrize(("dtype", "rows"), [(np.float64, 32), (np.float32, 64)])
def test_a_tile_holds_256_bytes_of_every_feature(dtype, rows):
    assert tile_rows(dtype) == tile_rows(np.dtype(dtype)) == rows


def test_the_last_tile_may_be_partly_filled(dtype):
    R = tile_rows(dtype)
    assert [n_tiles(n, dtype) for n in (0, 1, R - 1, R, R + 1, 5 * R)] == [0, 1, 1, 1, 2, 5]


def test_pack_centres_scales_and_fills_up_with_zeros(rng, size, dtype, in_tiles, guarded):
    X = guarded(rng.normal(size=(size.n, size.d)).astype(dtype))
    origin, scale = guarded(rng.normal(size=size.d).astype(dtype)), dtype.type(0.25)
    expected = in_tiles((X - origin) * scale)
    got = guarded(np.full_like(expected, np.nan))
    pack.block(0, 0, len(got), X, origin, scale, got)
    assert_array_equal(got, expected)


def test_pack_writes_its_own_tiles_only(rng, dtype, in_tiles, guarded):
    X = rng.normal(size=(3 * tile_rows(dtype) + 1, 2)).astype(dtype)
    expected = in_tiles(X)
    got = guarded(np.full_like(expected, np.nan))
    pack.block(1, 1, 3, X, np.zeros(2, dtype), dtype.type(1), got)
    assert_array_equal(got[1:3], expected[1:3])
    assert np.isnan(got[[0, 3]]).all()


def test_pack_rows_begins_with_the_first_tile(rng, size, dtype, in_tiles, guarded):
    X = guarded(rng.normal(size=(size.n, size.d)).astype(dtype))
    origin, scale = guarded(rng.normal(size=size.d).astype(dtype)), dtype.type(4)
    expected = in_tiles((X - origin) * scale)
    got = guarded(np.full_like(expected, np.nan))
    pack_rows(X, origin, scale, got)
    assert_array_equal(got, expected)


def test_pack_in_order_is_pack_of_the_rows_in_that_order(rng, size, dtype, guarded):
    X = guarded(rng.normal(size=(size.n, size.d)).astype(dtype))
    origin, scale = guarded(rng.normal(size=size.d).astype(dtype)), dtype.type(0.25)
    order = guarded(rng.permutation(size.n))
    shape = n_tiles(size.n, dtype), size.d, tile_rows(dtype)
    got, expected = guarded(np.full(shape, np.nan, dtype)), np.full(shape, np.nan, dtype)
    pack_in_order.block(0, 0, len(got), X, order, origin, scale, got)
    pack.block(0, 0, len(got), X[order], origin, scale, expected)
    assert_array_equal(got, expected)


def test_pack_in_order_writes_its_own_tiles_only(rng, dtype, in_tiles, guarded):
    X = rng.normal(size=(3 * tile_rows(dtype) + 1, 2)).astype(dtype)
    order = rng.permutation(len(X))
    expected = in_tiles(X[order])
    got = guarded(np.full_like(expected, np.nan))
    pack_in_order.block(1, 1, 3, X, order, np.zeros(2, dtype), dtype.type(1), got)
    assert_array_equal(got[1:3], expected[1:3])
    assert np.isnan(got[[0, 3]]).all()


def test_a_shard_puts_its_own_rows_in_place(rng, dtype, guarded):
    found, order = guarded(rng.normal(size=50).astype(dtype)), guarded(rng.permutation(50))
    back = guarded(np.full(50, np.nan, dtype))
    put_in_place.block(1, 10, 40, found, order, back)
    assert_array_equal(back[order[10:40]], found[10:40])
    assert np.isnan(back[order[:10]]).all()
    assert np.isnan(back[order[40:]]).all()


@pytest.mark.parametrize(("shift", "bits"), [(0, 3), (2, 4), (40, 1), (5, 10)])
def test_digits_are_counted_by_shard(rng, guarded, shift, bits):
    keys = guarded(rng.randint(1 << 50, size=300))
    counts = guarded(np.zeros((3, 1 << bits), np.int64))
    count_digits.block(1, 20, 290, keys, shift, counts)
    digits = (keys >> shift) % (1 << bits)
    assert_array_equal(counts[1], np.bincount(digits[20:290], minlength=1 << bits))
    assert_array_equal(counts[[0, 2]], 0)


@given(st.lists(st.integers(0, 63), max_size=60), st.integers(0, 4), st.integers(1, 3))
def test_keys_are_placed_by_a_digit_and_keep_their_order_otherwise(given_keys, shift, bits):
    keys = np.array(given_keys, np.int64)
    digits = (keys >> shift) % (1 << bits)
    ends = np.cumsum(np.bincount(digits, minlength=1 << bits))
    places = np.concatenate([[0], ends[:-1]])[None]
    placed = np.full(len(keys), -1)
    place_digits.block(0, 0, len(keys), keys, shift, places, placed)
    assert_array_equal(placed, keys[np.argsort(digits, kind="stable")])
    assert_array_equal(places[0], ends)


@given(
    st.sampled_from([np.float64, np.float32]).flatmap(
        lambda dtype: arrays(dtype, st.tuples(st.integers(1, 70), st.integers(1, 3)))
    )
)
def test_packed_rows_can_be_taken_out_again_bit_for_bit(X):
    tiles = np.empty((n_tiles(len(X), X.dtype), X.shape[1], tile_rows(X.dtype)), X.dtype)
    X = np.where(np.isfinite(X), X, 0) + X.dtype.type(0)  # -0 - 0 is -0, but -0 + 0 is 0
    pack.block(0, 0, len(tiles), X, np.zeros(X.shape[1], X.dtype), X.dtype.type(1), tiles)
    assert take_rows(tiles, np.arange(len(X))).tobytes() == X.tobytes()


def test_take_rows_gives_copies_in_the_order_asked_for(rng, size, dtype, in_tiles):
    X = rng.normal(size=(size.n, size.d)).astype(dtype)
    tiles = in_tiles(X)
    rows = rng.randint(size.n, size=7)
    got = take_rows(tiles, rows)
    assert_array_equal(got, X[rows])
    assert not np.shares_memory(got, tiles)


def test_column_range_looks_at_its_own_rows_only(rng, size, dtype, guarded):
    X = guarded(rng.normal(size=(size.n, size.d)).astype(dtype))
    start, stop = size.n // 3, size.n
    total, low, high = (guarded(np.full((3, size.d), np.nan)) for _ in range(3))
    column_range.block(1, start, stop, X, total, low, high)
    mean, least, greatest = naive.column_statistics(X[start:stop])
    assert_array_equal(low[1], least)
    assert_array_equal(high[1], greatest)
    # a sum of m numbers in a row is off by less than m eps times the sum of their sizes
    m = stop - start
    assert_allclose(total[1], m * mean, rtol=0, atol=(m + 1) * EPS * np.abs(X).sum(0).max())
    for slots in (total, low, high):
        assert np.isnan(slots[[0, 2]]).all()


@pytest.mark.parametrize("d", range(1, 71))
def test_column_range_of_any_width(rng, d, dtype, guarded):
    """Narrow rows are read side by side, LANES values at once, and what is left row by row."""
    at_once = max(1, LANES // d)
    for n in {1, at_once - 1, at_once, at_once + 1, 3 * at_once + 2} - {0}:
        X = guarded(rng.randint(-99, 100, (n, d)).astype(dtype))  # integers: every sum is exact
        total, low, high = (guarded(np.full((1, d), np.nan)) for _ in range(3))
        column_range.block(0, 0, n, X, total, low, high)
        assert_array_equal(total[0], X.sum(0, dtype=np.float64))
        assert_array_equal(low[0], X.min(0))
        assert_array_equal(high[0], X.max(0))


def test_add_range_adds_to_what_is_there(dtype):
    total, low, high = np.ones(4), np.array([0.0, 5, 5, 5]), np.array([0.0, 1, 7, 1])
    add_range(np.array([3, 4, 6], dtype), total, low, high)
    assert_array_equal(total, [4, 5, 7, 1])
    assert_array_equal(low, [0, 4, 5, 5])
    assert_array_equal(high, [3, 4, 7, 1])


def test_the_range_of_no_rows_is_empty(dtype):
    total, low, high = np.full((3, 1, 2), np.nan)
    column_range.block(0, 4, 4, np.ones((9, 2), dtype), total, low, high)
    assert_array_equal(total, 0)
    assert_array_equal(low, np.inf)
    assert_array_equal(high, -np.inf)


def test_square_adds_to_what_is_there(rng, size, dtype, guarded):
    X = rng.randint(-9, 10, (size.n, size.d)).astype(dtype)  # integers: every sum is exact
    origin = guarded(rng.randint(-3, 4, size.d).astype(dtype))
    before = np.array([[1.0], [2.0], [3.0]]) * np.ones(size.d)
    squares = guarded(before)
    square.block(1, 0, size.n, guarded(X), origin, dtype.type(0.5), squares)
    assert_array_equal(squares[[0, 2]], before[[0, 2]])
    assert_array_equal(squares[1], 2 + ((X.astype(np.float64) - origin) ** 2).sum(0) / 4)


def test_reach_is_the_largest_distance_from_the_origin(rng, size, dtype, guarded):
    X = rng.normal(size=(size.n, size.d)).astype(dtype)
    origin, found = guarded(rng.normal(size=size.d).astype(dtype)), guarded(np.zeros(3))
    reach.block(1, 0, size.n, guarded(X), origin, found)
    assert_array_equal(found, [0, np.abs(X - origin).max(), 0])


@pytest.mark.compiled
def test_three_threads_pack_the_same_bits_as_one(rng, assert_same_bits):
    X = rng.normal(size=(1000, 3))
    one, three = np.full((2, n_tiles(1000, X.dtype), 3, tile_rows(X.dtype)), np.nan)
    bounds = np.linspace(0, len(one), 8).astype(np.int64)
    pack(1, bounds, X, X[0].copy(), 0.5, one)
    pack(3, bounds, X, X[0].copy(), 0.5, three)
    assert not np.isnan(one).any()
    assert_same_bits(three, one)
