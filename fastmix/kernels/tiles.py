"""Rows packed into tiles (n_tiles, d, R), feature after feature, centred and scaled on the way."""

import numpy as np

from fastmix._numba import parallel_kernel

TILE_BYTES = 256  # one feature of one tile: 32 doubles or 64 floats


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
    X,  # in   (n, d)
    total,  # out  (n_shards, d) float64
    low,  # out  (n_shards, d) float64
    high,  # out  (n_shards, d) float64
):
    """Sum, least and greatest value of every column."""
    d = X.shape[1]
    for j in range(d):
        total[shard, j], low[shard, j], high[shard, j] = 0.0, np.inf, -np.inf
    for i in range(start, stop):
        for j in range(d):
            x = np.float64(X[i, j])
            total[shard, j] += x
            low[shard, j] = x if x < low[shard, j] else low[shard, j]
            high[shard, j] = x if x > high[shard, j] else high[shard, j]


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
    n, d = X.shape
    R = tiles.shape[2]
    for t in range(start, stop):
        tile, first = tiles[t], t * R
        valid = min(R, n - first)
        for r in range(valid):
            row = X[first + r]
            for j in range(d):
                tile[j, r] = (row[j] - origin[j]) * scale
        for j in range(d):
            for r in range(valid, R):
                tile[j, r] = 0


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
