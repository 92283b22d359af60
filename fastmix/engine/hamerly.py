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
from fastmix.engine.rows import rows_work, writeable
from fastmix.engine.sums import Sums, no_sums

if TYPE_CHECKING:
    from fastmix.kernels.hamerly import Bounds

EPS = float(np.finfo(np.float64).eps)
RESTLESS = 0.05  # share of rows that change label, above which bounds would not hold for long
GATHERED = 40  # centers: to gather a row costs as much as to measure it against so many
PASSES_OF_CENTERS = 4  # distances between centers may cost a quarter of those of the rows


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
    n, n_tiles, k = rows.weight.size, len(rows.tiles), len(centers)
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
    (k, d), sums, R = centers.shape, state.sums, rows.tiles.shape[2]
    changed, measured = np.zeros((2, len(sums.changes)), np.int64)
    n_threads = threads(rows.n_threads, rows_work(rows, 3 * k))
    if all(some > RESTLESS * rows.n for some in state.changed):  # no bounds, which would grow stale
        given = rows.tiles, rows.n, rows.weight, centers, sums.grids, state.labels, True
        kernels.lloyd.assign(n_threads, sums.bounds, *given, sums.changes, None, changed)
        state.changed.append(int(changed.sum()))
        return followed(rows, centers, state, changed, rows.n * k)
    margin = (d + 8) / 2 * float(np.finfo(rows.tiles.dtype).eps)
    kernels.hamerly.assign(
        n_threads,
        sums.bounds,
        rows.tiles,
        writeable(rows.X),
        rows.frame.origin,
        rows.scale,
        rows.weight,
        centers,
        sums.grids,
        margin,
        max(1, R * k // (k + GATHERED)),
        state.moved,
        state.loss,
        float(state.most[0]),
        _apart(rows, centers, margin),
        *state.bounds,
        sums.changes,
        changed,
        measured,
    )
    state.changed.append(int(changed.sum()))
    return followed(rows, centers, state, changed, int(measured.sum()))


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
