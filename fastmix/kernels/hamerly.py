"""Nearest centers with one bound a row, which tells most rows that nothing can have changed.

For a row with center a let u be an upper bound of its distance to a, and l a lower bound of that to
every other center (Hamerly 2010, doi:10.1137/1.9781611972801.12). As long as u < l the row stays.
Nothing is rewritten while it does: with

    moved[c]   the sum of all that center c has moved,
    loss[c]    the most that l - u of a row of center c can have lost: moved[c], and the most that any
               other center has moved in each step,

a row keeps upper = u - moved[a] and gap = l - u + loss[a] as they were when it was last looked at, and
now u = upper + moved[a], l - u = gap - loss[a]. A tile keeps the least of its gaps, so that one
comparison skips it. Rows that fail are measured against their own center first; those that still fail
are gathered in tiles of their own and measured against all.

Rounding: computed distances are off by less than a share `margin` of themselves, (d + 8) / 2 eps, and
bounds are rounded away from each other when stored in float32. A row is only skipped where u < l holds
with room for both: labels are Lloyd's to the last one.
"""

from typing import NamedTuple

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.exact import exchange
from fastmix.kernels.simd_kmeans import two_nearest

AWAY = 2.0**-22  # more than a float32 is off, relatively
TINY = 1e-18  # squares of distances below it may be 0 in float32; rows are of size 1
BLOCK = 64  # tiles whose failing rows are gathered together


class Moves(NamedTuple):
    """How far centers have moved."""

    moved: np.ndarray  # (k,) float64
    loss: np.ndarray  # (k,) float64
    most: float  # the greatest loss there can be
    apart: np.ndarray  # (k,) float64, at most the distance of a center to the nearest other one


class Bounds(NamedTuple):
    """What is known of every row and tile."""

    labels: np.ndarray  # (n_tiles * R,) int32, -1 before the first pass
    upper: np.ndarray  # (n_tiles * R,) float32
    gap: np.ndarray  # (n_tiles * R,) float32, -inf before the first pass
    least: (
        np.ndarray
    )  # (n_tiles,) float64, least of gap - loss in a tile, plus the loss of its home
    home: np.ndarray  # (n_tiles,) int32, the label of all rows of a tile; -1: they have several


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
    margin,  # in      relative error of a distance
    moved,  # in      (k,) float64, of Moves
    loss,  # in      (k,) float64
    most,  # in      float
    apart,  # in      (k,) float64
    labels,  # in/out  (n_tiles * R,) int32, of Bounds
    upper,  # in/out  (n_tiles * R,) float32
    gap,  # in/out  (n_tiles * R,) float32
    least,  # in/out  (n_tiles,) float64
    home,  # in/out  (n_tiles,) int32
    high,  # in/out  (n_shards, k, d + 1) float64, what the sums of exact.py change by
    low,  # in/out  (n_shards, k, d + 1) float64
    changed,  # in/out  (n_shards,) int64, rows that changed label
    measured,  # in/out  (n_shards,) int64, rows measured against all centers
):
    """Label every row whose label may have changed; one that does takes its part of the sums along."""
    d, R = tiles.shape[1], tiles.shape[2]
    moves = Moves(moved, loss, most, apart)
    bounds = Bounds(labels, upper, gap, least, home)
    failing, touched = np.empty(BLOCK * R, np.int64), np.empty(BLOCK, np.int64)
    panel = np.zeros((d, R), tiles.dtype)
    new, best, second = np.empty(R, np.int32), np.empty(R, tiles.dtype), np.empty(R, tiles.dtype)
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        some, few = screen(first, last, tiles, n, centers, margin, moves, bounds, failing, touched)
        for begin in range(0, some, R):
            rows = failing[begin : min(begin + R, some)]
            gather(tiles, rows, panel)
            two_nearest(panel, centers, new, best, second)
            settle(rows, new, best, second, margin, moves, bounds)
            for r in range(rows.size):
                before = labels[rows[r]]
                if new[r] != before:
                    w = weight[rows[r]]
                    exchange(panel, r, w, before, new[r], grids, high[shard], low[shard])
                    labels[rows[r]] = new[r]
                    changed[shard] += 1
        measured[shard] += some
        for i in range(few):
            remember(touched[i], R, n, moves, bounds)


@kernel
def screen(
    first,
    last,  # in      tiles
    tiles,  # in      (n_tiles, d, R)
    n,  # in      rows
    centers,  # in      (k, d)
    margin,  # in      relative error of a distance
    moves,  # in      Moves
    bounds,  # in/out  Bounds
    failing,  # out     (>= rows,) int64, those that have to be measured against all centers
    touched,  # out     (>= tiles,) int64, those that were not skipped
):
    """Sort out rows that cannot have changed label: how many are left, and in how many tiles."""
    R = tiles.shape[2]
    some = few = 0
    for t in range(first, last):
        home = bounds.home[t]
        if bounds.least[t] > (moves.loss[home] if home >= 0 else moves.most):
            continue
        touched[few] = t
        few += 1
        for r in range(min(R, n - t * R)):
            i = t * R + r
            a = bounds.labels[i]
            if a >= 0:
                left = bounds.gap[i] - moves.loss[a]
                if left > 0.0:
                    continue
                u = np.float64(np.sqrt(sq_distance(tiles[t], r, centers[a])))
                u = u * (1.0 + margin) + TINY
                other = left + (bounds.upper[i] + moves.moved[a])
                other -= AWAY * AWAY * (moves.loss[a] + moves.moved[a] + u)
                other = max(other, moves.apart[a] - u)
                if u < other:
                    stamp(i, u, other, moves.moved[a], moves.loss[a], bounds)
                    continue
            failing[some] = i
            some += 1
    return some, few


@kernel
def sq_distance(
    tile,  # in   (d, R)
    r,  # in   lane
    center,  # in   (d,)
):
    """Squared distance of one row to one center."""
    total = np.float64(0.0)
    for j in range(center.size):
        apart = np.float64(tile[j, r] - center[j])
        total += apart * apart
    return total


@kernel
def gather(
    tiles,  # in   (n_tiles, d, R)
    rows,  # in   (m,) int64, at most R
    panel,  # out  (d, R)
):
    """Copy rows from anywhere into one tile."""
    R = tiles.shape[2]
    for r in range(rows.size):
        t, lane = rows[r] // R, rows[r] % R
        for j in range(panel.shape[0]):
            panel[j, r] = tiles[t, j, lane]


@kernel
def settle(
    rows,  # in   (m,) int64
    new,  # in   (>= m,) int32, their labels
    best,  # in   (>= m,) squared distance to the nearest center
    second,  # in   (>= m,) to the second nearest
    margin,  # in   relative error of a distance
    moves,  # in   Moves
    bounds,  # out  Bounds
):
    """Take down what was measured."""
    for r in range(rows.size):
        c = new[r]
        u = np.sqrt(np.float64(best[r])) * (1.0 + margin) + TINY
        other = np.sqrt(np.float64(second[r])) * (1.0 - margin) - TINY
        stamp(rows[r], u, other, moves.moved[c], moves.loss[c], bounds)


@kernel
def stamp(
    i,  # in   row
    u,  # in   upper bound of the distance to its center
    other,  # in   lower bound of that to every other one
    moved,  # in   of its center
    loss,  # in   of its center
    bounds,  # out  Bounds
):
    """Store bounds so that they need not change when centers move, rounded away from each other."""
    upper = u - moved
    bounds.upper[i] = upper + AWAY * (abs(upper) + AWAY * (u + moved))
    held = np.float64(bounds.upper[i]) + moved  # what the stored bound says
    gap = (other - held) + loss
    room = AWAY * (abs(gap) + AWAY * (other + held + loss))
    bounds.gap[i] = gap - room if gap < np.inf else gap


@kernel
def remember(
    t,  # in      tile
    R,  # in      rows in a tile
    n,  # in      rows
    moves,  # in      Moves
    bounds,  # in/out  Bounds
):
    """What would have to be lost before a row of the tile may change label."""
    first = t * R
    home, least = bounds.labels[first], np.inf
    for i in range(first, min(first + R, n)):
        c = bounds.labels[i]
        home = home if c == home else -1
        left = bounds.gap[i] - moves.loss[c]
        least = left if left < least else least
    bounds.home[t] = home
    loss = moves.loss[home] if home >= 0 else moves.most
    bounds.least[t] = (
        (least + loss) - AWAY * AWAY * (abs(least) + loss) if least < np.inf else least
    )
