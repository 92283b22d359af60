"""A Gaussian mixture as a picture: every component some ellipses around its mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from fastmix.plotting._geometry import covariance_matrices, marginal
from fastmix.plotting._inputs import Feature, fitted_centers, plane, standard_deviations
from fastmix.plotting._layout import axes, finish
from fastmix.plotting._shapes import draw_ellipses, draw_points
from fastmix.plotting._style import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_gmm(
    model: Any,
    X: ArrayLike,
    ax: Axes | None = None,
    *,
    label: bool = True,
    dims: tuple[Feature, Feature] = (0, 1),
    n_std: ArrayLike = (1, 2, 3),
    levels: ArrayLike | None = None,
    scatter_kwargs: Mapping[str, Any] | None = None,
) -> Axes:
    """Draw rows coloured by component, and the ellipses of each component's Gaussian.

    The ellipses lie at 1, 2 and 3 standard deviations, which hold 39 %, 86 % and 99 % of a
    component. Their opacity is proportional to the component's weight.

    Parameters
    ----------
    model : GaussianMixture, BayesianGaussianMixture or alike, of fastmix or scikit-learn
        Whatever has `fit`, `predict` and, once fitted, `means_` of shape (k, d), `weights_`,
        `covariances_` and `covariance_type`, any of fastmix's. A model not yet fitted is fitted
        on X, in place; a fitted one is drawn as it is.
    X : array-like or DataFrame of shape (n, d), d >= 2
        The rows to draw, never changed. Above 50 000 rows a fixed random 50 000 are drawn.
    ax : matplotlib Axes, default=None
        Where to draw; None is the current axes.
    label : bool, default=True
        Colour by the component that `predict` gives; False draws everything in one colour.
    dims : two of int or str, default=(0, 1)
        The features on the horizontal and the vertical axis, by number or, of a DataFrame, name.
        Both have one scale, unless one spreads over ten times the range of the other. With d > 2 the ellipses are those
        of the components' marginals on these two.
    n_std : float or sequence of floats above 0, default=(1, 2, 3)
        Standard deviations at which each component has an ellipse.
    levels : float or sequence of floats in (0, 1), default=None
        Probabilities instead of standard deviations: (0.5, 0.9, 0.99) draws the ellipses that
        hold half, nine tenths and 99 % of each component. If given, `n_std` is ignored.
    scatter_kwargs : mapping, default=None
        Arguments for `Axes.scatter`, which draws the rows, such as {"s": 3, "alpha": 0.5}.

    Returns
    -------
    matplotlib Axes
        What was drawn on; nothing is shown or saved.

    Raises
    ------
    TypeError
        If the model has no `predict` or no `means_`, `ax` is no Axes, X is sparse.
    ValueError
        If X has one feature or others than the model, or `dims`, `n_std` or `levels` is out of
        range.

    See Also
    --------
    plot_kmeans : The same for k-means, with a disc for each cluster.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from sklearn.datasets import make_blobs
    >>> from fastmix import GaussianMixture
    >>> from fastmix.plotting import plot_gmm
    >>> X, _ = make_blobs(n_samples=500, centers=5, cluster_std=0.9, random_state=17)
    >>> _, ax = plt.subplots()
    >>> model = GaussianMixture(n_components=5, random_state=420)
    >>> ax = plot_gmm(model, X, ax, levels=(0.5, 0.9))
    >>> len(ax.patches)
    10
    """
    n_std = standard_deviations(n_std, levels)
    view = plane(X, dims)
    means = fitted_centers(model, X, "means_")
    matrices = covariance_matrices(model.covariances_, model.covariance_type, *means.shape)
    means, covariances = marginal(means, matrices, view.dims)
    nearest = model.predict(X)

    ax = axes(ax)
    colors = palette(len(means), distinct=label)
    draw_ellipses(ax, means, covariances, model.weights_, colors, n_std)
    draw_points(ax, view.points, colors[nearest], scatter_kwargs)
    return finish(ax, view.points, view.names)
