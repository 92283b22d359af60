"""Where shards begin and end."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from fastmix.kernels.shards import (
    FEWEST_SHARDS,
    MOST_OF_MANY,
    MOST_SHARDS,
    SLOT_BYTES,
    TILES_A_SHARD,
    WORK_A_SHARD,
    shard_bounds,
)

TILES = st.one_of(st.integers(1, 200), st.integers(1, 1 << 40))
LOTS = math.inf
BYTES = st.one_of(st.just(0), st.integers(1, 1 << 40))


def test_few_tiles_are_a_shard_each():
    for n_tiles in range(FEWEST_SHARDS + 1):
        assert_array_equal(shard_bounds(n_tiles, LOTS), np.arange(n_tiles + 1))
        assert_array_equal(shard_bounds(n_tiles, LOTS, SLOT_BYTES), np.arange(n_tiles + 1))


@given(TILES, BYTES)
def test_shards_respond_all_tiles_evenly(n_tiles, slot_bytes):
    bounds = shard_bounds(n_tiles, LOTS, slot_bytes)
    assert bounds.dtype == np.int64
    assert (bounds[0], bounds[-1]) == (0, n_tiles)
    sizes = np.diff(bounds)
    assert sizes.min() >= 1
    assert sizes.max() - sizes.min() <= 1


@given(TILES, BYTES)
def test_there_are_as_many_shards_as_tiles_and_memory_allow(n_tiles, slot_bytes):
    n_shards = len(shard_bounds(n_tiles, LOTS, slot_bytes)) - 1
    most = min(n_tiles, max(MOST_SHARDS, min(n_tiles // TILES_A_SHARD, MOST_OF_MANY)))
    assert min(FEWEST_SHARDS, n_tiles) <= n_shards <= most
    half = FEWEST_SHARDS // 2  # to the nearest multiple
    if n_shards > FEWEST_SHARDS:
        assert (n_shards - half) * slot_bytes <= SLOT_BYTES
    if n_shards < most:  # memory was the limit
        assert n_shards % FEWEST_SHARDS == 0
        assert (n_shards + half) * slot_bytes >= SLOT_BYTES


@given(TILES, BYTES, st.one_of(st.integers(0, 1 << 50), st.just(LOTS)))
def test_what_is_not_worth_a_shard_gets_none(n_tiles, slot_bytes, work):
    bounds = shard_bounds(n_tiles, work, slot_bytes)
    n_shards, most = len(bounds) - 1, len(shard_bounds(n_tiles, LOTS, slot_bytes)) - 1
    assert 1 <= n_shards <= most
    assert (
        n_shards == 1 or work / (n_shards - 1) > WORK_A_SHARD
    )  # all but one do as much, or nearly
    assert n_shards == most or work / n_shards <= WORK_A_SHARD
    assert (bounds[0], bounds[-1]) == (0, n_tiles)
    assert np.ptp(np.diff(bounds)) <= 1
