"""The filtering algorithm: rows that lie together are kept from centers that cannot be theirs.

Tiles of rows in the order of a grid are the leaves of the tree of Kanungo et al. 2002,
doi:10.1109/TPAMI.2002.1017616. It pays for few features, where boxes are small for the distances
between centers. Memory: 12 bytes a row.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._threads import threads
from fastmix.engine import kernels, lloyd
from fastmix.engine.lloyd import followed, measure_own, squares_of
from fastmix.engine.results import Array, Floats, Indices, KMeansTotals, Rows
from fastmix.engine.rows import arrange, order_of, row_bits, rows_work, take
from fastmix.engine.sums import Sums, no_sums
from fastmix.kernels.shards import shard_bounds

ROWS_A_CELL = 8  # about, in a grid over rows that are spread evenly
MOST_BITS = 24  # of a cell's number
GROUPS = 4  # at least in a shard, which chooses for all of them at once, as for one
LOOKS = 16  # groups of tiles that tell whether it will pay
SAMPLE, TAIL = 4096, 0.002  # rows, and the share of them beyond either end of the grid


class FilteringState(NamedTuple):
    """The order of the rows, their boxes and labels, and their sums."""

    order: NDArray[np.int64]  # (n,) the row of X that comes first, second, ...
    labels: NDArray[np.int32]  # (n_tiles * R,) in this order, -1 before the first pass
    boxes: Floats  # (n_groups, 2, d, BOXES) of tiles
    hulls: Floats  # (n_groups, 2, d) around those of a group
    only: NDArray[np.int32]  # (n_tiles,) the label of all rows of a tile; -1 where they may differ
    squares: float  # weighted sum of the squares of all rows
    measured: list[int]  # distances of rows to centers, pass by pass
    sums: Sums
    name: str = "filtering"


def start(
    rows: Rows,
    centers: Array,
    earlier: FilteringState | None = None,
    order: Indices | None = None,
) -> FilteringState:
    """Put the rows in order, which may be known already."""
    n_tiles, d, _ = rows.tiles.shape
    together = kernels.simd_boxes.BOXES
    n_groups = -(-n_tiles // together)
    sums = no_sums(rows, centers, earlier, -(-n_groups // GROUPS))
    sums = sums._replace(bounds=np.minimum(sums.bounds * GROUPS, n_groups))
    nobody, only = np.full(rows.weight.size, -1, np.int32), np.full(n_tiles, -1, np.int32)
    if earlier:
        return earlier._replace(labels=nobody, only=only, measured=[], sums=sums)
    if sums.unequal:  # then sums are those of Lloyd's algorithm in the order of X only
        order = np.arange(rows.n)
    order = order_of_rows(rows) if order is None else order
    arrange(rows, order)
    boxes, hulls = np.empty((n_groups, 2, d, together)), np.empty((n_groups, 2, d))
    work = rows_work(rows, 2)
    n_threads, bounds = threads(rows.n_threads, work), shard_bounds(n_groups, work)
    kernels.filtering.box_tiles(n_threads, bounds, rows.tiles, rows.n, boxes, hulls)
    return FilteringState(order, nobody, boxes, hulls, only, squares_of(rows), [], sums)


def share(rows: Rows, centers: Array, order: Indices) -> float:
    """About the share of all distances that tiles of rows in this order have to measure."""
    (d, R), together = rows.tiles.shape[1:], kernels.simd_boxes.BOXES
    some = together * R
    if rows.n < some:
        return 1.0
    points, choice = centers.astype(np.float64), kernels.filtering.scratch(*centers.shape)
    margin = margin_of(d, rows.dtype)
    asked = 0
    for first in np.linspace(0, rows.n - some, LOOKS).astype(np.int64):
        X = take(rows, order[first : first + some]).astype(np.float64).reshape(together, R, d)
        low, high = (np.ascontiguousarray(edge.T) for edge in (X.min(1), X.max(1)))
        kernels.filtering.choose(low, high, points, margin, choice)
        left = np.unpackbits(choice.masks.view(np.uint8)).reshape(len(centers), together).sum(0)
        asked += left[left > 1].sum()
    return float(asked / (LOOKS * together * len(centers)))


def margin_of(d: int, dtype: Any) -> float:
    """Relative rounding error of differences of squared distances in the dtype of the rows."""
    return 2 * (d + 4) * float(np.finfo(dtype).eps)


def order_of_rows(rows: Rows) -> Indices:
    """Rows by their cells in a grid over the bulk of them, (n,)."""
    d = rows.tiles.shape[1]
    some = take(rows, np.arange(0, rows.n, max(1, rows.n // SAMPLE))).astype(np.float64)
    low, high = np.quantile(some, (TAIL, 1.0 - TAIL), axis=0)
    wanted = math.ceil(math.log2(max(1.0, rows.n / ROWS_A_CELL)))
    bits = min(-(-wanted // d), MOST_BITS // d) if d <= wanted else 0
    with np.errstate(over="ignore"):
        scale = (1 << bits) / np.where(high > low, high - low, np.inf)
    scale[~np.isfinite(scale)] = 0.0  # features that hardly vary do not count
    keys = np.empty(rows.n, np.int64)
    work = rows_work(rows, 4 * bits)
    n_threads, bounds = threads(rows.n_threads, work), shard_bounds(len(rows.tiles), work)
    grid = low, scale, bits, row_bits(rows.n)
    kernels.filtering.find_cells(n_threads, bounds, rows.tiles, rows.n, *grid, keys)
    return order_of(keys, (1 << (bits * d)) - 1, rows.n_threads)


def assign(rows: Rows, centers: Array, state: FilteringState) -> KMeansTotals:
    """Measure the rows of tiles to which several centers may be nearest."""
    k, sums = len(centers), state.sums
    changed, measured = np.zeros((2, len(sums.changes)), np.int64)
    kernels.filtering.assign(
        threads(rows.n_threads, rows_work(rows, 3 * min(k, 8))),
        sums.bounds,
        rows.tiles,
        rows.n,
        rows.weight,
        centers,
        margin_of(rows.d, rows.dtype),
        sums.grids,
        state.boxes,
        state.hulls,
        state.only,
        state.labels,
        sums.changes,
        changed,
        measured,
    )
    return followed(rows, centers, state, changed, int(measured.sum()))


move, inspect = lloyd.move, measure_own  # boxes know nothing of centers
