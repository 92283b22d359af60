"""Nearest centers of rows, and distances to all, tile by tile as they are read."""

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.lloyd import own_distances_of, weighted_sum
from fastmix.kernels.simd_kmeans import nearest, remaining, two_nearest
from fastmix.kernels.tiles import TILE_BYTES, pack_rows, sum_of

AT_ONCE = 64  # centers whose distances to a tile stay in the core's first cache


@parallel_kernel
def label(
    shard,
    start,
    stop,  # in      tiles of this shard
    X,  # in      (n, d)
    origin,  # in      (d,) of X's dtype
    scale,  # in      of X's dtype, a power of two
    weight,  # in      (>= n,) float64; (0,) where all are 1
    centers,  # in      (k, d)
    limit,  # in      squared distance from which on rounding leaves no choice between centers
    labels,  # out     (n,) int32; -1 where no center is that near
    objective,  # in/out  (n_shards,) float64, weighted squared distances
):
    """Label every row."""
    (n, d), R = X.shape, TILE_BYTES // X.itemsize
    tile, new, best = np.empty((1, d, R), X.dtype), np.empty(R, np.int32), np.empty(R, X.dtype)
    for t in range(start, stop):
        first, last = t * R, min((t + 1) * R, n)
        pack_rows(X[first:last], origin, scale, tile)
        nearest(tile[0], centers, new, best)
        for r in range(last - first):
            labels[first + r] = new[r] if best[r] < limit else -1
        here = best[: last - first]
        objective[shard] += weighted_sum(here, weight[first:last]) if weight.size else sum_of(here)


@parallel_kernel
def label_two(
    shard,
    start,
    stop,  # in   tiles of this shard
    X,  # in   (n, d)
    origin,  # in   (d,) of X's dtype
    scale,  # in   of X's dtype, a power of two
    centers,  # in   (k, d)
    labels,  # out  (n,) int32
    sq_dist,  # out  (n,) to the nearest center
    second,  # out  (n,) to the second nearest; infinite if there is none
):
    """Label every row, and measure it against the second nearest center too."""
    (n, d), R = X.shape, TILE_BYTES // X.itemsize
    tile, new = np.empty((1, d, R), X.dtype), np.empty(R, np.int32)
    best, other = np.empty(R, X.dtype), np.empty(R, X.dtype)
    for t in range(start, stop):
        first, last = t * R, min((t + 1) * R, n)
        pack_rows(X[first:last], origin, scale, tile)
        two_nearest(tile[0], centers, new, best, other)
        for r in range(last - first):
            labels[first + r], sq_dist[first + r] = new[r], best[r]
            second[first + r] = other[r]


@parallel_kernel
def own_distances_of_rows(
    shard,
    start,
    stop,  # in   tiles of this shard
    X,  # in   (n, d)
    origin,  # in   (d,) of X's dtype
    scale,  # in   of X's dtype, a power of two
    weight,  # in   (>= n,) float64
    centers,  # in   (k, d)
    labels,  # in   (>= n,) int32
    sq_dist,  # out  (n,), or (0,) where it is of no interest
    objective,  # in/out  (n_shards,) float64
):
    """Squared distance of every row to its own center, and their weighted sum."""
    (n, d), R = X.shape, TILE_BYTES // X.itemsize
    tile, scratch = np.empty((1, d, R), X.dtype), np.empty(R, X.dtype)
    for t in range(start, stop):
        first, last = t * R, min((t + 1) * R, n)
        pack_rows(X[first:last], origin, scale, tile)
        here = sq_dist[first:last] if sq_dist.size else scratch[: last - first]
        own_distances_of(tile[0], labels[first:last], centers, here)
        objective[shard] += weighted_sum(here, weight[first:last])


@parallel_kernel
def distances(
    shard,
    start,
    stop,  # in      tiles of this shard
    X,  # in      (n, d)
    origin,  # in      (d,) of X's dtype
    scale,  # in      of X's dtype, a power of two
    centers,  # in      (k, d)
    unit,  # in      of X's dtype, 1 / scale
    dist,  # out     (n, k)
    infinite,  # in/out  (n_shards,) int64, rows with a distance that is not finite
):
    """Distance of every row to every center, in the units of X."""
    (n, d), k, R = X.shape, len(centers), TILE_BYTES // X.itemsize
    tile, nothing = np.empty((1, d, R), X.dtype), np.empty(R, X.dtype)
    nothing[:] = np.inf
    sq_dist, closer = np.empty((min(k, AT_ONCE), R), X.dtype), np.zeros(min(k, AT_ONCE), np.uint8)
    for t in range(start, stop):
        first, last = t * R, min((t + 1) * R, n)
        pack_rows(X[first:last], origin, scale, tile)
        for begin in range(0, k, AT_ONCE):
            end = min(begin + AT_ONCE, k)
            remaining(tile[0], centers[begin:end], nothing, sq_dist[: end - begin], closer)
            root(sq_dist[: end - begin].reshape((end - begin) * R), unit)
            infinite[shard] += write_out(sq_dist, dist[first:last, begin:end])


@kernel
def root(
    values,  # in/out  (m,)
    unit,  # in      of their dtype
):
    """Square roots, in another unit."""
    for i in range(values.size):
        values[i] = np.sqrt(values[i]) * unit


@kernel
def write_out(
    columns,  # in   (>= k, >= m)
    rows,  # out  (m, k)
):
    """Turn columns into rows: how many values are not finite."""
    infinite = 0
    for r in range(rows.shape[0]):
        lane = np.uint64(r)
        for c in range(rows.shape[1]):
            value = columns[np.uint64(c), lane]
            rows[r, c] = value
            infinite += not value < np.inf
    return infinite
