"""Which rows lie between two components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike

from fastmix.plotting._clustering import Clustering, clustering
from fastmix.plotting._doubts import doubts
from fastmix.plotting._geometry import Array
from fastmix.plotting._inputs import Feature, plane, standard_deviations
from fastmix.plotting._layout import axes, finish
from fastmix.plotting._shapes import draw_doubts, draw_outlines
from fastmix.plotting._style import EVEN

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class UncertaintyDisplay:
    """Rows by how much in doubt their component is: the more, the darker and the larger.

    Made by :func:`~fastmix.plotting.plot_uncertainty`, which is its `from_estimator`.

    Parameters
    ----------
    clustering : Clustering
        Of the two features: rows (n, 2), names, labels (n,), weights (k,), means (k, 2) and
        covariances (k, 2, 2) of the components, or None of k-means.
    uncertainty : ndarray of shape (n,)
        Of a mixture 1 - the largest responsibility, from 0 to 1 - 1 / k. Of k-means a**2 / (a**2 + b**2),
        where a and b are the distances to the two nearest centers, from 0 to 1/2: the membership in
        the second one that fuzzy c-means would have.
    name : str
        What it is called beside its scale.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        What that is on.
    points_ : matplotlib PathCollection
        The rows, the most certain first.
    components_ : list of matplotlib artists
        Outlines of a mixture's components, or the centers of k-means.
    colorbar_ : matplotlib Colorbar
        Scale of the uncertainty.
    """

    def __init__(self, *, clustering: Clustering, uncertainty: Array, name: str) -> None:
        self.clustering = clustering
        self.uncertainty = uncertainty
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike,
        ax: Axes | None = None,
        *,
        dims: tuple[Feature, Feature] = (0, 1),
        n_std: ArrayLike = 2,
        levels: ArrayLike | None = None,
        scatter_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw rows the darker and larger, the less certain their component or cluster is.

        Parameters
        ----------
        model : mixture or k-means, of fastmix or scikit-learn
            Whatever has `fit`, `predict` and, once fitted, `predict_proba`, `means_`, `weights_`,
            `covariances_` and `covariance_type`, or `transform` and `cluster_centers_`. A model not
            yet fitted is fitted on X, in place; a fitted one is drawn as it is.
        X : array-like or DataFrame of shape (n, d), d >= 2
            The rows to draw, never changed. Above 50 000 rows a fixed random 50 000 are drawn.
        ax : matplotlib Axes, default=None
            Where to draw; None is the current axes.
        dims : two of int or str, default=(0, 1)
            The features on the horizontal and the vertical axis, by number or, of a DataFrame, name.
            The uncertainty is that of all features: a row may be certain though it does not look so.
        n_std : float or sequence of floats above 0, default=2
            Standard deviations at which each component of a mixture has an outline.
        levels : float or sequence of floats in (0, 1), default=None
            Probabilities instead of standard deviations, as for `plot_gmm`.
        scatter_kwargs : mapping, default=None
            Arguments for `Axes.scatter`, which draws the rows, such as {"s": 10} for one size.

        Returns
        -------
        UncertaintyDisplay
            The numbers, and in `ax_` what they are drawn on; nothing is shown or saved.

        Raises
        ------
        TypeError
            If the model is neither a mixture nor k-means, `ax` is no Axes, or X is sparse.
        ValueError
            If X has one feature or others than the model, or dims, n_std or levels is out of range.

        See Also
        --------
        plot_responsibilities : The probabilities of chosen rows.
        plot_silhouettes : Doubts that need no model.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from fastmix import GaussianMixture
        >>> from fastmix.plotting import plot_uncertainty
        >>> X = load_iris(as_frame=True).data
        >>> display = plot_uncertainty(GaussianMixture(3, random_state=0), X, dims=(2, 3))
        >>> int((display.uncertainty > 0.1).sum())
        3
        """
        n_std = standard_deviations(n_std, levels)
        view = plane(X, dims)
        seen = clustering(model, X, view.dims)
        if view.names is None:
            seen = seen._replace(names=[])
        uncertainty, name = doubts(model, X)
        display = cls(clustering=seen, uncertainty=uncertainty, name=name)
        return display.plot(ax, n_std=n_std, scatter_kwargs=scatter_kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_std: ArrayLike = 2,
        scatter_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw it, perhaps once more.

        Parameters
        ----------
        ax, n_std, scatter_kwargs
            As in :func:`~fastmix.plotting.plot_uncertainty`.

        Returns
        -------
        UncertaintyDisplay
            Itself, with what was drawn.
        """
        seen, n_std = self.clustering, standard_deviations(n_std, None)
        self.ax_ = axes(ax)
        self.figure_ = self.ax_.figure
        self.components_ = draw_outlines(self.ax_, seen, n_std)
        self.points_ = draw_doubts(self.ax_, seen.rows, self.uncertainty, scatter_kwargs)
        beyond = "max" if self.uncertainty.max() > EVEN else "neither"
        self.colorbar_ = self.figure_.colorbar(
            self.points_, ax=self.ax_, label=self.name, extend=beyond
        )
        finish(self.ax_, seen.rows, seen.names or None)
        return self


plot_uncertainty = UncertaintyDisplay.from_estimator
