"""Points, ellipses and contours, drawn on axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmix.plotting._clustering import Clustering
from fastmix.plotting._geometry import Array, ellipse_axes
from fastmix.plotting._style import (
    ABOVE,
    BENEATH,
    CENTER,
    CONTOUR,
    DOUBTFUL_SIZE,
    EVEN,
    HIDING_POINTS,
    INK,
    LOW_TO_HIGH,
    MAX_OVER,
    MAX_POINTS,
    OUTLINE,
    OVER_ALPHA,
    OVER_SIZE,
    POINTS,
    RASTER_POINTS,
    SURE_TO_UNSURE,
    colormap,
    ellipse_style,
    marker_alpha,
    marker_size,
    palette,
    thin,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.contour import QuadContourSet
    from matplotlib.patches import Ellipse


def draw_points(
    ax: Axes,
    points: Array,
    colors: Array,
    scatter_kwargs: Mapping[str, Any] | None,
    most: int = MAX_POINTS,
) -> PathCollection:
    """Draw points (n, 2) in colors (n, 4), thinned if they are more than `most`."""
    shown = thin(len(points), most)
    x, y = points[shown].T
    settings: dict[str, Any] = {
        "s": marker_size(len(x)),
        "alpha": marker_alpha(len(x)),
        "zorder": POINTS,
        "rasterized": len(x) > RASTER_POINTS,
    }
    given = dict(scatter_kwargs or {})
    if not given.keys() & {"marker", "facecolor", "facecolors", "edgecolor", "edgecolors"}:
        settings["linewidths"] = 0  # a marker that is not filled is nothing but lines
    if not given.keys() & {"c", "color", "facecolor", "facecolors"}:
        settings["c"] = colors[shown]
    return ax.scatter(x, y, **(settings | given))


def draw_points_over(
    ax: Axes, points: Array, scatter_kwargs: Mapping[str, Any] | None
) -> PathCollection:
    """Draw points (n, 2) so that what lies beneath them is still seen."""
    from matplotlib.colors import to_rgba_array

    n = min(len(points), MAX_OVER)
    settings = {"s": min(marker_size(n), OVER_SIZE), "alpha": min(marker_alpha(n), OVER_ALPHA)}
    ink = np.repeat(to_rgba_array(INK), len(points), axis=0)
    return draw_points(ax, points, ink, settings | dict(scatter_kwargs or {}), MAX_OVER)


def draw_doubts(
    ax: Axes,
    points: Array,
    doubts: Array,
    scatter_kwargs: Mapping[str, Any] | None,
) -> PathCollection:
    """Draw points (n, 2), the darker and larger, the greater their doubts (n,) are, these on top."""
    shown = thin(len(points))
    points, doubts = points[shown], doubts[shown]
    order = np.argsort(doubts, kind="stable")
    sizes = marker_size(len(points)) * (0.7 + DOUBTFUL_SIZE * doubts[order])
    settings: dict[str, Any] = {
        "c": doubts[order],
        "cmap": colormap(SURE_TO_UNSURE),
        "vmin": 0.0,
        "vmax": EVEN,
        "s": sizes,
        "linewidths": 0,
        "zorder": POINTS,
        "rasterized": len(points) > RASTER_POINTS,
    }
    return ax.scatter(*points[order].T, **(settings | dict(scatter_kwargs or {})))


def draw_ellipses(
    ax: Axes,
    means: Array,
    covariances: Array,
    weights: Array,
    colors: Array,
    n_std: Array,
    above: bool = False,
) -> list[Ellipse]:
    """Draw the ellipses of every component at n_std (m,) standard deviations, the heaviest the fullest.

    Above the points, where these are so many that they hide everything, they are outlines.
    """
    from matplotlib.patches import Ellipse

    ellipses = [Ellipse((0, 0), 0, 0) for _ in range(len(means) * len(n_std))]
    move_ellipses(ellipses, means, covariances, weights, colors, n_std, above)
    for ellipse in ellipses:  # in their places, so that the frame holds them, and nothing else
        ax.add_patch(ellipse)
    return ellipses


def move_ellipses(
    ellipses: list[Ellipse],
    means: Array,
    covariances: Array,
    weights: Array,
    colors: Array,
    n_std: Array,
    above: bool = False,
) -> None:
    """Make ellipses those of other components."""
    semi_axes, angles = ellipse_axes(covariances)
    share = weights / weights.max()
    each = iter(ellipses)
    for c, center in enumerate(means):
        style = OUTLINE if above else ellipse_style(colors[c], share[c])
        style = style | {"zorder": ABOVE if above else BENEATH, "angle": angles[c]}
        for width, height in 2 * n_std[:, None] * semi_axes[c]:
            next(each).set(center=tuple(center), width=width, height=height, **style)


def draw_components(ax: Axes, seen: Clustering, colors: Array, n_std: Array) -> list[Artist]:
    """Draw the ellipses of a mixture's components in the plane, or the centers of k-means."""
    if seen.matrices is None:
        return [ax.scatter(*seen.means.T, zorder=ABOVE, **CENTER)]
    above = len(seen.rows) > HIDING_POINTS
    return [*draw_ellipses(ax, seen.means, seen.matrices, seen.weights, colors, n_std, above)]


def draw_outlines(ax: Axes, seen: Clustering, n_std: Array) -> list[Artist]:
    """Draw where the components or centers are, without their colours."""
    if seen.matrices is None:
        return [ax.scatter(*seen.means.T, zorder=ABOVE, **CENTER)]
    colors = palette(len(seen.weights))
    return [*draw_ellipses(ax, seen.means, seen.matrices, seen.weights, colors, n_std, above=True)]


def draw_contours(
    ax: Axes, x: Array, y: Array, surface: Array, heights: Array, names: Sequence[str] | None
) -> QuadContourSet:
    """Fill between the contours of a surface, and draw their lines, with their names if they have some."""
    top = max(float(surface.max()), float(np.nextafter(heights[-1], np.inf)))
    colors = colormap(LOW_TO_HIGH)(np.linspace(0.0, 1.0, len(heights)))
    filled = ax.contourf(x, y, surface, [*heights, top], colors=colors, zorder=BENEATH)
    lines = ax.contour(x, y, surface, heights, zorder=BENEATH, **CONTOUR)
    if names is not None:
        named = dict(zip(heights.tolist(), names, strict=True))
        ax.clabel(lines, fmt=named, fontsize="small", zorder=ABOVE)
    return filled
