"""Distances to the nearest seed, for k-means++."""

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.gathered import sq_distance
from fastmix.kernels.lanes import DOUBLES
from fastmix.kernels.lloyd import weighted_sum
from fastmix.kernels.quantized import ROUNDING, Bytes, Points, bound_tile, notes_for
from fastmix.kernels.simd_bytes import ROWS, at_most
from fastmix.kernels.simd_kmeans import accept
from fastmix.kernels.simd_kmeans import potential as left_by
from fastmix.kernels.simd_masks import lowest_bit
from fastmix.kernels.tiles import SQ_TINY

MOST_NOTED = 64  # candidates of which a tile remembers whether they come closer


@kernel
def draw(
    tile_potential,  # in   (n_tiles,) float64, weight * closest, summed over tiles
    weight,  # in   (>= n,) float64
    closest,  # in   (>= n,) squared distance to the nearest seed
    n,
    width,  # in   rows of a tile
    shares,  # in   (m,) float64, of the total
    found,  # out  (m,) int64
):
    """The first rows whose running sums of weight * closest reach their shares: first the tile, then the row."""
    running, total = np.empty(tile_potential.size), 0.0
    for t in range(tile_potential.size):
        total += tile_potential[t]
        running[t] = total
    for i in range(shares.size):
        wanted = shares[i] * total
        t = min(first_above(running, wanted), running.size - 1)
        before, inside, row = running[t - 1] if t > 0 else 0.0, 0.0, t * width
        stop = min(row + width, n)
        while row < stop:
            inside += weight[row] * closest[row]
            if before + inside >= wanted:
                break
            row += 1
        found[i] = min(row, n - 1)


@kernel
def first_above(
    values,  # in  (m,) ascending
    least,
):
    """Number of the first value that is not below `least`; m where all are."""
    low, high = 0, values.size
    while low < high:
        middle = (low + high) // 2
        if values[middle] < least:
            low = middle + 1
        else:
            high = middle
    return low


@parallel_kernel
def potential(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    weight,  # in      (n_tiles * R,) float64, zero where padded
    candidates,  # in      (m, L, d) of every start
    closest,  # in      (m, n_tiles * R) squared distance to its nearest seed
    closer,  # out     (m, n_tiles) uint64, a bit for each of the first candidates: does it come closer?
    totals,  # in/out  (n_shards, m, L) float64
):
    """Add the weighted squared distances that would be left with each candidate as one more seed.

    Starts go through the rows together: each tile is read once for all.
    """
    (m, L, _), R = candidates.shape, tiles.shape[2]
    lanes, comes_closer = np.empty((m, L, DOUBLES)), np.empty(L, np.uint8)
    lanes[:] = 0.0
    for t in range(start, stop):
        here = slice(t * R, (t + 1) * R)
        for s in range(m):
            for c in range(L):
                comes_closer[c] = 0
            near, share = closest[s, here], weight[here]
            left_by(tiles[t], candidates[s], near, share, lanes[s], comes_closer)
            mask = np.uint64(0)
            for c in range(min(L, MOST_NOTED)):
                mask |= np.uint64(comes_closer[c]) << np.uint64(c)
            closer[s, t] = mask
    for s in range(m):
        for c in range(L):
            for lane in range(DOUBLES):
                totals[shard, s, c] += lanes[s, c, lane]


@parallel_kernel
def add_seed(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R)
    weight,  # in      (n_tiles * R,) float64, zero where padded
    seeds,  # in      (m, d) one more of every start
    closer,  # in      (m, n_tiles) uint64, as `potential` leaves it
    bits,  # in      (m,) uint64, the seed's bit in these; 0 where it is not known
    closest,  # in/out  (m, n_tiles * R) squared distance to the nearest seed
    tile_potential,  # out     (m, n_tiles) float64
):
    """Bring closest up to date for one more seed; also its weighted sum over every tile."""
    m, R = len(seeds), tiles.shape[2]
    total = np.empty((1, DOUBLES))
    for t in range(start, stop):
        here = slice(t * R, (t + 1) * R)
        for s in range(m):
            if bits[s] != 0 and (closer[s, t] & bits[s]) == 0:
                continue
            for lane in range(DOUBLES):
                total[0, lane] = 0.0
            accept(tiles[t], seeds[s : s + 1], closest[s, here], weight[here], total)
            tile_potential[s, t] = 0.0
            for lane in range(DOUBLES):
                tile_potential[s, t] += total[0, lane]


@parallel_kernel
def gain(
    shard,
    start,
    stop,  # in      tiles of bytes of this shard
    X,  # in      (n, d)
    origin,  # in      (d,) of the frame
    scale,  # in      of the frame
    weight,  # in      (>= n,) float64
    candidates,  # in      (L, d)
    bytes_of_rows,  # in      of quantized.Bytes
    unit_of_rows,  # in
    square,  # in
    length,  # in
    lost,  # in
    bytes_of_points,  # in      of quantized.Points
    begin,  # in
    squares,  # in
    unit_of_points,  # in
    lost_of_points,  # in
    length_of_points,  # in
    most,  # in      float, the greatest of these
    keep,  # in      is the one candidate a seed now?
    closest,  # in/out  (n_tiles * 64,) float64, squared distance to the nearest seed
    tile_potential,  # in/out  (n_tiles,) float64, its weighted sum over every tile
    totals,  # in/out  (n_shards, L) float64, untouched where a seed is kept
):
    """Add what every candidate as one more seed would take from the potential.

    Only rows that bytes cannot rule out are measured: of most tiles there is none.
    """
    n, L = X.shape[0], len(candidates)
    rows = Bytes(bytes_of_rows, unit_of_rows, square, length, lost)
    points = Points(
        bytes_of_points, begin, squares, unit_of_points, lost_of_points, length_of_points
    )
    notes, room = notes_for(L), np.float32(ROUNDING)
    limit = notes.limit
    for t in range(start, stop):
        first = t * ROWS
        here = slice(first, first + ROWS)
        near, its_square, its_length, its_lost = (
            closest[here],
            square[here],
            length[here],
            lost[here],
        )
        bound_tile(rows, t, points, notes)
        for r in range(ROWS):
            limit[r] = np.float32(near[r]) - its_square[r]
        for r in range(ROWS):
            reach = its_length[r] + its_lost[r] + np.float32(most)
            limit[r] += room * (reach * reach + abs(limit[r])) + np.float32(SQ_TINY)
        at_most(notes.found, limit, notes.masks)
        closer = False
        for c in range(L):
            mask = notes.masks[c]
            while mask:
                i = np.uint64(first) + lowest_bit(mask)
                mask &= mask - np.uint64(1)
                if i >= n:
                    break
                sq = sq_distance(X[i], origin, scale, candidates[c])
                if sq < closest[i]:
                    if keep:
                        closest[i], closer = sq, True
                    else:
                        totals[shard, c] += weight[i] * (closest[i] - sq)
        if closer:
            tile_potential[t] = weighted_sum(
                near[: n - first], weight[first : min(first + ROWS, n)]
            )
