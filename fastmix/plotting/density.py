"""The density of a mixture as a landscape over two features."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from fastmix.plotting._clustering import MIXTURES, Clustering, clustering
from fastmix.plotting._densities import heights, log_density, reach, round_steps
from fastmix.plotting._geometry import Array
from fastmix.plotting._inputs import Feature, numbers_in, plane
from fastmix.plotting._layout import axes, finish
from fastmix.plotting._shapes import draw_contours, draw_points_over
from fastmix.plotting._style import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = 200  # of the grid, along each axis
RARE = 1e-3  # part of the rows that may lie below the lowest contour


class DensityDisplay:
    """Log-density of a mixture on a grid over two features, and its contours.

    Made by :func:`~fastmix.plotting.plot_density`, which is its `from_estimator`.

    Parameters
    ----------
    clustering : Clustering
        Of the two features: rows (n, 2), names, weights (k,), means (k, 2), covariances (k, 2, 2).
    x, y : ndarray of shape (200,)
        The grid.
    log_density : ndarray of shape (200, 200)
        Log of the density at (x[j], y[i]), in natural units: of the two features alone, the others
        are integrated out.
    heights : ndarray of shape (m,)
        Log-densities of the contours, ascending.
    levels : ndarray of shape (m,) or None
        Probabilities within the contours; None where these are equal steps of the log-density.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        What that is on.
    contours_ : matplotlib QuadContourSet
        The filled contours.
    points_ : matplotlib PathCollection or None
        The rows.
    colorbar_ : matplotlib Colorbar or None
        Scale of the log-density; None where contours are named by their probabilities.
    """

    def __init__(
        self,
        *,
        clustering: Clustering,
        x: Array,
        y: Array,
        log_density: Array,
        heights: Array,
        levels: Array | None,
    ) -> None:
        self.clustering = clustering
        self.x = x
        self.y = y
        self.log_density = log_density
        self.heights = heights
        self.levels = levels

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike,
        ax: Axes | None = None,
        *,
        dims: tuple[Feature, Feature] = (0, 1),
        levels: int | Sequence[float] = 10,
        points: bool = True,
        scatter_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the density of a mixture over two features as filled contours, with the rows over them.

        Parameters
        ----------
        model : mixture of fastmix or scikit-learn
            Whatever has `fit`, `predict` and, once fitted, `means_` of shape (k, d), `weights_`,
            `covariances_` and `covariance_type`. A model not yet fitted is fitted on X, in place; a
            fitted one is drawn as it is.
        X : array-like or DataFrame of shape (n, d), d >= 2
            The rows to draw, never changed. Above 2 000 rows a fixed random 2 000 are drawn.
        ax : matplotlib Axes, default=None
            Where to draw; None is the current axes.
        dims : two of int or str, default=(0, 1)
            The features on the horizontal and the vertical axis, by number or, of a DataFrame, name.
            The others are integrated out.
        levels : int or sequence of floats in (0, 1), default=10
            Most steps of the log-density, equal and round, down to where one row in a thousand lies; or
            probabilities, as (0.5, 0.9, 0.99): contours of the smallest regions that hold half, nine
            tenths and 99 % of the mixture.
        points : bool, default=True
            Whether to draw the rows.
        scatter_kwargs : mapping, default=None
            Arguments for `Axes.scatter`, which draws the rows.

        Returns
        -------
        DensityDisplay
            The numbers, and in `ax_` what they are drawn on; nothing is shown or saved.

        Raises
        ------
        TypeError
            If the model is no mixture, `ax` is no Axes, or X is sparse.
        ValueError
            If X has one feature or others than the model, or dims or levels is out of range.

        See Also
        --------
        plot_gmm : Ellipses of every component.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from fastmix import GaussianMixture
        >>> from fastmix.plotting import plot_density
        >>> X = load_iris(as_frame=True).data
        >>> display = plot_density(GaussianMixture(3, random_state=0), X, dims=(2, 3))
        >>> display.log_density.shape
        (200, 200)
        """
        probabilities = _probabilities(levels)
        view = plane(X, dims)
        seen = clustering(model, X, view.dims, MIXTURES)
        mixture = seen.gaussians
        if probabilities is None:
            top = log_density(seen.means, *mixture).max()
            lowest = np.quantile(log_density(seen.rows, *mixture), RARE)
            steps = round_steps(min(lowest, top - 1.0), top, _steps(levels))
        else:
            steps = heights(probabilities, *mixture)
        low, high = reach(steps[0], *mixture)
        low, high = np.minimum(low, seen.rows.min(0)), np.maximum(high, seen.rows.max(0))
        x, y = np.linspace(low, high, STEPS, axis=1)
        grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        found = log_density(grid, *mixture).reshape(STEPS, STEPS)
        if view.names is None:
            seen = seen._replace(names=[])
        display = cls(
            clustering=seen, x=x, y=y, log_density=found, heights=steps, levels=probabilities
        )
        return display.plot(ax, points=points, scatter_kwargs=scatter_kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        points: bool = True,
        scatter_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw it, perhaps once more.

        Parameters
        ----------
        ax, points, scatter_kwargs
            As in :func:`~fastmix.plotting.plot_density`.

        Returns
        -------
        DensityDisplay
            Itself, with what was drawn.
        """
        seen, names = self.clustering, None
        self.ax_ = axes(ax)
        self.figure_ = self.ax_.figure
        if self.levels is not None:
            names = [percent(level) for level in self.levels]
        surface = self.x, self.y, self.log_density
        self.contours_ = draw_contours(self.ax_, *surface, self.heights, names)
        self.points_ = None
        if points:
            self.points_ = draw_points_over(self.ax_, seen.rows, scatter_kwargs)
        self.colorbar_ = None
        if names is None:
            bar = self.figure_.colorbar(self.contours_, ax=self.ax_, label="log-density")
            bar.set_ticks(self.heights[::2].tolist())
            self.colorbar_ = bar
        finish(self.ax_, seen.rows, seen.names or None)
        return self


def _steps(levels: int | Sequence[float]) -> int:
    """The number of steps that are asked for; 0 where it is probabilities."""
    return operator.index(levels) if isinstance(levels, Integral) else 0


def _probabilities(levels: int | Sequence[float]) -> Array | None:
    """Levels as different probabilities, the greatest first; None where they are at least two steps."""
    if _steps(levels) >= 2:
        return None
    example = "levels=(0.5, 0.9, 0.99); or a number of steps, at least 2, as levels=10"
    return np.unique(numbers_in("levels", levels, 1.0, example))[::-1]


plot_density = DensityDisplay.from_estimator
