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
from fastmix.kernels.exact import differ, relabel_gathered, relabel_rows
from fastmix.kernels.hamerly import gather, sq_distance
from fastmix.kernels.simd_bytes import ROWS, TOGETHER, ZERO, at_most, bounds, lowest_bit
from fastmix.kernels.simd_kmeans import nearest
from fastmix.kernels.tiles import TILE_BYTES, pack_rows

MOST_BYTE = 127
MOST_LEFT = 12  # centers of a row that are measured one by one
TINY = 1e-36  # squares of distances below it may be 0 in float32; rows are of size 1
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
    (n, d), R = X.shape, TILE_BYTES // X.itemsize
    sums, steps, row = np.empty((3, R)), np.empty((3, R)), np.empty(R, np.uint8)
    tile = np.empty((1, d, R), X.dtype)
    for t in range(start, stop):
        rounded[t] = ZERO
        for part in range(ROWS // R):
            first = t * ROWS + part * R
            its_unit = unit[first : first + R]
            its_unit[:], sums[:] = 0.0, 0.0
            if first < n:
                pack_rows(X[first : min(first + R, n)], origin, scale, tile)
                units_of(tile[0], its_unit, steps)
                for j in range(d):
                    round_feature(tile[0, j], steps, sums, row)
                    group, byte = np.uint64(j // TOGETHER), np.uint64(j % TOGETHER)
                    for r in range(R):
                        rounded[t, group, np.uint64(part * R + r), byte] = row[r]
            for r in range(R):
                square[first + r] = sums[0, r]
                squares[shard] += weight[first + r] * sums[0, r] if first + r < n else 0.0
                length[first + r] = np.sqrt(sums[1, r]) * (1.0 + ROUNDING)
                lost[first + r] = np.sqrt(sums[2, r]) * (1.0 + ROUNDING)


@kernel
def units_of(
    tile,  # in   (d, R)
    unit,  # out  (R,) float32, at first 0
    steps,  # out  (3, R) float64, the unit, 1 / unit or 0, and scratch
):
    """Units in which the values of every row are -127 to 127."""
    wide, inverse, most = steps[0], steps[1], steps[2]
    most[:] = 0.0
    for j in range(tile.shape[0]):
        values = tile[j]
        for r in range(most.size):
            x = abs(np.float64(values[r]))
            most[r] = x if x > most[r] else most[r]
    for r in range(most.size):
        unit[r] = most[r] / MOST_BYTE
    for r in range(most.size):
        wide[r] = unit[r]
    for r in range(most.size):
        inverse[r] = 1.0 / wide[r] if wide[r] > 0.0 else 0.0


@kernel
def round_feature(
    values,  # in      (R,)
    steps,  # in      (3, R) float64, as `units_of` has them
    sums,  # in/out  (3, R) float64, squares of the values, of what is held, and of what is lost
    row,  # out     (R,) uint8
):
    """Round one feature of a tile."""
    unit, inverse, held = steps[0], steps[1], steps[2]
    square, own, away, most = sums[0], sums[1], sums[2], np.float64(MOST_BYTE)
    for r in range(row.size):
        square[r] += np.float64(values[r]) * np.float64(values[r])
    for r in range(row.size):
        q = np.rint(np.float64(values[r]) * inverse[r])
        held[r] = q if abs(q) <= most else (most if q > 0.0 else -most)
    for r in range(row.size):
        row[r] = np.uint8(np.int32(held[r]) + ZERO)
    for r in range(row.size):
        held[r] *= unit[r]
    for r in range(row.size):
        own[r] += held[r] * held[r]
    for r in range(row.size):
        gap = np.float64(values[r]) - held[r]
        away[r] += gap * gap


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
    eps,  # in      relative error of a squared distance
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
    labels,  # in/out  (n_tiles * R,) int32
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
    x, some = np.empty((d, 1), X.dtype), 0
    for t in range(start, stop):
        first = t * ROWS
        valid = min(ROWS, n - first)
        bound_tile(rows, t, points, notes)
        widen(rows, first, most, eps, notes.least, notes.limit)
        at_most(notes.found, notes.limit, notes.masks)
        list_bits(notes.masks, left, size)
        for r in range(valid):
            row = np.uint64(first + r)
            new[r], sure = left[r, 0], size[r] == 1
            if 1 < size[r] <= MOST_LEFT:
                measured[shard] += size[r]
                names = left[r, : size[r]]
                new[r], sure = nearest_of(X[row], origin, scale, centers, names, eps)
            if not sure:
                new[r] = labels[row]  # for now
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
            gather(X, origin, scale, doubts, panel)
            nearest(panel, centers, its, best)
            measured[shard] += k * m
            changed[shard] += relabel_gathered(
                panel, doubts, weight, its, labels, grids, changes[shard]
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
    eps,  # in   relative error of a squared distance
    least,  # in   (64,) float32
    limit,  # out  (64,) float32, what no nearest center is above
):
    """Add what rounding may do to the values, and to the distances of Lloyd's algorithm."""
    length, lost = rows.length[first : first + ROWS], rows.lost[first : first + ROWS]
    room = np.float32(ROUNDING + 8.0 * eps)
    for r in range(ROWS):
        reach = length[r] + lost[r] + np.float32(most)
        limit[r] = least[r] + (room * reach * reach + np.float32(TINY))


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


@kernel
def nearest_of(
    x,  # in   (d,)
    origin,  # in   (d,) of the frame
    scale,  # in   of the frame
    centers,  # in   (k, d)
    names,  # in   (m,) int32
    eps,  # in   relative error of a squared distance
):
    """The nearest of some centers, and whether rounding leaves no doubt of it."""
    best, second, label = np.inf, np.inf, names[0]
    for m in range(names.size):
        sq = sq_distance(x, origin, scale, centers[np.uint64(names[m])])
        if sq < best:
            best, second, label = sq, best, names[m]
        else:
            second = sq if sq < second else second
    return label, best * (1.0 + 4.0 * eps) + TINY < second * (1.0 - 4.0 * eps)
