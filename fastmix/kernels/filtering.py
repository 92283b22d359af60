"""Tiles of rows that lie together, and the centers that may be nearest to any point of their boxes.

Boxes of tiles stand side by side in groups, as rows do in tiles, and so do the boxes around groups: for
every one of these a choice among all centers is made, and among what is left for every tile.
"""

from typing import NamedTuple

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.exact import differ, move_tile, relabel, rows_beside
from fastmix.kernels.simd_boxes import BOXES, in_reach
from fastmix.kernels.simd_kmeans import nearest
from fastmix.kernels.tiles import SQ_TINY


@parallel_kernel
def box_tiles(
    shard,
    start,
    stop,  # in   groups of tiles of this shard
    tiles,  # in   (n_tiles, d, R)
    n,  # in   rows
    boxes,  # out  (n_groups, 2, d, BOXES) float64, least and greatest value of every feature
    hulls,  # out  (n_groups, 2, d) float64, of all boxes of a group
):
    """The box of every tile, a group of tiles side by side; where there are no more, the last one again."""
    d, R = tiles.shape[1], tiles.shape[2]
    for group in range(start, stop):
        for j in range(d):
            most = hulls[group, 0, j] = np.inf
            hulls[group, 1, j] = -most
            for b in range(BOXES):
                t = min(group * BOXES + b, len(tiles) - 1)
                low, high = np.inf, -np.inf
                for r in range(min(R, n - t * R)):
                    x = np.float64(tiles[t, j, r])
                    low, high = min(low, x), max(high, x)
                boxes[group, 0, j, b], boxes[group, 1, j, b] = low, high
                hulls[group, 0, j] = min(hulls[group, 0, j], low)
                hulls[group, 1, j] = max(hulls[group, 1, j], high)


@parallel_kernel
def find_cells(
    shard,
    start,
    stop,  # in   tiles of this shard
    tiles,  # in   (n_tiles, d, R)
    n,  # in   rows
    low,  # in   (d,) float64, where the grid begins
    scale,  # in   (d,) float64, cells by unit of length
    bits,  # in   of a cell's number along a feature
    below,  # in   bits of a row's number
    keys,  # out  (n,) int64, above those bits the cell, in them the row
):
    """Cell of every row in a grid, numbered in Morton order: neighbours mostly have near numbers."""
    d, R = tiles.shape[1], tiles.shape[2]
    apart = np.zeros(1 << bits, np.int64)  # the bits of a place, d - 1 zeros between them
    for place in range(apart.size):
        for bit in range(bits):
            apart[place] |= ((place >> bit) & 1) << (bit * d)
    most = np.float64(apart.size - 1)
    for t in range(start, stop):
        for r in range(min(R, n - t * R)):
            cell = 0
            for j in range(d):
                at = (np.float64(tiles[t, j, r]) - low[j]) * scale[j]
                cell |= apart[np.uint64(min(max(at, 0.0), most))] << j
            keys[t * R + r] = cell << below | (t * R + r)


class Choice(NamedTuple):
    """Which of some points may be nearest to the rows of which boxes."""

    own: np.ndarray  # (BOXES,) int32, a point near to every box
    masks: np.ndarray  # (k,) uint32, bit b of a point: it may be nearest to a row of box b
    scratch: np.ndarray  # (2, BOXES) float64
    points: np.ndarray  # scratch (d, BOXES) float64


@kernel
def choose(
    low,  # in   (d, BOXES) float64
    high,  # in   (d, BOXES) float64
    points,  # in   (k, d) float64
    margin,  # in   relative rounding error of a difference of two squared distances
    choice,  # out  Choice
):
    """Which boxes have points to choose from, as bits: more than one of the points may be nearest."""
    d, far, middles = low.shape[0], choice.scratch[0], choice.points
    for j in range(d):
        for b in range(BOXES):
            middles[j, b] = 0.5 * (low[j, b] + high[j, b])
    nearest(middles, points, choice.own, choice.scratch[1])
    for b in range(BOXES):
        far[b] = SQ_TINY / margin  # what vanishes in the rows' dtype tells nothing
        for j in range(d):
            mine = points[choice.own[b], j]
            gap = max(abs(low[j, b] - mine), abs(high[j, b] - mine))
            far[b] += gap * gap
            middles[j, b] = mine
    in_reach(low, high, middles, far, points, margin, choice.masks)
    once, twice = np.uint32(0), np.uint32(0)
    for c in range(len(points)):
        twice |= once & choice.masks[c]
        once |= choice.masks[c]
    return twice


@kernel
def members(
    masks,  # in   (>= m,) uint32
    m,
    b,  # in   bit
    found,  # out  (>= m,) int64, ascending
):
    """How many masks have the bit, and which."""
    size = 0
    for c in range(m):
        found[size] = c
        size += (masks[c] >> np.uint32(b)) & np.uint32(1)
    return size


@parallel_kernel
def assign(
    shard,
    start,
    stop,  # in      groups of tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    n,  # in      rows
    weight,  # in      (n_tiles * R,) float64, zero where padded
    centers,  # in      (k, d)
    margin,  # in      as `choose` has it
    grids,  # in      (2, columns) float64, of exact.py
    boxes,  # in      (n_groups, 2, d, BOXES) float64
    hulls,  # in      (n_groups, 2, d) float64
    only,  # in/out  (n_tiles,) int32, the label of all rows of a tile; -1 where they may differ
    labels,  # in/out  (n_tiles * R,) int32
    changes,  # in/out  (n_shards, k, 2, columns) float64, what the sums of exact.py change by
    changed,  # in/out  (n_shards,) int64, rows that changed label
    measured,  # in/out  (n_shards,) int64, distances of rows to centers
):
    """Label every row; one that changes cluster takes its part of the sums along."""
    (_, d, R), k = tiles.shape, len(centers)
    everyone, near, left = np.empty((k, d)), np.empty((k, d)), np.empty(k, np.int64)
    points, names = np.empty((k, d), centers.dtype), np.empty(k, np.int64)
    for c in range(k):
        for j in range(d):
            everyone[c, j] = centers[c, j]
    wide, narrow = scratch(k, d), scratch(k, d)
    hull, beside = np.empty((2, d, BOXES)), rows_beside(tiles[0], grids)
    new, best = np.empty(R, np.int32), np.empty(R, tiles.dtype)
    for region in range(start, stop, BOXES):
        end = min(region + BOXES, stop)
        for b in range(BOXES):
            its = hulls[min(region + b, end - 1)]
            for j in range(d):
                hull[0, j, b], hull[1, j, b] = its[0, j], its[1, j]
        choose(hull[0], hull[1], everyone, margin, wide)
        for group in range(region, end):
            first, last = group * BOXES, min((group + 1) * BOXES, len(tiles))
            n_near = members(wide.masks, k, group - region, names)
            if n_near == 1 and all_are(only[first:last], names[0]):
                continue
            for i in range(n_near):
                for j in range(d):
                    near[i, j] = everyone[names[i], j]
            several = choose(boxes[group, 0], boxes[group, 1], near[:n_near], margin, narrow)
            for t in range(first, last):
                b = t - first
                size = 1
                if (several >> np.uint32(b)) & np.uint32(1):
                    only[t] = -1
                    size = members(narrow.masks, n_near, b, left)
                    for i in range(size):
                        for j in range(d):
                            points[i, j] = centers[names[left[i]], j]
                    nearest(tiles[t], points[:size], new, best)
                    for r in range(R):
                        new[r] = names[left[new[r]]]
                    measured[shard] += size * min(R, n - t * R)
                else:
                    name = names[narrow.own[b]]
                    if only[t] == name:
                        continue
                    only[t] = name
                    new[:] = name
                here, share = labels[t * R : min(t * R + R, n)], weight[t * R : t * R + R]
                if size == 1 and here.size == R and all_are(here, here[0]):
                    before, now = here[0], new[0]
                    if before != now:
                        move_tile(tiles[t], share, before, now, grids, changes[shard])
                        here[:] = now
                        changed[shard] += R
                    continue
                if differ(new, here):
                    changed[shard] += relabel(
                        tiles[t], share, new, here, grids, beside, changes[shard]
                    )


@kernel
def scratch(k, d):
    """Room for a choice among k points."""
    return Choice(
        np.empty(BOXES, np.int32),
        np.empty(k, np.uint32),
        np.empty((2, BOXES)),
        np.empty((d, BOXES)),
    )


@kernel
def all_are(
    labels,  # in  (m,)
    label,
):
    """Have all rows this label?"""
    others = 0
    for i in range(labels.size):
        others += labels[i] != label
    return others == 0
