"""Circles and ellipses as numbers: what a model says about two of its features."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastmix.engine.covariances import COVARIANCES

Array = NDArray[np.float64]


def covariance_matrices(covariances: Array, covariance_type: str, k: int, d: int) -> Array:
    """One covariance matrix for each component, (k, d, d), from any type's covariances."""
    if covariance_type not in COVARIANCES:
        raise ValueError(
            f"covariance_type must be one of {sorted(COVARIANCES)}, got {covariance_type!r}; "
            "give the model one of these to draw its ellipses."
        )
    kept = np.asarray(covariances, dtype=np.float64)
    return COVARIANCES[covariance_type].to_full(kept, k, d)


def marginal(means: Array, matrices: Array, dims: Sequence[int]) -> tuple[Array, Array]:
    """Means (k, m) and covariances (k, m, m) of the m features dims alone.

    A marginal of a Gaussian is the Gaussian of the same entries: nothing has to be integrated.
    """
    some = list(dims)
    return means[:, some], matrices[:, some][:, :, some]


def ellipse_axes(covariances: Array) -> tuple[Array, Array]:
    """Semi-axes (k, 2), major first, and angles (k,) of the ellipses at one standard deviation.

    An angle runs from the x axis to the major axis, in degrees, from -90 to 90. The semi-axes
    are the square roots of the eigenvalues of the covariances (k, 2, 2); n standard deviations
    are n times as long.
    """
    eigenvalues, eigenvectors = np.linalg.eigh(covariances)  # ascending: the major axis is last
    major = eigenvectors[:, :, 1]
    major = major * np.copysign(1.0, major[:, :1])  # of its two directions, the one to the right
    angles = np.degrees(np.arctan2(major[:, 1], major[:, 0]))
    # Rounding can push the eigenvalue of a flat component just below zero.
    semi_axes = np.sqrt(np.maximum(eigenvalues[:, ::-1], 0.0))
    return semi_axes, angles


def n_std_of_levels(levels: Array) -> Array:
    """The standard deviations within which a 2-D Gaussian has the probabilities `levels`.

    The squared distance in standard deviations is chi-squared with two degrees of freedom, an
    exponential variable of mean 2: P(distance <= r) = 1 - exp(-r^2 / 2), solved for r.
    """
    return np.sqrt(-2.0 * np.log1p(-levels))


def cluster_radii(
    points: Array, centers: Array, labels: NDArray[np.integer], quantile: float
) -> Array:
    """How far from its center (k, 2) each cluster reaches: a quantile of its points' distances.

    A cluster without points has radius 0.
    """
    dist = np.linalg.norm(points - centers[labels], axis=1)
    members = (dist[labels == c] for c in range(len(centers)))
    return np.array([np.quantile(own, quantile) if own.size else 0.0 for own in members])


def every(values: Array, most: int) -> tuple[Array, Array]:
    """Corners (p,) and heights (p,) of bars of width 1 side by side; about `most` of them, if they are more."""
    n = len(values)
    picked = np.arange(n) if n <= most else np.linspace(0, n - 1, most).round().astype(np.intp)
    ends = np.append(picked[1:], n)
    return np.stack([picked, ends], axis=1).ravel().astype(np.float64), np.repeat(values[picked], 2)
