"""Nearest centers by bytes: most centers are ruled out by products of rounded rows and centers.

A row x is about s q with q a vector of bytes, and so is a center; then c^2 - 2 x c, which tells centers
apart as squared distances do, is off by no more than

    2 (|s q| |c - its bytes| + |x - s q| |c|)

(Cauchy and Schwarz). Centers that are farther by twice that, and by what rounding may add, cannot be
nearest. Rows with a few centers left are measured against these, in any order of additions; where even
that does not tell, and where many are left, in Lloyd's order. So labels are Lloyd's to the last one.
"""

from typing import NamedTuple

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels import memory
from fastmix.kernels.exact import differ, relabel_rows
from fastmix.kernels.gathered import label_gathered
from fastmix.kernels.simd_bytes import ROWS, TOGETHER, ZERO, at_most, bounds
from fastmix.kernels.simd_masks import lowest_bit
from fastmix.kernels.tiles import SQ_TINY, TILE_BYTES, least_of

MOST_BYTE = 127
MOST_LEFT = 12  # centers of a row that are measured one by one
ROUNDING = 2.0**-18  # more than float32 arithmetic loses of the terms of c^2 - 2 x c


class Bytes(NamedTuple):
    """Rows as bytes, and what is lost."""

    tiles: np.ndarray  # (n_tiles, d / 4, 64, 4) uint8
    unit: np.ndarray  # (n_tiles * 64,) float32, s
    square: np.ndarray  # (n_tiles * 64,) float32, |x|^2
    length: np.ndarray  # (n_tiles * 64,) float32, at least |s q|
    lost: np.ndarray  # (n_tiles * 64,) float32, at least |x - s q|


@parallel_kernel
def round_rows(
    shard,
    start,
    stop,  # in   tiles of bytes of this shard
    X,  # in   (n, d)
    origin,  # in   (d,) of the frame
    scale,  # in   of the frame
    weight,  # in   (>= n,) float64
    rounded,  # out  tiles of Bytes
    unit,  # out
    square,  # out
    length,  # out
    lost,  # out
    squares,  # in/out  (n_shards,) float64, weighted sums of the rows' squares
):
    """Round rows to bytes, each in a unit of its own."""
    n, d = X.shape
    x, sizes, words = np.empty(d, X.dtype), np.empty(d, X.dtype), rounded.view(np.uint32)
    row = np.empty(rounded.shape[1] * TOGETHER, np.uint8)
    row[:] = ZERO
    fours = row.view(np.uint32)
    for t in range(start, stop):
        first, last = t * ROWS, (t + 1) * ROWS
        rounded[t] = ZERO
        unit[first:last], square[first:last], length[first:last], lost[first:last] = 0, 0, 0, 0
        for i in range(first, min(last, n)):
            for j in range(d):
                x[j] = (X[i, j] - origin[j]) * scale
                sizes[j] = -abs(x[j])
            unit[i] = -least_of(sizes) / MOST_BYTE
            sums = round_row(x, unit[i], row)
            square[i] = sums[0]
            squares[shard] += weight[i] * sums[0]
            length[i] = np.sqrt(sums[1]) * (1.0 + ROUNDING)
            lost[i] = np.sqrt(sums[2]) * (1.0 + ROUNDING)
            for group in range(fours.size):
                words[t, group, np.uint64(i - first), 0] = fours[group]


@kernel(sums=True)
def round_row(
    x,  # in   (d,)
    unit,  # in   float32, in which its values are -127 to 127
    row,  # out  (>= d,) uint8
):
    """Round one row: sums of the squares of its values, of what is held, and of what is lost."""
    step, most = np.float64(unit), np.float64(MOST_BYTE)
    inverse = 1.0 / step if step > 0.0 else 0.0
    square, own, away = 0.0, 0.0, 0.0
    for j in range(x.size):
        value = np.float64(x[j])
        q = np.rint(value * inverse)
        q = q if abs(q) <= most else (most if q > 0.0 else -most)
        row[j] = np.uint8(np.int32(q) + ZERO)
        held = q * step
        gap = value - held
        square += value * value
        own += held * held
        away += gap * gap
    return square, own, away


class Points(NamedTuple):
    """Centers as bytes, each in a unit of its own."""

    bytes: np.ndarray  # (k, d) int8, d filled up to fours with 0
    begin: np.ndarray  # (k,) int32, what takes the shift of the rows' bytes away
    squares: np.ndarray  # (k,) float32, |c|^2
    unit: np.ndarray  # (k,) float32, s
    lost: np.ndarray  # (k,) float32, at least |c - s q|
    length: np.ndarray  # (k,) float32, at least |c|


class Notes(NamedTuple):
    """Scratch for one tile of bytes and k points."""

    factors: np.ndarray  # (3, 64) float32
    found: (
        np.ndarray
    )  # (k, 64) float32, at least every value of c^2 - 2 x c, less what it is off by
    least: np.ndarray  # (64,) float32, the least of these values, with what it is off by
    limit: np.ndarray  # (64,) float32, what no point of interest is above
    masks: np.ndarray  # (k,) uint64


@kernel
def notes_for(k):
    """Room for k points."""
    return Notes(
        np.empty((3, ROWS), np.float32),
        np.empty((k, ROWS), np.float32),
        np.empty(ROWS, np.float32),
        np.empty(ROWS, np.float32),
        np.empty(k, np.uint64),
    )


@parallel_kernel
def assign(
    shard,
    start,
    stop,  # in      tiles of bytes of this shard
    X,  # in      (n, d)
    origin,  # in      (d,) of the frame
    scale,  # in      of the frame
    weight,  # in      (n_tiles * R,) float64, zero where padded
    centers,  # in      (k, d)
    grids,  # in      (2, columns) float64, of exact.py
    margin,  # in      relative error of a squared distance
    bytes_of_rows,  # in      (n_tiles, d / 4, 64, 4) uint8, of Bytes
    unit_of_rows,  # in      (n_tiles * 64,) float32
    square,  # in      (n_tiles * 64,) float32
    length,  # in      (n_tiles * 64,) float32
    lost,  # in      (n_tiles * 64,) float32
    bytes_of_points,  # in      (k, d) int8, of Points
    begin,  # in      (k,) int32
    squares,  # in      (k,) float32
    unit_of_points,  # in      (k,) float32
    lost_of_points,  # in      (k,) float32
    length_of_points,  # in      (k,) float32
    most,  # in      float, the greatest of these
    labels,  # in/out  (n_tiles * 64,) int32
    changes,  # in/out  (n_shards, k, 2, columns) float64, what the sums of exact.py change by
    changed,  # in/out  (n_shards,) int64, rows that changed label
    measured,  # in/out  (n_shards,) int64, distances that were measured
):
    """Label every row; one that changes cluster takes its part of the sums along."""
    (n, d), k, R = X.shape, len(centers), TILE_BYTES // X.itemsize
    rows = Bytes(bytes_of_rows, unit_of_rows, square, length, lost)
    points = Points(
        bytes_of_points, begin, squares, unit_of_points, lost_of_points, length_of_points
    )
    notes, left, size = (
        notes_for(k),
        np.empty((ROWS, MOST_LEFT), np.int32),
        np.empty(ROWS, np.int64),
    )
    new, waiting = np.empty(ROWS, np.int32), np.empty(R + ROWS, np.int64)
    panel, its, best = np.zeros((d, R), X.dtype), np.empty(R, np.int32), np.empty(R, X.dtype)
    x, some = memory.zero_rows(1, grids.shape[1]), 0
    x[0, d] = 1.0
    for t in range(start, stop):
        first = t * ROWS
        valid = min(ROWS, n - first)
        bound_tile(rows, t, points, notes)
        widen(rows, first, most, margin, notes.least, notes.limit)
        at_most(notes.found, notes.limit, notes.masks)
        list_bits(notes.masks, left, size)
        measured[shard] += nearest_of_few(
            X[first : first + valid], origin, scale, centers, left, size, margin, new
        )
        for r in range(valid):
            if new[r] < 0:
                new[r] = labels[np.uint64(first + r)]  # for now
                waiting[some] = first + r
                some += 1
        if differ(new, labels[first : first + valid]):
            changed[shard] += relabel_rows(
                X, origin, scale, first, valid, weight, new, labels, grids, changes[shard], x
            )
        while some >= R or (some > 0 and t == stop - 1):
            m = min(some, R)
            some -= m
            doubts = waiting[some : some + m]
            measured[shard] += k * m
            changed[shard] += label_gathered(
                X,
                origin,
                scale,
                doubts,
                weight,
                centers,
                grids,
                labels,
                changes[shard],
                panel,
                its,
                best,
            )


@kernel
def bound_tile(
    rows,  # in   Bytes
    t,  # in   tile
    points,  # in   Points
    notes,  # out  Notes: factors, found, least
):
    """Bounds of c^2 - 2 x c for all rows of a tile and all points."""
    factors = notes.factors
    prepare(rows, t * ROWS, factors)
    bounds(
        rows.tiles[t],
        points.bytes,
        points.begin,
        points.squares,
        points.unit,
        points.lost,
        points.length,
        factors[0],
        factors[1],
        factors[2],
        notes.found,
        notes.least,
    )


@kernel
def prepare(
    rows,  # in   Bytes
    first,  # in   row
    factors,  # out  (3, 64) float32, -2 s, 2 |s q| and 2 |x - s q|
):
    """What the rows' bytes are multiplied by, and what they are off by."""
    unit, length = rows.unit[first : first + ROWS], rows.length[first : first + ROWS]
    lost, two = rows.lost[first : first + ROWS], np.float32(2.0)
    for r in range(ROWS):
        factors[0, r] = -two * unit[r]
    for r in range(ROWS):
        factors[1, r] = two * length[r]
    for r in range(ROWS):
        factors[2, r] = two * lost[r]


@kernel
def widen(
    rows,  # in   Bytes
    first,  # in   row
    most,  # in   at least the greatest |c|
    margin,  # in   relative error of a squared distance
    least,  # in   (64,) float32
    limit,  # out  (64,) float32, what no nearest center is above
):
    """Add what rounding may do to the values, and to the distances of Lloyd's algorithm."""
    length, lost = rows.length[first : first + ROWS], rows.lost[first : first + ROWS]
    room = np.float32(ROUNDING + 8.0 * margin)
    for r in range(ROWS):
        reach = length[r] + lost[r] + np.float32(most)
        limit[r] = least[r] + (room * reach * reach + np.float32(SQ_TINY))


@kernel
def list_bits(
    masks,  # in   (k,) uint64
    left,  # out  (64, m) int32, for every bit the masks that have it, ascending, as many as there is room for
    size,  # out  (64,) int64, how many masks have it
):
    """Turn masks into lists."""
    for r in range(ROWS):
        size[r] = 0
    room = left.shape[1]
    for c in range(masks.size):
        mask = masks[c]
        while mask:
            r = lowest_bit(mask)
            mask &= mask - np.uint64(1)
            if size[r] < room:
                left[r, np.uint64(size[r])] = c
            size[r] += 1


@kernel(sums=True)
def nearest_of_few(
    X,  # in   (m, d)
    origin,  # in   (d,) of the frame
    scale,  # in   of the frame
    centers,  # in   (k, d)
    left,  # in   (>= m, MOST_LEFT) int32, centers that may be nearest, of `list_bits`
    size,  # in   (>= m,) int64, how many
    margin,  # in   relative error of a squared distance
    new,  # out  (>= m,) int32; -1 where rounding leaves a doubt, or too many centers are left
):
    """The nearest of the centers that are left of every row: how many distances were measured."""
    (m, d), measured = X.shape, 0
    for r in range(m):
        new[r] = left[r, 0] if size[r] == 1 else -1
        if size[r] == 1 or size[r] > left.shape[1]:
            continue
        best, second, label = np.inf, np.inf, left[r, 0]
        for place in range(size[r]):
            c, total = left[r, place], X.dtype.type(0)
            for j in range(d):
                apart = (X[r, j] - origin[j]) * scale - centers[np.uint64(c), j]
                total += apart * apart
            sq = np.float64(total)
            if sq < best:
                best, second, label = sq, best, c
            else:
                second = sq if sq < second else second
        measured += size[r]
        if best * (1.0 + 4.0 * margin) + SQ_TINY < second * (1.0 - 4.0 * margin):
            new[r] = label
    return measured
