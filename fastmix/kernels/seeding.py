"""Distances to the nearest seed, for k-means++."""

import numpy as np

from fastmix._numba import parallel_kernel
from fastmix.kernels.simd_kmeans import remaining


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
    L, R = candidates.shape[0], tiles.shape[2]
    left, lanes = np.empty((L, R), tiles.dtype), np.zeros((L, R))
    for t in range(start, stop):
        here = slice(t * R, (t + 1) * R)
        share = weight[here]
        remaining(tiles[t], candidates, closest[here], left)
        for c in range(L):
            for r in range(R):
                lanes[c, r] += share[r] * left[c, r]
    for c in range(L):
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
    left, point = np.empty((1, R), tiles.dtype), seed.reshape((1, seed.size))
    for t in range(start, stop):
        first, total = t * R, 0.0
        remaining(tiles[t], point, closest[first : first + R], left)
        for r in range(R):
            closest[first + r] = left[0, r]
            total += weight[first + r] * left[0, r]
        tile_potential[t] = total
