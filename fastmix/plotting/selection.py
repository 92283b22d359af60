"""The choice of a number of clusters as a picture: the criterion over the number, a line for every shape."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from fastmix.plotting._geometry import Array
from fastmix.plotting._layout import axes
from fastmix.plotting._style import (
    ABOVE,
    ABOVE_AXES,
    BENEATH,
    CHOICE,
    HUES,
    LEGEND,
    MARKS,
    POINTS,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {
    "bic": "BIC",
    "aic": "AIC",
    "icl": "ICL",
    "calinski_harabasz": "Calinski-Harabasz index",
    "silhouette": "simplified silhouette",
}
SIZES = {"n_components": "number of components", "n_clusters": "number of clusters"}
ALL_TICKS = 12  # numbers of clusters up to which each has its tick
FAR = (
    2.5  # times as far behind the best as the median: fits beyond may leave the picture at its edge
)
MARGIN = 0.08  # of the height, above and below
BESIDE = 3  # names in a line of the legend
CROSSES = 0.03  # of the height: a row of crosses, for the failed fits of a line


class Line(NamedTuple):
    """The fits of one shape."""

    name: str | None  # None where there is one only
    sizes: Array  # (m,) numbers of clusters, ascending
    values: Array  # (m,) of the criterion; NaN where a fit failed

    def where(self, low: float, high: float) -> str:
        """On which side of the frame all of it lies, if it does."""
        sound = self.values[~np.isnan(self.values)]
        sides = {"above": sound > high, "below": sound < low}
        return next((side for side, out in sides.items() if len(out) and out.all()), "")

    def leaves(self, edge: float, outwards: int) -> Array:
        """Where it crosses an edge of the frame, upwards (1) or downwards (-1): sizes between its own."""
        beyond = outwards * (self.values - edge)
        found = []
        for i in np.flatnonzero((beyond[:-1] > 0) != (beyond[1:] > 0)):
            if np.isfinite(beyond[[i, i + 1]].min()):  # neither failed, and one of them is seen
                inside, out = (i, i + 1) if beyond[i] <= 0 else (i + 1, i)
                share = beyond[inside] / (beyond[inside] - beyond[out])
                found.append(self.sizes[inside] + share * (self.sizes[out] - self.sizes[inside]))
        return np.array(found)


class Best(NamedTuple):
    """The choice."""

    size: int
    value: float
    name: str | None  # of its line


class SelectionDisplay:
    """The criterion over the number of clusters or components, with the choice marked.

    Made by :func:`~fastmix.plotting.plot_selection`, which is its `from_result`. Fits far behind leave
    the picture at its edge, so that those near the choice can be told apart: a tip marks where a line
    leaves, and the legend says of which nothing is seen.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        Its figure.
    lines_ : list of Line2D
        A line for every covariance type, or the only one.
    failed_ : list of Line2D
        As many rows of crosses at the lower edge, where fits have failed.
    leaving_ : list of Line2D
        Tips at the edges, where lines leave the picture.
    best_ : PathCollection
        The ring around the choice.
    """

    def __init__(self, lines: list[Line], size: str, criterion: str, best: Best) -> None:
        self.lines, self.size, self.criterion, self.best = lines, size, criterion, best

    @classmethod
    def from_result(cls, result: Any, ax: Axes | None = None) -> Self:
        """Draw the criterion over the number of clusters or components, the choice marked.

        Parameters
        ----------
        result : Selection
            What :func:`fastmix.select_gmm` or :func:`fastmix.select_kmeans` has returned.
        ax : matplotlib Axes, default=None
            Where to draw; None is the current axes.

        Returns
        -------
        SelectionDisplay
            Drawn; nothing is shown or saved.

        Raises
        ------
        TypeError
            If the result is something else, or `ax` no Axes.

        Examples
        --------
        >>> from matplotlib import pyplot as plt
        >>> from sklearn.datasets import make_blobs
        >>> from fastmix import select_kmeans
        >>> from fastmix.plotting import plot_selection
        >>> X, _ = make_blobs(n_samples=500, centers=5, cluster_std=0.9, random_state=17)
        >>> _, ax = plt.subplots()
        >>> display = plot_selection(select_kmeans(X, random_state=0), ax)
        >>> ax.get_xlabel()
        'number of clusters'
        """
        try:
            table, criterion = result.table_, result.criterion
            size, *shape = result.best_params_
            best, lower = table[result.best_index_], result.lower_is_better
        except AttributeError:
            raise TypeError(
                "result must be what select_gmm or select_kmeans returns, got "
                f"{type(result).__name__}; draw a fitted model by plot_gmm or plot_kmeans."
            ) from None
        names = [line[shape[0]] if shape else None for line in table]
        lines = [
            _line(
                [line for line, its in zip(table, names, strict=True) if its == name],
                size,
                criterion,
                name,
            )
            for name in dict.fromkeys(names)
        ]
        better = (
            f"{TITLES.get(criterion, criterion)}, the {'lower' if lower else 'higher'} the better"
        )
        chosen = Best(best[size], best[criterion], names[result.best_index_])
        return cls(lines, SIZES.get(size, size), better, chosen).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw on axes; None is the current ones."""
        self.ax_ = ax = axes(ax)
        self.figure_ = ax.figure
        self.lines_: list[Any] = []
        self.failed_: list[Any] = []
        self.leaving_: list[Any] = []
        low, high = limits = self._limits()
        looks = zip(self.lines, cycle(HUES), cycle(MARKS), strict=False)
        for row, (line, color, mark) in enumerate(looks):
            failed = np.isnan(line.values)
            told = [f"{np.sum(failed)} failed"] if failed.any() else []
            told += [where] if (where := line.where(*limits)) else []
            more = f" ({', '.join(told)})" if told else ""
            self.lines_ += ax.plot(
                line.sizes,
                line.values,
                color=color,
                marker=mark,
                markersize=5,
                label=f"{line.name}{more}" if line.name else None,
                zorder=POINTS,
            )
            for edge, outwards in ((high, 1), (low, -1)):
                self.leaving_ += _tips(ax, line.leaves(edge, outwards), outwards, color)
            self.failed_ += ax.plot(
                line.sizes[failed],
                np.full(np.sum(failed), (row + 0.7) * CROSSES),
                color=color,
                marker="x",
                markersize=5,
                linestyle="none",
                transform=ax.get_xaxis_transform(),
                zorder=POINTS,
            )
        size, value, name = self.best
        chosen = f"{size}, {name}" if name else str(size)
        self.best_ = ax.scatter(size, value, label=f"choice: {chosen}", zorder=ABOVE, **CHOICE)
        ax.set_ylim(*limits)
        self._finish(ax)
        return self

    def _finish(self, ax: Axes) -> None:
        """Ticks, names, and the legend, above the frame: lines run everywhere within."""
        sizes = np.unique(np.concatenate([line.sizes for line in self.lines]))
        if len(sizes) <= ALL_TICKS:
            ax.set_xticks(sizes)
        ax.set_xlabel(self.size)
        ax.set_ylabel(self.criterion)
        ax.grid(axis="y", color="#DDDDDD", linewidth=0.8, zorder=BENEATH)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        ax.legend(
            **(LEGEND | ABOVE_AXES | {"ncols": BESIDE, "columnspacing": 1.0, "handlelength": 1.5})
        )

    def _limits(self) -> tuple[float, float]:
        """Lower and upper end of the vertical axis."""
        values = np.concatenate([line.values for line in self.lines])
        values = values[np.isfinite(values)]
        if not len(values):
            return 0.0, 1.0
        behind = np.abs(values - self.best.value)
        reach = FAR * np.median(behind)
        near = values[behind <= reach] if behind.max() > 2 * reach else values
        low, high = float(near.min()), float(near.max())
        height = high - low or 1.0
        failed = any(np.isnan(line.values).any() for line in self.lines)
        rows = CROSSES * len(self.lines) if failed else 0.0
        return low - (MARGIN + rows) * height, high + MARGIN * height


def _line(table: list[dict[str, Any]], size: str, criterion: str, name: str | None) -> Line:
    """The fits of one shape, by size."""
    own = sorted(table, key=lambda line: int(line[size]))
    values = [np.nan if line["error"] is not None else line[criterion] for line in own]
    sizes = [line[size] for line in own]
    return Line(name, np.array(sizes, np.float64), np.array(values, np.float64))


def _tips(ax: Axes, sizes: Array, outwards: int, color: str) -> list[Any]:
    """Tips at the upper (1) or the lower (-1) edge, in the colour of a line that leaves there."""
    from matplotlib.markers import TICKDOWN, TICKUP  # which no line has for its points

    if not len(sizes):
        return []
    up = outwards > 0
    style: dict[str, Any] = {"color": color, "linestyle": "none", "zorder": ABOVE}
    style |= {
        "marker": TICKUP if up else TICKDOWN,
        "markersize": 7,
        "markeredgewidth": 1.5,
        "clip_on": False,
    }
    edge = np.full(len(sizes), 1.0 if up else 0.0)
    return ax.plot(sizes, edge, transform=ax.get_xaxis_transform(), **style)


plot_selection = SelectionDisplay.from_result
