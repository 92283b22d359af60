"""The filtering algorithm: rows that lie together are kept from centers that cannot be theirs.

Tiles of rows in the order of a grid are the leaves of the tree of Kanungo et al. 2002,
doi:10.1109/TPAMI.2002.1017616. It pays for few features, where boxes are small for the distances
between centers. Memory: another packed copy of the rows, and 12 bytes a row.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._numba import threads
from fastmix.engine.lloyd import exchanged, measure_own, no_sums, objective_of, squares_of
from fastmix.engine.results import Array, Floats, Inspection, KMeansTotals, Rows
from fastmix.engine.rows import arranged, rows_work, take
from fastmix.kernels import filtering as kernels
from fastmix.kernels.shards import shard_bounds
from fastmix.kernels.tiles import sort_by

ROWS_A_CELL = 8  # about, in a grid over rows that are spread evenly
MOST_BITS = 24  # of a cell's number
SAMPLE, TAIL = 4096, 0.002  # rows, and the share of them beyond either end of the grid


class FilteringState(NamedTuple):
    """The rows in another order, their boxes and labels, and exact sums."""

    ordered: Rows
    order: NDArray[np.int64]  # (n,) the row of X that comes first, second, ...
    boxes: Floats  # (n_tiles, 2, d)
    only: NDArray[np.int32]  # (n_tiles,) the label of all rows of a tile; -1 where they may differ
    found: NDArray[np.int32]  # (n_tiles * R,) labels in this order, -1 before the first pass
    squares: float  # weighted sum of the squares of all rows
    measured: list[int]  # distances of rows to centers, pass by pass
    grids: Floats  # (2, 2) of kernels/exact.py
    high: Floats  # (k, d + 1) exact sums, the last column those of the weights
    low: Floats  # (k, d + 1)

    @property
    def labels(self) -> NDArray[np.int32]:
        """(n_tiles * R,), in the order of X."""
        labels = np.full_like(self.found, -1)
        labels[self.order] = self.found[: len(self.order)]
        return labels


def start(rows: Rows, centers: Array) -> FilteringState:
    """Put the rows in order."""
    order = _order(rows)
    ordered = arranged(rows, order)
    n_tiles, d, _ = rows.tiles.shape
    boxes = np.empty((n_tiles, 2, d))
    bounds = shard_bounds(n_tiles)
    n_threads = threads(rows.n_threads, rows_work(rows, 2))
    kernels.box_tiles(n_threads, bounds, ordered.tiles, rows.n, boxes)
    nobody = np.full(rows.weight.size, -1, np.int32)
    only, sums = np.full(n_tiles, -1, np.int32), no_sums(rows, centers)
    return FilteringState(ordered, order, boxes, only, nobody, squares_of(rows), [], *sums)


def _order(rows: Rows) -> NDArray[np.int64]:
    """Rows by their cells in a grid over the bulk of them, (n,)."""
    d = rows.tiles.shape[1]
    some = take(rows, np.arange(0, rows.n, max(1, rows.n // SAMPLE))).astype(np.float64)
    low, high = np.quantile(some, (TAIL, 1.0 - TAIL), axis=0)
    wanted = math.ceil(math.log2(max(1.0, rows.n / ROWS_A_CELL)))
    bits = min(-(-wanted // d), MOST_BITS // d) if d <= wanted else 0
    scale = np.where(high > low, (1 << bits) / np.where(high > low, high - low, 1.0), 0.0)
    cells = np.empty(rows.n, np.int64)
    n_threads = threads(rows.n_threads, rows_work(rows, 4 * bits))
    bounds = shard_bounds(len(rows.tiles))
    kernels.find_cells(n_threads, bounds, rows.tiles, rows.n, low, scale, bits, cells)
    order = np.empty(rows.n, np.int64)
    sort_by(cells, 1 << (bits * d), np.arange(rows.n), order)
    return order


def assign(rows: Rows, centers: Array, state: FilteringState) -> KMeansTotals:
    """Measure the rows of tiles to which several centers may be nearest."""
    k, d = centers.shape
    bounds = shard_bounds(len(rows.tiles), 16 * k * (d + 1))
    S = len(bounds) - 1
    high, low = np.zeros((2, S, k, d + 1))
    changed, measured = np.zeros((2, S), np.int64)
    ordered = state.ordered
    # of differences of squared distances in the dtype of the rows
    margin = 2 * (d + 4) * float(np.finfo(rows.tiles.dtype).eps)
    kernels.assign(
        threads(rows.n_threads, rows_work(rows, 3 * min(k, 8))),
        bounds,
        ordered.tiles,
        rows.n,
        ordered.weight,
        centers,
        margin,
        state.grids,
        state.boxes,
        state.only,
        state.found,
        high,
        low,
        changed,
        measured,
    )
    state.measured.append(int(measured.sum()))
    totals = exchanged(ordered, state.found, state, high, low, np.zeros(1), changed)
    return totals._replace(objective=objective_of(totals, centers, state.squares))


def move(state: FilteringState, centers: Array, shift: Floats) -> None:
    """Boxes know nothing of centers."""


def inspect(rows: Rows, centers: Array, state: FilteringState) -> Inspection:
    """Measure every row against its own center."""
    return measure_own(rows, centers, state.labels)
