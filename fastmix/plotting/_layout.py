"""Axes and what is written on them: where to draw, scales, names and legends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastmix.plotting._geometry import Array
from fastmix.plotting._style import (
    ABOVE_AXES,
    LEGEND,
    MOST_INCHES,
    MOST_NAMED,
    MOST_TICKS,
    MOST_UNEQUAL,
    percent,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.legend import Legend


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


def own_axes() -> Axes:
    """Axes in a figure of their own; the current figure stays the current one."""
    from matplotlib import pyplot as plt

    before = plt.gcf().number if plt.get_fignums() else None
    ax = plt.figure().gca()
    if before is not None:
        plt.figure(before)
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


def one_scale(points: Array) -> bool:
    """Can both features of points (n, 2) have one scale, or would one of them be a line then?"""
    spread = np.ptp(points, axis=0)
    return bool(spread.max() <= MOST_UNEQUAL * spread.min() or spread.min() == 0)


def finish(ax: Axes, points: Array, names: Sequence[str] | None) -> Axes:
    """Give both axes one scale, so that circles are round, and name them; return ax.

    Features of very different spread would then be a line: they keep a scale each.
    """
    shared = all(
        len(group.get_siblings(ax)) > 1
        for group in (ax.get_shared_x_axes(), ax.get_shared_y_axes())
    )
    if one_scale(points):
        # Widening the limits keeps the frame where the user put it, but not what others share.
        ax.set_aspect("equal", adjustable="box" if shared else "datalim")
    if names is not None:
        ax.set_xlabel(names[0])
        ax.set_ylabel(names[1])
    return ax


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


def write_above(ax: Axes, where: float | str, text: str) -> None:
    """Write a few words above the frame, at a place of the horizontal axis, or above what is beside it."""
    style: dict[str, Any] = {"textcoords": "offset points", "fontsize": "small"}
    if isinstance(where, str):
        x, away, ha = (0.0, -4, "right") if where == "left" else (1.0, 4, "left")
        ax.annotate(text, (x, 1.0), (away, 3), xycoords="axes fraction", ha=ha, **style)
    else:
        style |= {"xycoords": ("data", "axes fraction"), "ha": "center"}
        ax.annotate(text, (where, 1.0), (0, 3), **style)


def whole_ticks(ax: Axes) -> None:
    """Only whole numbers along the horizontal axis."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
