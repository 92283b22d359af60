"""More than two features: every pair of them, and the density of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from fastmix.plotting._clustering import Clustering, clustering
from fastmix.plotting._densities import histogram_edges, log_densities
from fastmix.plotting._geometry import Array
from fastmix.plotting._inputs import Feature, standard_deviations, table
from fastmix.plotting._layout import grid_of_axes, name_components
from fastmix.plotting._shapes import draw_components, draw_points
from fastmix.plotting._style import COMPONENT, HISTOGRAM, MAX_POINTS, STACKED_ALPHA, WHOLE, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_FEATURES = 8  # more are a grid of stamps
MOST_ROOMY = 4  # features whose names have room in a larger type
MARGIN = 0.05  # of the range of a feature, beyond its outermost rows
STEPS = 200  # of a density curve


class PairsDisplay:
    """A grid of pictures: every pair of features below the diagonal, and on it every feature alone.

    On the diagonal the density of a mixture, and of each of its components, lie over the histogram
    of the rows; below it ellipses over the rows. Of k-means the histogram is coloured by cluster,
    and the centers lie over the rows. Made by :func:`~fastmix.plotting.plot_pairs`, which is its
    `from_estimator`.

    Parameters
    ----------
    clustering : Clustering
        The rows (n, m) of the features drawn, their names and labels, and weights, means and
        covariances of the components.
    x : ndarray of shape (m, 200)
        Where the densities of every feature are computed, from a little below the least row to a
        little above the greatest.
    densities : ndarray of shape (m, 200, k) or None
        Weight times density of every component there; their sum is that of the mixture. None for
        k-means.

    Attributes
    ----------
    axes_ : ndarray of shape (m, m)
        The matplotlib Axes; None above the diagonal.
    figure_ : matplotlib Figure
        What they are on.
    legend_ : matplotlib Legend or None
        Colours and weights of up to 24 components.
    """

    def __init__(self, *, clustering: Clustering, x: Array, densities: Array | None) -> None:
        self.clustering = clustering
        self.x = x
        self.densities = densities

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike,
        ax: Axes | Sequence[Sequence[Axes]] | None = None,
        *,
        features: Sequence[Feature] | None = None,
        n_std: ArrayLike = 2,
        levels: ArrayLike | None = None,
        scatter_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw every pair of some features, and the density of each of them.

        Parameters
        ----------
        model : mixture or k-means, of fastmix or scikit-learn
            Whatever has `fit`, `predict` and, once fitted, `cluster_centers_`, or `means_`,
            `weights_`, `covariances_` and `covariance_type`. A model not yet fitted is fitted on X,
            in place; a fitted one is drawn as it is.
        X : array-like or DataFrame of shape (n, d)
            The rows to draw, never changed. Histograms count all of them; of the points a fixed
            random choice is drawn if there would be more than 50 000 in all pictures together.
        ax : matplotlib Axes or array of them of shape (m, m), default=None
            Where to draw: in place of these axes, or on a grid of them; None makes a figure.
        features : sequence of int or str, default=None
            Up to 8 features, by number or, of a DataFrame, name; None is all of them. The model
            is the same whichever are drawn: the others are integrated out.
        n_std : float or sequence of floats above 0, default=2
            Standard deviations at which each component of a mixture has an ellipse.
        levels : float or sequence of floats in (0, 1), default=None
            Probabilities instead of standard deviations, as for `plot_gmm`.
        scatter_kwargs : mapping, default=None
            Arguments for `Axes.scatter`, which draws the rows.

        Returns
        -------
        PairsDisplay
            The numbers, and in `axes_` what they are drawn on; nothing is shown or saved.

        Raises
        ------
        TypeError
            If the model is neither a mixture nor k-means, or X is sparse.
        ValueError
            If `features` are not up to 8 different ones of X, or n_std or levels is out of range.

        See Also
        --------
        plot_projection : All features in one plane.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from fastmix import GaussianMixture
        >>> from fastmix.plotting import plot_pairs
        >>> X = load_iris(as_frame=True).data
        >>> display = plot_pairs(GaussianMixture(3, random_state=0), X, features=(0, 2, 3))
        >>> display.axes_.shape
        (3, 3)
        """
        n_std = standard_deviations(n_std, levels)
        seen = clustering(model, X, _features(X, features))
        low, high = seen.rows.min(0), seen.rows.max(0)
        margin = np.where(high > low, MARGIN * (high - low), 0.5)
        x = np.linspace(low - margin, high + margin, STEPS, axis=1)
        densities = None
        if seen.matrices is not None:
            parts = [seen.of([j]).gaussians for j in range(len(x))]
            logs = [log_densities(x[j, :, None], *part) for j, part in enumerate(parts)]
            densities = np.exp(logs)
        display = cls(clustering=seen, x=x, densities=densities)
        return display.plot(ax, n_std=n_std, scatter_kwargs=scatter_kwargs)

    def plot(
        self,
        ax: Axes | Sequence[Sequence[Axes]] | None = None,
        *,
        n_std: ArrayLike = 2,
        scatter_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw it, perhaps once more.

        Parameters
        ----------
        ax, n_std, scatter_kwargs
            As in :func:`~fastmix.plotting.plot_pairs`.

        Returns
        -------
        PairsDisplay
            Itself, with `axes_`, `figure_` and `legend_`.
        """
        m, colors = len(self.x), palette(len(self.clustering.weights))
        n_std = standard_deviations(n_std, None)
        self.figure_, self.axes_, corner = grid_of_axes(ax, m)
        for i in range(m):
            self._draw_alone(self.axes_[i, i], i, colors)
            for j in range(i):
                self._draw_pair(self.axes_[i, j], j, i, colors, n_std, scatter_kwargs)
        size = "medium" if m <= MOST_ROOMY else "small"
        for j, name in enumerate(self.clustering.names):
            self.axes_[-1, j].set_xlabel(name, fontsize=size)
            if j > 0:
                self.axes_[j, 0].set_ylabel(name, fontsize=size)
        place = {"loc": "upper right"} if m > 1 else {}
        noun = self.clustering.noun
        self.legend_ = name_components(corner, colors, self.clustering.weights, noun, **place)
        return self

    def _draw_alone(self, ax: Axes, j: int, colors: Array) -> None:
        """Histogram of a feature, with the densities of the components over it."""
        values, labels = self.clustering.rows[:, j], self.clustering.labels
        edges = histogram_edges(values).tolist()
        if self.densities is None:
            parts = [values[labels == c] for c in range(len(colors))]
            share = [
                np.full(len(part), 1 / (len(values) * (edges[1] - edges[0]))) for part in parts
            ]
            style = HISTOGRAM | {"color": list(colors), "alpha": STACKED_ALPHA}
            ax.hist(parts, edges, weights=share, stacked=True, **style)
        else:
            ax.hist(values, edges, density=True, **HISTOGRAM)
            for c, color in enumerate(colors):
                ax.plot(self.x[j], self.densities[j, :, c], color=color, **COMPONENT)
            ax.plot(self.x[j], self.densities[j].sum(1), **WHOLE)
        ax.set_xlim(self.x[j, 0], self.x[j, -1])
        ax.set_ylim(bottom=0)
        ax.set_yticks([])

    def _draw_pair(
        self,
        ax: Axes,
        j: int,
        i: int,
        colors: Array,
        n_std: Array,
        scatter_kwargs: Mapping[str, Any] | None,
    ) -> None:
        """Rows and components of feature j, to the right, and feature i, upwards."""
        pair = self.clustering.of([j, i])
        draw_components(ax, pair, colors, n_std)
        panels = len(self.x) * (len(self.x) - 1) // 2
        most = max(MAX_POINTS // panels, 1000)
        draw_points(ax, pair.rows, colors[pair.labels], scatter_kwargs, most)
        ax.set_xlim(self.x[j, 0], self.x[j, -1])
        ax.set_ylim(self.x[i, 0], self.x[i, -1])


def _features(X: ArrayLike, features: Sequence[Feature] | None) -> list[int]:
    """The features as plain ints; ValueError if they are not up to 8 different ones."""
    whole = table(X)
    if features is None and len(whole.names) > MOST_FEATURES:
        raise ValueError(
            f"features must name at most {MOST_FEATURES} of the {len(whole.names)} features of X, got "
            "None, which is all of them; choose some, as features=(0, 1, 2), or draw all in one "
            "plane by plot_projection."
        )
    some = whole.numbers(range(len(whole.names)) if features is None else features)
    if some is None or not 0 < len(some) <= MOST_FEATURES:
        raise ValueError(
            f"features must be 1 to {MOST_FEATURES} different ones from {whole.allowed}, got "
            f"{features!r}; the first three are features=(0, 1, 2)."
        )
    return some


plot_pairs = PairsDisplay.from_estimator
