"""How good are clusters of k-means, so that numbers of them can be compared?

Inertia cannot tell: it falls with every further cluster.
"""

import math
from typing import NamedTuple

import numpy as np

from fastmix.engine.likelihood import bic as of_likelihood
from fastmix.engine.predictions import two_nearest
from fastmix.engine.results import AnyRows, Array, Floats

# By name, whether a lower value is better
LOWER_IS_BETTER = {"calinski_harabasz": False, "silhouette": False, "bic": True}
FEWEST = {"calinski_harabasz": 2, "silhouette": 2, "bic": 1}  # clusters it is defined for


class Clustering(NamedTuple):
    """What the criteria ask about clusters."""

    sizes: Floats  # (k,) weight of their rows
    inertia: float
    n_features: int

    @property
    def size(self) -> float:
        """Weight of all rows."""
        return float(self.sizes.sum())


def silhouette(rows: AnyRows, centers: Array, counts: Array) -> float:
    """Simplified silhouette of rows and centers (k, d), in their frame: the weighted mean of 1 - a / b.

    a is the distance of a row to its own center, b to the second nearest; a row alone in its cluster,
    of `counts` (k,) rows, has 0, as it has in the silhouette.
    """
    labels, nearest, second = two_nearest(rows, centers)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.sqrt(nearest.astype(np.float64) / second)
    score = np.where((second > 0) & (counts[labels] > 1), 1.0 - ratio, 0.0)
    return float(np.average(score, weights=None if rows.weight is None else rows.weight[: rows.n]))


def calinski_harabasz(found: Clustering, whole: float) -> float:
    """Variance between clusters over that within, each over its degrees of freedom; `whole` is the inertia of one.

    Raises
    ------
    ValueError
        If there are not more rows than clusters.
    """
    k, n = len(found.sizes), found.size
    if n <= k:
        raise ValueError(
            f"calinski_harabasz needs more rows than clusters, but got {n:.6g} and {k}."
        )
    within, between = found.inertia / (n - k), (whole - found.inertia) / (k - 1)
    return between / within if within > 0 else math.inf


def bic(found: Clustering) -> float:
    """BIC of the mixture that k-means is the limit of: normal clusters, all of one variance along every axis.

    Every row counts for its own cluster alone.
    """
    (k, d), n = (len(found.sizes), found.n_features), found.size
    variance = found.inertia / (n * d)
    if variance == 0:
        return -math.inf
    shares = found.sizes[found.sizes > 0] / n
    log_likelihood = n * float(shares @ np.log(shares))
    log_likelihood -= 0.5 * n * d * (math.log(2 * math.pi * variance) + 1)
    return of_likelihood(log_likelihood, k * d + k, n)
