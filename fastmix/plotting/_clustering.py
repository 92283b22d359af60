"""Rows and the components they belong to: what most pictures show, whichever features are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmix.plotting._geometry import Array, covariance_matrices, marginal
from fastmix.plotting._inputs import fitted_centers, table

MIXTURES = ("means_",)  # what a model keeps its centers under, if it is to be a mixture
ANY = ("means_", "cluster_centers_")


class Clustering(NamedTuple):
    """Rows, and the components of a mixture or the clusters of k-means that they belong to."""

    rows: Array  # (n, m)
    names: list[str]  # of the m features
    labels: NDArray[np.intp]  # (n,)
    weights: Array  # (k,) of the components; of clusters, their share of the rows
    means: Array  # (k, m)
    matrices: Array | None  # (k, m, m) covariances; None of k-means

    @property
    def noun(self) -> str:
        """What the k of them are called."""
        return "cluster" if self.matrices is None else "component"

    @property
    def gaussians(self) -> tuple[Array, Array, Array]:
        """Weights, means and covariances of a mixture."""
        assert self.matrices is not None  # nobody asks k-means
        return self.weights, self.means, self.matrices

    def of(self, features: Sequence[int]) -> Clustering:
        """The same of some of its features."""
        some = list(features)
        rows, names, means = self.rows[:, some], [self.names[j] for j in some], self.means[:, some]
        matrices = None
        if self.matrices is not None:
            means, matrices = marginal(self.means, self.matrices, some)
        return self._replace(rows=rows, names=names, means=means, matrices=matrices)

    def along(self, axes: Array, origin: Array, names: list[str]) -> Clustering:
        """The same along axes (p, m) through an origin (m,): a Gaussian stays one."""
        rows, means = (self.rows - origin) @ axes.T, (self.means - origin) @ axes.T
        matrices = None if self.matrices is None else axes @ self.matrices @ axes.T
        return self._replace(rows=rows, names=names, means=means, matrices=matrices)


def clustering(
    model: Any,
    X: ArrayLike,
    features: Sequence[int] | None = None,
    attributes: tuple[str, ...] = ANY,
) -> Clustering:
    """Some features of X, or all, and what the model says of its rows; a model not yet fitted is."""
    whole = table(X)
    some = list(range(len(whole.names)) if features is None else features)
    means = fitted_centers(model, X, *attributes)
    labels = np.asarray(model.predict(X), np.intp)
    rows, names = whole.points(some), [whole.names[j] for j in some]
    if not hasattr(model, "means_"):
        weights = np.bincount(labels, minlength=len(means)) / len(labels)
        return Clustering(rows, names, labels, weights, means[:, some], None)
    weights = np.asarray(model.weights_, np.float64)
    matrices = covariance_matrices(model.covariances_, model.covariance_type, *means.shape)
    return Clustering(rows, names, labels, weights, *marginal(means, matrices, some))
