"""Nearest center of every row, and totals of every cluster, in one pass over the tiles."""

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.simd_kmeans import nearest


@kernel
def sq_distances(
    tile,  # in   (d, R)
    center,  # in   (d,)
    sq_dist,  # out  (R,)
):
    """Squared distance of every row of a tile to one center, summed feature by feature."""
    for r in range(sq_dist.size):
        sq_dist[r] = 0
    for j in range(center.size):
        x, c = tile[j], center[j]
        for r in range(sq_dist.size):
            gap = x[r] - c
            sq_dist[r] += gap * gap


@parallel_kernel
def assign(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    n,  # in      rows
    weight,  # in      (n_tiles * R,) float64, zero where padded
    centers,  # in      (k, d)
    labels,  # in/out  (n_tiles * R,) int32
    sq_dist,  # out     (n_tiles * R,) to the nearest center
    counts,  # in/out  (n_shards, k) float64
    sums,  # in/out  (n_shards, k, d) float64
    objective,  # in/out  (n_shards,) float64
    changed,  # in/out  (n_shards,) int64, rows that changed label
):
    """Label every row and add it to the totals of its cluster."""
    d, R = tiles.shape[1], tiles.shape[2]
    new = np.empty(R, np.int32)
    for t in range(start, stop):
        tile, first = tiles[t], t * R
        best = sq_dist[first : first + R]
        nearest(tile, centers, new, best)
        for r in range(min(R, n - first)):
            c, w = new[r], weight[first + r]
            changed[shard] += c != labels[first + r]
            labels[first + r] = c
            objective[shard] += w * best[r] if w > 0.0 else 0.0  # the distance may be infinite
            counts[shard, c] += w
            for j in range(d):
                sums[shard, c, j] += w * tile[j, r]


@parallel_kernel
def label(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    weight,  # in      (n_tiles * R,) float64, zero where padded
    centers,  # in      (k, d)
    labels,  # out     (n_tiles * R,) int32
    sq_dist,  # out     (n_tiles * R,) to the nearest center
    objective,  # in/out  (n_shards,) float64
):
    """Label every row: the first half of assign."""
    R = tiles.shape[2]
    for t in range(start, stop):
        first, last = t * R, (t + 1) * R
        nearest(tiles[t], centers, labels[first:last], sq_dist[first:last])
        for i in range(first, last):
            objective[shard] += weight[i] * sq_dist[i] if weight[i] > 0.0 else 0.0


@parallel_kernel
def distances(
    shard,
    start,
    stop,  # in   tiles of this shard
    tiles,  # in   (n_tiles, d, R)
    centers,  # in   (k, d)
    dist,  # out  (n, k) not squared
):
    """Distance of every row to every center."""
    R = tiles.shape[2]
    sq_dist = np.empty(R, tiles.dtype)
    for t in range(start, stop):
        first = t * R
        for c in range(centers.shape[0]):
            sq_distances(tiles[t], centers[c], sq_dist)
            for r in range(min(R, dist.shape[0] - first)):
                dist[first + r, c] = np.sqrt(sq_dist[r])
