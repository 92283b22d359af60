"""The EM loop: whatever the covariance type, rows become totals and totals become parameters."""

import math
import time
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fastmix._numba import threads
from fastmix.engine.covariances import Covariance, RunError
from fastmix.engine.results import (
    Array,
    Floats,
    MixtureResult,
    MixtureTotals,
    Parameters,
    Rows,
)
from fastmix.engine.rows import take
from fastmix.engine.totals import add
from fastmix.kernels.expectation import group_tiles
from fastmix.kernels.shards import shard_bounds

EXP_WORK = 40  # operations of a log-sum-exp, a row and component


class Model(Protocol):
    """What is fitted: how totals become parameters, and what rises."""

    @property
    def covariance(self) -> Covariance:
        """Shape of the components."""

    def first(self, totals: MixtureTotals | None) -> Parameters:
        """Parameters of a start; None where `given` is complete."""

    @property
    def complete(self) -> bool:
        """Whether the caller laid down all parameters to start from."""

    def update(self, totals: MixtureTotals) -> Parameters:
        """The M-step; CollapseError where a component loses its volume."""

    def bound(self, totals: MixtureTotals, before: Parameters, after: Parameters) -> float:
        """What EM raises, from the totals under `before` that gave `after`."""


class Expectation(NamedTuple):
    """E-step of every row."""

    labels: NDArray[np.int64]  # (n,) most probable component
    log_norm: Floats  # (n,) log-likelihood; -inf where it leaves float64
    resp: Floats  # (n, k) responsibilities, or (0, k)


def run(
    rows: Rows,
    start: Parameters,
    model: Model,
    *,
    tol: float,
    max_iter: int,
    bound: float = -np.inf,
    verbose: int = 0,
    verbose_interval: int = 10,
) -> MixtureResult:
    """EM steps from `start` until the model's bound moves by less than tol.

    `bound` is that of an earlier fit which is taken up again.

    Raises
    ------
    CollapseError
        If a component loses its volume.
    RunError
        If every component is too far from some row for float64.
    """
    parameters, history, converged, events = start, [], False, start.events
    clock = time.perf_counter()
    for n_iter in range(1, max_iter + 1):
        totals = expect(rows, parameters, model.covariance)
        if not np.isfinite(totals.objective):
            raise RunError(
                "Some rows are so far from every component that their distance, in standard deviations, "
                "overflows. Rescale X, increase reg_covar, or check means_init and precisions_init."
            )
        moved = model.update(totals)
        before, bound = bound, model.bound(totals, parameters, moved)
        parameters, change = moved, bound - before
        history.append(bound)
        events += moved.events
        if verbose and n_iter % verbose_interval == 0:
            clock = _report(n_iter, change, clock, verbose)
        if abs(change) < tol and not moved.events:  # a mended component has yet to settle
            converged = True
            break
    return MixtureResult(parameters, len(history), converged, history, events)


def _report(n_iter: int, change: float, clock: float, verbose: int) -> float:
    if verbose == 1:
        print(f"  Iteration {n_iter}")
        return clock
    now = time.perf_counter()
    print(f"  Iteration {n_iter}\t time lapse {now - clock:.5f}s\t ll change {change:.5f}")
    return now


def expect(rows: Rows, parameters: Parameters, covariance: Covariance) -> MixtureTotals:
    """E-step of all rows and totals for the M-step, in one pass."""
    means, factor, constant = _arguments(parameters, rows)
    bounds, counts, sums, scatter = _slots(rows, means, covariance)
    objective = np.zeros(len(counts))
    covariance.kernels.expect(
        _threads(rows, means, covariance),
        bounds,
        rows.tiles,
        rows.weight,
        _group(rows, means),
        means,
        factor,
        constant,
        counts,
        sums,
        scatter,
        objective,
    )
    n_rows = float(rows.weight.sum())
    return _fold(counts, sums, scatter, float(objective.sum()), n_rows, means)


def accumulate(
    rows: Rows, blocks: Iterable[Floats], origin: Floats, covariance: Covariance
) -> MixtureTotals:
    """Totals about origin (k, d) for responsibilities that are given.

    `blocks` are arrays (m, k) of all rows in order, every m but the last a multiple of R.
    """
    means = np.array(origin, rows.tiles.dtype, order="C")
    total: MixtureTotals | None = None
    offset = 0
    for resp in blocks:
        n_tiles, R = -(-len(resp) // rows.tiles.shape[2]), rows.tiles.shape[2]
        n_rows = float(rows.weight[offset * R : (offset + n_tiles) * R].sum())
        bounds, counts, sums, scatter = _slots(rows, means, covariance, n_tiles)
        covariance.kernels.accumulate(
            _threads(rows, means, covariance),
            bounds + offset,
            rows.tiles,
            rows.weight,
            _group(rows, means),
            means,
            resp,
            offset,
            counts,
            sums,
            scatter,
        )
        part = _fold(counts, sums, scatter, 0.0, n_rows, means)
        total = part if total is None else add(total, part)
        offset += n_tiles
    assert total is not None  # there is at least one row
    return total


def infer(
    rows: Rows, parameters: Parameters, covariance: Covariance, want_resp: bool = False
) -> Expectation:
    """E-step of all rows. A row beyond float64's reach of every component goes to the nearest one."""
    means, factor, constant = _arguments(parameters, rows)
    k = len(means)
    labels, log_norm = np.empty(rows.n, np.int64), np.empty(rows.n)
    resp = np.empty((rows.n if want_resp else 0, k))
    covariance.kernels.infer(
        _threads(rows, means, covariance),
        shard_bounds(len(rows.tiles)),
        rows.tiles,
        _group(rows, means),
        means,
        factor,
        constant,
        labels,
        log_norm,
        resp,
    )
    far = np.flatnonzero(log_norm == -np.inf)
    if len(far):
        labels[far] = _nearest_of_far(take(rows, far), parameters, covariance)
        if want_resp:
            resp[far] = np.eye(k)[labels[far]]
    return Expectation(labels, log_norm, resp)


def _nearest_of_far(X: Array, parameters: Parameters, covariance: Covariance) -> NDArray[np.int64]:
    """Component of least Mahalanobis distance for rows (m, d) whose squared distances overflow."""
    k = len(parameters.means)
    # the Mahalanobis distance is homogeneous: shrink the row and the means alike
    size = np.maximum(np.abs(X).max(1), np.abs(parameters.means).max()).astype(np.float64)
    distance = np.empty((len(X), k))
    for c in range(k):
        diff = X / size[:, None] - parameters.means[c] / size[:, None]
        whitened = covariance.whiten(parameters.factor, c, diff)
        largest = np.abs(whitened).max(1)
        scaled = whitened / np.where(largest > 0, largest, 1.0)[:, None]
        distance[:, c] = largest * np.sqrt(np.square(scaled).sum(1))
    distance[:, parameters.weights == 0] = np.inf
    return distance.argmin(1)


def _slots(
    rows: Rows, means: Array, covariance: Covariance, n_tiles: int | None = None
) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """Shard bounds, and empty totals for every shard."""
    k, d = means.shape
    shape = covariance.scatter_shape(k, d)
    slot_bytes = 8 * (k * (d + 1) + math.prod(shape))
    bounds = shard_bounds(len(rows.tiles) if n_tiles is None else n_tiles, slot_bytes)
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


def _group(rows: Rows, means: Array) -> int:
    """Tiles whose rows and responsibilities a core holds at once."""
    (k, d), R = means.shape, rows.tiles.shape[2]
    return group_tiles(k, d, R, means.itemsize)


def _arguments(parameters: Parameters, rows: Rows) -> tuple[Array, Array, Array]:
    """Means, whitening and constants as the kernels take them: C-ordered, in the dtype of the rows."""
    values = parameters.means, parameters.factor, parameters.log_const
    means, factor, constant = (np.array(v, rows.tiles.dtype, order="C") for v in values)
    if means.shape[1] != rows.tiles.shape[1] or len(constant) != len(means):
        raise ValueError(
            f"A mixture of {len(constant)} weights and means of shape {means.shape} does not fit rows "
            f"of {rows.tiles.shape[1]} features."
        )
    return means, factor, constant


def _threads(rows: Rows, means: Array, covariance: Covariance) -> int:
    k, d = means.shape
    return threads(rows.n_threads, rows.n * (covariance.work(k, d) + EXP_WORK * k))
