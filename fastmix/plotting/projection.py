"""Rows of many features in one plane, with the components' shadows on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from fastmix.plotting._clustering import Clustering, clustering
from fastmix.plotting._geometry import Array
from fastmix.plotting._inputs import one_of, standard_deviations, table
from fastmix.plotting._layout import axes, finish, name_components
from fastmix.plotting._planes import (
    PlaneAxes,
    pooled_covariance,
    principal_plane,
    separating_plane,
)
from fastmix.plotting._shapes import draw_components, draw_points
from fastmix.plotting._style import palette, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLANES = {
    "principal": "principal axis {}  ({} of the variance)",
    "separating": "separating axis {}  ({} of the distances of means)",
}


class ProjectionDisplay:
    """Rows, means and covariances on one plane through all features.

    Made by :func:`~fastmix.plotting.plot_projection`, which is its `from_estimator`.

    Parameters
    ----------
    clustering : Clustering
        On the plane: rows (n, 2), names of its axes, labels (n,), weights (k,), means (k, 2) and
        covariances (k, 2, 2) of the components, or None of k-means.
    plane : PlaneAxes
        Origin (d,), axes (2, d) and shares (2,): a row x lies at axes @ (x - origin).

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        What that is on.
    points_ : matplotlib PathCollection
        The rows.
    components_ : list of matplotlib artists
        Ellipses of a mixture, component after component; the marks of k-means' centers.
    legend_ : matplotlib Legend or None
        Colours and weights of up to 24 components.
    """

    def __init__(self, *, clustering: Clustering, plane: PlaneAxes) -> None:
        self.clustering = clustering
        self.plane = plane

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike,
        ax: Axes | None = None,
        *,
        plane: str = "principal",
        n_std: ArrayLike = (1, 2),
        levels: ArrayLike | None = None,
        scatter_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw rows of many features in one plane, with the projected ellipses of the components.

        Parameters
        ----------
        model : mixture or k-means, of fastmix or scikit-learn
            Whatever has `fit`, `predict` and, once fitted, `cluster_centers_`, or `means_`,
            `weights_`, `covariances_` and `covariance_type`. A model not yet fitted is fitted on X,
            in place; a fitted one is drawn as it is.
        X : array-like or DataFrame of shape (n, d), d >= 2
            The rows to draw, never changed. Above 50 000 rows a fixed random 50 000 are drawn.
        ax : matplotlib Axes, default=None
            Where to draw; None is the current axes.
        plane : {'principal', 'separating'}, default='principal'
            'principal' is the plane in which the rows vary most, in the units of X. 'separating' is
            the one in which the means lie farthest apart, compared with the average covariance of
            the components: features may have any units, and a typical component is a circle.
        n_std : float or sequence of floats above 0, default=(1, 2)
            Standard deviations at which each component of a mixture has an ellipse. They are those
            of its shadow, the Gaussian that is left in the plane.
        levels : float or sequence of floats in (0, 1), default=None
            Probabilities instead of standard deviations, as for `plot_gmm`.
        scatter_kwargs : mapping, default=None
            Arguments for `Axes.scatter`, which draws the rows.

        Returns
        -------
        ProjectionDisplay
            The numbers, and in `ax_` what they are drawn on; nothing is shown or saved.

        Raises
        ------
        TypeError
            If the model is neither a mixture nor k-means, `ax` is no Axes, or X is sparse.
        ValueError
            If X has one feature, or plane, n_std or levels is not as described.

        See Also
        --------
        plot_pairs : Every pair of some features.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from fastmix import GaussianMixture
        >>> from fastmix.plotting import plot_projection
        >>> X = load_wine().data
        >>> model = GaussianMixture(3, covariance_type="diag", random_state=0)
        >>> display = plot_projection(model, X, plane="separating")
        >>> display.plane.shares.sum().round(3)
        np.float64(1.0)
        """
        n_std = standard_deviations(n_std, levels)
        one_of("plane", plane, PLANES)
        if len(table(X).names) < 2:
            raise ValueError(
                "X must have at least 2 features to be projected, got 1; for one feature draw a "
                "histogram, plot_pairs(model, X)."
            )
        whole = clustering(model, X)
        found = _plane(whole, plane)
        names = [PLANES[plane].format(i + 1, percent(found.shares[i])) for i in range(2)]
        display = cls(clustering=whole.along(found.axes, found.origin, names), plane=found)
        return display.plot(ax, n_std=n_std, scatter_kwargs=scatter_kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_std: ArrayLike = (1, 2),
        scatter_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw it, perhaps once more.

        Parameters
        ----------
        ax, n_std, scatter_kwargs
            As in :func:`~fastmix.plotting.plot_projection`.

        Returns
        -------
        ProjectionDisplay
            Itself, with what was drawn.
        """
        seen, n_std = self.clustering, standard_deviations(n_std, None)
        self.ax_ = axes(ax)
        self.figure_ = self.ax_.figure
        colors = palette(len(seen.weights))
        self.components_ = draw_components(self.ax_, seen, colors, n_std)
        self.points_ = draw_points(self.ax_, seen.rows, colors[seen.labels], scatter_kwargs)
        self.legend_ = name_components(self.ax_, colors, seen.weights, seen.noun)
        finish(self.ax_, seen.rows, seen.names)
        return self


def _plane(seen: Clustering, plane: str) -> PlaneAxes:
    """The plane of that name, of all rows."""
    if plane == "principal":
        return principal_plane(seen.rows)
    matrices: Array
    if seen.matrices is None:
        matrices = pooled_covariance(seen.rows, seen.labels, seen.means)[None]
        matrices = np.broadcast_to(matrices, (len(seen.means), *matrices.shape[1:]))
    else:
        matrices = seen.matrices
    return separating_plane(seen.rows, seen.weights, seen.means, matrices)


plot_projection = ProjectionDisplay.from_estimator
