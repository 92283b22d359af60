"""Shards: fixed ranges of tiles whose totals are added up in order, whoever computed them."""

import numpy as np

MOST_SHARDS = 64
SLOT_BYTES = 1 << 23  # all shards' totals together: more costs page faults and a longer fold
FEWEST_SHARDS = 4  # where one shard's totals alone are that large, for threads' sake


def shard_bounds(n_tiles, slot_bytes=0, tiles_a_shard=1):
    """Bounds of the shards, (n_shards + 1,) int64, from the data alone and never from the number of threads.

    `slot_bytes` is the size of one shard's totals, and `tiles_a_shard` how many are worth a shard of their
    own: there are no more shards than such portions.
    """
    most = max(FEWEST_SHARDS, min(MOST_SHARDS, SLOT_BYTES // max(slot_bytes, 1)))
    n_shards = min(most, -(-n_tiles // tiles_a_shard))
    return np.arange(n_shards + 1) * n_tiles // max(n_shards, 1)
