"""Skipping the components that cannot matter to a tile of rows.

Once rows lie in the order of their two most probable components, most tiles have to do with few
components. Which these are, each EM pass learns from the last one (kernels/certificates.py). What is
skipped is below rounding, but sums are then added in another order, so whether and when rows are put
in order depends on the data alone.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from fastmix.engine import passes
from fastmix.engine.covariance import Covariance
from fastmix.engine.passes import Moved, Skips
from fastmix.engine.results import AnyRows, Array, MixtureTotals, Parameters, Rows, read_how
from fastmix.engine.rows import arrange, numbered, order_of, put_back

LOOKS = (3, 6, 12, 24)  # iterations before which a sample of the rows is looked at
TILES_A_COMPONENT = 12  # at least; otherwise there is nothing to gain
SAMPLE, ROWS_A_COMPONENT = 4096, 64  # rows in the sample, at least
DENSE, SKIPPING = "dense", "skipping"  # names of passes
WORTH = 0.7  # share of pairs of tile and component that matter, below which order pays


class SkippingPasses:
    """The passes of one EM run over the same rows, which come in another order once that pays."""

    def __init__(self, rows: AnyRows, covariance: Covariance) -> None:
        self.rows, self.covariance = rows, covariance
        self._order: NDArray[np.int64] | None = None  # where it is not that of X
        self._skips: Skips | None = None
        self._before: tuple[Array, Array] | None = None
        self.names = list[str]()  # how passes were done
        self._looks: tuple[int, ...] = LOOKS
        self.reason = "rows are not looked at in the first passes"
        if how := read_how(rows):
            self._looks, self.reason = (), f"rows are read {how}, in their order"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._order is not None:
            put_back(self.rows, self._order)

    def expect(self, parameters: Parameters) -> MixtureTotals:
        """E-step of all rows and totals for the M-step."""
        if self._skips is None and len(self.names) + 1 in self._looks:
            self._look(parameters)
        self.names.append(DENSE if self._skips is None else SKIPPING)
        if self._skips is None:
            return passes.expect(self.rows, parameters, self.covariance)
        (_, d, _), dtype = self.rows.tiles.shape, self.rows.tiles.dtype
        means, factor, _ = passes.arguments(parameters, self.covariance, dtype, d)
        change = moved(self._before, means, factor, self.covariance)
        self._before = means, factor
        return passes.expect(self.rows, parameters, self.covariance, self._skips, change)

    def _look(self, parameters: Parameters) -> None:
        rows, covariance, k = self.rows, self.covariance, len(parameters.means)
        some = sample(rows, k)
        if not len(some):
            self.reason = "too few rows for each component to leave some out"
            return
        X = np.ascontiguousarray(some)
        resp = passes.infer(X, rows.frame, parameters, covariance, rows.n_threads, resp=True).resp
        matters = share(resp, rows.tiles.shape[2])
        self.reason = f"{matters:.0%} of the pairs of component and tile of rows matter"
        if matters < WORTH:
            self._order = by_components(rows, *passes.rank(rows, parameters, covariance), k)
            arrange(rows, self._order)
            self._skips = nothing_known(len(rows.tiles), k)


def nothing_known(n_tiles: int, k: int) -> Skips:
    """All components may matter to all tiles."""
    return Skips(
        np.zeros((n_tiles, k), np.float32),
        np.full(n_tiles, np.inf, np.float32),
        np.zeros(n_tiles, np.int64),
    )


def moved(
    before: tuple[Array, Array] | None, means: Array, factor: Array, covariance: Covariance
) -> Moved:
    """What has become of the distances since a pass with other (means, factor)."""
    k = len(means)
    if before is None:
        return Moved(np.ones(k), np.ones(k), np.zeros(k))
    was, whitening = (part.astype(np.float64) for part in before)
    now = factor.astype(np.float64)
    low, high = covariance.stretch(whitening, now)
    gap = means.astype(np.float64) - was
    shift = np.array([np.linalg.norm(covariance.whiten(now, c, gap[c : c + 1])) for c in range(k)])
    # copies: a read-only view would be another type, for which kernels are compiled once more
    return Moved(*(np.array(np.broadcast_to(v, k)) for v in (low, high, shift)))


def sample(rows: Rows, k: int) -> Array:
    """Rows of X (m, d), evenly spread, to tell whether order would pay; none where there are too few."""
    m = max(SAMPLE, ROWS_A_COMPONENT * k)
    enough = k > 1 and len(rows.tiles) >= TILES_A_COMPONENT * k and rows.n >= 8 * m
    return rows.X[:: rows.n // m] if enough else rows.X[:0]


def share(resp: Array, R: int) -> float:
    """Share of the pairs of component and tile of R rows, in order, that matter; from responsibilities (m, k)."""
    least = float(np.finfo(resp.dtype).eps) / 2 * resp.mean(0)
    two = np.argpartition(-resp, 1, axis=1)[:, :2]
    swap = np.take_along_axis(resp, two, 1)
    two = np.where(swap[:, :1] >= swap[:, 1:], two, two[:, ::-1])
    order = np.lexsort((two[:, 1], two[:, 0]))[: len(resp) // R * R]
    return float((resp[order] > least).reshape(-1, R, resp.shape[1]).any(1).mean())


def by_components(
    rows: Rows, best: NDArray[np.int64], second: NDArray[np.int64], k: int
) -> NDArray[np.int64]:
    """Order of rows by their two most probable components."""
    keys = best[: rows.n] * k + second[: rows.n]
    return order_of(numbered(keys), k * k - 1, rows.n_threads)
