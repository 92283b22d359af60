"""Distances to the nearest seed, for k-means++."""

import numpy as np

from fastmix._numba import parallel_kernel
from fastmix.kernels.lloyd import sq_distances


@parallel_kernel
def potential(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    weight,  # in      (n_tiles * R,) float64, zero where padded
    candidates,  # in      (L, d)
    closest,  # in      (n_tiles * R,) squared distance to the nearest seed
    totals,  # in/out  (n_shards, L) float64
):
    """Add the weighted squared distances that would be left with each candidate as one more seed."""
    R = tiles.shape[2]
    sq_dist, lanes = np.empty(R, tiles.dtype), np.zeros((candidates.shape[0], R))
    for t in range(start, stop):
        first = t * R
        for c in range(candidates.shape[0]):
            sq_distances(tiles[t], candidates[c], sq_dist)
            for r in range(R):
                left = closest[first + r]
                left = sq_dist[r] if sq_dist[r] < left else left
                lanes[c, r] += weight[first + r] * left
    for c in range(candidates.shape[0]):
        for r in range(R):
            totals[shard, c] += lanes[c, r]


@parallel_kernel
def add_seed(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    weight,  # in      (n_tiles * R,) float64, zero where padded
    seed,  # in      (d,)
    closest,  # in/out  (n_tiles * R,) squared distance to the nearest seed
    tile_potential,  # out     (n_tiles,) float64
):
    """Bring closest up to date for one more seed; also its weighted sum over every tile."""
    R = tiles.shape[2]
    sq_dist = np.empty(R, tiles.dtype)
    for t in range(start, stop):
        first, total = t * R, 0.0
        sq_distances(tiles[t], seed, sq_dist)
        for r in range(R):
            left = closest[first + r]
            left = sq_dist[r] if sq_dist[r] < left else left
            closest[first + r] = left
            total += weight[first + r] * left
        tile_potential[t] = total
