"""The passes over the rows of a mixture, whatever the covariance type: rows become totals."""

import math
from collections.abc import Iterable
from functools import singledispatch
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastmix._threads import threads
from fastmix.engine import kernels
from fastmix.engine.covariance import Covariance
from fastmix.engine.results import (
    AnyRows,
    Array,
    Floats,
    Frame,
    MixtureTotals,
    Parameters,
    Rows,
)
from fastmix.engine.rows import by_shards, few, fewer, writeable
from fastmix.engine.totals import add
from fastmix.kernels.shards import shard_bounds

if TYPE_CHECKING:
    from fastmix.kernels.expectation import Passes

EXP_WORK = 40  # operations of a log-sum-exp, a row and component


class Moved(NamedTuple):
    """How components have moved since the last pass."""

    low: Floats  # (k,) least factor by which a whitened distance can have changed
    high: Floats  # (k,) greatest factor
    shift: Floats  # (k,) whitened move of the mean


class Skips(NamedTuple):
    """What is known of the distances between tiles and components; changed by every pass."""

    near: NDArray[np.float32]  # (n_tiles, k) at most the distance of any row of the tile
    far: NDArray[np.float32]  # (n_tiles,) at least the distance of any row to the home
    home: NDArray[np.int64]  # (n_tiles,) the component that is nearest to the farthest row


class Expectation(NamedTuple):
    """E-step of every row; what was not wanted has no rows."""

    labels: NDArray[np.int64]  # (n,) most probable component
    log_norm: Floats  # (n,) log-likelihood; -inf where it leaves the dtype
    resp: Array  # (n, k) responsibilities


def passes_of(covariance: Covariance) -> "Passes":
    """The compiled passes of a covariance type."""
    passes: Passes = getattr(kernels, covariance.module).PASSES
    return passes


@singledispatch
def expect(
    rows: AnyRows,
    parameters: Parameters,
    covariance: Covariance,
    skips: Skips | None = None,
    moved: Moved | None = None,
) -> MixtureTotals:
    """E-step of all rows and totals for the M-step, in one pass.

    With `skips`, components that cannot matter to a tile are left out of it.
    """
    means, factor, constant = arguments(parameters, covariance, rows.dtype, rows.d)
    k = len(means)
    if skips is None:
        skips = Skips(np.empty((0, k), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))
    if moved is None:
        moved = Moved(np.ones(k), np.ones(k), np.zeros(k))
    known: tuple[Any, ...] = (*moved, *skips)
    if few(rows) and len(skips.near) == 0:
        # Less is compiled. Many rows may skip later: arrays, if without rows, are the same types then.
        known = (None,) * len(known)
    work = _work(rows.n, means, covariance)
    bounds, counts, sums, scatter = _slots(
        means, covariance, kernels.tiles.n_tiles(rows.n, rows.dtype), work
    )
    objective = np.zeros(len(counts))
    for part in by_shards(rows, bounds):
        some, slots = part.rows, part.slots
        passes_of(covariance).expect(
            threads(some.n_threads, _work(some.n, means, covariance)),
            part.bounds,
            some.tiles,
            some.weight,
            _group(means),
            means,
            factor,
            constant,
            _reach(parameters, means.dtype),
            *known,
            counts[slots],
            sums[slots],
            scatter[slots],
            objective[slots],
        )
    return _fold(counts, sums, scatter, float(objective.sum()), rows.total, means)


def accumulate(
    rows: Rows, blocks: Iterable[Floats], origin: Floats, covariance: Covariance
) -> MixtureTotals:
    """Totals about origin (k, d) for responsibilities that are given.

    `blocks` are arrays (m, k) of all rows in order, every m but the last a multiple of R.
    """
    total: MixtureTotals | None = None
    offset = 0
    for resp in blocks:
        part = _given(passes_of(covariance).accumulate, rows, resp, offset, origin, covariance)
        total = part if total is None else add(total, part)
        offset += kernels.tiles.n_tiles(len(resp), rows.dtype)
    assert total is not None  # there is at least one row
    return total


@singledispatch
def tally(rows: AnyRows, labels: Any, origin: Floats, covariance: Covariance) -> MixtureTotals:
    """Totals about origin (k, d) for rows that belong to one component each, labels (n,)."""
    given = np.ascontiguousarray(labels, np.int32)
    return _given(passes_of(covariance).tally, rows, given, 0, origin, covariance)


def _given(
    kernel: Any, rows: Rows, given: Array, offset: int, origin: Floats, covariance: Covariance
) -> MixtureTotals:
    """Totals for the rows from tile `offset` on whose shares are given, labels or responsibilities."""
    means = np.array(origin, rows.dtype, order="C")
    m, R = len(given), kernels.tiles.tile_rows(rows.dtype)
    if fewer(rows):
        return _given_few(rows, given, offset * R, means, covariance)
    work = _work(m, means, covariance)
    bounds, counts, sums, scatter = _slots(
        means, covariance, kernels.tiles.n_tiles(m, rows.dtype), work
    )
    for part in by_shards(rows, bounds + offset):
        some, slots = part.rows, part.slots
        kernel(
            threads(some.n_threads, work),
            part.bounds,
            some.tiles,
            some.weight,
            _group(means),
            means,
            given[part.places],
            offset,
            counts[slots],
            sums[slots],
            scatter[slots],
        )
    first = offset * R
    n_rows = rows.total if m == rows.n else float(rows.weight[first : first + m].sum())
    return _fold(counts, sums, scatter, 0.0, n_rows, means)


def _given_few(
    rows: Rows, given: Array, first: int, means: Array, covariance: Covariance
) -> MixtureTotals:
    """The same for the rows from `first` on, by NumPy."""
    (m, (k, d)), origin = (len(given), means.shape), means.astype(np.float64)
    X = rows.tiles.transpose(0, 2, 1).reshape(-1, d)[first : first + m].astype(np.float64)
    share = given if given.ndim == 2 else np.equal.outer(given, np.arange(k))
    weight = rows.weight[first : first + m]
    share, away = weight[:, None] * share, X - origin[:, None]
    sums, scatter = np.einsum("nk,knd->kd", share, away), covariance.moments(share, away)
    return MixtureTotals(share.sum(0), sums, scatter, 0.0, float(weight.sum()), origin)


def infer(
    X: Array,
    frame: Frame,
    parameters: Parameters,
    covariance: Covariance,
    n_threads: int | None,
    *,
    labels: bool = False,
    log_norm: bool = False,
    resp: bool = False,
) -> Expectation:
    """What is wanted of the E-step of rows X (n, d), which are put into the frame group by group.

    A row beyond the dtype's reach of every component goes to the nearest one.
    """
    (n, d), k = X.shape, len(parameters.means)
    means, factor, constant = arguments(parameters, covariance, X.dtype, d)
    found = Expectation(
        np.empty(n if labels else 0, np.int64),
        np.empty(n if log_norm or resp else 0),
        np.empty((n if resp else 0, k), X.dtype),
    )
    R, work = kernels.tiles.tile_rows(X.dtype), _work(n, means, covariance)
    passes_of(covariance).infer(
        threads(n_threads, work),
        shard_bounds(kernels.tiles.n_tiles(n, X.dtype), work),
        writeable(X),
        frame.origin.astype(X.dtype),
        R,
        kernels.expectation.group_tiles(k, d, R, X.itemsize),
        means,
        factor,
        constant,
        *found,
    )
    far = np.flatnonzero(found.labels < 0 if labels else found.log_norm == -np.inf)
    if len(far):
        nearest = _nearest_of_far(X[far], frame.origin, parameters, covariance)
        if labels:
            found.labels[far] = nearest
        if resp:
            found.resp[far] = np.eye(k)[nearest]
    return found


def rank(
    rows: Rows, parameters: Parameters, covariance: Covariance
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the best and the second best component of every row, (n_tiles * R,) each."""
    means, factor, constant = arguments(parameters, covariance, rows.dtype, rows.d)
    best, second = np.empty((2, rows.weight.size), np.int64)
    work = _work(rows.n, means, covariance)
    passes_of(covariance).rank(
        threads(rows.n_threads, work),
        shard_bounds(len(rows.tiles), work),
        rows.tiles,
        _group(means),
        means,
        factor,
        constant,
        best,
        second,
    )
    return best, second


def _nearest_of_far(
    X: Array, origin: Array, parameters: Parameters, covariance: Covariance
) -> NDArray[np.int64]:
    """Component of least Mahalanobis distance for rows (m, d) whose squared distances overflow."""
    k = len(parameters.means)
    # the Mahalanobis distance is homogeneous: shrink the row, the origin and the means alike
    least = max(float(np.abs(part).max()) for part in (origin, parameters.means))
    size = np.maximum(np.abs(X).max(1), least).astype(np.float64)[:, None]
    centred = X / size - origin / size
    distance = np.empty((len(X), k))
    for c in range(k):
        diff = centred - parameters.means[c] / size
        whitened = covariance.whiten(parameters.factor, c, diff)
        largest = np.abs(whitened).max(1)
        scaled = whitened / np.where(largest > 0, largest, 1.0)[:, None]
        distance[:, c] = largest * np.sqrt(np.square(scaled).sum(1))
    distance[:, parameters.weights == 0] = np.inf
    return distance.argmin(1)


def _slots(
    means: Array, covariance: Covariance, n_parts: int, work: float
) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """Bounds of the shards of so many tiles, and empty totals for every shard."""
    k, d = means.shape
    shape = covariance.scatter_shape(k, d)
    slot_bytes = 8 * (k * (d + 1) + math.prod(shape))
    bounds = shard_bounds(n_parts, work, slot_bytes)
    S = len(bounds) - 1
    return bounds, np.zeros((S, k)), np.zeros((S, k, d)), np.zeros((S, *shape))


def _fold(
    counts: Floats,
    sums: Floats,
    scatter: Floats,
    objective: float,
    n_rows: float,
    origin: Array,
) -> MixtureTotals:
    """The totals of all shards, added in order."""
    return MixtureTotals(
        counts.sum(0), sums.sum(0), scatter.sum(0), objective, n_rows, origin.astype(np.float64)
    )


def _group(means: Array) -> int:
    """Tiles whose rows and responsibilities a core holds at once; means (k, d) are of the rows' dtype."""
    k, d = means.shape
    return kernels.expectation.group_tiles(
        k, d, kernels.tiles.tile_rows(means.dtype), means.itemsize
    )


def arguments(
    parameters: Parameters, covariance: Covariance, dtype: DTypeLike, d: int
) -> tuple[Array, Array, Array]:
    """Means, whitening and constants as the kernels take them: C-ordered, in the dtype of the rows.

    The kernels see no bounds, so shapes are checked here. A single number has shape (1,): Numba hands
    an array of no dimension to threads as no array.
    """
    k = len(parameters.means)
    for name, array, shape in (
        ("means", parameters.means, (k, d)),
        ("weights", parameters.weights, (k,)),
        ("covariances", parameters.factor, covariance.shape(k, d)),
        ("constants", parameters.log_const, (k,)),
    ):
        if np.shape(array) != shape:
            raise ValueError(
                f"A mixture with {name} of shape {np.shape(array)} does not fit {k} components and "
                f"rows of {d} features: the shape has to be {shape}."
            )
    values = parameters.means, parameters.factor, parameters.log_const
    means, factor, constant = (np.array(v, dtype, order="C", ndmin=1) for v in values)
    return means, factor, constant


def _reach(parameters: Parameters, dtype: Any) -> Array:
    """How far below a row's best log-probability a component still matters, (k,), at most 0.

    What is left out of a component is below rounding: less than eps / 2 of its weight in all.
    """
    with np.errstate(divide="ignore"):
        least = np.log(parameters.weights) + math.log(float(np.finfo(dtype).eps) / 2)
    return least.astype(dtype)


def _work(n: int, means: Array, covariance: Covariance) -> float:
    """Floating-point operations of a pass over n rows."""
    k, d = means.shape
    return n * (covariance.work(k, d) + EXP_WORK * k)
