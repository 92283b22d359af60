"""How the pictures look: colours, lines, sizes and numbers, chosen here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmix.plotting._geometry import Array

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

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
TRAIL: dict[str, Any] = {"color": INK, "linewidth": 1.0, "alpha": 0.6, "zorder": 3}
MEAN_LINE: dict[str, Any] = {"color": INK, "linewidth": 1.0, "linestyle": "--"}
OUTLINE: dict[str, Any] = {"facecolor": "none", "edgecolor": INK, "linewidth": 1.0, "alpha": 0.8}
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


def blend(n: int, resp: Array | None = None, colors: Array | None = None) -> Array:
    """Colours (n, 4) of rows: those of the components mixed by responsibilities (n, k), or grey."""
    from matplotlib.colors import to_rgba_array

    if resp is None or colors is None:
        return np.repeat(to_rgba_array(OTHER_RUN["color"]), n, axis=0)
    return np.clip(resp @ colors, 0.0, 1.0)


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


def percent(share: float) -> str:
    """A share in words: 0.314 is 31 %, 0.0021 is 0.2 %."""
    return f"{100 * share:.{0 if share >= 0.0995 or share < 0.0005 else 1}f} %"
