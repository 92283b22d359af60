"""k-means as a picture: every cluster a disc around its center."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from fastmix.plotting._geometry import cluster_radii
from fastmix.plotting._inputs import Feature, fitted_centers, plane, quantile_of
from fastmix.plotting._layout import axes, finish, one_scale
from fastmix.plotting._shapes import draw_points
from fastmix.plotting._style import ABOVE, BENEATH, CENTER, DISC, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_kmeans(
    model: Any,
    X: ArrayLike,
    ax: Axes | None = None,
    *,
    dims: tuple[Feature, Feature] = (0, 1),
    quantile: float = 1.0,
    label: bool = True,
    scatter_kwargs: Mapping[str, Any] | None = None,
) -> Axes:
    """Draw rows coloured by cluster, each cluster's center, and the disc the cluster reaches.

    A disc's radius is the distance of its cluster's farthest point: of the rows the model was
    fitted on, none outside a disc belongs to its cluster.

    Parameters
    ----------
    model : KMeans or alike, of fastmix or scikit-learn
        Whatever has `fit`, `predict` and, once fitted, `cluster_centers_` of shape (k, d). A
        model not yet fitted is fitted on X, in place; a fitted one is drawn as it is.
    X : array-like or DataFrame of shape (n, d), d >= 2
        The rows to draw, never changed. Above 50 000 rows a fixed random 50 000 are drawn; the
        discs still regard them all.
    ax : matplotlib Axes, default=None
        Where to draw; None is the current axes.
    dims : two of int or str, default=(0, 1)
        The features on the horizontal and the vertical axis, by number or, of a DataFrame, name.
        Both have one scale, unless one spreads over ten times the range of the other: then the frame
        holds the rows, and the discs, which would be far wider, leave it. Such a model tells rows apart
        by one feature alone; standardize them. With d > 2 the discs lie in this plane: their radii are
        distances in these two features alone.
    quantile : float in (0, 1], default=1.0
        Radius of a disc, as a quantile of the distances of its cluster's points to the center:
        1.0 is the farthest point; 0.95 leaves the farthest twentieth out.
    label : bool, default=True
        Colour by cluster; False draws everything in one colour.
    scatter_kwargs : mapping, default=None
        Arguments for `Axes.scatter`, which draws the rows, such as {"s": 3, "alpha": 0.5}.

    Returns
    -------
    matplotlib Axes
        What was drawn on; nothing is shown or saved.

    Raises
    ------
    TypeError
        If the model has no `predict` or no `cluster_centers_`, `ax` is no Axes, X is sparse.
    ValueError
        If X has one feature or others than the model, or `dims` or `quantile` is out of range.

    See Also
    --------
    plot_gmm : The same for a Gaussian mixture, with an ellipse for each component.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from sklearn.datasets import make_blobs
    >>> from fastmix import KMeans
    >>> from fastmix.plotting import plot_kmeans
    >>> X, _ = make_blobs(n_samples=500, centers=5, cluster_std=0.9, random_state=17)
    >>> _, ax = plt.subplots()
    >>> ax = plot_kmeans(KMeans(n_clusters=5, random_state=420), X, ax)
    >>> len(ax.patches)
    5
    """
    quantile = quantile_of(quantile)
    view = plane(X, dims)
    centers = fitted_centers(model, X, "cluster_centers_")[:, view.dims]
    nearest = model.predict(X)
    radii = cluster_radii(view.points, centers, nearest, quantile)

    ax = axes(ax)
    from matplotlib.patches import Circle

    add = ax.add_patch if one_scale(view.points) else ax.add_artist  # which leaves the limits alone
    for (x, y), radius in zip(centers, radii, strict=True):
        add(Circle((x, y), radius, zorder=BENEATH, **DISC))
    colors = palette(len(centers), distinct=label)
    draw_points(ax, view.points, colors[nearest], scatter_kwargs)
    ax.scatter(*centers.T, zorder=ABOVE, **CENTER)
    return finish(ax, view.points, view.names)
