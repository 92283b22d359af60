"""Sparse rows: what the rest of the engine asks of rows, answered for CSR.

They are scaled like dense rows but not centred, which would make them dense; so an offset costs
accuracy. Time O(nnz k) a pass, memory a copy of the values and k d numbers.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fastmix._threads import threads
from fastmix.engine import kernels, lloyd, predictions, seeds
from fastmix.engine import rows as dense
from fastmix.engine.algorithms import Algorithm, algorithm_of
from fastmix.engine.results import Array, Floats, Frame, Inspection, KMeansTotals, SparseRows
from fastmix.kernels.shards import SLOT_BYTES, shard_bounds

DISTANCES_AT_ONCE = 1 << 20  # of rows to centers


@dense.measure.register(sparse.csr_matrix)
@dense.measure.register(sparse.csr_array)
def measure(X: Any, n_threads: int | None) -> dense.Columns:
    """Zero for the mean, because the rows stay where they are, and how far columns reach from it."""
    d = X.shape[1]
    low, high = X.data.min(initial=0.0), X.data.max(initial=0.0)
    return dense.Columns(np.zeros(d), np.full(d, low, np.float64), np.full(d, high, np.float64))


@dense.pack.register(sparse.csr_matrix)
@dense.pack.register(sparse.csr_array)
def pack(
    X: Any,
    frame: Frame,
    weight: Floats | None,
    n_threads: int | None,
    columns: dense.Columns | None = None,
) -> SparseRows:
    """Rows X (n, d) in a frame whose origin is zero; weight (n,) is None for weight 1 everywhere."""
    n = X.shape[0]
    exponent = 0 if weight is None else dense.weight_exponent(weight)
    scaled = np.ones(n) if weight is None else np.ldexp(weight, -exponent)
    data = np.ldexp(X.data, -frame.exponent)
    # for Numba a read-only array is another type: every kernel would be compiled again
    indices, indptr = (
        np.require(X.indices, requirements="W"),
        np.require(X.indptr, requirements="W"),
    )
    frame = Frame(frame.origin.astype(X.dtype), frame.exponent)
    return SparseRows(data, indices, indptr, scaled, n, frame, exponent, n_threads)


@dense.take.register
def take(rows: SparseRows, indices: Array) -> Array:
    """Rows of the frame by number, dense (len(indices), d)."""
    return _csr(rows)[indices].toarray()


def chosen(rows: SparseRows, wanted: NDArray[np.bool_]) -> SparseRows:
    """The wanted rows (n,)."""
    few = _csr(rows)[np.flatnonzero(wanted)]
    weight = rows.weight[wanted]
    return rows._replace(
        data=few.data, indices=few.indices, indptr=few.indptr, weight=weight, n=len(weight)
    )


@dense.mean_variance.register
def mean_variance(rows: SparseRows) -> float:
    """Unweighted variance of the rows, averaged over features, in the frame."""
    d = rows.frame.origin.size
    held = np.bincount(rows.indices, minlength=d)
    mean = np.bincount(rows.indices, rows.data, d) / rows.n
    gap = rows.data - mean[rows.indices]
    squares = np.bincount(rows.indices, np.square(gap), d) + (rows.n - held) * np.square(mean)
    return float(squares.mean()) / rows.n


class Labelled(NamedTuple):
    """The state of Lloyd's algorithm."""

    labels: NDArray[np.int32]  # (n,) -1 before the first pass
    sq_dist: Floats  # (n,)
    measured: list[int]  # distances of rows to centers, pass by pass
    order: NDArray[np.int64] | None = None  # rows stay where they are
    name: str = "lloyd"
    reason: str = "rows are sparse"


def start(rows: SparseRows, centers: Array, earlier: Labelled | None = None) -> Labelled:
    """Memory: 12 bytes a row."""
    return Labelled(np.full(rows.n, -1, np.int32), np.empty(rows.n), [])


def assign(rows: SparseRows, centers: Array, state: Labelled) -> KMeansTotals:
    """One pass of Lloyd's algorithm."""
    k, d = centers.shape
    before = state.labels.copy()
    objective = _label(rows, centers, state)
    # totals of few shards fit into memory where d is large, and adding is but 1/k of the work
    work = 4 * rows.data.size
    most = max(1, min(len(shard_bounds(rows.n, work)) - 1, SLOT_BYTES // (8 * k * (d + 1))))
    counts, sums = np.zeros((most, k)), np.zeros((most, k, d))
    kernels.sparse.add(
        threads(rows.n_threads, work),
        np.linspace(0, rows.n, most + 1).astype(np.int64),
        *(rows.data, rows.indices, rows.indptr, rows.weight),
        *(state.labels, counts, sums),
    )
    changed = int(np.count_nonzero(before != state.labels))
    state.measured.append(rows.n * k)
    return KMeansTotals(counts.sum(0), sums.sum(0), objective, changed)


def inspect(rows: SparseRows, centers: Array, state: Labelled, each: bool = True) -> Inspection:
    """What the last pass has found."""
    return Inspection(state.sq_dist, None)


LLOYD = Algorithm(start, assign, lloyd.move, inspect)


predictions.some.register(SparseRows, take)
predictions.view.register(sparse.csr_matrix, pack)
predictions.view.register(sparse.csr_array, pack)


@predictions.nearest.register
def nearest(rows: SparseRows, centers: Array) -> tuple[float, NDArray[np.int32]]:
    """Objective, and the number of the nearest center of every row (n,)."""
    state = start(rows, centers)
    return _label(rows, centers, state), state.labels


@predictions.may_be_far.register
def may_be_far(rows: SparseRows, centers: Array) -> bool:
    """They are labelled alike by all passes."""
    return False


@predictions.two_nearest.register
def two_nearest(rows: SparseRows, centers: Array) -> tuple[NDArray[np.int32], Floats, Floats]:
    """Number of the nearest center of every row (n,), and squared distances to it and to the second nearest."""
    labels, (best, second) = np.empty(rows.n, np.int32), np.empty((2, rows.n))
    at_once = max(1, DISTANCES_AT_ONCE // len(centers))
    for first in range(0, rows.n, at_once):
        here = slice(first, first + at_once)
        sq_dist = _sq_distances(_between(rows, here), centers)
        labels[here] = sq_dist.argmin(1)
        two = np.partition(np.c_[sq_dist, np.full(len(sq_dist), np.inf)], 1, axis=1)
        best[here], second[here] = two[:, 0], two[:, 1]
    return labels, best, second


def _between(rows: SparseRows, here: slice) -> SparseRows:
    """A range of rows."""
    weight = rows.weight[here]
    ends = rows.indptr[here.start : here.start + len(weight) + 1]
    data, indices = rows.data[ends[0] : ends[-1]], rows.indices[ends[0] : ends[-1]]
    return rows._replace(
        data=data, indices=indices, indptr=ends - ends[0], weight=weight, n=len(weight)
    )


@predictions.distances.register
def distances(rows: SparseRows, centers: Array) -> Array:
    """Distances of all rows to all centers in the units of X, (n, k)."""
    dist = np.sqrt(_sq_distances(rows, centers)).astype(rows.data.dtype, copy=False)
    with np.errstate(over="ignore"):
        return np.ldexp(dist, rows.frame.exponent)


@algorithm_of.register
def only(rows: SparseRows, name: str) -> Algorithm:
    """Lloyd's."""
    return LLOYD


@seeds.begin.register
def begin(rows: SparseRows, n_starts: int) -> seeds.RowSeeding:
    """No seeds yet, of so many starts at once."""
    return seeds.RowSeeding(
        rows, n_starts, lambda numbers: _sq_distances(rows, take(rows, numbers))
    )


@seeds.room.register
def room(rows: SparseRows) -> int:
    """Bytes that starts together may need: those of the numbers of X that are not 0, or a few more."""
    return max(int(rows.data.nbytes), seeds.ENOUGH_ROOM)


def _csr(rows: SparseRows) -> Any:
    shape = (rows.n, rows.frame.origin.size)
    return sparse.csr_array((rows.data, rows.indices, rows.indptr), shape=shape)


def _by_feature(centers: Array) -> tuple[Floats, Floats]:
    """Centers (d, k) and their squared norms (k,), as the kernels want them."""
    turned = np.ascontiguousarray(centers.T, np.float64)
    norms = np.empty(len(centers))
    kernels.sparse.sq_norms(turned, norms)
    return turned, norms


def _label(rows: SparseRows, centers: Array, state: Labelled) -> float:
    """Nearest centers into the state; the objective."""
    work = 5 * rows.data.size * len(centers)
    bounds = shard_bounds(rows.n, work)
    objective = np.zeros(len(bounds) - 1)
    kernels.sparse.label(
        threads(rows.n_threads, work),
        bounds,
        *(rows.data, rows.indices, rows.indptr, rows.weight),
        *_by_feature(centers),
        *(state.labels, state.sq_dist, objective),
    )
    return float(objective.sum())


def _sq_distances(rows: SparseRows, centers: Array) -> Floats:
    """Squared distances of all rows to all centers, (n, k)."""
    sq_dist = np.empty((rows.n, len(centers)))
    work = 5 * rows.data.size * len(centers)
    kernels.sparse.sq_distances(
        threads(rows.n_threads, work),
        shard_bounds(rows.n, work),
        *(rows.data, rows.indices, rows.indptr),
        *_by_feature(centers),
        sq_dist,
    )
    return sq_dist
