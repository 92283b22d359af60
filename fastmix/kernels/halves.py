"""2-means: rows to the nearer of two centers, with totals in lanes, and at last apart."""

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.simd_kmeans import nearest
from fastmix.kernels.tiles import TILE_BYTES


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
    counts,  # in/out  (n_shards, 2) float64
    sums,  # in/out  (n_shards, 2, d) float64
    objective,  # in/out  (n_shards,) float64
    changed,  # in/out  (n_shards,) int64, rows that changed label
):
    """Label every row and add it to the totals of its half, each row of a tile in a lane of its own."""
    d, R = tiles.shape[1], tiles.shape[2]
    new, best, share = np.empty(R, np.int32), np.empty(R, tiles.dtype), np.empty((2, R))
    count, total, far = np.zeros((2, R)), np.zeros((2 * d, R)), np.zeros(R)
    moved = 0
    for t in range(start, stop):
        tile, first = tiles[t], t * R
        here, w = labels[first : first + R], weight[first:]
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
def part(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    weight,  # in      (n_tiles * R,) float64
    numbers,  # in      (n,) int64, of the rows
    labels,  # in      (n,) int32, 0 or 1
    centers,  # in      (2, d)
    begin,  # in      (2, n_shards + 1) int64, rows of either label before every shard
    left,  # out     (m_tiles, d, R) of label 0
    left_weight,  # out     (m_tiles * R,) float64
    left_numbers,  # out     (m,) int64
    right,  # out     (l_tiles, d, R) of label 1
    right_weight,  # out     (l_tiles * R,) float64
    right_numbers,  # out     (l,) int64
    objective,  # in/out  (n_shards, 2) float64, weighted squared distances to their centers
):
    """Copy the rows of either label to tiles of their own, in their order."""
    R, n = tiles.shape[2], numbers.size
    to_left, to_right = left.reshape(left.size), right.reshape(right.size)
    far, sq_dist, lanes = np.zeros((2, R)), np.empty(R, tiles.dtype), np.empty((2, R), np.int64)
    m, m_right = begin[0, shard], begin[1, shard]
    for t in range(start, stop):
        tile, before = tiles[t], t * R
        here, w, its = labels[before : min(before + R, n)], weight[before:], numbers[before:]
        some = some_right = 0
        for r in range(here.size):  # written to both lists, counted in its own
            lanes[0, some] = lanes[1, some_right] = r
            some += 1 - here[r]
            some_right += here[r]
        copy_rows(tile, w, its, lanes[0, :some], m, to_left, left_weight, left_numbers)
        copy_rows(
            tile, w, its, lanes[1, :some_right], m_right, to_right, right_weight, right_numbers
        )
        m += some
        m_right += some_right
        for side in range(2):
            add_far(tile, here, w, side, centers[side], sq_dist, far[side])
    for side in range(2):
        for r in range(R):
            objective[shard, side] += far[side, r]


@kernel
def copy_rows(
    tile,  # in   (d, R)
    weight,  # in   (R,) float64
    numbers,  # in   (R,) int64
    lanes,  # in   (m,) int64, of the rows to copy
    first,  # in   the place of the first of them
    values,  # out  (n_tiles * d * R,) of other tiles
    its_weight,  # out  (n_tiles * R,) float64
    its_numbers,  # out  (>= first + m,) int64
):
    """Copy some rows of a tile to their places in others."""
    R, d = np.uint64(TILE_BYTES // values.itemsize), np.uint64(tile.shape[0])
    for i in range(lanes.size):
        lane, to = np.uint64(lanes[i]), np.uint64(first + i)
        at = to // R * d * R + to % R
        for j in range(d):
            values[at + j * R] = tile[j, lane]
        its_weight[to], its_numbers[to] = weight[lane], numbers[lane]


@kernel
def add_far(
    tile,  # in      (d, R)
    labels,  # in      (m,) int32
    weight,  # in      (>= m,) float64
    side,  # in      the label whose rows count
    center,  # in      (d,)
    sq_dist,  # scratch (R,)
    far,  # in/out  (R,) float64
):
    """Add weighted squared distances of rows to their center, by lanes."""
    sq_dist[:] = 0
    for j in range(tile.shape[0]):
        x, c = tile[j], center[j]
        for r in range(sq_dist.size):
            sq_dist[r] += (x[r] - c) * (x[r] - c)
    for r in range(labels.size):  # the distance of what weighs nothing may be infinite
        far[r] += weight[r] * sq_dist[r] if labels[r] == side and weight[r] > 0.0 else 0.0
