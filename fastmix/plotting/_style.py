"""How the pictures look: colours, marks and axes, chosen here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmix.plotting._geometry import Array
from fastmix.plotting._inputs import Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The hues of Okabe and Ito, which every kind of colour vision tells apart, less the yellow that
# fades on white paper. Source: https://jfly.uni-koeln.de/color/
HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MANY = "viridis"  # where the hues run out: even steps for the eye, in colour and in grey
MANY_RANGE = (0.0, 0.82)  # its last yellow fades too

DISC: dict[str, Any] = {"facecolor": "#DDDDDD80", "edgecolor": "#AAAAAA", "linewidth": 1.0}
CENTER: dict[str, Any] = {
    "marker": "X",
    "s": 90,
    "c": "#222222",
    "edgecolors": "white",
    "linewidths": 1.2,
}
CHOICE: dict[str, Any] = {  # a ring around the mark of what was chosen
    "marker": "o",
    "s": 160,
    "facecolors": "none",
    "edgecolors": "#222222",
    "linewidths": 1.6,
}
MARKS = ("o", "s", "^", "D", "v", "P")  # of lines, which are told apart without colours too
FILL_ALPHA = 0.2  # of an ellipse of the heaviest component
EDGE_ALPHA = 0.5
EDGE_WIDTH = 1.0

BENEATH, POINTS, ABOVE = 1, 2, 3  # zorder: shapes, points, centers

MOST_UNEQUAL = 10  # times as wide as the other feature may one be, both on one scale

MAX_POINTS = 50_000  # more are thinned: the picture has fewer pixels to show them
RASTER_POINTS = 5_000  # more are pixels in a PDF or SVG, which else grows to megabytes


def palette(k: int, *, distinct: bool = True) -> Array:
    """k colours (k, 4) as RGBA, the same for a cluster's points and its shape."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgba_array

    if not distinct:
        return np.repeat(palette(1), k, axis=0)
    if k <= len(HUES):
        return np.asarray(to_rgba_array(HUES[:k]))
    return np.asarray(colormaps[MANY](np.linspace(*MANY_RANGE, k)))


def thin(n: int) -> slice | np.ndarray[Any, np.dtype[np.intp]]:
    """The rows that are drawn: all up to MAX_POINTS, else always the same random MAX_POINTS.

    Random, because every tenth row of sorted or periodic data is no picture of the data.
    """
    if n <= MAX_POINTS:
        return slice(None)
    return np.sort(np.random.default_rng(0).choice(n, MAX_POINTS, replace=False))


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


def draw_points(
    ax: Axes, points: Array, colors: Array, scatter_kwargs: Mapping[str, Any] | None
) -> None:
    """Draw points (n, 2) in colors (n, 4), thinned if they are too many."""
    shown = thin(len(points))
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
    ax.scatter(x, y, **(settings | given))


def finish(ax: Axes, plane: Plane) -> Axes:
    """Give both axes one scale, so that circles are round, and name them; return ax.

    Features of very different spread would then be a line: they keep a scale each.
    """
    shared = all(
        len(group.get_siblings(ax)) > 1
        for group in (ax.get_shared_x_axes(), ax.get_shared_y_axes())
    )
    spread = np.ptp(plane.points, axis=0)
    if spread.max() <= MOST_UNEQUAL * spread.min() or spread.min() == 0:
        # Widening the limits keeps the frame where the user put it, but not what others share.
        ax.set_aspect("equal", adjustable="box" if shared else "datalim")
    if plane.names is not None:
        ax.set_xlabel(plane.names[0])
        ax.set_ylabel(plane.names[1])
    return ax
