"""Tiles of rows that lie together, and the centers that may be nearest to any point of their boxes."""

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.exact import move_tile, relabel
from fastmix.kernels.simd_kmeans import nearest

GROUP = 16  # tiles that share a first choice of centers


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
    cells,  # out  (n,) int64
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
                cell |= apart[np.int64(min(max(at, 0.0), most))] << j
            cells[t * R + r] = cell


@kernel
def candidates(
    box,  # in   (2, d) float64
    centers,  # in   (k, d)
    names,  # in   (>= m,) int64, centers to choose from, ascending
    m,  # in   how many these are
    margin,  # in   relative rounding error of a difference of two squared distances
    left,  # out  (>= m,) int64, ascending
):
    """How many of the centers may be nearest to a row of the box: the others are not, nor as near.

    With z nearest to the middle of the box, |x - z|^2 - |x - c|^2 is linear in x, so it is greatest in
    a corner (Kanungo et al. 2002, doi:10.1109/TPAMI.2002.1017616).
    """
    d = box.shape[1]
    z, least = names[0], np.inf
    for i in range(m):
        sq = 0.0
        for j in range(d):
            gap = 0.5 * (box[0, j] + box[1, j]) - np.float64(centers[names[i], j])
            sq += gap * gap
        if sq < least:
            z, least = names[i], sq
    far = 0.0  # at least the squared distance of any row to z
    for j in range(d):
        c = np.float64(centers[z, j])
        gap = max(abs(box[0, j] - c), abs(box[1, j] - c))
        far += gap * gap
    size = 0
    for i in range(m):
        own = other = 0.0
        for j in range(d):
            c, mine = np.float64(centers[names[i], j]), np.float64(centers[z, j])
            corner = box[1, j] if c > mine else box[0, j]
            own += (corner - c) * (corner - c)
            other += (corner - mine) * (corner - mine)
        if names[i] == z or not own - other > margin * (own + far):
            left[size] = names[i]
            size += 1
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
    high,  # in/out  (n_shards, k, d + 1) float64, what the sums of exact.py change by
    low,  # in/out  (n_shards, k, d + 1) float64
    changed,  # in/out  (n_shards,) int64, rows that changed label
    measured,  # in/out  (n_shards,) int64, distances of rows to centers
):
    """Label every row; one that changes cluster takes its part of the sums along."""
    (_, d, R), k = tiles.shape, len(centers)
    everyone, near, names = np.arange(k), np.empty(k, np.int64), np.empty(k, np.int64)
    points, box = np.empty((k, d), centers.dtype), np.empty((2, d))
    new, best, terms = np.empty(R, np.int32), np.empty(R, tiles.dtype), np.ones((3, R))
    for group in range(start, stop, GROUP):
        last = min(group + GROUP, stop)
        for j in range(d):
            box[0, j], box[1, j] = boxes[group:last, 0, j].min(), boxes[group:last, 1, j].max()
        n_near = candidates(box, centers, everyone, k, margin, near)
        for t in range(group, last):
            size = candidates(boxes[t], centers, near, n_near, margin, names)
            if size == 1:
                if only[t] == names[0]:
                    continue
                only[t] = names[0]
                new[:] = names[0]
            else:
                only[t] = -1
                for i in range(size):
                    points[i] = centers[names[i]]
                nearest(tiles[t], points[:size], new, best)
                for r in range(R):
                    new[r] = names[new[r]]
                measured[shard] += size * R
            first = t * R
            here, share = labels[first : min(first + R, n)], weight[first : first + R]
            if size == 1 and here.size == R and all_are(here, here[0]):
                move_tile(tiles[t], share, here[0], new[0], grids, high[shard], low[shard], terms)
                here[:] = new[0]
                changed[shard] += R
                continue
            changed[shard] += relabel(tiles[t], share, new, here, grids, high[shard], low[shard])


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
