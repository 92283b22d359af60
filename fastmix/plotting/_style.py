"""How the pictures look: colours, marks and axes, chosen here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastmix.plotting._clustering import Clustering
from fastmix.plotting._geometry import Array, ellipse_axes

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.colors import Colormap
    from matplotlib.contour import QuadContourSet
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.legend import Legend
    from matplotlib.patches import Ellipse

# The hues of Okabe and Ito, which every kind of colour vision tells apart, less the yellow that
# fades on white paper. Source: https://jfly.uni-koeln.de/color/
HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SHADE = 0.5  # of the brightness: the hues once more, told apart from each other and from the bright ones
MANY = "viridis"  # where the hues run out: even steps for the eye, in colour and in grey
MANY_RANGE = (0.0, 0.82)  # its last yellow fades too

INK = "#222222"  # what is not of one cluster
PAPER = "#DDDDDD"  # what lies behind
SURE_TO_UNSURE = ("#D0D0D0", "#E69F00", "#D55E00", "#6B1500")  # ever darker: readable in grey too
LOW_TO_HIGH = ("#EEF5FA", "#A6CDE6", "#3F93CB")  # points lie over it

DISC: dict[str, Any] = {"facecolor": "#DDDDDD80", "edgecolor": "#AAAAAA", "linewidth": 1.0}
CENTER: dict[str, Any] = {
    "marker": "X",
    "s": 90,
    "c": INK,
    "edgecolors": "white",
    "linewidths": 1.2,
}
HISTOGRAM: dict[str, Any] = {"color": PAPER, "histtype": "stepfilled"}
STACKED_ALPHA = 0.7  # of a histogram in the clusters' colours
COMPONENT: dict[str, Any] = {"linewidth": 1.5}  # a curve of one
WHOLE: dict[str, Any] = {"color": INK, "linewidth": 1.0}  # and of all together
LEGEND: dict[str, Any] = {
    "fontsize": "small",
    "title_fontsize": "small",
    "handletextpad": 0.4,
    "framealpha": 0.8,
    "edgecolor": "none",
}
CONTOUR: dict[str, Any] = {"colors": INK, "linewidths": 0.4, "linestyles": "solid"}
ABOVE_AXES: dict[str, Any] = {  # where a picture leaves no room within
    "loc": "lower left",
    "bbox_to_anchor": (0.0, 1.0),
    "borderaxespad": 0.2,
    "alignment": "left",
}
BEST_RUN: dict[str, Any] = {"color": HUES[0], "linewidth": 2.0, "zorder": 3}
OTHER_RUN: dict[str, Any] = {"color": "#999999", "linewidth": 1.0, "zorder": 2}
END: dict[str, Any] = {"marker": "o", "markersize": 4, "linestyle": "", "zorder": 4}
MEAN_LINE: dict[str, Any] = {"color": INK, "linewidth": 1.0, "linestyle": "--"}
OUTLINE: dict[str, Any] = {"facecolor": "none", "edgecolor": INK, "linewidth": 1.0, "alpha": 0.8}
FILL_ALPHA = 0.2  # of an ellipse of the heaviest component
EDGE_ALPHA = 0.5
EDGE_WIDTH = 1.0

BENEATH, POINTS, ABOVE = 1, 2, 3  # zorder: shapes, points, centers

MOST_UNEQUAL = 10  # times as wide as the other feature may one be, both on one scale

MOST_INCHES = 14.0  # a side of a grid of pictures
MOST_NAMED = 24  # in a legend: nobody tells more colours apart

MAX_POINTS = 50_000  # more are thinned: the picture has fewer pixels to show them
RASTER_POINTS = 5_000  # more are pixels in a PDF or SVG, which else grows to megabytes
HIDING_POINTS = 20_000  # more leave nothing to be seen beneath them
MAX_OVER = 2_000  # that lie over something to be seen
MOST_TICKS = 40  # names along an axis
EVEN = 0.5  # doubt between two: more, among three, looks the same
DOUBTFUL_SIZE = 5.0  # times as large as a certain point one would be in utter doubt
OVER_SIZE, OVER_ALPHA = 8.0, 0.45  # at most


def palette(k: int, *, distinct: bool = True) -> Array:
    """k colours (k, 4) as RGBA, the same for a cluster's points and its shape."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgba_array

    if not distinct:
        return np.repeat(palette(1), k, axis=0)
    if k <= 2 * len(HUES):
        bright = to_rgba_array(HUES)
        return np.concatenate([bright, bright * (SHADE, SHADE, SHADE, 1.0)])[:k]
    return np.asarray(colormaps[MANY](np.linspace(*MANY_RANGE, k)))


def colormap(steps: tuple[str, ...]) -> Colormap:
    """All the colours between some."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("fastmix", list(steps))


def thin(n: int, most: int = MAX_POINTS) -> slice | np.ndarray[Any, np.dtype[np.intp]]:
    """The rows that are drawn: all up to `most`, else always the same random ones.

    Random, because every tenth row of sorted or periodic data is no picture of the data.
    """
    if n <= most:
        return slice(None)
    return np.sort(np.random.default_rng(0).choice(n, most, replace=False))


def marker_size(n: int) -> float:
    """Area of a point in square typographic points: 12 for 500 points, smaller for more."""
    return float(np.clip(12.0 * np.sqrt(500.0 / n), 1.0, 20.0))


def marker_alpha(n: int) -> float:
    """Opacity of a point: 0.9 for 500 points, less for more, so that the densest stay visible."""
    return float(np.clip(0.9 * (500.0 / n) ** 0.25, 0.25, 0.9))


def ellipse_style(color: Array, share: float) -> dict[str, Any]:
    """Colours of an ellipse whose component has `share` of the heaviest one's weight."""
    red, green, blue, _ = color
    return {
        "facecolor": (red, green, blue, FILL_ALPHA * share),
        "edgecolor": (red, green, blue, EDGE_ALPHA * share),
        "linewidth": EDGE_WIDTH,
    }


def axes(ax: Axes | None) -> Axes:
    """The axes given, else the current ones, made if there are none."""
    from matplotlib import pyplot as plt
    from matplotlib.axes import Axes

    if ax is None:
        return plt.gca()
    if not isinstance(ax, Axes):
        raise TypeError(
            f"ax must be a matplotlib Axes or None, got {type(ax).__name__}; "
            "of an array of axes pass one, as axes[0]."
        )
    return ax


def grid_of_axes(ax: Any, m: int) -> tuple[Figure | SubFigure, NDArray[Any], Axes]:
    """Figure, axes (m, m) on and below the diagonal, and one in the corner above it, for a legend.

    ax is an Axes whose place they take, (m, m) of them, or None for a new figure.
    """
    from matplotlib import pyplot as plt
    from matplotlib.axes import Axes

    found = np.full((m, m), None, dtype=object)
    below = np.tril_indices(m)
    figure: Figure | SubFigure
    grid: Any
    if ax is not None and not isinstance(ax, Axes):
        given = np.asarray(ax, dtype=object)
        if given.shape != (m, m) or not all(isinstance(each, Axes) for each in given[below]):
            raise ValueError(
                f"ax must be None, a matplotlib Axes or {m} x {m} of them, got shape {given.shape}; "
                f"for example plt.subplots({m}, {m}, squeeze=False)[1]."
            )
        for each in given[np.triu_indices(m, 1)]:
            each.set_axis_off()
        found[below] = given[below]
        return found[0, 0].figure, found, given[0, -1]
    if ax is None:
        side = min(2.0 + 1.6 * m, MOST_INCHES)
        figure = plt.figure(figsize=(side, side), layout="constrained")
        grid = figure.add_gridspec(m, m)
    else:
        figure, spec = axes(ax).figure, ax.get_subplotspec()
        if spec is None:
            raise ValueError(
                "ax must be an Axes of a grid, as plt.subplots() makes it, got one placed by hand; "
                "pass None for a new figure."
            )
        ax.set_axis_off()
        grid = spec.subgridspec(m, m)
    for i, j in zip(*below, strict=True):
        found[i, j] = figure.add_subplot(grid[i, j])
        found[i, j].tick_params(labelbottom=i == m - 1, labelleft=j == 0 < i)
    corner = found[0, 0]
    if m > 1:
        corner = figure.add_subplot(grid[: m // 2, m - m // 2 :])
        corner.set_axis_off()
    return figure, found, corner


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

    semi_axes, angles = ellipse_axes(covariances)
    share = weights / weights.max()
    drawn = []
    for c, (x, y) in enumerate(means):
        style = OUTLINE if above else ellipse_style(colors[c], share[c])
        style = style | {"zorder": ABOVE if above else BENEATH, "angle": angles[c]}
        for width, height in 2 * n_std[:, None] * semi_axes[c]:
            ellipse = Ellipse((x, y), width, height, **style)
            ax.add_patch(ellipse)
            drawn.append(ellipse)
    return drawn


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


def name_components(
    ax: Axes, colors: Array, weights: Array, noun: str, **place: Any
) -> Legend | None:
    """A legend of the components' colours and weights; none if nobody could tell them apart."""
    from matplotlib.lines import Line2D

    if len(weights) > MOST_NAMED:
        return None
    style: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 6}
    marks = [Line2D([], [], color=color, **style) for color in colors]
    names = [f"{c}  ({percent(weight)})" for c, weight in enumerate(weights)]
    quantity = "weight" if noun == "component" else "share"
    beside = 5 if place == ABOVE_AXES else 1
    settings: dict[str, Any] = {"title": f"{noun} ({quantity})"}
    settings["ncols"] = max(-(-len(marks) // 12), min(beside, len(marks)))
    return ax.legend(marks, names, **(LEGEND | settings | place))


def bar_width(m: int) -> float:
    """Width of m bars side by side: many have no gaps, which would be of one pixel or none."""
    return 0.9 if m <= MOST_TICKS else 1.0


def tick_names(ax: Axes, names: Sequence[str], places: Sequence[float] | None = None) -> None:
    """Name places of the vertical axis, 0, 1, 2, ... unless given, if there is room for so many names."""
    if len(names) > MOST_TICKS:
        ax.set_yticks([])
        return
    where = range(len(names)) if places is None else places
    ax.set_yticks(where, names, fontsize=_size(len(names)))


def write_beside(ax: Axes, places: Sequence[float], words: Sequence[str]) -> None:
    """Write a word at the right of the frame, at every place of the vertical axis."""
    style: dict[str, Any] = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
    style |= {"xycoords": ("axes fraction", "data"), "fontsize": _size(len(words))}
    for place, word in zip(places, words, strict=True):
        ax.annotate(word, (1.0, place), **style)


def _size(m: int) -> str:
    """Size of the type of m words along an axis."""
    return "medium" if m <= MOST_TICKS // 4 else "small" if m <= MOST_TICKS // 2 else "x-small"


def whole_ticks(ax: Axes) -> None:
    """Only whole numbers along the horizontal axis."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def write_above(ax: Axes, where: float | str, text: str) -> None:
    """Write a few words above the frame, at a place of the horizontal axis, or above what is beside it."""
    style: dict[str, Any] = {"textcoords": "offset points", "fontsize": "small"}
    if isinstance(where, str):
        x, away, ha = (0.0, -4, "right") if where == "left" else (1.0, 4, "left")
        ax.annotate(text, (x, 1.0), (away, 3), xycoords="axes fraction", ha=ha, **style)
    else:
        style |= {"xycoords": ("data", "axes fraction"), "ha": "center"}
        ax.annotate(text, (where, 1.0), (0, 3), **style)


def percent(share: float) -> str:
    """A share in words: 0.314 is 31 %, 0.0021 is 0.2 %."""
    return f"{100 * share:.{0 if share >= 0.0995 or share < 0.0005 else 1}f} %"


def finish(ax: Axes, points: Array, names: Sequence[str] | None) -> Axes:
    """Give both axes one scale, so that circles are round, and name them; return ax.

    Features of very different spread would then be a line: they keep a scale each.
    """
    shared = all(
        len(group.get_siblings(ax)) > 1
        for group in (ax.get_shared_x_axes(), ax.get_shared_y_axes())
    )
    spread = np.ptp(points, axis=0)
    if spread.max() <= MOST_UNEQUAL * spread.min() or spread.min() == 0:
        # Widening the limits keeps the frame where the user put it, but not what others share.
        ax.set_aspect("equal", adjustable="box" if shared else "datalim")
    if names is not None:
        ax.set_xlabel(names[0])
        ax.set_ylabel(names[1])
    return ax
