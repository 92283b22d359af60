"""Planes through rows of many features, as numbers: two axes, and how much each of them shows."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix.plotting._geometry import Array

TIE_BREAK = 1e-9  # of the rows' own spread: it decides where the means alone span no plane
SMALL = 1e-12  # of the greatest variance: less is none


class PlaneAxes(NamedTuple):
    """Two axes through an origin."""

    origin: Array  # (d,) the mean
    axes: Array  # (2, d), by which rows less the origin are multiplied
    shares: Array  # (2,) of all that could be shown, what each axis does


def principal_plane(rows: Array) -> PlaneAxes:
    """The plane in which rows (n, d) vary most (Pearson 1901): orthonormal axes, in the units of X.

    The shares are of the variance.
    """
    origin = rows.mean(0)
    _, singular, axes = np.linalg.svd(rows - origin, full_matrices=False)
    padded = np.zeros((2, rows.shape[1]))  # a single row spans nothing
    padded[: len(axes)] = axes[:2]
    variances = np.append(singular**2, 0.0)
    return PlaneAxes(origin, _signed(padded), variances[:2] / (variances.sum() or 1.0))


def separating_plane(rows: Array, weights: Array, means: Array, matrices: Array) -> PlaneAxes:
    """The plane in which means (k, d) lie farthest apart, in units of the components' own spread.

    Its axes are the first discriminant directions (Fisher 1936, doi:10.1111/j.1469-1809.1936.tb02137.x):
    along them the average of the covariances (k, d, d) is the unit circle. The shares are of the
    scatter of the means. Where the means lie on a line, as two always do, the second axis is the one
    along which the rows (n, d) vary most.
    """
    share = weights / weights.sum()
    origin = share @ means
    within = np.einsum("c,cij->ij", share, matrices)
    size = np.sqrt(within.diagonal())
    unit = 1.0 / np.where(size > 0, size, 1.0)  # whatever the units, none counts as rounding
    variances, directions = np.linalg.eigh(within * unit * unit[:, None])
    least = SMALL * variances[-1] or 1.0
    whitening = unit[:, None] * directions / np.sqrt(np.maximum(variances, least))
    apart = np.sqrt(share)[:, None] * ((means - origin) @ whitening)
    between = apart.T @ apart
    spread = np.cov((rows - origin) @ whitening, rowvar=False, bias=True)
    total = np.trace(between) or 1.0
    both = between / total + TIE_BREAK * spread / (np.trace(spread) or 1.0)
    best = np.linalg.eigh(both)[1][:, :-3:-1]
    shares = np.maximum(np.einsum("ij,ik,kj->j", best, between, best), 0.0) / total
    return PlaneAxes(origin, _signed((whitening @ best).T), shares)


def pooled_covariance(rows: Array, labels: NDArray[np.intp], means: Array) -> Array:
    """Covariance (d, d) of the rows about the means of their clusters."""
    apart = rows - means[labels]
    return apart.T @ apart / len(rows)


def _signed(axes: Array) -> Array:
    """Of the two directions of every axis, the one in which its largest entry is positive."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1)
    return axes * np.copysign(1.0, largest)
