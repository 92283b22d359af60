"""Nearest center of every row, and totals of every cluster, in one pass over the tiles."""

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.exact import relabel
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
    grids,  # in      (2, 2) float64, of exact.py
    labels,  # in/out  (n_tiles * R,) int32
    sq_dist,  # out     (n_tiles * R,) to the nearest center
    changes,  # in/out  (n_shards, k, 2, d + 1) float64, what the sums of exact.py change by
    objective,  # in/out  (n_shards,) float64
    changed,  # in/out  (n_shards,) int64, rows that changed label
):
    """Label every row; one that changes cluster takes its part of the sums along."""
    R = tiles.shape[2]
    new = np.empty(R, np.int32)
    for t in range(start, stop):
        tile, first = tiles[t], t * R
        best, here = sq_dist[first : first + R], labels[first : first + R]
        nearest(tile, centers, new, best)
        objective[shard] += weighted_sum(best, weight[first : first + R])
        here = here[: n - first]
        if differ(new, here, here.size):
            share = weight[first : first + R]
            changed[shard] += relabel(tile, share, new, here, grids, changes[shard])


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


@kernel
def differ(
    left,  # in  (>= m,)
    right,  # in  (>= m,)
    m,
):
    """In how many places two labellings differ."""
    places = 0
    for i in range(m):
        places += left[i] != right[i]
    return places


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
        objective[shard] += weighted_sum(sq_dist[first:last], weight[first:last])


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
    sq_dist,  # out  (n_tiles * R,)
    objective,  # in/out  (n_shards,) float64
):
    """Squared distance of every row to its own center, and their weighted sum."""
    d, R = tiles.shape[1], tiles.shape[2]
    own = np.empty((d, R), tiles.dtype)
    for t in range(start, stop):
        first = t * R
        valid = min(R, n - first)
        for r in range(valid):
            center = centers[labels[first + r]]
            for j in range(d):
                own[j, r] = center[j]
        here = sq_dist[first : first + R]
        here[:] = 0
        for j in range(d):
            x, c = tiles[t, j], own[j]
            for r in range(valid):
                apart = x[r] - c[r]
                here[r] += apart * apart
        for r in range(valid):
            w = weight[first + r]
            objective[shard] += w * here[r] if w > 0.0 else 0.0


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
