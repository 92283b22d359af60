"""The k-means loop: whatever the algorithm, rows become totals and totals become centers."""

import math
from collections.abc import Callable, Iterator
from functools import partial, singledispatch
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix.engine.algorithms import Algorithm
from fastmix.engine.predictions import may_be_far, nearest
from fastmix.engine.results import (
    AnyRows,
    Array,
    Floats,
    Inspection,
    KMeansInit,
    KMeansResult,
    KMeansTotals,
)
from fastmix.engine.rows import in_place, take
from fastmix.engine.watch import Watcher, lasting

MANY = 10  # passes
AT_ONCE = 1 << 16  # rows


class Step(NamedTuple):
    """What one pass has found, and where it has moved the centers."""

    centers: Array  # (k, d)
    objective: float  # before they moved
    at_rest: bool  # no label has changed
    moved_by: float  # sum of their squared shifts
    refilled: bool  # clusters were empty


def steps(rows: AnyRows, centers: Array, algorithm: Algorithm, state: Any) -> Iterator[Step]:
    """The k-means loop, without an end."""
    while True:
        totals, refilled = algorithm.assign(rows, centers, state), False
        if not totals.counts.all():
            inspect = partial(algorithm.inspect, rows, centers, state)
            totals, refilled = refill(rows, totals, state.labels, state.order, inspect)
        moved = means(totals, centers)
        squares = np.square(moved.astype(np.float64, copy=False) - centers).sum(1)
        centers = moved
        algorithm.move(state, centers, np.sqrt(squares))
        at_rest, moved_by = totals.changed == 0, math.fsum(squares)
        yield Step(centers, totals.objective, at_rest, moved_by, refilled)


def run(
    rows: AnyRows,
    centers: Array,
    algorithm: Algorithm,
    max_iter: int,
    tolerance: float,
    verbose: bool = False,
    watcher: Watcher | None = None,
    earlier: Any = None,
    to_beat: float = math.inf,
) -> KMeansResult:
    """Move centers (k, d) until no label changes, or Σ|shift|² <= tolerance, or max_iter passes are done.

    The watcher may end the run after any pass; it also ends when its objective hardly falls and is far
    above the one to beat. `earlier` is the state of an earlier run on these rows.
    The algorithm may have put them in another order, its `state.order`; the labels are in that of X. A
    caller who needs the rows in their places calls `put_back`. Of an Interrupted run labels are None.
    """
    watcher = watcher or Watcher()
    state = algorithm.start(rows, centers, earlier)
    loop, history = steps(rows, centers, algorithm, state), list[float]()
    measured = list[float]()  # the same for all algorithms, as what is decided by it has to be

    def finished() -> KMeansResult | None:
        if not history:
            return None
        skipped = skipped_by(rows, centers, state)
        return KMeansResult(
            centers, None, step.objective, len(history), False, history, state, skipped
        )

    with lasting(rows, finished):
        for iteration in range(max_iter):
            watcher.begin()
            before, step = centers, next(loop)
            centers = step.centers
            history.append(step.objective)
            if to_beat < math.inf:
                exactly = algorithm.inspect(rows, before, state, False).objective
                measured.append(step.objective if exactly is None else exactly)
            settled = step.moved_by <= tolerance
            if verbose:
                print(f"Iteration {iteration}, inertia {scaled(step.objective, rows)}.")
            if verbose and step.at_rest:
                print(f"Converged at iteration {iteration}: strict convergence.")
            elif verbose and settled:
                total, limit = (
                    math.ldexp(v, 2 * rows.frame.exponent) for v in (step.moved_by, tolerance)
                )
                print(
                    f"Converged at iteration {iteration}: center shift {total} "
                    f"within tolerance {limit}."
                )
            stopped = watcher.end(step.centers) or hopeless(measured, to_beat)
            if step.at_rest or settled or stopped:
                break
        objective = step.objective
        if not step.at_rest or step.refilled:
            objective = algorithm.assign(rows, centers, state).objective
    labels, order = state.labels[: rows.n], state.order
    skipped = skipped_by(rows, centers, state)
    _, exactly = algorithm.inspect(rows, centers, state, False)
    objective = objective if exactly is None else exactly
    if order is not None:
        labels = in_place(labels, order, rows.n_threads)
    if may_be_far(rows, centers):
        labels = nearest(rows, centers)[1]
    converged = step.at_rest or settled
    return KMeansResult(
        centers, labels, objective, len(history), converged, history, state, skipped
    )


def skipped_by(rows: AnyRows, centers: Array, state: Any) -> list[float]:
    """Share of the distances that every pass did without."""
    return [max(0.0, 1.0 - m / (rows.n * len(centers))) for m in state.measured]


def hopeless(objectives: list[float], to_beat: float) -> bool:
    """Would many more passes like the last one not reach this objective?"""
    if len(objectives) < 2:
        return False
    before, last = objectives[-2:]
    return last - to_beat > MANY * (before - last)


def refill(
    rows: AnyRows,
    totals: KMeansTotals,
    labels: NDArray[np.int32],
    order: NDArray[np.int64] | None,
    inspect: Callable[[], Inspection],
) -> tuple[KMeansTotals, bool]:
    """Give every empty cluster one of the rows that are farthest from their centers.

    The donor loses the row; labels stay, the next pass settles them. Rows of weight 0 are left alone.
    Rows, with labels, come in an order (n,), None for that of X; among equally far ones X's first count.
    `inspect` gives the distances, where they are needed.
    """
    if totals.counts.all():
        return totals, False
    empty, k = np.flatnonzero(totals.counts == 0), len(totals.counts)
    far = farthest(rows, labels, order, inspect, k, len(empty))
    if far.sq_dist[0] == 0:  # nothing to gain: fewer distinct rows than clusters
        return totals, False
    counts, sums = totals.counts.copy(), totals.sums.copy()
    for cluster, donor, w, x in zip(empty, far.labels, far.weight, far.points, strict=False):
        counts[donor] -= w
        sums[donor] -= w * x
        counts[cluster], sums[cluster] = w, w * x
    donors, given = np.unique(far.labels, return_counts=True)
    # a donor of all its rows has no weight, whatever rounding has left
    counts[donors[far.left[donors] == given]] = 0.0
    return totals._replace(counts=counts, sums=sums), True


class Farthest(NamedTuple):
    """Rows of positive weight that are farthest from their centers, the farthest first."""

    numbers: NDArray[np.int64]  # (m,) in X
    sq_dist: Array  # (m,)
    labels: NDArray[np.int32]  # (m,)
    weight: Floats  # (m,)
    points: Floats  # (m, d)
    left: NDArray[np.int64]  # (k,) rows of positive weight in every cluster


@singledispatch
def farthest(
    rows: AnyRows,
    labels: NDArray[np.int32],
    order: NDArray[np.int64] | None,
    inspect: Callable[[], Inspection],
    k: int,
    wanted: int,
) -> Farthest:
    """At most so many rows; of equally far ones X's first."""
    labels, sq_dist, weight = labels[: rows.n], inspect().sq_dist[: rows.n], rows.weight[: rows.n]
    found, left = np.empty(0, np.int64), np.zeros(k, np.int64)
    for first in range(0, rows.n, AT_ONCE):  # what this needs beside is not of the rows' size
        some = first + np.flatnonzero(weight[first : first + AT_ONCE] > 0)
        left += np.bincount(labels[some], minlength=k)
        some = np.concatenate([found, some])
        if not len(some):
            continue
        near = -sq_dist[some]
        last = min(wanted, len(near))
        some = some[near <= np.partition(near, last - 1)[last - 1]]
        numbers = some if order is None else order[some]
        found = some[np.lexsort((numbers, -sq_dist[some]))[:last]]
    numbers = found if order is None else order[found]
    points = take(rows, found).astype(np.float64) if len(found) else np.empty((0, rows.d))
    return Farthest(numbers, sq_dist[found], labels[found], weight[found], points, left)


def means(totals: KMeansTotals, centers: Array) -> Array:
    """Centers (k, d) of the totals; a cluster without weight sits on the mean of the heaviest one."""
    if totals.counts.min() > 0:
        return (totals.sums / totals.counts[:, None]).astype(centers.dtype, copy=False)
    filled = totals.counts > 0
    divisor = np.where(filled, totals.counts, 1.0)
    moved: Floats = totals.sums / divisor[:, None]
    moved[~filled] = moved[totals.counts.argmax()]
    return moved.astype(centers.dtype)


def record(found: KMeansResult, rows: AnyRows, seeds: NDArray[np.int64] | None) -> KMeansInit:
    """A run in the units of X, for `init_results_`."""
    inertia, *history = (scaled(value, rows) for value in (found.objective, *found.history))
    passes = found.state.name, math.fsum(found.skipped) / len(found.skipped)
    return KMeansInit(found.n_iter, found.converged, inertia, history, False, seeds, *passes)


def scaled(objective: float, rows: AnyRows) -> float:
    """The objective of the frame in the units of X and of the caller's weights; may be infinite."""
    try:
        return math.ldexp(objective, 2 * rows.frame.exponent + rows.weight_exponent)
    except OverflowError:
        return math.inf


def to_inertia(objective: float, rows: AnyRows) -> float:
    """The same, where it has to be a number: else ValueError."""
    return finite(scaled(objective, rows))


def finite(inertia: float) -> float:
    """The inertia, which has to be a number.

    Raises
    ------
    ValueError
        If it is beyond float64.
    """
    if not math.isfinite(inertia):
        raise ValueError(
            "Input X or sample_weight is too large: the weighted sum of squared distances overflows "
            "float64. Rescale the data or the weights."
        )
    return inertia


@singledispatch
def sizes(labels: Any, k: int) -> NDArray[np.int64]:
    """Rows of every cluster, (k,); NumPy alone would widen all labels."""
    found = np.zeros(k, np.int64)
    for first in range(0, len(labels), AT_ONCE):
        found += np.bincount(labels[first : first + AT_ONCE], minlength=k)
    return found


@singledispatch
def same_partition(labels: Any, others: Any, k: int) -> bool:
    """Do two labellings differ by the names of the clusters only?"""
    there, back = np.full(k, -1, np.int32), np.full(k, -1, np.int32)
    there[labels], back[others] = others, labels
    return bool(np.array_equal(there[labels], others) and np.array_equal(back[others], labels))
