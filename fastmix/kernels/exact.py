"""Sums that do not depend on the order of their terms: rows may come, go and be added in any order.

Every term is split at two fixed grids, and sums of multiples of a grid are exact as long as they stay
below 2**53 of them (Rump, Ogita & Oishi 2008, doi:10.1137/050645671; Demmel & Nguyen 2013,
doi:10.1109/ARITH.2013.9). For n terms below 2**e a term loses at most 2**(e + 2 ceil(log2 n) - 104).
"""

import math

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels import memory, simd_exact
from fastmix.kernels.lanes import DOUBLES
from fastmix.kernels.simd_exact import PADDING
from fastmix.kernels.simd_masks import ALL, ROWS, lowest_bit, unequal

MANY, MOST_BESIDE = 20, 64  # rows that change, and columns of a tile whose rows are then turned


def columns(d):
    """Columns of a sum: d features, the weight, and padding."""
    return (d + PADDING) // PADDING * PADDING


def grids_of(largest, heaviest, n, d):
    """Constants that round every column to the two grids, (2, columns(d)) float64.

    They are for n terms of at most the size `largest`, and `heaviest` for the weight.
    """
    grids = memory.empty((2, columns(d)))
    for row, of_values, of_weights in zip(
        grids, _grid(largest, n), _grid(heaviest, n), strict=True
    ):
        row[:], row[d] = of_values, of_weights
    return grids


def _grid(largest, n):
    e = math.frexp(largest)[1] if largest > 0 else -1000
    b = math.ceil(math.log2(max(n, 1))) + 1
    return math.ldexp(1.5, e + b), math.ldexp(1.5, e + 2 * b - 53)


@kernel(strict=True, inline=True)
def exchange(
    tile,  # in      (d, R)
    r,  # in      lane
    w,  # in      weight of the row
    before,  # in      cluster that it leaves; -1: none
    now,  # in      cluster that it joins
    grids,  # in      (2, columns(d)) float64
    sums,  # in/out  (k, 2, columns(d)) float64: rows, their weights, and padding, on both grids
):
    """Take one row from the sums of a cluster to those of another, exactly; callers have to be strict."""
    simd_exact.exchange(tile, r, w, before, now, grids, sums)


@kernel
def rows_beside(
    tile,  # in      (d, R), any
    grids,  # in      (2, columns(d)) float64
):
    """Scratch for the rows of a tile one beside the other, 1 and zeros behind them; none where it is much."""
    (d, R), width = tile.shape, grids.shape[1]
    rows = memory.zero_rows(R if width <= MOST_BESIDE else 0, width)
    rows[:, d] = 1.0
    return rows


@kernel(strict=True)
def relabel(
    tile,  # in      (d, R)
    weight,  # in      (m,) float64
    new,  # in      (>= m,) int32
    labels,  # in/out  (m,) int32, -1: none yet
    grids,  # in      (2, columns(d)) float64
    beside,  # scratch (R, columns(d)) of rows_beside
    sums,  # in/out  (k, 2, columns(d)) float64, as `exchange` has them
):
    """Give rows their new labels, and take them along to the sums: how many have changed.

    A call with so many arrays costs as much as the distances of a tile to a few centers: callers look
    first whether any labels differ.
    """
    changed = differ(new, labels)
    if changed < MANY or len(beside) == 0:
        return relabel_one_by_one(tile, weight, new, labels, grids, sums)
    turn(tile, beside)
    for r in range(labels.size):
        if new[r] != labels[r]:
            exchange_row(beside, r, weight[r], labels[r], new[r], grids, sums)
            labels[r] = new[r]
    return changed


@kernel(strict=True)
def relabel_one_by_one(
    tile,  # in      (d, R)
    weight,  # in      (m,) float64
    new,  # in      (>= m,) int32
    labels,  # in/out  (m,) int32, -1: none yet
    grids,  # in      (2, columns(d)) float64
    sums,  # in/out  (k, 2, columns(d)) float64, as `exchange` has them
):
    """The same, without turning the tile."""
    changed = 0
    for r in range(labels.size):
        if new[r] != labels[r]:
            exchange(tile, r, weight[r], labels[r], new[r], grids, sums)
            labels[r] = new[r]
            changed += 1
    return changed


@kernel(inline=True)
def differ(
    left,  # in  (>= m,)
    right,  # in  (m,)
):
    """In how many places two labellings differ."""
    places = 0
    for i in range(right.size):
        places += left[i] != right[i]
    return places


@kernel
def turn(
    tile,  # in      (d, R)
    rows,  # out     (R, >= d) float64
):
    """The rows of a tile one beside the other."""
    d, R = tile.shape
    simd_exact.turn(tile, rows)
    for j in range(d // DOUBLES * DOUBLES, d):
        for r in range(R):
            rows[r, j] = tile[j, r]


@kernel(strict=True, inline=True)
def exchange_row(
    rows,  # in      (m, columns(d)) float64: features, 1, and zeros
    r,  # in      row
    w,  # in      its weight
    before,  # in      cluster that it leaves; -1: none
    now,  # in      cluster that it joins
    grids,  # in      (2, columns(d)) float64
    sums,  # in/out  (k, 2, columns(d)) float64, as `exchange` has them
):
    """Take one row from the sums of a cluster to those of another, exactly; callers have to be strict."""
    simd_exact.exchange_row(rows, r, w, before, now, grids, sums)


@kernel(strict=True)
def relabel_rows(
    X,  # in      (n, d)
    origin,  # in      (d,) of X's dtype
    scale,  # in      of X's dtype, a power of two
    first,  # in      row
    m,  # in      how many, from the first on
    weight,  # in      (n,) float64
    new,  # in      (>= m,) int32, whole words of simd_masks.py
    labels,  # in/out  (>= n,) int32, whole words from the first row on
    grids,  # in      (2, columns(d)) float64
    sums,  # in/out  (k, 2, columns(d)) float64, as `exchange` has them
    x,  # scratch (1, columns(d)) float64, 1 and zeros behind the features
):
    """`relabel` rows (x - origin) * scale that are in no tiles: how many have changed."""
    changed = 0
    for begin in range(0, m, ROWS):
        moves = unequal(new[begin:], labels[first + begin :])
        if begin + ROWS > m:
            moves &= ALL >> np.uint64(begin + ROWS - m)
        while moves:
            r = np.uint64(begin) + lowest_bit(moves)
            moves &= moves - np.uint64(1)
            i = np.uint64(first) + r
            row = X[i]
            for j in range(row.size):
                x[0, j] = (row[j] - origin[j]) * scale
            exchange_row(x, 0, weight[i], labels[i], new[r], grids, sums)
            labels[i] = new[r]
            changed += 1
    return changed


@kernel(strict=True)
def relabel_gathered(
    panel,  # in      (d, R) the rows, from anywhere
    rows,  # in      (m,) int64, their numbers
    weight,  # in      (n,) float64
    new,  # in      (>= m,) int32
    labels,  # in/out  (n,) int32
    grids,  # in      (2, columns(d)) float64
    sums,  # in/out  (k, 2, columns(d)) float64, as `exchange` has them
):
    """`relabel` rows that were gathered in a tile: how many have changed."""
    changed = 0
    for r in range(rows.size):
        i = np.uint64(rows[r])
        if new[r] != labels[i]:
            exchange(panel, r, weight[i], labels[i], new[r], grids, sums)
            labels[i] = new[r]
            changed += 1
    return changed


@kernel(strict=True)
def move_tile(
    tile,  # in      (d, R)
    weight,  # in      (R,) float64; a row of less than nothing goes the other way
    before,  # in      cluster that its rows leave; -1: none
    now,  # in      cluster that they join
    grids,  # in      (2, columns(d)) float64
    sums,  # in/out  (k, 2, columns(d)) float64, as `exchange` has them
):
    """Take all rows of a tile from the sums of a cluster to those of another: exchange, by lanes.

    Sums of terms on a grid are exact, so they may be added in any order.
    """
    if before != now:
        simd_exact.move(tile, weight, before, now, grids, sums)


@parallel_kernel
def fold(
    shard,
    start,
    stop,  # in      clusters of this shard
    changed,  # in      (n_shards of rows,) int64; where it is 0 nothing is to be added
    changes,  # in/out  (n_shards of rows, k, 2, columns(d)) float64, 0 afterwards
    sums,  # in/out  (k, 2, columns(d)) float64
):
    """Add to the sums what every shard of the rows has changed in them."""
    nothing = np.zeros(sums.shape[2])
    for s in range(changed.size):
        if changed[s] == 0:
            continue
        for c in range(start, stop):
            for part in range(2):
                row, total = changes[s, c, part], sums[c, part]
                if differ(row, nothing) == 0:  # to look costs less than to write
                    continue
                for j in range(total.size):
                    total[j] += row[j]
                    row[j] = 0.0
