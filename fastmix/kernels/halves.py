"""Rows to the nearer of two centers, with totals in lanes: one pass of 2-means."""

import numpy as np

from fastmix._numba import parallel_kernel
from fastmix.kernels.simd_kmeans import nearest


@parallel_kernel
def assign(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    n,  # in      rows
    weight,  # in      (n_tiles * R,) float64, zero where padded
    centers,  # in      (2, d)
    labels,  # in/out  (n_tiles * R,) int32
    sq_dist,  # out     (n_tiles * R,) to the nearest center
    counts,  # in/out  (n_shards, 2) float64
    sums,  # in/out  (n_shards, 2, d) float64
    objective,  # in/out  (n_shards,) float64
    changed,  # in/out  (n_shards,) int64, rows that changed label
):
    """Label every row and add it to the totals of its half, each row of a tile in a lane of its own."""
    d, R = tiles.shape[1], tiles.shape[2]
    new, share = np.empty(R, np.int32), np.empty((2, R))
    count, total, far = np.zeros((2, R)), np.zeros((2 * d, R)), np.zeros(R)
    moved = 0
    for t in range(start, stop):
        tile, first = tiles[t], t * R
        here, best, w = labels[first : first + R], sq_dist[first : first + R], weight[first:]
        nearest(tile, centers, new, best)
        for r in range(R):
            far[r] += w[r] * best[r] if w[r] > 0.0 else 0.0  # the distance may be infinite
            in_right = w[r] * new[r]
            share[0, r], share[1, r] = w[r] - in_right, in_right
            count[0, r] += share[0, r]
            count[1, r] += in_right
        for r in range(min(R, n - first)):
            moved += new[r] != here[r]
            here[r] = new[r]
        for j in range(d):
            x, left, right = tile[j], total[j], total[d + j]
            for r in range(R):
                left[r] += share[0, r] * x[r]
                right[r] += share[1, r] * x[r]
    changed[shard] += moved
    for r in range(R):
        objective[shard] += far[r]
        for c in range(2):
            counts[shard, c] += count[c, r]
            for j in range(d):
                sums[shard, c, j] += total[c * d + j, r]


@parallel_kernel
def gather(
    shard,
    start,
    stop,  # in   tiles of this shard
    tiles,  # in   (n_tiles, d, R)
    weight,  # in   (n_tiles * R,) float64
    numbers,  # in   (n,) int64, of the rows
    labels,  # in   (n,) int32
    side,  # in   the label of the rows that are wanted
    begin,  # in   (n_shards,) int64, wanted rows before this shard
    half,  # out  (m_tiles, d, R)
    its_weight,  # out  (m_tiles * R,) float64
    its_numbers,  # out  (m,) int64
):
    """Copy the rows of one half to tiles of their own, in their order."""
    d, R = tiles.shape[1], tiles.shape[2]
    to = begin[shard]
    t_to, lane = to // R, to % R
    for t in range(start, stop):
        first = t * R
        for r in range(min(R, numbers.size - first)):
            if labels[first + r] == side:
                for j in range(d):
                    half[t_to, j, lane] = tiles[t, j, r]
                its_weight[to], its_numbers[to] = weight[first + r], numbers[first + r]
                to += 1
                lane += 1
                if lane == R:
                    t_to, lane = t_to + 1, 0
