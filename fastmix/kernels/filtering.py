"""Tiles of rows that lie together, and the centers that may be nearest to any point of their boxes."""

from typing import NamedTuple

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.exact import move_tile, relabel
from fastmix.kernels.simd_kmeans import nearest

GROUP = 16  # tiles that share a choice of centers, as do groups of as many groups


@parallel_kernel
def box_tiles(
    shard,
    start,
    stop,  # in   tiles of this shard
    tiles,  # in   (n_tiles, d, R)
    n,  # in   rows
    boxes,  # out  (n_tiles, 2, d) float64, least and greatest value of every feature
):
    """The box of every tile."""
    d, R = tiles.shape[1], tiles.shape[2]
    for t in range(start, stop):
        for j in range(d):
            low, high = np.inf, -np.inf
            for r in range(min(R, n - t * R)):
                x = np.float64(tiles[t, j, r])
                low, high = min(low, x), max(high, x)
            boxes[t, 0, j], boxes[t, 1, j] = low, high


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


@kernel
def candidates(
    box,  # in   (2, d) float64
    points,  # in   (d, >= m) float64, centers to choose from
    m,  # in   how many these are
    margin,  # in   relative rounding error of a difference of two squared distances
    terms,  # scratch (2, >= m) float64
    left,  # out  (>= m,) int64, their places, ascending
):
    """How many of the centers may be nearest to a row of the box: the others are not, nor as near.

    With z nearest to the middle of the box, |x - z|^2 - |x - c|^2 is linear in x, so it is greatest in
    a corner (Kanungo et al. 2002, doi:10.1109/TPAMI.2002.1017616).
    """
    d, left[0] = box.shape[1], 0
    if m == 1:
        return 1
    own, other = terms
    for i in range(m):
        own[i] = 0.0
    for j in range(d):
        middle, place = 0.5 * (box[0, j] + box[1, j]), points[j]
        for i in range(m):
            own[i] += (middle - place[i]) * (middle - place[i])
    z = 0
    for i in range(m):
        z = i if own[i] < own[z] else z
    for i in range(m):
        own[i] = other[i] = 0.0
    far = 0.0  # at least the squared distance of any row to z
    for j in range(d):
        low, high, place = box[0, j], box[1, j], points[j]
        mine = place[z]
        gap = max(abs(low - mine), abs(high - mine))
        far += gap * gap
        for i in range(m):
            corner = high if place[i] > mine else low
            own[i] += (corner - place[i]) * (corner - place[i])
            other[i] += (corner - mine) * (corner - mine)
    size = 0
    for i in range(m):
        left[size] = i
        size += i == z or not own[i] - other[i] > margin * (own[i] + far)
    return size


class Choice(NamedTuple):
    """Some centers, ascending, as columns."""

    names: np.ndarray  # (k,) int64
    points: np.ndarray  # (d, k) float64


@kernel
def narrow(
    wider,  # in   Choice of m
    m,
    box,  # in   (2, d) float64
    margin,  # in   as `candidates` has it
    terms,  # scratch (2, k) float64
    left,  # scratch (k,) int64
    choice,  # out  Choice
):
    """Choose among the centers of a wider choice: how many are left."""
    size = candidates(box, wider.points, m, margin, terms, left)
    for i in range(size):
        choice.names[i] = wider.names[left[i]]
    for j in range(box.shape[1]):
        for i in range(size):
            choice.points[j, i] = wider.points[j, left[i]]
    return size


@parallel_kernel
def assign(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    n,  # in      rows
    weight,  # in      (n_tiles * R,) float64, zero where padded
    centers,  # in      (k, d)
    margin,  # in      as `candidates` has it
    grids,  # in      (2, 2) float64, of exact.py
    boxes,  # in      (n_tiles, 2, d) float64
    only,  # in/out  (n_tiles,) int32, the label of all rows of a tile; -1 where they may differ
    labels,  # in/out  (n_tiles * R,) int32
    changes,  # in/out  (n_shards, k, 2, d + 1) float64, what the sums of exact.py change by
    changed,  # in/out  (n_shards,) int64, rows that changed label
    measured,  # in/out  (n_shards,) int64, distances of rows to centers
):
    """Label every row; one that changes cluster takes its part of the sums along."""
    (_, d, R), k = tiles.shape, len(centers)
    everyone = Choice(np.arange(k), np.empty((d, k)))
    for c in range(k):
        for j in range(d):
            everyone.points[j, c] = centers[c, j]
    wide = Choice(np.empty(k, np.int64), np.empty((d, k)))
    near = Choice(np.empty(k, np.int64), np.empty((d, k)))
    terms, left = np.empty((2, k)), np.empty(k, np.int64)
    points, box = np.empty((k, d), centers.dtype), np.empty((2, d))
    new, best, parts = np.empty(R, np.int32), np.empty(R, tiles.dtype), np.ones((3, R))
    for region in range(start, stop, GROUP * GROUP):
        end = min(region + GROUP * GROUP, stop)
        hull(boxes[region:end], box)
        n_wide = narrow(everyone, k, box, margin, terms, left, wide)
        for group in range(region, end, GROUP):
            last = min(group + GROUP, end)
            hull(boxes[group:last], box)
            n_near = narrow(wide, n_wide, box, margin, terms, left, near)
            if n_near == 1 and all_are(only[group:last], near.names[0]):
                continue
            for t in range(group, last):
                size = candidates(boxes[t], near.points, n_near, margin, terms, left)
                if size == 1:
                    name = near.names[left[0]]
                    if only[t] == name:
                        continue
                    only[t] = name
                    new[:] = name
                else:
                    only[t] = -1
                    for i in range(size):
                        points[i] = centers[near.names[left[i]]]
                    nearest(tiles[t], points[:size], new, best)
                    for r in range(R):
                        new[r] = near.names[left[new[r]]]
                    measured[shard] += size * R
                first = t * R
                here, share = labels[first : min(first + R, n)], weight[first : first + R]
                if size == 1 and here.size == R and all_are(here, here[0]):
                    before, now = here[0], new[0]
                    move_tile(tiles[t], share, before, now, grids, changes[shard], parts)
                    here[:] = now
                    changed[shard] += R
                    continue
                changed[shard] += relabel(tiles[t], share, new, here, grids, changes[shard])


@kernel
def hull(
    boxes,  # in   (m, 2, d) float64
    box,  # out  (2, d) float64
):
    """The box around some boxes."""
    for j in range(box.shape[1]):
        low, high = boxes[0, 0, j], boxes[0, 1, j]
        for t in range(1, boxes.shape[0]):
            low, high = min(low, boxes[t, 0, j]), max(high, boxes[t, 1, j])
        box[0, j], box[1, j] = low, high


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
