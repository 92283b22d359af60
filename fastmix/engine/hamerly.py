"""Hamerly's algorithm: rows whose bounds tell that nothing can have changed are not measured.

Memory: 12 bytes a row. It pays where centers are far apart for their moves: nearly always after the
first passes, unless there are few centers or many features without structure.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._threads import threads
from fastmix.engine import kernels
from fastmix.engine.lloyd import followed, measure_own, squares_of
from fastmix.engine.predictions import distances, view
from fastmix.engine.results import Array, Floats, Frame, KMeansTotals, Rows
from fastmix.engine.rows import by_shards, rows_work, writeable
from fastmix.engine.sums import Sums, no_sums

if TYPE_CHECKING:
    from fastmix.kernels.hamerly import Bounds

EPS = float(np.finfo(np.float64).eps)
RESTLESS = 0.05  # share of rows that change label, above which bounds would not hold for long
GATHERED = 40  # centers: to gather a row costs as much as to measure it against so many
PASSES_OF_CENTERS = 4  # distances between centers may cost a quarter of those of the rows
IN_DOUBT = 0.3  # share of tiles from which on it pays to pack all of those that are not packed yet


class HamerlyState(NamedTuple):
    """Bounds of all rows, the moves of the centers since, and the sums of the clusters."""

    bounds: "Bounds"
    moved: Floats  # (k,)
    loss: Floats  # (k,)
    most: Floats  # (1,)
    squares: float  # weighted sum of the squares of all rows
    measured: list[int]  # distances of rows to centers, pass by pass
    changed: list[int]  # rows that changed label
    sums: Sums
    order: NDArray[np.int64] | None = None  # rows stay where they are
    name: str = "hamerly"

    @property
    def labels(self) -> NDArray[np.int32]:
        """(n_tiles * R,), -1 before the first pass."""
        return self.bounds.labels


def start(rows: Rows, centers: Array, earlier: HamerlyState | None = None) -> HamerlyState:
    """Nothing is known of any row."""
    n, n_tiles, k = rows.weight.size, kernels.tiles.n_tiles(rows.n, rows.dtype), len(centers)
    bounds = kernels.hamerly.Bounds(
        np.full(n, -1, np.int32),
        np.zeros(n, np.float32),
        np.full(n, -np.inf, np.float32),
        np.full(n_tiles, -np.inf),
        np.full(n_tiles, -1, np.int32),
    )
    k_zeros = np.zeros(k), np.zeros(k), np.zeros(1)
    squares = earlier.squares if earlier else squares_of(rows)
    return HamerlyState(bounds, *k_zeros, squares, [], [], no_sums(rows, centers, earlier))


def assign(rows: Rows, centers: Array, state: HamerlyState) -> KMeansTotals:
    """Measure the rows that may have changed label."""
    (k, d), sums, R = centers.shape, state.sums, kernels.tiles.tile_rows(rows.dtype)
    changed, measured = np.zeros((2, len(sums.changes)), np.int64)
    restless = all(some > RESTLESS * rows.n for some in state.changed)  # bounds would grow stale
    margin = (d + 8) / 2 * float(np.finfo(rows.dtype).eps)
    apart = None if restless else _apart(rows, centers, margin)
    for part in by_shards(rows, sums.bounds, exact=True):
        some, slots = part.rows, part.slots
        n_threads = threads(some.n_threads, rows_work(some, 3 * k))
        labels, upper, gap = (each[part.places] for each in state.bounds[:3])
        least, home = (each[part.tiles] for each in state.bounds[3:])
        if restless:
            given = some.tiles, some.n, some.weight, centers, sums.grids, labels, True
            kernels.lloyd.assign(
                n_threads, part.bounds, *given, sums.changes[slots], None, changed[slots]
            )
            continue
        tiles = _tiles(some, least, home, state)
        if tiles is None:
            continue
        kernels.hamerly.assign(
            n_threads,
            part.bounds,
            tiles,
            writeable(some.X),
            some.frame.origin,
            some.scale,
            some.weight,
            centers,
            sums.grids,
            margin,
            max(1, R * k // (k + GATHERED)),
            state.moved,
            state.loss,
            float(state.most[0]),
            apart,
            *(labels, upper, gap, least, home),
            sums.changes[slots],
            changed[slots],
            measured[slots],
        )
    state.changed.append(int(changed.sum()))
    return followed(rows, centers, state, changed, rows.n * k if restless else int(measured.sum()))


def _tiles(some: Rows, least: Floats, home: NDArray[np.int32], state: HamerlyState) -> Array | None:
    """Tiles of the rows; none (0, d, R) where gathering those in doubt costs less; None if nothing is in doubt."""
    if some.packed:
        return some.tiles
    doubts = np.count_nonzero(least <= np.where(home >= 0, state.loss[home], state.most))
    if doubts > IN_DOUBT * len(least):
        return some.tiles
    nowhere = np.empty((0, some.d, kernels.tiles.tile_rows(some.dtype)), some.dtype)
    return nowhere if doubts else None


def _apart(rows: Rows, centers: Array, margin: float) -> Floats:
    """At most the distance of every center to the nearest other one, (k,); 0 where that costs too much."""
    k, d = centers.shape
    if k == 1 or PASSES_OF_CENTERS * k > rows.n:
        return np.zeros(k)
    rows = view(centers, Frame(np.zeros(d, centers.dtype), 0), None, rows.n_threads)
    apart = distances(rows, centers)
    np.fill_diagonal(apart, np.inf)
    return apart.min(1).astype(np.float64) * (1 - margin) - kernels.tiles.TINY


def move(state: HamerlyState, centers: Array, shift: Floats) -> None:
    """Bounds grow looser."""
    d = centers.shape[1]
    delta = shift * (1 + (d + 4) * EPS)
    first, second = np.sort(np.append(delta, 0.0))[::-1][:2]
    others = np.where(np.arange(len(delta)) == delta.argmax(), second, first)
    for total, more in (
        (state.moved, delta),
        (state.loss, delta + others),
        (state.most, first + second),
    ):
        total[:] = (total + more) * (1 + 2 * EPS)


inspect = measure_own
