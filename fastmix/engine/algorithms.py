"""The k-means algorithms by name, and which one 'auto' takes.

An algorithm is three verbs over a state of its own:

    start(rows, centers) -> state
    assign(rows, centers, state) -> KMeansTotals    labels every row and adds it up
    move(state, shift) -> None                      centers have moved by shift (k,)

`state` offers labels (n_tiles * R,) and sq_dist (n_tiles * R,), the squared distance to the assigned
center. All algorithms give Lloyd's labels, centers and n_iter_, bit for bit.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._numba import threads
from fastmix.engine.results import AnyRows, Array, Floats, KMeansTotals, Rows
from fastmix.engine.rows import largest, rows_work, take
from fastmix.kernels import lloyd
from fastmix.kernels.exact import grid
from fastmix.kernels.shards import shard_bounds


class Algorithm(NamedTuple):
    """The three verbs."""

    start: Callable[[AnyRows, Array], Any]
    assign: Callable[[AnyRows, Array, Any], KMeansTotals]
    move: Callable[[Any, Floats], None]


class LloydState(NamedTuple):
    """Dense Lloyd remembers its answer, and the sums from which changes are counted."""

    labels: NDArray[np.int32]  # (n_tiles * R,) -1 before the first pass
    sq_dist: Array  # (n_tiles * R,)
    grids: Floats  # (2, 2) of kernels/exact.py
    high: Floats  # (k, d + 1) exact sums, the last column those of the weights
    low: Floats  # (k, d + 1)


def start_lloyd(rows: Rows, centers: Array) -> LloydState:
    """Memory: 4 bytes and one number a row."""
    labels = np.full(rows.weight.size, -1, np.int32)
    sq_dist = np.empty(rows.weight.size, rows.tiles.dtype)
    heaviest = float(rows.weight.max())
    sizes = heaviest * largest(rows), heaviest
    grids = np.array([grid(size, rows.n) for size in sizes])
    high, low = np.zeros((2, len(centers), centers.shape[1] + 1))
    return LloydState(labels, sq_dist, grids, high, low)


def assign_lloyd(rows: Rows, centers: Array, state: LloydState) -> KMeansTotals:
    """All n k distances, directly (Lloyd 1982, doi 10.1109/TIT.1982.1056489)."""
    k, d = centers.shape
    bounds = shard_bounds(len(rows.tiles), 16 * k * (d + 1))
    S = len(bounds) - 1
    high, low = np.zeros((2, S, k, d + 1))
    objective, changed = np.zeros(S), np.zeros(S, np.int64)
    lloyd.assign(
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
    return _exchanged(state, high, low, objective, changed)


def _exchanged(
    state: Any, high: Floats, low: Floats, objective: Floats, changed: NDArray[np.int64]
) -> KMeansTotals:
    """Totals after what every shard has changed in them."""
    state.high[:] += high.sum(0)
    state.low[:] += low.sum(0)
    total = state.high + state.low
    return KMeansTotals(total[:, -1], total[:, :-1], float(objective.sum()), int(changed.sum()))


def move_lloyd(state: LloydState, shift: Floats) -> None:
    """There are no bounds to move."""


ALGORITHMS = {"lloyd": Algorithm(start_lloyd, assign_lloyd, move_lloyd)}
# Names that stand for another entry. Elkan's algorithm gives the result of Lloyd's, by scikit-learn's
# contract; its (n, k) bounds cost more than they save here.
SYNONYMS = {"auto": "lloyd", "elkan": "lloyd"}


def choose(name: str) -> Algorithm:
    """The algorithm of that name."""
    return ALGORITHMS[SYNONYMS.get(name, name)]


@singledispatch
def distances(rows: AnyRows, centers: Array) -> Array:
    """Distances of all rows to all centers in the frame, (n, k); finite wherever the dtype can hold them."""
    dist = np.empty((rows.n, len(centers)), rows.tiles.dtype)
    n_threads = threads(rows.n_threads, rows_work(rows, 3 * len(centers)))
    lloyd.distances(n_threads, shard_bounds(len(rows.tiles)), rows.tiles, centers, dist)
    far = np.flatnonzero(~np.isfinite(dist).all(1))
    if len(far):
        with np.errstate(over="ignore"):
            dist[far] = _far_distances(take(rows, far), centers)
    return dist


@singledispatch
def nearest(rows: AnyRows, centers: Array) -> tuple[float, NDArray[np.int32]]:
    """Objective, and the number of the nearest center of every row (n,)."""
    labels = np.empty(rows.weight.size, np.int32)
    sq_dist = np.empty(rows.weight.size, rows.tiles.dtype)
    bounds = shard_bounds(len(rows.tiles))
    objective = np.zeros(len(bounds) - 1)
    n_threads = threads(rows.n_threads, rows_work(rows, 3 * len(centers)))
    given = rows.tiles, rows.weight, centers
    lloyd.label(n_threads, bounds, *given, labels, sq_dist, objective)
    labels = labels[: rows.n]
    far = np.flatnonzero(~np.isfinite(sq_dist[: rows.n]))
    if len(far):
        labels[far] = _far_distances(take(rows, far), centers).argmin(1)
    return float(objective.sum()), labels


def _far_distances(X: Array, centers: Array) -> Floats:
    """Distances (m, k) whose squares would overflow; infinite where a row itself does."""
    wide, points = X.astype(np.float64), centers.astype(np.float64)
    reach = np.abs(wide).max(1)
    size = np.where(np.isfinite(reach), np.maximum(reach, np.abs(points).max()), 1.0)[:, None]
    dist = np.empty((len(X), len(centers)))
    for c, center in enumerate(points):
        dist[:, c] = np.sqrt(np.square(wide / size - center / size).sum(1))
    return np.where(np.isfinite(reach)[:, None], dist * size, np.inf)
