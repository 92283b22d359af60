"""Lloyd's algorithm in single precision, and in double only where single does not tell: half the bytes.

Memory: half a copy of X and 4 bytes a row; tiles of X itself are not asked for.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._threads import threads
from fastmix.engine import kernels, lloyd
from fastmix.engine.lloyd import LloydState, followed
from fastmix.engine.results import Array, Indices, KMeansTotals, Rows
from fastmix.engine.rows import fits_float32, rows_work, writeable
from fastmix.engine.sums import Sums, no_sums
from fastmix.kernels.shards import shard_bounds


class MixedState(NamedTuple):
    """The rows in single precision, and sums."""

    labels: NDArray[np.int32]  # (n_tiles * 64,) -1 before the first pass
    rounded: Array  # (n_tiles, d, 64) float32
    room: Array  # (n_tiles,) float32, of kernels/mixed_precision.py
    squares: float  # weighted sum of the squares of all rows
    measured: list[int]  # distances of rows to centers, in either precision, pass by pass
    doubts: list[int]  # rows that single precision has left in doubt, pass by pass
    sums: Sums
    order: Indices | None = None  # rows stay where they are
    name: str = "mixed_precision"


State = MixedState | LloydState  # the latter where single precision does not hold the rows


def start(rows: Rows, centers: Array, earlier: State | None = None) -> State:
    """Round the rows."""
    if not fits_float32(rows):
        return lloyd.start(rows, centers, earlier if isinstance(earlier, LloydState) else None)
    R = kernels.mixed_precision.ROWS
    n_tiles = -(-rows.n // R)
    nobody, sums = np.full(n_tiles * R, -1, np.int32), no_sums(rows, centers, earlier, n_tiles)
    if isinstance(earlier, MixedState):
        return earlier._replace(labels=nobody, measured=[], doubts=[], sums=sums)
    rounded = kernels.memory.empty((n_tiles, rows.d, R), np.float32)
    room, work = np.empty(n_tiles, np.float32), rows_work(rows, 4)
    bounds, n_threads = shard_bounds(n_tiles, work), threads(rows.n_threads, work)
    squares = np.zeros(len(bounds) - 1)
    given = writeable(rows.X), rows.frame.origin, rows.scale, rows.weight
    kernels.mixed_precision.round_rows(n_threads, bounds, *given, rounded, room, squares)
    return MixedState(nobody, rounded, room, float(squares.sum()), [], [], sums)


def assign(rows: Rows, centers: Array, state: State) -> KMeansTotals:
    """Measure all rows in single precision, and anew those that it leaves in doubt."""
    if isinstance(state, LloydState):
        return lloyd.assign(rows, centers, state)
    k, sums = len(centers), state.sums
    changed, doubts = np.zeros((2, len(sums.changes)), np.int64)
    with np.errstate(over="ignore"):  # a center at infinity leaves a doubt
        rounded = centers.astype(np.float32)
    kernels.mixed_precision.assign(
        threads(rows.n_threads, rows_work(rows, 3 * k)),
        sums.bounds,
        *(writeable(rows.X), rows.frame.origin, rows.scale, rows.weight),
        *(state.rounded, state.room, centers, rounded),
        sums.grids,
        state.labels,
        sums.changes,
        changed,
        doubts,
    )
    state.doubts.append(int(doubts.sum()))
    return followed(rows, centers, state, changed, k * (rows.n + state.doubts[-1]))


move = lloyd.move  # rounded rows know nothing of centers
inspect = lloyd.measure_own_of_rows
