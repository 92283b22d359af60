"""Silhouettes of rows: mean distances to the points of every cluster, cluster after cluster.

Distances to a tile of rows are summed up while they are in the core's first cache, and of all
clusters only the own and the nearest other one are remembered: nothing of size n k is held.
"""

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.predictions import AT_ONCE
from fastmix.kernels.simd_kmeans import remaining
from fastmix.kernels.tiles import TILE_BYTES, pack_rows


@parallel_kernel
def silhouettes(
    shard,
    start,
    stop,  # in   tiles of this shard
    X,  # in   (n, d)
    origin,  # in   (d,) of X's dtype
    scale,  # in   of X's dtype, a power of two
    labels,  # in   (n,) int32
    points,  # in   (m, d) of the frame, those of cluster 0 first
    ends,  # in   (k + 1,) int64, where the points of every cluster begin, and m
    own,  # in   (k,) float64, what its own rows' sums of distances are divided by
    others,  # in   (k,) float64, what other rows' sums are divided by
    found,  # out  (n,) float64
):
    """Silhouette of every row."""
    (n, d), R = X.shape, TILE_BYTES // X.itemsize
    tile, nothing = np.empty((1, d, R), X.dtype), np.empty(R, X.dtype)
    nothing[:] = np.inf
    sq_dist, closer = np.empty((AT_ONCE, R), X.dtype), np.zeros(AT_ONCE, np.uint8)
    total, within, beyond = np.empty(R), np.empty(R), np.empty(R)
    for t in range(start, stop):
        first, last = t * R, min((t + 1) * R, n)
        pack_rows(X[first:last], origin, scale, tile)
        within[:], beyond[:] = 0.0, np.inf
        for c in range(own.size):
            total[:] = 0.0
            for begin in range(ends[c], ends[c + 1], AT_ONCE):
                end = min(begin + AT_ONCE, ends[c + 1])
                here = sq_dist[: end - begin]
                remaining(tile[0], points[begin:end], nothing, here, closer)
                add_roots(here, total)
            compare(total, labels[first:last], c, own[c], others[c], within, beyond)
        for r in range(last - first):
            most = max(within[r], beyond[r])
            found[first + r] = (beyond[r] - within[r]) / most if most > 0.0 else 0.0


@kernel
def add_roots(
    squares,  # in      (m, R)
    total,  # in/out  (R,) float64
):
    """Add the square roots of every column."""
    for i in range(squares.shape[0]):
        row = squares[i]
        for r in range(total.size):
            total[r] += np.sqrt(row[r])


@kernel
def compare(
    total,  # in      (>= m,) float64, sums of distances to cluster c
    labels,  # in      (m,) int32
    c,
    own,  # in      number of distances for the rows of the cluster
    others,  # in      and for others
    within,  # in/out  (>= m,) float64, mean distance within the own cluster
    beyond,  # in/out  (>= m,) float64, least mean distance to another one
):
    """Remember the mean distance to cluster c where it is the own one, or nearer than the others."""
    for r in range(labels.size):
        inside = labels[r] == c
        mean = total[r] / (own if inside else others)
        within[r] = mean if inside else within[r]
        beyond[r] = mean if mean < beyond[r] and not inside else beyond[r]
