"""Lloyd's algorithm on bytes: an eighth of the numbers' size rules out most centers, exactly.

It pays for many features, where nothing else does: its work does not depend on how the rows lie.
Memory: a byte a value and 20 bytes a row.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._threads import threads
from fastmix.engine import kernels, lloyd
from fastmix.engine.lloyd import LloydState, followed
from fastmix.engine.results import Array, Indices, KMeansTotals, Rows
from fastmix.engine.rows import LARGEST, fits_float32, rows_work, writeable
from fastmix.engine.sums import Sums, no_sums
from fastmix.kernels.shards import shard_bounds

if TYPE_CHECKING:
    from fastmix.kernels.quantized import Bytes, Points


class QuantizedState(NamedTuple):
    """The rows as bytes, and sums."""

    labels: NDArray[np.int32]  # (n_tiles * 64,) -1 before the first pass
    rows_as_bytes: "Bytes"
    squares: float  # weighted sum of the squares of all rows
    measured: list[int]  # distances of rows to centers, pass by pass
    sums: Sums
    order: Indices | None = None  # rows stay where they are
    name: str = "quantized"


State = QuantizedState | LloydState  # the latter where bytes or float32 do not do


def start(rows: Rows, centers: Array, earlier: State | None = None) -> State:
    """Round the rows."""
    simd = kernels.simd_bytes
    if rows.d > simd.MOST_FEATURES or not fits_float32(rows):
        return lloyd.start(rows, centers, earlier if isinstance(earlier, LloydState) else None)
    n_tiles = -(-rows.n // simd.ROWS)
    sums = no_sums(rows, centers, earlier, n_tiles)
    nobody = np.full(n_tiles * simd.ROWS, -1, np.int32)
    if isinstance(earlier, QuantizedState):
        return earlier._replace(labels=nobody, measured=[], sums=sums)
    return QuantizedState(nobody, *rounded_rows(rows), [], sums)


def rounded_rows(rows: Rows) -> "tuple[Bytes, float]":
    """Rows as bytes, and the weighted sum of their squares."""
    simd = kernels.simd_bytes
    d, n_blocks = rows.d, -(-rows.n // simd.ROWS)
    tiles = np.empty((n_blocks, -(-d // simd.TOGETHER), simd.ROWS, simd.TOGETHER), np.uint8)
    found = kernels.quantized.Bytes(tiles, *np.empty((4, n_blocks * simd.ROWS), np.float32))
    work = rows_work(rows, 8)
    n_threads, bounds = threads(rows.n_threads, work), shard_bounds(n_blocks, work)
    squares = np.zeros(len(bounds) - 1)
    given = writeable(rows.X), rows.frame.origin, rows.scale, rows.weight
    kernels.quantized.round_rows(n_threads, bounds, *given, *found, squares)
    return found, float(squares.sum())


def assign(rows: Rows, centers: Array, state: State) -> KMeansTotals:
    """Measure the rows for which bytes leave several centers."""
    if isinstance(state, LloydState):
        return lloyd.assign(rows, centers, state)
    (k, d), sums = centers.shape, state.sums
    changed, measured = np.zeros((2, len(sums.changes)), np.int64)
    points = rounded_points(centers)
    if not points.length.max() < LARGEST:
        R = rows.tiles.shape[2]
        bounds = np.minimum(sums.bounds * (kernels.simd_bytes.ROWS // R), len(rows.tiles))
        given = rows.tiles, rows.n, rows.weight, centers, sums.grids, state.labels, True
        n_threads = threads(rows.n_threads, rows_work(rows, 3 * k))
        kernels.lloyd.assign(n_threads, bounds, *given, sums.changes, None, changed)
        return followed(rows, centers, state, changed, rows.n * k)
    kernels.quantized.assign(
        threads(rows.n_threads, rows_work(rows, k)),
        sums.bounds,
        writeable(rows.X),
        rows.frame.origin,
        rows.scale,
        rows.weight,
        centers,
        sums.grids,
        (d + 8) * float(np.finfo(rows.dtype).eps),
        *state.rows_as_bytes,
        *points,
        float(points.length.max()),
        state.labels,
        sums.changes,
        changed,
        measured,
    )
    return followed(rows, centers, state, changed, int(measured.sum()))


def pays(rows: Rows) -> bool:
    """Can bytes be multiplied at once, and does float32 hold what is said of them?"""
    simd = kernels.simd_bytes
    return bool(simd.FAST) and rows.d <= simd.MOST_FEATURES and fits_float32(rows)


def rounded_points(centers: Array) -> "Points":
    """Centers (k, d) as bytes."""
    (k, d), its, simd = centers.shape, kernels.quantized, kernels.simd_bytes
    wide, up = centers.astype(np.float64), 1.0 + its.ROUNDING
    unit = (np.abs(wide).max(1) / its.MOST_BYTE).astype(np.float32)
    steps = np.where(unit > 0, unit, 1.0).astype(np.float64)[:, None]
    values = np.zeros((k, -(-d // simd.TOGETHER) * simd.TOGETHER), np.int8)
    values[:, :d] = np.clip(np.rint(wide / steps), -its.MOST_BYTE, its.MOST_BYTE)
    begin = (-simd.ZERO * values.sum(1, dtype=np.int32)).astype(np.int32)
    squares = np.square(wide).sum(1)
    lost = np.sqrt(np.square(wide - steps * values[:, :d]).sum(1))
    kept = (squares, unit, lost * up, np.sqrt(squares) * up)
    with np.errstate(over="ignore"):
        return its.Points(values, begin, *(each.astype(np.float32) for each in kept))


move = lloyd.move  # bytes of rows know nothing of centers
inspect = lloyd.measure_own_of_rows
