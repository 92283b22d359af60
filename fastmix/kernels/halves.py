"""2-means: rows to the nearer of two centers, and at last each half in tiles of its own."""

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.exact import differ, exchange, move_tile
from fastmix.kernels.simd_kmeans import nearest

MANY = 4  # rows of a tile that change side, from which on it costs less to go through all of them


@parallel_kernel
def add_all(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    weight,  # in      (n_tiles * R,) float64, zero where padded
    grids,  # in      (2, columns) float64, of exact.py
    changes,  # in/out  (n_shards, 2, 2, columns) float64, what the sums of exact.py change by
):
    """Add all rows to the sums of the left half."""
    R = tiles.shape[2]
    for t in range(start, stop):
        move_tile(tiles[t], weight[t * R : t * R + R], -1, 0, grids, changes[shard])


@parallel_kernel
def assign(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    n,  # in      rows
    weight,  # in      (n_tiles * R,) float64, zero where padded
    centers,  # in      (2, d)
    grids,  # in      (2, columns) float64, of exact.py
    labels,  # in/out  (n_tiles * R,) int32, 0 or 1
    changes,  # in/out  (n_shards, 2, 2, columns) float64, what the sums of exact.py change by
    objective,  # out     (n_shards, 2) float64, of either half
    changed,  # in/out  (n_shards,) int64, rows that changed side
):
    """Label every row; those that change side take their parts of the sums along."""
    R = tiles.shape[2]
    new, best, left, right = np.empty(R, np.int32), np.empty(R, tiles.dtype), 0.0, 0.0
    to_right = np.zeros(R)
    for t in range(start, stop):
        first = t * R
        nearest(tiles[t], centers, new, best)
        here, share = labels[first : min(first + R, n)], weight[first : first + R]
        left += weighted_sum_of(0, new, best, share)
        right += weighted_sum_of(1, new, best, share)
        some = differ(new, here)
        if 0 < some < MANY:
            for r in range(here.size):
                if new[r] != here[r]:
                    exchange(tiles[t], r, share[r], here[r], new[r], grids, changes[shard])
                    here[r] = new[r]
        elif some > 0:  # what goes to the left is less than nothing to the right
            to_right[here.size :] = 0.0
            for r in range(here.size):
                to_right[r] = share[r] * (new[r] - here[r])
                here[r] = new[r]
            move_tile(tiles[t], to_right, 0, 1, grids, changes[shard])
        changed[shard] += some
    objective[shard, 0], objective[shard, 1] = left, right


@kernel(sums=True)
def weighted_sum_of(
    label,
    labels,  # in  (>= m,) int32
    values,  # in  (m,) infinite only where the weight is 0
    weight,  # in  (m,)
):
    """Sum of weight times value over rows of one label and of positive weight."""
    total = 0.0
    for i in range(values.size):
        total += weight[i] * values[i] if labels[i] == label and weight[i] > 0.0 else 0.0
    return total


@parallel_kernel
def part(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    weight,  # in      (n_tiles * R,) float64
    numbers,  # in      (n,) int64, of the rows
    labels,  # in      (n,) int32, 0 or 1
    begin,  # in      (2, n_shards + 1) int64, rows of either label before every shard
    left,  # out     (m_tiles, d, R) of label 0
    left_weight,  # out     (m_tiles * R,) float64
    left_numbers,  # out     (m,) int64
    right,  # out     (l_tiles, d, R) of label 1
    right_weight,  # out     (l_tiles * R,) float64
    right_numbers,  # out     (l,) int64
):
    """Copy the rows of either label to tiles of their own, in their order."""
    R, n = tiles.shape[2], numbers.size
    lanes = np.empty((2, R), np.uint32)
    m, m_right = begin[0, shard], begin[1, shard]
    for t in range(start, stop):
        before = t * R
        here, w, its = labels[before : min(before + R, n)], weight[before:], numbers[before:]
        some = some_right = 0
        for r in range(here.size):  # written to both lists, counted in its own
            lanes[0, some] = lanes[1, some_right] = r
            some_right += here[r]
            some = r + 1 - some_right
        copy_lanes(tiles[t], lanes[0, :some], m, left)
        copy_some(w, lanes[0, :some], left_weight[m:])
        copy_some(its, lanes[0, :some], left_numbers[m:])
        copy_lanes(tiles[t], lanes[1, :some_right], m_right, right)
        copy_some(w, lanes[1, :some_right], right_weight[m_right:])
        copy_some(its, lanes[1, :some_right], right_numbers[m_right:])
        m += some
        m_right += some_right


@kernel
def copy_lanes(
    tile,  # in   (d, R)
    lanes,  # in   (m,) uint32, of the rows to copy
    first,  # in   the place of the first of them
    tiles,  # out  (n_tiles, d, R)
):
    """Copy some rows of a tile to their places in others, one feature after the other."""
    (d, R), m = tile.shape, lanes.size
    copied = 0
    while copied < m:  # at most twice, where they go beyond the end of a tile
        place = first + copied
        these, to = lanes[copied : min(copied + R - place % R, m)], tiles[place // R]
        for j in range(d):
            copy_some(tile[j], these, to[j, place % R :])
        copied += these.size


@kernel
def copy_some(
    values,  # in   (R,)
    lanes,  # in   (m,) uint32
    to,  # out  (>= m,)
):
    """Copy the values of some lanes, side by side."""
    for i in range(lanes.size):
        to[i] = values[lanes[i]]
