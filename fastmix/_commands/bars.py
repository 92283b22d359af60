"""A figure of ratios: how many times as fast, on a scale where twice and half are equally far."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullLocator

from fastmix._commands.compare import Line
from fastmix.plotting._style import HUES

COLOURS = {"k-means": HUES[0], "mixtures": HUES[1]}
SLOWER_ALPHA = 0.45
DPI = 150
WIDTH, BAR_HEIGHT, MARGINS = 9.0, 0.42, 1.7  # inches
ROOM = 6.0  # factor to the right of the longest bar, for its text


def seconds(value: float) -> str:
    """A time in a unit that suits it."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-6:.3g} µs"


def draw(lines: Sequence[Line], kinds: Sequence[str], machine: str) -> Figure:
    """Bars of the ratios of lines, coloured by the kinds of their models, under the name of the machine."""
    height = MARGINS + BAR_HEIGHT * len(lines)
    figure = Figure(figsize=(WIDTH, height), layout="constrained", dpi=DPI)
    axes = figure.subplots()
    ratios = np.array([line.ratio for line in lines])
    places = np.arange(len(lines))[::-1]  # the first one on top
    for place, ratio, line, kind in zip(places, ratios, lines, kinds, strict=True):
        alpha = 1.0 if ratio >= 1 else SLOWER_ALPHA
        axes.barh(place, ratio - 1, left=1, height=0.7, color=COLOURS[kind], alpha=alpha)
        axes.annotate(
            f"{ratio:.3g}x  ({seconds(line.peer_seconds)} → {seconds(line.seconds)})",
            (max(ratio, 1.0), place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
        )
    axes.set_xscale("log")
    axes.set_xlim(min(0.8, ratios.min() / 1.3), max(2.0, ratios.max()) * ROOM)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.set_xticks(
        [
            tick
            for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
            if axes.get_xlim()[0] <= tick <= axes.get_xlim()[1]
        ]
    )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.axvline(1, color="#222222", linewidth=1.2)
    axes.set_yticks(places, [f"{line.name}\n{_size(line)}" for line in lines], fontsize="small")
    axes.set_axisbelow(True)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.8)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(
        "times as fast as scikit-learn, which is the line at 1x  (in brackets: scikit-learn → fastmix)",
        fontsize="small",
    )
    axes.set_title(
        "fastmix against scikit-learn on this machine", loc="left", fontweight="bold", pad=22
    )
    axes.annotate(
        machine,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 8),
        textcoords="offset points",
        fontsize="small",
        color="#555555",
    )
    if len(set(kinds)) > 1:
        handles = [Patch(color=color, label=kind) for kind, color in COLOURS.items()]
        axes.legend(handles=handles, loc="lower right", frameon=False)
    return figure


def _size(line: Line) -> str:
    return f"{line.n:,} x {line.d}, k = {line.k}"
