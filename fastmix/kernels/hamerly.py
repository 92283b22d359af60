"""Nearest centers with one bound a row, which tells most rows that nothing can have changed.

For a row with center a let u be an upper bound of its distance to a, and l a lower bound of that to
every other center (Hamerly 2010, doi:10.1137/1.9781611972801.12). As long as u < l the row stays.
Nothing is rewritten while it does: with

    moved[c]   the sum of all that center c has moved,
    loss[c]    the most that l - u of a row of center c can have lost: moved[c], and the most that any
               other center has moved in each step,

a row keeps upper = u - moved[a] and gap = l - u + loss[a] as they were when it was last looked at, and
now u = upper + moved[a], l - u = gap - loss[a]. A tile keeps the least of its gaps, so that one
comparison skips it. Rows that fail are measured against their own center first. If many of a tile still
fail, all its rows are measured against all centers; a few are gathered in tiles of their own.

Rounding: computed distances are off by less than a share `margin` of themselves, (d + 8) / 2 eps, and
bounds are rounded away from each other when stored in float32. A row is only skipped where u < l holds
with room for both: labels are Lloyd's to the last one.
"""

from typing import NamedTuple

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.exact import differ, relabel, relabel_gathered, rows_beside
from fastmix.kernels.gathered import gather, sq_distance
from fastmix.kernels.lloyd import own_distances_of
from fastmix.kernels.simd_kmeans import two_nearest
from fastmix.kernels.tiles import TINY, least_of

AWAY = 2.0**-22  # more than a float32 is off, relatively
BLOCK = 64  # tiles whose failing rows are gathered together
MANY_OF = 0.3  # share of a tile's rows from which on all are measured against their own centers


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
    tiles,  # in      (n_tiles, d, R); (0, d, R): rows come from X
    X,  # in      (n, d) the same rows, before (x - origin) * scale
    origin,  # in      (d,) of X's dtype
    scale,  # in      of X's dtype
    weight,  # in      (n_tiles * R,) float64, zero where padded
    centers,  # in      (k, d)
    grids,  # in      (2, columns) float64, of exact.py
    margin,  # in      relative error of a distance
    many,  # in      rows of a tile from which on all are measured
    moved,  # in      (k,) float64, of Moves
    loss,  # in      (k,) float64
    most,  # in      float
    apart,  # in      (k,) float64
    labels,  # in/out  (n_tiles * R,) int32, of Bounds
    upper,  # in/out  (n_tiles * R,) float32
    gap,  # in/out  (n_tiles * R,) float32
    least,  # in/out  (n_tiles,) float64
    home,  # in/out  (n_tiles,) int32
    changes,  # in/out  (n_shards, k, 2, columns) float64, what the sums of exact.py change by
    changed,  # in/out  (n_shards,) int64, rows that changed label
    measured,  # in/out  (n_shards,) int64, distances of rows to centers
):
    """Label every row whose label may have changed; one that does takes its part of the sums along."""
    (n, d), k, R = X.shape, len(centers), tiles.shape[2]
    moves = Moves(moved, loss, most, apart)
    bounds = Bounds(labels, upper, gap, least, home)
    failing, left, panel = np.empty(BLOCK * R + R, np.int64), np.empty(R), np.zeros((d, R), X.dtype)
    new, best, second = np.empty(R, np.int32), np.empty(R, X.dtype), np.empty(R, X.dtype)
    beside, packed = rows_beside(panel, grids), len(tiles) > 0
    for first in range(start, stop, BLOCK):
        some = 0
        for t in range(first, min(first + BLOCK, stop)):
            its_home, before = home[t], t * R
            if least[t] > (loss[its_home] if its_home >= 0 else most):
                continue
            here = labels[before : min(before + R, n)]
            doubts = failing[some:]
            more = doubtful(before, here, moves, bounds, left, doubts)
            if more == 0:
                remember(t, here, left, moves, bounds)
                continue
            least[t] = -np.inf
            if left[0] > -np.inf:
                measured[shard] += more
                if packed and more > MANY_OF * R:
                    own_distances_of(tiles[t], here, centers, second)
                    for m in range(more):
                        best[m] = second[doubts[m] - before]
                else:
                    for m in range(more):
                        row = np.uint64(doubts[m])
                        center = centers[np.uint64(labels[row])]
                        best[m] = sq_distance(X[row], origin, scale, center)
                more = still_doubtful(doubts[:more], best, margin, moves, bounds)
            if not packed or more < many:
                some += more
                continue
            two_nearest(tiles[t], centers, new, best, second)
            for r in range(here.size):
                settle(before + r, new[r], best[r], second[r], margin, moves, bounds)
            share = weight[before : before + R]
            if differ(new, here):
                changed[shard] += relabel(tiles[t], share, new, here, grids, beside, changes[shard])
            measured[shard] += k * here.size
        for begin in range(0, some, R):
            rows = failing[begin : min(begin + R, some)]
            gather(X, origin, scale, rows, panel)
            two_nearest(panel, centers, new, best, second)
            for r in range(rows.size):
                settle(rows[r], new[r], best[r], second[r], margin, moves, bounds)
            changed[shard] += relabel_gathered(
                panel, rows, weight, new, labels, grids, changes[shard]
            )
        measured[shard] += k * some


@kernel
def doubtful(
    first,  # in   row
    labels,  # in   (m,) int32, of the rows from there on; -1: nothing is known
    moves,  # in   Moves
    bounds,  # in   Bounds
    left,  # out  (>= m,) float64, what is left of l - u
    failing,  # out  (>= m,) int64, rows that may have changed label
):
    """How many of the rows of a tile may have changed label by their bounds."""
    gap, loss = bounds.gap[first : first + labels.size], moves.loss
    for r in range(labels.size):
        known = labels[r] >= 0
        left[r] = gap[r] - loss[np.uint64(labels[r] if known else 0)] if known else -np.inf
    some = 0
    for r in range(labels.size):
        failing[some] = first + r
        some += not left[r] > 0.0
    return some


@kernel
def still_doubtful(
    failing,  # in/out  (m,) int64, rows in doubt; those that stay so come first
    own,  # in      (>= m,) their squared distances to their own centers
    margin,  # in      relative error of a distance
    moves,  # in      Moves
    bounds,  # in/out  Bounds
):
    """How many rows still are in doubt when they are measured against their own centers."""
    some = 0
    for m in range(failing.size):
        i = failing[m]
        row = np.uint64(i)
        a = np.uint64(bounds.labels[row])
        u = np.sqrt(np.float64(own[m])) * (1.0 + margin) + TINY
        other = (bounds.gap[row] - moves.loss[a]) + (bounds.upper[row] + moves.moved[a])
        other -= AWAY * AWAY * (moves.loss[a] + moves.moved[a] + u)
        other = max(other, moves.apart[a] - u)
        if u < other:
            stamp(i, u, other, moves.moved[a], moves.loss[a], bounds)
        else:
            failing[some] = i
            some += 1
    return some


@kernel
def settle(
    i,  # in   row
    label,  # in   of its nearest center
    best,  # in   squared distance to it
    second,  # in   to the second nearest
    margin,  # in   relative error of a distance
    moves,  # in   Moves
    bounds,  # out  Bounds
):
    """Take down what was measured."""
    u = np.sqrt(np.float64(best)) * (1.0 + margin) + TINY
    other = np.sqrt(np.float64(second)) * (1.0 - margin) - TINY
    c = np.uint64(label)
    stamp(i, u, other, moves.moved[c], moves.loss[c], bounds)


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
    row, upper = np.uint64(i), u - moved
    stored = np.float32(upper + AWAY * (abs(upper) + AWAY * (u + moved)))
    held = np.float64(stored) + moved  # what the stored bound says
    gap = (other - held) + loss
    room = AWAY * (abs(gap) + AWAY * (other + held + loss))
    bounds.upper[row], bounds.gap[row] = stored, gap - room if gap < np.inf else gap


@kernel
def remember(
    t,  # in   tile
    labels,  # in   (m,) int32, of its rows
    left,  # scratch (m,) float64, what is left of their l - u
    moves,  # in   Moves
    bounds,  # out  Bounds
):
    """Take down what would have to be lost before a row of the tile may change label."""
    m, others = labels.size, 0
    for r in range(m):
        others += labels[r] != labels[0]
    least = least_of(left[:m])
    home = -1 if others else labels[0]
    bounds.home[t] = home
    loss = moves.loss[home] if home >= 0 else moves.most
    bounds.least[t] = (
        (least + loss) - AWAY * AWAY * (abs(least) + loss) if least < np.inf else least
    )
