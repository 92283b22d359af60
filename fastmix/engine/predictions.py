"""What centers say of rows: which is the nearest, and how far all of them are.

Rows are packed as they are read, tile by tile: nothing of their size is held.
"""

from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmix._threads import threads
from fastmix.engine import kernels
from fastmix.engine.results import AnyRows, Array, Floats, Frame, Rows, View
from fastmix.engine.rows import in_frame, largest, weight_exponent, writeable
from fastmix.kernels.shards import shard_bounds

FAR_AT_ONCE = 4096  # rows
FAR = 2.0**-10  # of the distance beyond which rounding hides the extent of the centers


@singledispatch
def view(X: Any, frame: Frame, weight: Floats | None, n_threads: int | None) -> Any:
    """Rows X (n, d) to be read in a frame; weight (n,) is None for weight 1 everywhere."""
    exponent = 0 if weight is None else weight_exponent(weight)
    weight = None if weight is None else np.ldexp(weight, -exponent)
    frame = frame._replace(origin=frame.origin.astype(X.dtype))
    return View(X, weight, len(X), frame, exponent, n_threads)


@singledispatch
def nearest(rows: AnyRows, centers: Array) -> tuple[float, NDArray[np.int32]]:
    """Objective, and the number of the nearest center of every row (n,)."""
    labels, (n_threads, bounds) = np.empty(rows.n, np.int32), _share_out(rows, centers)
    objective = np.zeros(len(bounds) - 1)
    weight = np.empty(0) if rows.weight is None else rows.weight
    limit = _limit(centers)
    kernels.predictions.label(
        n_threads, bounds, *_given(rows), weight, centers, limit, labels, objective
    )
    far = np.flatnonzero(labels < 0)
    for first in range(0, len(far), FAR_AT_ONCE):
        some = far[first : first + FAR_AT_ONCE]
        labels[some] = _nearest_of_far(rows, some, centers)
    with np.errstate(over="ignore"):  # rows may be as far away as they like
        return float(objective.sum()), labels


@singledispatch
def two_nearest(rows: AnyRows, centers: Array) -> tuple[NDArray[np.int32], Array, Array]:
    """Number of the nearest center of every row (n,), and squared distances to it and to the second nearest."""
    labels, (best, second) = np.empty(rows.n, np.int32), np.empty((2, rows.n), rows.X.dtype)
    n_threads, bounds = _share_out(rows, centers)
    kernels.predictions.label_two(n_threads, bounds, *_given(rows), centers, labels, best, second)
    return labels, best, second


@singledispatch
def distances(rows: AnyRows, centers: Array) -> Array:
    """Distances of all rows to all centers in the units of X, (n, k); finite wherever the dtype can hold them."""
    dist = np.empty((rows.n, len(centers)), rows.X.dtype)
    (n_threads, bounds), unit = _share_out(rows, centers), 1 / rows.scale
    infinite = np.zeros(len(bounds) - 1, np.int64)
    kernels.predictions.distances(n_threads, bounds, *_given(rows), centers, unit, dist, infinite)
    if infinite.any():
        far = np.flatnonzero(~np.isfinite(dist).all(1))
        with np.errstate(over="ignore"):
            dist[far] = np.ldexp(_far_distances(some(rows, far), centers), rows.frame.exponent)
    return dist


def _given(rows: Rows | View) -> tuple[Array, Array, Any]:
    return writeable(rows.X), rows.frame.origin, rows.scale


def _share_out(rows: Rows | View, centers: Array) -> tuple[int, NDArray[np.int64]]:
    """Threads, and bounds of shards of tiles, to measure all rows against all centers."""
    work = 3.0 * rows.n * centers.size
    return threads(rows.n_threads, work), shard_bounds(
        kernels.tiles.n_tiles(rows.n, rows.X.dtype), work
    )


@singledispatch
def some(rows: AnyRows, numbers: NDArray[np.int64]) -> Array:
    """Rows of the frame by their numbers in X, (m, d); they may be infinite."""
    return in_frame(rows, numbers)


@singledispatch
def may_be_far(rows: AnyRows, centers: Array) -> bool:
    """May rows be so far away that their distances to all centers are rounded nearly alike?"""
    if len(rows.X) != rows.n:  # they are held in tiles alone
        return False
    return is_far(largest(rows), centers)


def is_far(largest: float, centers: Array) -> bool:
    """The same of rows of which this is the largest absolute value."""
    reach = 2.0 * largest  # of centers among them
    return bool(reach * reach * centers.shape[1] >= _limit(centers))


def _limit(centers: Array) -> Any:
    """Squared distance from which on distances to all centers are rounded nearly alike, in their dtype."""
    info = np.finfo(centers.dtype)
    reach = FAR * float(np.abs(centers - centers.mean(0)).max()) / float(info.eps)
    limit = reach * reach  # which may be infinite
    return centers.dtype.type(limit if 0 < limit < float(info.max) else np.inf)


def _nearest_of_far(
    rows: Rows | View, numbers: NDArray[np.int64], centers: Array
) -> NDArray[np.int64]:
    """Nearest centers of rows so far away that their direction decides, (m,)."""
    points = centers.astype(np.float64)
    middle = points.mean(0)
    apart = points - middle
    unit = max(float(np.abs(apart).max()), np.finfo(np.float64).tiny)
    apart /= unit
    X, origin = rows.X[numbers].astype(np.float64), rows.frame.origin.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        gaps = (X - origin) * float(rows.scale) - middle
        beyond = ~np.isfinite(gaps).all(1)
        gaps[beyond] = X[beyond] / 2 - origin / 2
    size = np.abs(gaps).max(1)
    gaps /= size[:, None]
    nearness = np.where(beyond, 0.0, unit / size)
    least, labels = np.full(len(X), np.inf), np.zeros(len(X), np.int64)
    for c, point in enumerate(apart):
        score = point @ point * nearness - 2.0 * (gaps @ point)  # but for what all have in common
        closer = score < least
        least[closer], labels[closer] = score[closer], c
    return labels


def _far_distances(X: Array, centers: Array) -> Floats:
    """Distances (m, k) whose squares would overflow; infinite where a row itself does."""
    wide, points = X.astype(np.float64), centers.astype(np.float64)
    reach = np.abs(wide).max(1)
    size = np.where(np.isfinite(reach), np.maximum(reach, np.abs(points).max()), 1.0)[:, None]
    dist = np.empty((len(X), len(centers)))
    for c, center in enumerate(points):
        dist[:, c] = np.sqrt(np.square(wide / size - center / size).sum(1))
    with np.errstate(over="ignore"):
        return np.where(np.isfinite(reach)[:, None], dist * size, np.inf)
