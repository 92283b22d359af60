"""Nearest centers in single precision, and in the precision of the rows where single does not tell.

A row x and a center c are rounded to x' and c'. With u the rounding of float32, D the squared distance of
x' and c' as it is computed, and |c| <= |x| + |x - c|,

    | |x - c| - sqrt(D) |  <=  2 u |x| + u |x - c| + (d + 8) / 2 u sqrt(D).

So a center is nearest, and Lloyd's algorithm takes it for the nearest, if for the second nearest one

    sqrt(D2) (1 - m) > sqrt(D1) (1 + m) + 5 u |x|,  m = (d + 8) u.

Half of m is the error of D; the rest leaves room for that of Lloyd's distances. Squared, with
2 a b <= m a^2 + b^2 / m for b = 5 u |x|, this follows from

    D2 (1 - 5 m) > D1 (1 + 5 m) + 32 u |x|^2 / (d + 8)

as long as m < 0.28; for greater d everything is in doubt, from 5 m = 1 on. All this is relative: squares of
which float32 holds fewer digits are in doubt by SQ_TINY.
"""

import numpy as np

from fastmix._numba import parallel_kernel
from fastmix.kernels import memory
from fastmix.kernels.exact import differ, relabel_rows
from fastmix.kernels.gathered import label_gathered, sq_distance
from fastmix.kernels.simd_kmeans import two_nearest
from fastmix.kernels.simd_masks import ALL, ROWS, close, fetch, lowest_bit, unequal
from fastmix.kernels.tiles import SQ_TINY, TILE_BYTES, pack_rows

U = 2.0**-24  # what rounding to float32 loses, relatively
BLOCK = 8  # tiles whose rows change cluster together


@parallel_kernel
def round_rows(
    shard,
    start,
    stop,  # in      tiles of this shard
    X,  # in      (n, d)
    origin,  # in      (d,) of the frame
    scale,  # in      of the frame
    weight,  # in      (>= n,) float64
    rounded,  # out     (n_tiles, d, 64) float32
    room,  # out     (n_tiles,) float32, what the second nearest center of a row has to be farther
    squares,  # in/out  (n_shards,) float64, weighted sums of the rows' squares
):
    """Round rows to single precision."""
    (n, d), zero = X.shape, np.zeros(X.shape[1], X.dtype)
    for t in range(start, stop):
        first, last, most = t * ROWS, min((t + 1) * ROWS, n), 0.0
        pack_rows(X[first:last], origin, scale, rounded[t : t + 1])
        for i in range(first, last):
            square = sq_distance(X[i], origin, scale, zero)
            most = max(most, square)
            squares[shard] += weight[i] * square
        room[t] = 32.0 * U * most / (d + 8) + SQ_TINY


@parallel_kernel
def assign(
    shard,
    start,
    stop,  # in      tiles of this shard
    X,  # in      (n, d)
    origin,  # in      (d,) of the frame
    scale,  # in      of the frame
    weight,  # in      (>= n,) float64
    rounded,  # in      (n_tiles, d, 64) float32
    room,  # in      (n_tiles,) float32
    centers,  # in      (k, d)
    rounded_centers,  # in      (k, d) float32
    grids,  # in      (2, columns) float64, of exact.py
    labels,  # in/out  (n_tiles * 64,) int32
    changes,  # in/out  (n_shards, k, 2, columns) float64, what the sums of exact.py change by
    changed,  # in/out  (n_shards,) int64, rows that changed label
    doubts,  # in/out  (n_shards,) int64, rows that were measured in their own precision
):
    """Label every row; one that changes cluster takes its part of the sums along."""
    (n, d), R = X.shape, TILE_BYTES // X.itemsize
    margin = 5.0 * (d + 8) * U
    up, down = np.float32(1.0 + margin), np.float32(1.0 - margin)
    new, best = np.empty(BLOCK * ROWS, np.int32), np.empty(ROWS, np.float32)
    second, waiting, some = np.empty(ROWS, np.float32), np.empty(R + BLOCK * ROWS, np.int64), 0
    panel, its, sq_dist = np.zeros((d, R), X.dtype), np.empty(R, np.int32), np.empty(R, X.dtype)
    x = memory.zero_rows(1, grids.shape[1])
    x[0, d] = 1.0
    for before in range(start, stop, BLOCK):
        after = min(before + BLOCK, stop)
        begin, end = before * ROWS, min(after * ROWS, n)
        for t in range(before, after):
            first = t * ROWS
            its_new = new[first - begin : first - begin + ROWS]
            two_nearest(rounded[t], rounded_centers, its_new, best, second)
            unsure = close(best, second, up, down, room[t])
            if first + ROWS > n:
                unsure &= ALL >> np.uint64(first + ROWS - n)
            while unsure:
                r = lowest_bit(unsure)
                unsure &= unsure - np.uint64(1)
                its_new[r] = labels[np.uint64(first) + r]  # for now
                waiting[some] = np.uint64(first) + r
                some += 1
            moves = unequal(its_new, labels[first:])
            if first + ROWS > n:
                moves &= ALL >> np.uint64(first + ROWS - n)
            while moves and moves != ALL:  # those of whole tiles are fetched unasked
                r = lowest_bit(moves)
                moves &= moves - np.uint64(1)
                fetch(X, first + np.int64(r))
                fetch(weight, first + np.int64(r))
        if differ(new, labels[begin:end]):
            changed[shard] += relabel_rows(
                X, origin, scale, begin, end - begin, weight, new, labels, grids, changes[shard], x
            )
        while some >= R or (some > 0 and after == stop):
            m = min(some, R)
            some -= m
            doubts[shard] += m
            rows = waiting[some : some + m]
            changed[shard] += label_gathered(
                X,
                origin,
                scale,
                rows,
                weight,
                centers,
                grids,
                labels,
                changes[shard],
                panel,
                its,
                sq_dist,
            )
