"""Shards: fixed ranges of tiles whose totals are added up in order, whoever computed them."""

import functools
import math

import numpy as np

MOST_SHARDS = 64  # of few tiles
# of many, as several have to be in memory at once where rows are read in every pass
TILES_A_SHARD, MOST_OF_MANY = 256, 4096
WORK_A_SHARD = 5e4  # floating-point operations, some microseconds: to call a kernel costs one
SLOT_BYTES = 1 << 23  # all shards' totals together: more costs page faults and a longer fold
# Where totals are large, shards are a multiple of so many: 2 or 4 threads then have equal shares.
FEWEST_SHARDS = 4


def shard_bounds(n_tiles, work, slot_bytes=0):
    """Bounds of the shards, (n_shards + 1,) int64, from the data alone and never from the number of threads.

    `work` is what is to be done to all tiles, in floating-point operations, and `slot_bytes` the size of
    one shard's totals.
    """
    most = max(MOST_SHARDS, min(n_tiles // TILES_A_SHARD, MOST_OF_MANY))
    worth = max(1, math.ceil(min(work / WORK_A_SHARD, most)))
    fours = max(1, round(SLOT_BYTES / (FEWEST_SHARDS * max(slot_bytes, 1))))
    most = min(most, FEWEST_SHARDS * fours)
    return _equal_parts(n_tiles, min(most, worth, n_tiles))


@functools.lru_cache(maxsize=128)  # every pass asks
def _equal_parts(n_tiles, n_shards):
    """Bounds of so many shards; nobody writes to them, but for Numba a read-only array is another type."""
    return np.arange(n_shards + 1) * n_tiles // max(n_shards, 1)
