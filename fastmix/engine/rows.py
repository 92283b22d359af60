"""Rows of an array, measured and packed into tiles."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastmix._threads import threads
from fastmix.engine import kernels
from fastmix.engine.results import AnyRows, Array, Floats, Frame, Rows, View, scale
from fastmix.kernels.shards import shard_bounds

# Values that NumPy looks at and packs, and fewer that it also draws seeds from and adds up, about as fast
# as kernels: nothing has to be compiled for that.
FEW, FEWER = 1 << 14, 1 << 11
PART_VALUES = 1 << 17  # whose sums are added up by themselves
LARGEST = 2.0**30  # of values whose squares and products float32 holds, and above 1 / LARGEST keeps
DIGIT_BITS = 10  # of a key, by which rows are sorted at once
# The greatest power of two by which numbers of a dtype are scaled
MOST_EXPONENT = {np.dtype(np.float64): 1000, np.dtype(np.float32): 120}


class Columns(NamedTuple):
    """What a first look at the rows tells."""

    mean: Floats  # (d,)
    low: Floats  # (d,)
    high: Floats  # (d,)


@singledispatch
def measure(X: Any, n_threads: int | None) -> Columns:
    """Mean, least and greatest value of every column of X (n, d)."""
    if X.size <= FEW:
        columns = np.ascontiguousarray(X.T)  # along which NumPy is faster than across
        with np.errstate(over="ignore", invalid="ignore"):
            mean = columns.mean(1, np.float64)
        return Columns(mean, *(edge(1).astype(np.float64) for edge in (columns.min, columns.max)))
    return columns_of(len(X), part_ranges(X, n_threads))


def part_ranges(X: Array, n_threads: int | None) -> Floats:
    """Sum, least and greatest value of every part and column of X (n, d), (3, n_parts, d)."""
    n, d = X.shape
    bounds = np.minimum(part_bounds(n, d, 1), n)
    found = np.empty((3, len(bounds) - 1, d))
    kernels.tiles.column_range(threads(n_threads, 4 * n * d), bounds, writeable(X), *found)
    return found


def columns_of(n: int, ranges: Floats) -> Columns:
    """The same of all n rows, from those of their parts."""
    total, low, high = ranges
    with np.errstate(over="ignore", invalid="ignore"):
        mean = total.sum(0) / n
    return Columns(mean, low.min(0), high.max(0))


def part_rows(d: int) -> int:
    """Rows of a part, a power of two of at least all tiles' rows.

    It depends on d alone, so sums over parts do not tell in which chunks rows were read, or how many
    there were to come.
    """
    return max(
        kernels.tiles.tile_rows(np.float32), 1 << (max(1, PART_VALUES // d).bit_length() - 1)
    )


def part_bounds(n: int, d: int, unit: int) -> NDArray[np.int64]:
    """Bounds of the parts of n rows, (n_parts + 1,), in units of so many rows."""
    step = part_rows(d) // unit
    n_units = -(-n // unit)
    return np.minimum(np.arange(0, n_units + step, step), n_units)


def finite(X: Array, n_threads: int | None) -> bool:
    """Are all values of X (n, d) finite? False also where their sum is not."""
    n, d = X.shape
    if X.size <= FEW:
        with np.errstate(over="ignore", invalid="ignore"):
            return bool(np.isfinite(X.sum()))
    bounds = shard_bounds(n, n * d)
    total = np.zeros(len(bounds) - 1)
    kernels.tiles.total(threads(n_threads, n * d), bounds, writeable(X), total)
    return bool(np.isfinite(total).all())


def frame_of(X: Array, columns: Columns, normalise: bool) -> Frame:
    """Centre X at its mean; with `normalise`, scale it by a power of two to values of about 1.

    Raises
    ------
    ValueError
        If sums of squares of the centred rows leave the range of the numbers they are computed in.
    """
    n, d = X.shape
    with np.errstate(over="ignore", invalid="ignore"):
        origin = columns.mean.astype(X.dtype)
        largest = reach(columns, origin)
        # float32 rows are summed in float32 within some tiles, unless they are normalised
        narrow = X.dtype == np.float32 and not normalise
        most = np.finfo(np.float32 if narrow else np.float64).max
        terms = d * (kernels.tiles.SUMMED_TILES * kernels.tiles.tile_rows(X.dtype) if narrow else n)
        fits = np.isfinite(origin).all() and largest < math.sqrt(most / (4 * terms))
        fits = fits and largest <= np.finfo(X.dtype).max
    if not fits:
        raise ValueError(
            f"Input X is too large: squared distances overflow {'float32' if narrow else 'float64'} "
            f"(largest centred value {largest:.3g}). Rescale the data"
            f"{', or pass it as float64' if narrow else ''}."
        )
    return Frame(origin, power_of_two(largest, X.dtype) if normalise else 0)


def power_of_two(largest: float, dtype: DTypeLike = np.float64) -> int:
    """Exponent e such that largest / 2**e is in [1, 2), as far as the dtype allows; 0 for 0."""
    most = MOST_EXPONENT[np.dtype(dtype)]
    return max(-most, min(math.frexp(largest)[1] - 1, most)) if largest > 0 else 0


@singledispatch
def held(X: Any, weight: Any, n_threads: int | None) -> tuple[Any, int]:
    """X with another row in place of every row of weight 0, whose values shall not matter; how many are left."""
    if weight is None or weight.all():
        return X, len(X)
    others = X.copy()
    others[weight == 0] = X[weight.argmax()]
    return others, int(np.count_nonzero(weight))


@singledispatch
def pack(
    X: Any,
    frame: Frame,
    weight: Floats | None,
    n_threads: int | None,
    columns: Columns | None = None,
) -> Rows:
    """Rows X (n, d) in a frame; weight (n,) is None for weight 1 everywhere. Their tiles are made when asked for.

    `columns` are those of X, if they are known.
    """
    n = X.shape[0]
    frame = frame._replace(origin=frame.origin.astype(X.dtype))
    padded = np.zeros(kernels.tiles.n_tiles(n, X.dtype) * kernels.tiles.tile_rows(X.dtype))
    exponent = 0 if weight is None else weight_exponent(weight)
    padded[:n] = 1.0 if weight is None else np.ldexp(weight, -exponent)
    total = float(n) if weight is None else float(padded.sum())
    far = None if columns is None else reach(columns, frame.origin) * float(scale(X, frame))
    return Rows(X, padded, total, n, frame, exponent, n_threads, _new_tiles, far)


def few(rows: Rows) -> bool:
    """Are they so few that NumPy looks at them and packs them?"""
    return rows.n * rows.d <= FEW and len(rows.X) == rows.n


def fewer(rows: Rows) -> bool:
    """Are they so few that NumPy does all that comes before the passes?"""
    return few(rows) and rows.X.size <= FEWER


def reach(columns: Columns, origin: Array) -> float:
    """Largest distance of a value from the origin, as it is rounded in the origin's dtype."""
    ends = (edge.astype(origin.dtype) - origin for edge in (columns.low, columns.high))
    return max(float(np.abs(end).max(initial=0.0)) for end in ends)


def _new_tiles(rows: Rows) -> Array:
    R = kernels.tiles.tile_rows(rows.dtype)
    tiles = kernels.memory.empty((len(rows.weight) // R, rows.d, R), rows.dtype)
    fill(rows, tiles)
    return tiles


def fill(rows: Rows, tiles: Array) -> None:
    """Pack the rows into tiles (n_tiles, d, R)."""
    if few(rows):
        (n_tiles, d, R), turned = tiles.shape, np.zeros((len(rows.weight), rows.d), rows.dtype)
        turned[: rows.n] = in_frame(rows)
        tiles[:] = turned.reshape(n_tiles, R, d).transpose(0, 2, 1)
        return
    work = rows_work(rows, 4)
    bounds, n_threads = shard_bounds(len(tiles), work), threads(rows.n_threads, work)
    kernels.tiles.pack(n_threads, bounds, writeable(rows.X), rows.frame.origin, rows.scale, tiles)


def in_tiles(rows: Rows, tiles: Array, weight: Floats, n: int) -> Rows:
    """Other rows than `rows`, in their frame, that are held in tiles alone."""
    nowhere = np.empty((0, tiles.shape[1]), tiles.dtype)
    return replace(rows, X=nowhere, weight=weight, n=n, pack=lambda _: tiles, largest=None)


def arrange(rows: Rows, order: NDArray[np.int64]) -> None:
    """Pack the rows anew, in the same memory, in the order X[order[0]], X[order[1]], ...

    They still are the same rows with the same weights; only their numbers are no longer those of X.
    """
    weight = rows.weight[: rows.n]
    if weight.min() < weight.max():
        weight[:] = weight[order]
    work = rows_work(rows, 4)
    kernels.tiles.pack_in_order(
        threads(rows.n_threads, work),
        shard_bounds(len(rows.tiles), work),
        writeable(rows.X),
        order,
        rows.frame.origin,
        rows.scale,
        rows.tiles,
    )


def put_back(rows: Rows, order: NDArray[np.int64]) -> None:
    """Undo `arrange`."""
    weight = rows.weight[: rows.n]
    if weight.min() < weight.max():
        weight[order] = weight.copy()
    fill(rows, rows.tiles)


def in_place(found: Array, order: NDArray[np.int64], n_threads: int | None) -> Array:
    """What was found for rows (n,) in an order, in that of X."""
    back = np.empty_like(found)
    work = 4 * len(order)
    bounds = shard_bounds(len(order), work)
    kernels.tiles.put_in_place(threads(n_threads, work), bounds, found, order, back)
    return back


def numbered(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keys (n,) for `order_of`, which have the numbers of their rows in their lowest bits."""
    keys <<= row_bits(len(keys))
    keys |= np.arange(len(keys))
    return keys


def row_bits(n: int) -> int:
    """Bits of the number of a row."""
    return max(1, n - 1).bit_length()


def order_of(keys: NDArray[np.int64], most: int, n_threads: int | None) -> NDArray[np.int64]:
    """Numbers of the rows (n,) in the order of their keys (n,), 0 to most; equal ones stay in their order.

    The keys are `numbered`, and overwritten. Memory: 8 bytes a row beside them.
    """
    n = len(keys)
    below, above = row_bits(n), max(1, int(most)).bit_length()
    n_digits = -(-above // DIGIT_BITS)
    bits = -(-above // n_digits)
    bounds, placed = shard_bounds(n, 4 * n), np.empty(n, np.int64)
    workers = threads(n_threads, 4 * n)
    for digit in range(n_digits):
        shift = below + digit * bits
        counts = np.zeros((len(bounds) - 1, 1 << bits), np.int64)
        kernels.tiles.count_digits(workers, bounds, keys, shift, counts)
        ends = np.cumsum(counts.T).reshape(counts.T.shape).T
        kernels.tiles.place_digits(workers, bounds, keys, shift, ends - counts, placed)
        keys, placed = placed, keys
    keys &= (1 << below) - 1
    return keys


class _Plain:
    """The memory of an array, as if it could be written to."""

    def __init__(self, X: Array) -> None:
        self.owner = X
        pointer, _ = X.__array_interface__["data"]
        self.__array_interface__ = {**X.__array_interface__, "data": (pointer, False)}


def writeable(X: Array) -> Array:
    """X as an array that may be written to, though nobody will.

    For Numba a read-only array is another type: every kernel that reads X would be compiled again.
    """
    return X if X.flags.writeable else np.asarray(_Plain(X))


def weight_exponent(weight: Floats) -> int:
    """Exponent e such that the positive weights / 2**e are 1 to 2 on average, whatever their unit."""
    most = power_of_two(float(weight.max()))
    scaled = np.ldexp(weight[weight > 0], -most)
    return most + power_of_two(float(scaled.mean()))


def largest(rows: Rows) -> float:
    """Largest absolute value of the rows."""
    if rows.largest is not None:
        return rows.largest
    if few(rows):
        return float(np.abs(in_frame(rows)).max())
    work = rows_work(rows, 1)
    bounds = shard_bounds(rows.n, work)
    found = np.zeros(len(bounds) - 1)
    given = writeable(rows.X), rows.frame.origin
    kernels.tiles.reach(threads(rows.n_threads, work), bounds, *given, found)
    return float(found.max()) * float(rows.scale)


def fits_float32(rows: Rows) -> bool:
    """Does float32 hold the values, their squares and products?"""
    return 1 / LARGEST < largest(rows) < LARGEST


def to_frame(points: Array, frame: Frame) -> Array:
    """Points (m, d), given as rows of X are, in the frame and its dtype."""
    moved = np.asarray(points, frame.origin.dtype) - frame.origin
    return np.ascontiguousarray(np.ldexp(moved, -frame.exponent), dtype=frame.origin.dtype)


def from_frame(points: Array, frame: Frame) -> Array:
    """The points of the frame in the coordinates of X, in the frame's dtype."""
    most = np.finfo(frame.origin.dtype).max
    with np.errstate(
        over="ignore"
    ):  # the largest number may be rounded up on its way there and back
        back = np.ldexp(points, frame.exponent) + frame.origin
    return np.ascontiguousarray(np.clip(back, -most, most), dtype=frame.origin.dtype)


def rows_work(rows: Rows, per_value: float) -> float:
    """Floating-point operations of a pass that does `per_value` of them a row and feature."""
    return per_value * rows.n * rows.d


@singledispatch
def mean_variance(rows: AnyRows) -> float:
    """Unweighted variance of the rows, averaged over features, in the frame."""
    if few(rows):
        return float(np.square(in_frame(rows), dtype=np.float64).mean())
    return float(part_squares(rows).sum(0).mean()) / rows.n


def part_squares(rows: AnyRows) -> Floats:
    """Sum of squares of every part and feature, (n_parts, d)."""
    R = kernels.tiles.tile_rows(rows.dtype)
    bounds = part_bounds(rows.n, rows.d, R)
    squares = np.zeros((len(bounds) - 1, rows.d))
    for part in by_shards(rows, bounds):
        some = part.rows
        within, n_threads = (
            np.minimum(part.bounds * R, some.n),
            threads(some.n_threads, rows_work(some, 2)),
        )
        given = writeable(some.X), some.frame.origin, some.scale
        kernels.tiles.square(n_threads, within, *given, squares[part.slots])
    return squares


class Part(NamedTuple):
    """Rows that a pass goes through at once."""

    rows: Rows
    tiles: slice  # of all tiles, those that it holds
    places: slice  # of all rows, with padding
    bounds: NDArray[np.int64]  # (n_slots + 1,) of its shards, in its own tiles
    slots: slice  # of all shards' totals, those that its shards add to


@singledispatch
def by_shards(rows: AnyRows, bounds: NDArray[np.int64], exact: bool = False) -> Iterator[Part]:
    """All rows in order, part by part, for a pass with these bounds of shards (S + 1,), in tiles.

    Rows in memory are one part. The totals of a shard may be added to by several parts, one after the
    other. Where sums are exact it does not matter which, and how shards are cut.
    """
    yield Part(rows, slice(None), slice(None), bounds, slice(None))


@singledispatch
def take(rows: AnyRows, indices: Array) -> Array:
    """Rows of the frame by number, (len(indices), d)."""
    if rows.packed:
        return np.ascontiguousarray(kernels.tiles.take_rows(rows.tiles, np.asarray(indices)))
    return in_frame(rows, indices)


def in_frame(rows: Rows | View, indices: Any = slice(None)) -> Array:
    """All rows of X in its frame, or some; they may be infinite."""
    with np.errstate(over="ignore"):
        return np.asarray((rows.X[indices] - rows.frame.origin) * rows.scale)
