"""Rows packed into tiles (n_tiles, d, R), feature after feature, centred and scaled on the way."""

import numpy as np

from fastmix._numba import kernel, parallel_kernel

TILE_BYTES = 256  # one feature of one tile: 32 doubles or 64 floats
SUMMED_TILES = 32  # of whose rows at most moments are summed in the dtype of the rows
LANES = 64  # values read side by side where columns are measured
TINY = 1e-18  # distances whose squares float32 holds with fewer digits, or as 0; rows are of size 1
SQ_TINY = TINY * TINY


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
def total(
    shard,
    start,
    stop,  # in      rows of this shard
    X,  # in      (n, d) C-ordered
    sums,  # in/out  (n_shards,) float64
):
    """Sum of all values."""
    d = X.shape[1]
    sums[shard] += sum_of(X.reshape(X.size)[start * d : stop * d])


@kernel(sums=True)
def sum_of(
    values,  # in  (m,)
):
    """Sum of values."""
    added = 0.0
    for i in range(values.size):
        added += values[i]
    return added


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
    sums, least, most = np.zeros(width), np.empty(width), np.empty(width)
    least[:], most[:] = np.inf, -np.inf
    whole = start + (stop - start) // at_once * at_once
    for i in range(start, whole, at_once):
        add_range(values[i * d : i * d + width], sums, least, most)
    for i in range(whole, stop):
        add_range(values[i * d : (i + 1) * d], sums, least, most)
    for j in range(d):
        total[shard, j], low[shard, j], high[shard, j] = sums[j], least[j], most[j]
    for i in range(d, width):
        j = i % d
        total[shard, j] += sums[i]
        low[shard, j], high[shard, j] = min(low[shard, j], least[i]), max(high[shard, j], most[i])


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
    values, width = X.reshape(X.size), np.uint64(d)  # unsigned: nobody counts from the end
    for t in range(start, stop):
        valid = min(R, n - t * R)
        rows = order[t * R : t * R + valid]
        for j in range(d):
            tile, middle = tiles[t, j], origin[j]
            for r in range(valid):
                tile[r] = (values[np.uint64(rows[r]) * width + np.uint64(j)] - middle) * scale
            tile[valid:] = 0


@parallel_kernel
def put_in_place(
    shard,
    start,
    stop,  # in   rows of this shard
    found,  # in   (n,)
    order,  # in   (n,) int64, where each of them belongs
    back,  # out  (n,)
):
    """Undo an order."""
    for i in range(start, stop):
        back[np.uint64(order[i])] = found[i]


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


@parallel_kernel
def count_digits(
    shard,
    start,
    stop,  # in      keys of this shard
    keys,  # in      (n,) int64, not negative
    shift,  # in      bits below the digit
    counts,  # in/out  (n_shards, 2**bits of the digit) int64
):
    """How often every digit occurs."""
    mask = counts.shape[1] - 1
    for i in range(start, stop):
        counts[shard, np.uint64((keys[i] >> shift) & mask)] += 1


@parallel_kernel
def place_digits(
    shard,
    start,
    stop,  # in      keys of this shard
    keys,  # in      (n,) int64, not negative
    shift,  # in      bits below the digit
    places,  # in/out  (n_shards, 2**bits of the digit) int64, where its next key goes
    placed,  # out     (n,) int64
):
    """Keys in the order of a digit; equal ones stay in their order."""
    mask = places.shape[1] - 1
    for i in range(start, stop):
        digit = np.uint64((keys[i] >> shift) & mask)
        placed[np.uint64(places[shard, digit])] = keys[i]
        places[shard, digit] += 1


@parallel_kernel
def reach(
    shard,
    start,
    stop,  # in   rows of this shard
    X,  # in   (n, d)
    origin,  # in   (d,) of X's dtype
    largest,  # out  (n_shards,) float64
):
    """Largest absolute value of x - origin."""
    d = X.shape[1]
    at_once = max(1, LANES // d)  # rows read side by side, however narrow they are
    values, middle = X.reshape(X.size), repeated(origin, at_once)
    most = np.zeros(at_once * d, X.dtype)
    for i in range(start, stop, at_once):
        some = values[i * d : min(i + at_once, stop) * d]
        for j in range(some.size):
            x = abs(some[j] - middle[j])
            most[j] = x if x > most[j] else most[j]
    largest[shard] = 0.0
    for x in most:
        largest[shard] = max(largest[shard], np.float64(x))


@parallel_kernel
def square(
    shard,
    start,
    stop,  # in      rows of this shard
    X,  # in      (n, d)
    origin,  # in      (d,) of X's dtype
    scale,  # in      of X's dtype, a power of two
    squares,  # in/out  (n_shards, d) float64
):
    """Add the squares of every feature of (x - origin) * scale."""
    d = X.shape[1]
    at_once = max(1, LANES // d)
    values, middle = X.reshape(X.size), repeated(origin, at_once)
    sums = np.zeros(at_once * d)
    for i in range(start, stop, at_once):
        some = values[i * d : min(i + at_once, stop) * d]
        for j in range(some.size):
            x = np.float64((some[j] - middle[j]) * scale)
            sums[j] += x * x
    for r in range(at_once):
        for j in range(d):
            squares[shard, j] += sums[r * d + j]


@kernel
def repeated(
    values,  # in  (m,)
    times,
):
    """Values, time after time."""
    m = values.size
    found = np.empty(times * m, values.dtype)
    for i in range(found.size):
        found[i] = values[i % m]
    return found


@kernel
def least_of(
    values,  # in  (m,), afterwards scratch
):
    """The least value, found in halves, so that they are compared side by side."""
    m = values.size
    while m > 1:
        half = (m + 1) // 2
        for i in range(m - half):
            values[i] = values[i] if values[i] < values[half + i] else values[half + i]
        m = half
    return values[0]
