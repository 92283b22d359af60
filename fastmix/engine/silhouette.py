"""Silhouettes: how much nearer a row is to its own cluster than to the next one (Rousseeuw 1987).

doi:10.1016/0377-0427(87)90125-7
"""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._threads import threads
from fastmix.engine import kernels
from fastmix.engine.predictions import view
from fastmix.engine.results import Array, Floats, Indices, View
from fastmix.engine.rows import frame_of, in_frame, measure, writeable
from fastmix.kernels.shards import shard_bounds

ROOT_WORK = 10  # floating-point operations that a square root takes the time of
WORK_A_CALL = 1e10  # some seconds: a kernel cannot be interrupted


class Compared(NamedTuple):
    """What rows are compared with."""

    points: Array  # (m, d) of the frame, those of cluster 0 first
    ends: Indices  # (k + 1,) where the points of every cluster begin, and m
    own: Floats  # (k,) number of distances in the mean of a row's own cluster
    others: Floats  # (k,) and of another one


def with_rows(rows: View, labels: NDArray[np.int32], counts: Indices) -> Compared:
    """All other rows: O(n^2 d) time, and a copy of the rows."""
    points = in_frame(rows, np.argsort(labels, kind="stable"))
    ends = np.concatenate([[0], np.cumsum(counts)])
    return Compared(points, ends, np.maximum(counts - 1.0, 1.0), counts.astype(np.float64))


def with_centers(rows: View, labels: NDArray[np.int32], counts: Indices) -> Compared:
    """The means of the clusters: O(n k d) time (Vendramin, Campello & Hruschka 2010)."""
    k = len(counts)
    sums = np.array([np.bincount(labels, weights=column) for column in in_frame(rows).T])
    centers = np.ascontiguousarray((sums / counts).T, rows.X.dtype)
    return Compared(centers, np.arange(k + 1), np.ones(k), np.ones(k))


KINDS = {"exact": with_rows, "simplified": with_centers}


def silhouettes(
    X: Array, labels: NDArray[np.int32], k: int, kind: str, n_threads: int | None
) -> Floats:
    """Silhouette of every row of X (n, d), whose labels (n,) are 0 to k - 1, all of them in use.

    0 for a row that is alone in its cluster.
    """
    n, d = X.shape
    rows = view(X, frame_of(X, measure(X, n_threads), normalise=True), None, n_threads)
    counts = np.bincount(labels, minlength=k)
    compared, found = KINDS[kind](rows, labels, counts), np.empty(n)
    work = float(n) * len(compared.points) * (3 * d + ROOT_WORK)
    for bounds, its_work in _calls(kernels.tiles.n_tiles(n, X.dtype), work):
        kernels.silhouette.silhouettes(
            threads(n_threads, its_work),
            bounds,
            writeable(X),
            rows.frame.origin,
            rows.scale,
            labels,
            *compared,
            found,
        )
    found[counts[labels] == 1] = 0.0
    return found


def _calls(tiles: int, work: float) -> Iterator[tuple[Indices, float]]:
    """Bounds of shards, and their work, for every call that does a part of the work."""
    parts = min(math.ceil(work / WORK_A_CALL), tiles)
    ends = np.arange(parts + 1) * tiles // parts
    for first, last in itertools.pairwise(ends.tolist()):
        its_work = work * (last - first) / tiles
        yield first + shard_bounds(last - first, its_work), its_work
