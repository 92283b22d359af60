"""Nearest center of every row, and totals of every cluster, in one pass over the tiles."""

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.exact import differ, relabel, relabel_one_by_one, rows_beside
from fastmix.kernels.simd_kmeans import nearest


@parallel_kernel
def assign(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    n,  # in      rows
    weight,  # in      (n_tiles * R,) float64, zero where padded
    centers,  # in      (k, d)
    grids,  # in      (2, columns) float64, of exact.py
    labels,  # in/out  (n_tiles * R,) int32
    many,  # in      True; None where rows are so few that tiles are not to be turned: less is compiled
    changes,  # in/out  (n_shards, k, 2, columns) float64, what the sums of exact.py change by
    objective,  # in/out  (n_shards,) float64; None for those who get it from the totals
    changed,  # in/out  (n_shards,) int64, rows that changed label
):
    """Label every row; one that changes cluster takes its part of the sums along."""
    R = tiles.shape[2]
    new, best = np.empty(R, np.int32), np.empty(R, tiles.dtype)
    if many is not None:
        beside = rows_beside(tiles[0], grids)
    for t in range(start, stop):
        first = t * R
        nearest(tiles[t], centers, new, best)
        here, share = labels[first : min(first + R, n)], weight[first : first + R]
        if objective is not None:
            objective[shard] += weighted_sum(best, share)
        if differ(new, here) == 0:
            continue
        if many is None:
            changed[shard] += relabel_one_by_one(tiles[t], share, new, here, grids, changes[shard])
        else:
            changed[shard] += relabel(tiles[t], share, new, here, grids, beside, changes[shard])


@parallel_kernel
def add_rows(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    n,  # in      rows
    weight,  # in      (n_tiles * R,) float64
    labels,  # in      (n_tiles * R,) int32
    total,  # in/out  (n_shards, k, d + 1) float64, sums and in the last column weights
):
    """Add all rows to the sums of their clusters."""
    d, R = tiles.shape[1], tiles.shape[2]
    for i in range(start * R, min(stop * R, n)):
        t, r, c, w = i // R, i % R, labels[i], weight[i]
        for j in range(d):
            total[shard, c, j] += w * tiles[t, j, r]
        total[shard, c, d] += w


@kernel(sums=True)
def weighted_sum(
    values,  # in  (m,) infinite only where the weight is 0
    weight,  # in  (m,)
):
    """Sum of weight times value over rows of positive weight."""
    total = 0.0
    for i in range(values.size):
        total += weight[i] * values[i] if weight[i] > 0.0 else 0.0
    return total


@parallel_kernel
def own_distances(
    shard,
    start,
    stop,  # in   tiles of this shard
    tiles,  # in   (n_tiles, d, R)
    n,  # in   rows
    weight,  # in   (n_tiles * R,) float64, zero where padded
    centers,  # in   (k, d)
    labels,  # in   (n_tiles * R,) int32
    sq_dist,  # out  (n_tiles * R,), or (0,) where it is of no interest
    objective,  # in/out  (n_shards,) float64
):
    """Squared distance of every row to its own center, and their weighted sum."""
    R = tiles.shape[2]
    scratch = np.empty(R, tiles.dtype)
    for t in range(start, stop):
        first, last = t * R, min(t * R + R, n)
        here = sq_dist[first:last] if sq_dist.size else scratch[: last - first]
        share = weight[first:last]
        own_distances_of(tiles[t], labels[first:last], centers, here)
        objective[shard] += weighted_sum(here, share)


@kernel
def own_distances_of(
    tile,  # in   (d, R)
    labels,  # in   (m,) int32
    centers,  # in   (k, d)
    sq_dist,  # out  (>= m,)
):
    """Squared distance of every row of a tile to its own center."""
    d, m = tile.shape[0], labels.size
    values = centers.reshape(centers.size)
    for r in range(m):
        sq_dist[r] = 0
    for j in range(d):
        x = tile[j]
        for r in range(m):
            apart = x[r] - values[np.uint64(labels[r]) * np.uint64(d) + np.uint64(j)]
            sq_dist[r] += apart * apart


@parallel_kernel
def squares(
    shard,
    start,
    stop,  # in   tiles of this shard
    tiles,  # in   (n_tiles, d, R), zero where padded
    weight,  # in   (n_tiles * R,) float64, zero where padded
    total,  # in/out  (n_shards,) float64
):
    """Weighted sum of the squares of all rows."""
    d, R = tiles.shape[1], tiles.shape[2]
    here, lanes = np.empty(R), np.zeros(R)
    for t in range(start, stop):
        here[:] = 0.0
        for j in range(d):
            for r in range(R):
                x = np.float64(tiles[t, j, r])
                here[r] += x * x
        for r in range(R):
            lanes[r] += weight[t * R + r] * here[r]
    for r in range(R):
        total[shard] += lanes[r]
