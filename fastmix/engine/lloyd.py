"""Lloyd's algorithm: all distances in every pass (Lloyd 1982, doi:10.1109/TIT.1982.1056489)."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._threads import threads
from fastmix.engine import kernels
from fastmix.engine.results import AnyRows, Array, Floats, Inspection, KMeansTotals, Rows
from fastmix.engine.rows import by_shards, few, rows_work, writeable
from fastmix.engine.sums import Sums, no_sums
from fastmix.kernels.shards import shard_bounds


class LloydState(NamedTuple):
    """Dense Lloyd remembers its answer, and the sums from which changes are counted."""

    labels: NDArray[np.int32]  # (n_tiles * R,) -1 before the first pass
    sums: Sums
    measured: list[int]  # distances of rows to centers, pass by pass
    order: NDArray[np.int64] | None = None  # rows stay where they are
    name: str = "lloyd"


def start(rows: AnyRows, centers: Array, earlier: LloydState | None = None) -> LloydState:
    """Memory: 4 bytes a row."""
    labels = np.full(rows.weight.size, -1, np.int32)
    return LloydState(labels, no_sums(rows, centers, earlier), [])


def assign(rows: Rows, centers: Array, state: LloydState) -> KMeansTotals:
    """All n k distances, directly."""
    sums = state.sums
    objective, changed = np.zeros(len(sums.changes)), np.zeros(len(sums.changes), np.int64)
    for part in by_shards(rows, sums.bounds, exact=True):
        some, slots = part.rows, part.slots
        kernels.lloyd.assign(
            threads(some.n_threads, rows_work(some, 3 * len(centers))),
            part.bounds,
            some.tiles,
            some.n,
            some.weight,
            centers,
            sums.grids,
            state.labels[part.places],
            None if few(rows) else True,
            sums.changes[slots],
            objective[slots],
            changed[slots],
        )
    state.measured.append(rows.n * len(centers))
    return sums.totals(rows, state.labels, math.fsum(objective), changed)


def move(state: Any, centers: Array, shift: Floats) -> None:
    """There are no bounds to move."""


def inspect(rows: Rows, centers: Array, state: Any, each: bool = True) -> Inspection:
    """Distances where they are asked for: their sum is in the totals."""
    return measure_own(rows, centers, state) if each else Inspection(np.empty(0), None)


def followed(
    rows: Rows, centers: Array, state: Any, changed: NDArray[np.int64], measured: int
) -> KMeansTotals:
    """Totals of a pass that has not measured every row, by the sums of the state; `measured` is noted there."""
    state.measured.append(measured)
    totals = state.sums.totals(rows, state.labels, 0.0, changed)
    return totals._replace(objective=objective_of(totals, centers, state.squares))


def objective_of(totals: KMeansTotals, centers: Array, squares: float) -> float:
    """Weighted sum of squared distances, to rounding, from totals and the sum of the rows' squares."""
    points = centers.astype(np.float64)
    cross = (points * (totals.counts[:, None] * points - 2 * totals.sums)).sum()
    return max(0.0, squares + float(cross))


def squares_of(rows: Rows) -> float:
    """Weighted sum of the squares of all rows."""
    bounds = shard_bounds(kernels.tiles.n_tiles(rows.n, rows.dtype), rows_work(rows, 2))
    squares = np.zeros(len(bounds) - 1)
    for part in by_shards(rows, bounds):
        some = part.rows
        n_threads = threads(some.n_threads, rows_work(some, 2))
        kernels.lloyd.squares(n_threads, part.bounds, some.tiles, some.weight, squares[part.slots])
    return math.fsum(squares)


def measure_own(rows: Rows, centers: Array, state: Any, each: bool = True) -> Inspection:
    """Measure every row against its own center; without `each` only the sum is kept."""
    sq_dist = np.empty(rows.weight.size if each else 0, rows.dtype)
    bounds = shard_bounds(kernels.tiles.n_tiles(rows.n, rows.dtype), rows_work(rows, 3))
    objective = np.zeros(len(bounds) - 1)
    for part in by_shards(rows, bounds):
        some = part.rows
        kernels.lloyd.own_distances(
            threads(some.n_threads, rows_work(some, 3)),
            part.bounds,
            some.tiles,
            some.n,
            some.weight,
            centers,
            state.labels[part.places],
            sq_dist[part.places] if each else sq_dist,
            objective[part.slots],
        )
    return Inspection(sq_dist, math.fsum(objective))


def measure_own_of_rows(rows: Rows, centers: Array, state: Any, each: bool = True) -> Inspection:
    """The same of rows that are in no tiles."""
    sq_dist = np.empty(rows.n if each else 0, rows.dtype)
    work = rows_work(rows, 3)
    bounds = shard_bounds(kernels.tiles.n_tiles(rows.n, rows.dtype), work)
    objective = np.zeros(len(bounds) - 1)
    kernels.predictions.own_distances_of_rows(
        threads(rows.n_threads, work),
        bounds,
        *(writeable(rows.X), rows.frame.origin, rows.scale, rows.weight),
        *(centers, state.labels, sq_dist, objective),
    )
    return Inspection(sq_dist, math.fsum(objective))
