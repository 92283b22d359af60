"""How much nearer rows are to their own cluster than to the next one, cluster by cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmix.metrics import silhouette_samples
from fastmix.plotting._geometry import Array, every
from fastmix.plotting._inputs import fitted_centers, one_of, table
from fastmix.plotting._layout import axes, tick_names, write_above, write_beside
from fastmix.plotting._style import MEAN_LINE, MOST_NAMED, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = {
    "exact": "silhouette",
    "simplified": "silhouette, simplified",
    "auto": "of the two the one that the number of rows allows",
}
MOST_EXACT = 20_000  # rows of which all pairs are measured unless asked for: some seconds
STEPS = 400  # of the outline of a cluster: more is less than a pixel
GAP = 0.02  # between clusters, of all rows


class SilhouettesDisplay:
    """Silhouettes of all rows, cluster by cluster, the greatest first, and their means.

    Made by :func:`~fastmix.plotting.plot_silhouettes`, which is its `from_estimator`.

    Parameters
    ----------
    silhouettes : ndarray of shape (n,)
        Silhouette of every row, from -1 to 1.
    labels : ndarray of shape (n,)
        Cluster or component of every row, 0 to k - 1.
    n_clusters : int
        k, of which some may have no rows.
    kind : {'exact', 'simplified'}
        What rows were compared with.

    Attributes
    ----------
    score : float
        Mean silhouette.
    means : ndarray of shape (k,)
        Mean silhouette of every cluster; NaN without rows.
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        What that is on.
    clusters_ : list of matplotlib PolyCollection
        The outline of every cluster that has rows, as many units high as it has rows.
    line_ : matplotlib Line2D
        The mean.
    """

    def __init__(
        self, *, silhouettes: Array, labels: NDArray[np.intp], n_clusters: int, kind: str
    ) -> None:
        self.silhouettes = silhouettes
        self.labels = labels
        self.n_clusters = n_clusters
        self.kind = kind
        self.score = float(silhouettes.mean())
        counts = np.bincount(labels, minlength=n_clusters)
        sums = np.bincount(labels, silhouettes, n_clusters)
        self.means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    @classmethod
    def from_estimator(
        cls, model: Any, X: ArrayLike, ax: Axes | None = None, *, kind: str = "auto"
    ) -> Self:
        """Draw the silhouette of every row, cluster by cluster.

        A row's silhouette compares its mean distance a to the rows of its own cluster with that to
        the next cluster, b: (b - a) / max(a, b). Broad shapes that reach far to the right are
        clusters of their own; rows to the left of 0 are nearer to another one.

        Parameters
        ----------
        model : k-means or mixture, of fastmix or scikit-learn
            Whatever has `fit`, `predict` and, once fitted, `cluster_centers_` or `means_`. A model not
            yet fitted is fitted on X, in place; a fitted one is drawn as it is.
        X : array-like or DataFrame of shape (n, d)
            All rows are measured, none is changed.
        ax : matplotlib Axes, default=None
            Where to draw; None is the current axes.
        kind : {'auto', 'exact', 'simplified'}, default='auto'
            Whether to measure all pairs of rows, or the distances to the means of clusters, as
            :func:`fastmix.metrics.silhouette_samples` does. 'auto' is 'exact' up to 20 000 rows.

        Returns
        -------
        SilhouettesDisplay
            The numbers, and in `ax_` what they are drawn on; nothing is shown or saved.

        Raises
        ------
        TypeError
            If the model is neither k-means nor a mixture, `ax` is no Axes, or X is sparse.
        ValueError
            If X has others features than the model, kind is not as described, or all rows are in
            one cluster.

        References
        ----------
        Rousseeuw, P. J. (1987). Silhouettes: a graphical aid to the interpretation and validation of
        cluster analysis. Journal of Computational and Applied Mathematics 20, 53-65.
        doi:10.1016/0377-0427(87)90125-7

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from fastmix import KMeans
        >>> from fastmix.plotting import plot_silhouettes
        >>> display = plot_silhouettes(KMeans(3, random_state=0), load_iris().data)
        >>> round(display.score, 3)
        0.551
        """
        one_of("kind", kind, KINDS)
        rows = table(X).rows
        k = len(fitted_centers(model, X, "means_", "cluster_centers_"))
        labels = np.asarray(model.predict(X), np.intp)
        if kind == "auto":
            kind = "exact" if len(rows) <= MOST_EXACT else "simplified"
        found = silhouette_samples(rows, labels, kind=kind).astype(np.float64, copy=False)
        return cls(silhouettes=found, labels=labels, n_clusters=k, kind=kind).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw it, perhaps once more.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None is the current axes.

        Returns
        -------
        SilhouettesDisplay
            Itself, with what was drawn.
        """
        self.ax_ = axes(ax)
        self.figure_ = self.ax_.figure
        colors = palette(self.n_clusters)
        present = np.unique(self.labels)
        gap = len(self.labels) * min(GAP, 10 * GAP / len(present))
        self.clusters_, places, names, top = [], [], [], 0.0
        for c in present:
            own = np.sort(self.silhouettes[self.labels == c])[::-1]
            outline, some = every(own, STEPS)
            drawn = self.ax_.fill_betweenx(top + outline, 0, some, color=colors[c], linewidth=0)
            self.clusters_.append(drawn)
            places.append(top + len(own) / 2)
            names.append(f"{c}  ({len(own)})" if len(present) <= MOST_NAMED else f"{c}")
            top += len(own) + gap
        tick_names(self.ax_, names, places)
        if len(present) <= MOST_NAMED:
            write_beside(self.ax_, places, [f"{mean:.2f}" for mean in self.means[present]])
            write_above(self.ax_, "left", "cluster (n)")
            write_above(self.ax_, "right", "mean")
        self.line_ = self.ax_.axvline(self.score, **MEAN_LINE)
        write_above(self.ax_, self.score, f"mean of all {self.score:.2f}")
        least = min(0.0, float(self.silhouettes.min()))
        self.ax_.set(xlim=(1.05 * least, 1), ylim=(top, -gap))
        self.ax_.set_xlabel(KINDS[self.kind])
        return self


plot_silhouettes = SilhouettesDisplay.from_estimator
