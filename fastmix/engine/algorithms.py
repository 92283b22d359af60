"""The k-means algorithms by name, and which one 'auto' takes.

An algorithm is four verbs over a state of its own:

    start(rows, centers) -> state
    assign(rows, centers, state) -> KMeansTotals    labels every row and adds it up
    move(state, centers, shift) -> None             centers have moved by shift (k,) to centers (k, d)
    inspect(rows, centers, state) -> Inspection     distances from the centers of the last assign

`state` offers labels (n_tiles * R,), and order (n,): the numbers of the rows of X in the order in which
`start` has left the tiles, or None where they stay. All algorithms give Lloyd's labels, centers and n_iter_, bit for bit.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._numba import threads
from fastmix.engine import filtering, hamerly, lloyd
from fastmix.engine.results import AnyRows, Array, Floats, Inspection, KMeansTotals
from fastmix.engine.rows import rows_work, take
from fastmix.kernels import lloyd as kernels
from fastmix.kernels.shards import shard_bounds


class Algorithm(NamedTuple):
    """The four verbs."""

    start: Callable[[AnyRows, Array], Any]
    assign: Callable[[AnyRows, Array, Any], KMeansTotals]
    move: Callable[[Any, Array, Floats], None]
    inspect: Callable[[AnyRows, Array, Any], Inspection]


ALGORITHMS = {
    "lloyd": Algorithm(lloyd.start, lloyd.assign, lloyd.move, lloyd.inspect),
    "hamerly": Algorithm(hamerly.start, hamerly.assign, hamerly.move, hamerly.inspect),
    "filtering": Algorithm(filtering.start, filtering.assign, filtering.move, filtering.inspect),
}
# Elkan's algorithm gives the result of Lloyd's, by scikit-learn's contract; its (n, k) bounds cost more
# than they save here.
SYNONYMS = {"elkan": "lloyd"}
AUTO = "auto"  # by the sizes of the problem
# Bounds pay where a row's distances cost much more than looking after its bounds.
PAYING_FEATURES, PAYING_CENTERS = 16, 64
# Boxes pay where they are small for the distances between centers, and centers are not few.
FEW_FEATURES, ENOUGH_CENTERS, ROWS_A_CENTER = 3, 100, 500


def choose(name: str, n: int, k: int, d: int) -> Algorithm:
    """The algorithm of that name, for n rows and k centers of d features."""
    if name == AUTO:
        name = _cheapest(n, k, d)
    return ALGORITHMS[SYNONYMS.get(name, name)]


def _cheapest(n: int, k: int, d: int) -> str:
    if d <= FEW_FEATURES and k >= ENOUGH_CENTERS and n >= ROWS_A_CENTER * k:
        return "filtering"
    return "hamerly" if d >= PAYING_FEATURES and k >= PAYING_CENTERS else "lloyd"


@singledispatch
def distances(rows: AnyRows, centers: Array) -> Array:
    """Distances of all rows to all centers in the frame, (n, k); finite wherever the dtype can hold them."""
    dist = np.empty((rows.n, len(centers)), rows.tiles.dtype)
    n_threads = threads(rows.n_threads, rows_work(rows, 3 * len(centers)))
    kernels.distances(n_threads, shard_bounds(len(rows.tiles)), rows.tiles, centers, dist)
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
    kernels.label(n_threads, bounds, *given, labels, sq_dist, objective)
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
