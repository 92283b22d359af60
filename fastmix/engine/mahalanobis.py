"""Distances of rows to components, in the components' own standard deviations."""

import numpy as np

from fastmix.engine.covariance import Covariance
from fastmix.engine.results import Array, Floats

BLOCK_NUMBERS = 1 << 16  # of the rows that are whitened at once


def mahalanobis(
    X: Array, origin: Array, means: Floats, factor: Floats, covariance: Covariance
) -> Floats:
    """Distance (n, k), not squared, of every row of X (n, d) to every mean (k, d).

    The means are relative to origin (d,), which leaves X before they do: an offset of the data costs
    no accuracy.
    """
    (n, d), k = X.shape, len(means)
    distance = np.empty((n, k))
    step = max(1, BLOCK_NUMBERS // d)
    for first in range(0, n, step):
        some = slice(first, first + step)
        centred = X[some].astype(np.float64) - origin.astype(np.float64)
        for c in range(k):
            distance[some, c] = _length(covariance.whiten(factor, c, centred - means[c]))
    return distance


def _length(rows: Floats) -> Floats:
    """Euclidean norm of every row, whose square may be out of range."""
    largest = np.abs(rows).max(1)
    scaled = rows / np.where(largest > 0, largest, 1.0)[:, None]
    return np.asarray(largest * np.sqrt(np.square(scaled).sum(1)))
