"""Lloyd's algorithm: all distances in every pass (Lloyd 1982, doi:10.1109/TIT.1982.1056489)."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._numba import threads
from fastmix.engine.results import AnyRows, Array, Floats, Inspection, KMeansTotals, Rows
from fastmix.engine.rows import largest, rows_work
from fastmix.kernels import lloyd as kernels
from fastmix.kernels.exact import grid
from fastmix.kernels.shards import shard_bounds

# Least ratio of row weights at which sums are added up anew in every pass: what their exact form rounds
# off is 2**-64 of the heaviest row, and must not matter to the lightest.
WIDEST = 2.0**20


class LloydState(NamedTuple):
    """Dense Lloyd remembers its answer, and the sums from which changes are counted."""

    labels: NDArray[np.int32]  # (n_tiles * R,) -1 before the first pass
    sq_dist: Array  # (n_tiles * R,)
    grids: Floats  # (2, 2) of kernels/exact.py
    high: Floats  # (k, d + 1) exact sums, the last column those of the weights
    low: Floats  # (k, d + 1)


def start(rows: Rows, centers: Array) -> LloydState:
    """Memory: 4 bytes and one number a row."""
    labels = np.full(rows.weight.size, -1, np.int32)
    sq_dist = np.empty(rows.weight.size, rows.tiles.dtype)
    return LloydState(labels, sq_dist, *no_sums(rows, centers))


def assign(rows: Rows, centers: Array, state: LloydState) -> KMeansTotals:
    """All n k distances, directly (Lloyd 1982, doi 10.1109/TIT.1982.1056489)."""
    k, d = centers.shape
    bounds = shard_bounds(len(rows.tiles), 16 * k * (d + 1))
    S = len(bounds) - 1
    high, low = np.zeros((2, S, k, d + 1))
    objective, changed = np.zeros(S), np.zeros(S, np.int64)
    kernels.assign(
        threads(rows.n_threads, rows_work(rows, 3 * k)),
        bounds,
        rows.tiles,
        rows.n,
        rows.weight,
        centers,
        state.grids,
        state.labels,
        state.sq_dist,
        high,
        low,
        objective,
        changed,
    )
    return exchanged(rows, state.labels, state, high, low, objective, changed)


def no_sums(rows: Rows, centers: Array) -> tuple[Floats, Floats, Floats]:
    """Grids for exact sums, and the sums of empty clusters; grids of 0 where weights are too unequal."""
    positive = rows.weight[rows.weight > 0]
    heaviest = float(positive.max())
    sizes = heaviest * largest(rows), heaviest
    grids = np.array([grid(size, rows.n) for size in sizes])
    if positive.min() * WIDEST < heaviest:
        grids[:] = 0.0
    high, low = np.zeros((2, len(centers), centers.shape[1] + 1))
    return grids, high, low


def exchanged(
    rows: Rows,
    labels: NDArray[np.int32],
    state: Any,
    high: Floats,
    low: Floats,
    objective: Floats,
    changed: NDArray[np.int64],
) -> KMeansTotals:
    """Totals after what every shard has changed in them."""
    state.high[:] += high.sum(0)
    state.low[:] += low.sum(0)
    total = state.high + state.low if state.grids.any() else _anew(rows, labels, state)
    return KMeansTotals(total[:, -1], total[:, :-1], float(objective.sum()), int(changed.sum()))


def _anew(rows: Rows, labels: NDArray[np.int32], state: Any) -> Floats:
    """Sums of all rows by their labels, (k, d + 1)."""
    k, columns = state.high.shape
    bounds = shard_bounds(len(rows.tiles), 8 * k * columns)
    total = np.zeros((len(bounds) - 1, k, columns))
    n_threads = threads(rows.n_threads, rows_work(rows, 4))
    kernels.add_rows(n_threads, bounds, rows.tiles, rows.n, rows.weight, labels, total)
    return np.asarray(total.sum(0))


def move(state: LloydState, centers: Array, shift: Floats) -> None:
    """There are no bounds to move."""


def inspect(rows: AnyRows, centers: Array, state: Any) -> Inspection:
    """What the last pass has found."""
    return Inspection(state.sq_dist, None)


def objective_of(totals: KMeansTotals, centers: Array, squares: float) -> float:
    """Weighted sum of squared distances, to rounding, from totals and the sum of the rows' squares."""
    points = centers.astype(np.float64)
    cross = (points * (totals.counts[:, None] * points - 2 * totals.sums)).sum()
    return max(0.0, squares + float(cross))


def squares_of(rows: Rows) -> float:
    """Weighted sum of the squares of all rows."""
    n, (_, d, _) = rows.weight.size, rows.tiles.shape
    middle = np.zeros((1, d), rows.tiles.dtype)
    squares = measure_own(rows, middle, np.zeros(n, np.int32)).objective
    assert squares is not None
    return squares


def measure_own(rows: Rows, centers: Array, labels: NDArray[np.int32]) -> Inspection:
    """Measure every row against its own center."""
    sq_dist = np.empty(rows.weight.size, rows.tiles.dtype)
    bounds = shard_bounds(len(rows.tiles))
    objective = np.zeros(len(bounds) - 1)
    kernels.own_distances(
        threads(rows.n_threads, rows_work(rows, 3)),
        bounds,
        rows.tiles,
        rows.n,
        rows.weight,
        centers,
        labels,
        sq_dist,
        objective,
    )
    return Inspection(sq_dist, float(objective.sum()))
