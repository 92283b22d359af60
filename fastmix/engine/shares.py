"""Rows shared out among components by labels or by responsibilities: their totals.

Nothing as large as rows times components is made.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fastmix.engine import kernels
from fastmix.engine.covariance import Covariance
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.likelihood import Estimate, estimate
from fastmix.engine.passes import accumulate, tally
from fastmix.engine.results import Array, Floats, MixtureTotals, Rows
from fastmix.engine.whitening import EPSILON

BLOCK_NUMBERS = 1 << 18  # responsibilities held at once


def share_out(
    rows: Rows, k: int, shares: Array, covariance: Covariance, origin: Floats | None = None
) -> MixtureTotals:
    """Totals for labels (n,) or responsibilities (n, k), about origin (k, d), or else about the means."""
    if origin is None:  # second moments about a point far away would be lost to cancellation
        far = np.zeros((k, rows.d))
        plain = COVARIANCES["diag"]
        origin = estimate(_totals(rows, k, shares, far, plain), plain, 0.0).means
    return _totals(rows, k, shares, origin, covariance)


def _totals(
    rows: Rows, k: int, shares: Array, origin: Floats, covariance: Covariance
) -> MixtureTotals:
    if shares.ndim == 1:
        return tally(rows, shares, origin, covariance)
    given = (np.array(shares[some], np.float64, order="C") for some in blocks(rows, k))
    return accumulate(rows, given, origin, covariance)


def overall(rows: Rows, covariance: Covariance) -> Estimate:
    """All rows as one component: its mean (1, d) and its covariance."""
    everyone = np.broadcast_to(0, rows.n)
    return estimate(share_out(rows, 1, everyone, covariance), covariance, 0.0)


def mean_and_variances(rows: Rows) -> tuple[Floats, Floats]:
    """Weighted mean and variance of every feature, (d,) each, in the frame."""
    _, means, variances = overall(rows, COVARIANCES["diag"])
    return means[0], variances[0]


def constant_features(rows: Rows, mean: Floats, variances: Floats) -> NDArray[np.bool_]:
    """Which features differ by no more than the rounding of their numbers and of their mean?"""
    return np.asarray(np.sqrt(variances) <= rounding(rows, mean))


def rounding(rows: Rows, means: Floats) -> Floats:
    """Standard deviations (..., d) about means (..., d) that rounding alone may give to equal rows."""
    origin = np.ldexp(rows.frame.origin.astype(np.float64), -rows.frame.exponent)
    # SMALLEST_COUNT moves the mean of one row by 10 epsilon
    share = 2 * np.finfo(rows.dtype).eps + 16 * EPSILON
    return np.asarray(share * (np.abs(origin) + np.abs(means)))


def blocks(rows: Rows, k: int) -> Iterator[slice]:
    """Runs of rows, whole tiles each, whose responsibilities are of bounded size."""
    R = kernels.tiles.tile_rows(rows.dtype)
    step = R * max(1, BLOCK_NUMBERS // (R * k))
    for first in range(0, rows.n, step):
        yield slice(first, min(first + step, rows.n))
