"""Rows packed into tiles (n_tiles, d, R), feature after feature, centred and scaled on the way."""

import numpy as np

from fastmix._numba import kernel, parallel_kernel

TILE_BYTES = 256  # one feature of one tile: 32 doubles or 64 floats
SUMMED_TILES = 32  # of whose rows at most moments are summed in the dtype of the rows
LANES = 64  # values read side by side where columns are measured


def tile_rows(dtype):
    """R, the number of rows in a tile."""
    return TILE_BYTES // np.dtype(dtype).itemsize


def n_tiles(n, dtype):
    """Number of tiles that hold n rows."""
    return -(-n // tile_rows(dtype))


def take_rows(tiles, rows):
    """Copies of some packed rows, (len(rows), d)."""
    tile, lane = np.divmod(rows, tiles.shape[2])
    return tiles[tile, :, lane]


@parallel_kernel
def column_range(
    shard,
    start,
    stop,  # in   rows of this shard
    X,  # in   (n, d) C-ordered
    total,  # out  (n_shards, d) float64
    low,  # out  (n_shards, d) float64
    high,  # out  (n_shards, d) float64
):
    """Sum, least and greatest value of every column."""
    d = X.shape[1]
    values = X.reshape(X.size)
    at_once = max(1, LANES // d)  # rows read side by side, however narrow they are
    width = at_once * d
    sums, least, most = np.zeros(width), np.full(width, np.inf), np.full(width, -np.inf)
    whole = start + (stop - start) // at_once * at_once
    for i in range(start, whole, at_once):
        add_range(values[i * d : i * d + width], sums, least, most)
    for i in range(whole, stop):
        add_range(values[i * d : (i + 1) * d], sums, least, most)
    for j in range(d):
        total[shard, j] = sums[j::d].sum()
        low[shard, j], high[shard, j] = least[j::d].min(), most[j::d].max()


@kernel
def add_range(
    values,  # in      (m,)
    total,  # in/out  (>= m,) float64
    low,  # in/out  (>= m,) float64
    high,  # in/out  (>= m,) float64
):
    """Add values to sums, and widen ranges by them."""
    for j in range(values.size):
        x = np.float64(values[j])
        total[j] += x
        low[j] = x if x < low[j] else low[j]
        high[j] = x if x > high[j] else high[j]


@parallel_kernel
def pack(
    shard,
    start,
    stop,  # in   tiles of this shard
    X,  # in   (n, d)
    origin,  # in   (d,) of X's dtype
    scale,  # in   of X's dtype, a power of two
    tiles,  # out  (n_tiles, d, R), zero beyond row n
):
    """Pack (x - origin) * scale."""
    R = tiles.shape[2]
    pack_rows(X[start * R : min(stop * R, X.shape[0])], origin, scale, tiles[start:stop])


@parallel_kernel
def pack_in_order(
    shard,
    start,
    stop,  # in   tiles of this shard
    X,  # in   (n, d)
    order,  # in   (n,) int64, the row of X that comes first, second, ...
    origin,  # in   (d,) of X's dtype
    scale,  # in   of X's dtype, a power of two
    tiles,  # out  (n_tiles, d, R), zero beyond row n
):
    """Pack (x - origin) * scale in another order of rows."""
    (n, d), R = X.shape, tiles.shape[2]
    some = np.empty((R, d), X.dtype)
    for t in range(start, stop):
        m = min(R, n - t * R)
        for r in range(m):
            some[r] = X[order[t * R + r]]
        pack_rows(some[:m], origin, scale, tiles[t : t + 1])


@parallel_kernel
def gather(
    shard,
    start,
    stop,  # in   tiles of this shard
    tiles,  # in   (n_tiles, d, R)
    order,  # in   (n,) int64, the row that comes first, second, ...
    gathered,  # out  (n_tiles, d, R), zero beyond row n
):
    """Packed rows in another order."""
    d, R = tiles.shape[1], tiles.shape[2]
    for t in range(start, stop):
        valid = min(R, order.size - t * R)
        for r in range(valid):
            row = order[t * R + r]
            for j in range(d):
                gathered[t, j, r] = tiles[row // R, j, row % R]
        gathered[t, :, valid:] = 0


@kernel
def pack_rows(
    X,  # in   (n, d)
    origin,  # in   (d,) of X's dtype
    scale,  # in   of X's dtype, a power of two
    tiles,  # out  (n_tiles, d, R), zero beyond row n
):
    """Pack (x - origin) * scale, from the first tile on."""
    n, d = X.shape
    R = tiles.shape[2]
    for t in range(len(tiles)):
        tile, first = tiles[t], t * R
        valid = min(R, n - first)
        for r in range(valid):
            row = X[first + r]
            for j in range(d):
                tile[j, r] = (row[j] - origin[j]) * scale
        for j in range(d):
            for r in range(valid, R):
                tile[j, r] = 0


@kernel
def sort_rows(
    first,  # in   (n,) int64, the key that counts, 0 to k - 1
    second,  # in   (n,) int64, the key that decides among equals
    k,
    order,  # in/out  (n,) int64, 0 to n - 1 at first
):
    """Order of rows by two keys, by counting; equal ones stay in their order."""
    rough = np.empty(first.size, np.int64)
    sort_by(second, k, order, rough)
    sort_by(first, k, rough, order)


@kernel
def sort_by(
    keys,  # in   (n,) int64, 0 to k - 1
    k,
    given,  # in   (n,) int64, rows in some order
    order,  # out  (n,) int64, in that of their keys
):
    """Order of rows by one key, by counting; equal ones stay in their order."""
    start = np.zeros(k + 1, np.int64)
    for i in range(keys.size):
        start[keys[i] + 1] += 1
    for c in range(k):
        start[c + 1] += start[c]
    for i in range(given.size):
        row = given[i]
        order[start[keys[row]]] = row
        start[keys[row]] += 1


@parallel_kernel
def reach(
    shard,
    start,
    stop,  # in   tiles of this shard
    tiles,  # in   (n_tiles, d, R), zero where padded
    largest,  # out  (n_shards,) float64
):
    """Largest absolute value."""
    values = tiles[start:stop].reshape((stop - start) * tiles.shape[1] * tiles.shape[2])
    most = np.zeros(LANES)
    for first in range(0, values.size, LANES):
        for i in range(min(LANES, values.size - first)):
            x = np.abs(np.float64(values[first + i]))
            most[i] = x if x > most[i] else most[i]
    largest[shard] = most.max()


@parallel_kernel
def square(
    shard,
    start,
    stop,  # in      tiles of this shard
    tiles,  # in      (n_tiles, d, R), zero where padded
    squares,  # in/out  (n_shards, d) float64
):
    """Add the squares of every feature."""
    for t in range(start, stop):
        for j in range(tiles.shape[1]):
            for r in range(tiles.shape[2]):
                x = np.float64(tiles[t, j, r])
                squares[shard, j] += x * x
