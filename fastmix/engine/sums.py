"""Sums of the rows of every cluster, exact, so that they follow the rows that change cluster."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._threads import threads
from fastmix.engine import kernels
from fastmix.engine.results import Array, Floats, KMeansTotals, Rows
from fastmix.engine.rows import by_shards, largest, rows_work
from fastmix.kernels.shards import SLOT_BYTES, shard_bounds

# Least ratio of row weights at which sums are added up anew in every pass: what their exact form rounds
# off is 2**-64 of the heaviest row, and must not matter to the lightest.
WIDEST = 2.0**20
# Every pass reads the slots of all shards: fewer shards than usual, but enough for many threads
FOLDS, ENOUGH_SHARDS = 4, 16


class Sums(NamedTuple):
    """Sums of rows, and in the last column of weights, of every cluster; no rows at first."""

    bounds: NDArray[np.int64]  # (n_shards + 1,) of the tiles, or of what a pass goes through
    grids: Floats  # (2, columns) of kernels/exact.py; 0 where weights are too unequal for these
    changes: Floats  # (n_shards, k, 2, columns), 0 between passes; of one shard, exact itself
    exact: Floats  # (k, 2, columns) on both grids
    unequal: bool  # are the weights too unequal?

    def totals(
        self,
        rows: Rows,
        labels: NDArray[np.int32],
        objective: float,
        changed: NDArray[np.int64],
    ) -> KMeansTotals:
        """Totals after a pass in which every shard has written its changes, and `changed` (n_shards,) rows."""
        d = rows.d
        self.fold(changed, rows.n_threads)
        total = self._anew(rows, labels) if self.unequal else self.exact[:, 0] + self.exact[:, 1]
        return KMeansTotals(total[:, d], total[:, :d], objective, sum(changed.tolist()))

    def fold(self, changed: NDArray[np.int64], n_threads: int | None) -> None:
        """Add what every shard has changed to the sums; `changed` (n_shards,) is 0 where nothing has."""
        n_changed = int(np.count_nonzero(changed)) if len(self.changes) > 1 else 0
        if n_changed:
            work = n_changed * self.exact.size
            bounds = shard_bounds(len(self.exact), work)
            n_threads = threads(n_threads, work)
            kernels.exact.fold(n_threads, bounds, changed, self.changes, self.exact)

    def _anew(self, rows: Rows, labels: NDArray[np.int32]) -> Floats:
        """Sums of all rows by their labels, (k, d + 1)."""
        k, d = len(self.exact), rows.d
        bounds = shard_bounds(
            kernels.tiles.n_tiles(rows.n, rows.dtype), rows_work(rows, 4), 8 * k * (d + 1)
        )
        total = np.zeros((len(bounds) - 1, k, d + 1))
        for part in by_shards(rows, bounds):
            some, its = part.rows, labels[part.places]
            n_threads, slots = threads(some.n_threads, rows_work(some, 4)), total[part.slots]
            given = some.tiles, some.n, some.weight, its, slots
            kernels.lloyd.add_rows(n_threads, part.bounds, *given)
        return np.asarray(total.sum(0))


def no_sums(
    rows: Rows,
    centers: Array,
    earlier: Any = None,
    n_parts: int | None = None,
    grids: Floats | None = None,
) -> Sums:
    """Sums of empty clusters, for passes whose shards are ranges of so many parts; None: of tiles.

    `earlier` is the state of an earlier run; `grids` are those of more rows, to which sums are added.
    """
    if grids is None:
        grids = _grids(rows) if earlier is None else earlier.sums.grids
    one = kernels.memory.zeros((len(centers), *grids.shape))
    slot = 8 * one.size
    slot = max(slot, min(FOLDS * slot, SLOT_BYTES // ENOUGH_SHARDS))
    n_parts = n_parts or kernels.tiles.n_tiles(rows.n, rows.dtype)
    bounds = shard_bounds(n_parts, rows_work(rows, 3 * len(centers)), slot)
    n_shards = len(bounds) - 1
    changes = kernels.memory.zeros((n_shards, *one.shape)) if n_shards > 1 else one[None]
    return Sums(bounds, grids, changes, one, not grids.any())


def _grids(rows: Rows) -> Floats:
    weight = rows.weight[: rows.n]
    lightest, heaviest = float(weight.min()), float(weight.max())
    if lightest == 0:
        lightest = float(weight[weight > 0].min())
    return grids_for(rows.n, rows.d, lightest, heaviest, largest(rows))


def grids_for(n: int, d: int, lightest: float, heaviest: float, largest: float) -> Floats:
    """Grids for n rows (d,) of at most this absolute value, and of weights between these."""
    grids = kernels.exact.grids_of(heaviest * largest, heaviest, n, d)
    if lightest * WIDEST < heaviest:
        grids[:] = 0.0
    return grids
