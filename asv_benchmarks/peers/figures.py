"""Bars of ratios and curves of seconds, in colours that every kind of colour vision tells apart."""

import re

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from .results import families, present, ratio, seconds
from .rivals import ANCHOR, OURS

# The hues of Okabe and Ito, one a rival: the same in every figure.
COLOURS = {
    OURS: "#000000",
    ANCHOR: "#0072B2",
    "scikit-learn-intelex": "#56B4E9",
    "faiss-cpu": "#D55E00",
    "superkmeans": "#CC79A7",
    "pomegranate": "#D55E00",
    "tgmm": "#CC79A7",
    "gmmx": "#56B4E9",
    "mlpack": "#E69F00",
}
MARKS = dict(zip(COLOURS, "osv^DP*X<", strict=True))
LOST = "////"  # hatched: seen in grey as well
BAR = 0.17  # inches
DPI = 130


def draw(results, folder):
    """Draw all figures into a folder; their file names by heading."""
    with style.context("default"):  # some rivals change the looks of all figures when imported
        return _draw(results, folder)


def _draw(results, folder):
    made = {}
    for family, cases in families(results).items():
        if present(cases):
            made[family] = _save(_bars(cases), folder, family)
    if any(case["memory"] for case in results["cases"].values()):
        made["memory"] = _save(_memory(results), folder, "memory")
    curves = {}
    for case in results["cases"].values():
        if case["axis"]:
            curves.setdefault(case["family"], []).append(case)
    for family, cases in curves.items():
        made[family] = _save(_curves(cases), folder, family)
    return made


def _save(figure, folder, heading):
    name = "peers-" + "-".join(re.findall(r"\w+", heading.lower())) + ".png"
    figure.savefig(folder / name, dpi=DPI)
    return name


def _bars(cases):
    """Ratios of every rival at every case: to the right of 1 fastmix is faster."""
    names = present(cases)
    rows = [(case, name, ratio(case, name)) for case in cases for name in names]
    rows = [row for row in rows if row[2] is not None]
    places, ticks, y = [], [], 0.0
    for case in cases:
        own = [name for c, name, _ in rows if c is case]
        if own:
            places += [y + i for i in range(len(own))]
            ticks.append((y + (len(own) - 1) / 2, case["title"]))
            y += len(own) + 0.8
    figure = Figure(figsize=(9, 1.4 + BAR * 1.15 * y), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log")
    for place, (case, name, value) in zip(places, rows, strict=True):
        lost = value < 1
        axes.barh(
            place, value - 1, left=1, height=0.92, color="white" if lost else COLOURS[name],
            edgecolor=COLOURS[name], hatch=LOST if lost else None, linewidth=0.8,
        )  # fmt: skip
        mark = "†" if case["rivals"][name].get("note") else ""
        text = f"{value:.3g}" if value < 100 else f"{value:.0f}"
        axes.annotate(
            text + mark, (value, place), (-3 if lost else 3, 0), textcoords="offset points",
            ha="right" if lost else "left", va="center", fontsize=7,
            fontweight="bold" if lost else "normal",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
        if name == ANCHOR and case["must"]:
            axes.plot([case["must"]] * 2, [place - 0.6, place + 0.6], color="black", lw=1.6)
    axes.axvline(1, color="black", lw=1)
    values = [value for _, _, value in rows] + [case["must"] or 1 for case in cases]
    axes.set_xlim(min(0.6, min(values) / 1.8), max(2.0, max(values) * 1.8))
    axes.set_ylim(y - 0.6, -1)
    axes.set_yticks(*zip(*ticks, strict=True), fontsize=8)
    axes.tick_params(axis="y", length=0)
    _plain(axes.xaxis)
    axes.set_xlabel(
        "times as long as fastmix takes (log scale): right of 1 fastmix is faster", fontsize=9
    )
    handles = [Patch(color=COLOURS[name], label=name) for name in names]
    if any(value < 1 for _, _, value in rows):
        handles.append(
            Patch(facecolor="white", edgecolor="black", hatch=LOST, label="fastmix lost")
        )
    if any(case["must"] for case in cases):
        handles.append(
            axes.plot([], [], color="black", lw=0, marker="|", ms=9, mew=1.6, label="must")[0]
        )
    _finish(figure, axes, handles)
    return figure


def _memory(results):
    """Megabytes beyond X of our fits and of scikit-learn's."""
    cases = [(n, c) for n, c in results["cases"].items() if c["memory"]]
    figure = Figure(figsize=(9, 1.4 + BAR * 3 * len(cases)), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log")
    largest = 1.0
    for i, (_, case) in enumerate(cases):
        for j, name in enumerate((OURS, ANCHOR)):
            value = case["memory"].get(name)
            if value is None:
                continue
            megabytes = max(value / 1e6, 0.1)
            largest = max(largest, megabytes)
            axes.barh(i + 0.38 * j, megabytes - 0.05, left=0.05, height=0.36, color=COLOURS[name])
            axes.annotate(
                f"{value / 1e6:.3g} MB", (megabytes, i + 0.38 * j), (3, 0),
                textcoords="offset points", va="center", fontsize=7,
            )  # fmt: skip
    axes.set_xlim(0.5, largest * 4)
    axes.set_ylim(len(cases) - 0.3, -0.5)
    axes.set_yticks([i + 0.19 for i in range(len(cases))], [name for name, _ in cases], fontsize=8)
    axes.tick_params(axis="y", length=0)
    _plain(axes.xaxis)
    axes.set_xlabel("most memory of a fit beyond X, in MB (log scale)", fontsize=9)
    _finish(figure, axes, [Patch(color=COLOURS[name], label=name) for name in (OURS, ANCHOR)])
    return figure


def _curves(cases):
    """Seconds over n, d, k and threads."""
    axes_names = [
        name for name in ("n", "d", "k", "threads") if any(c["axis"] == name for c in cases)
    ]
    figure = Figure(figsize=(3 * len(axes_names) + 0.6, 3.8), layout="constrained")
    panels = figure.subplots(1, len(axes_names), sharey=True, squeeze=False)[0]
    drawn = {}
    for axes, axis in zip(panels, axes_names, strict=True):
        some = sorted((c for c in cases if c["axis"] == axis), key=lambda c: c[axis])
        axes.set_xscale("log")
        axes.set_yscale("log")
        for name in (OURS, *present(some)):
            points = [(c[axis], s) for c in some if (s := seconds(c, name)) is not None]
            if points:
                x, y = np.array(points).T
                (drawn[name],) = axes.plot(
                    x, y, color=COLOURS[name], marker=MARKS[name], ms=5, label=name,
                    lw=2.2 if name == OURS else 1.2,
                )  # fmt: skip
                if name == OURS and axis != "threads":
                    (drawn["linear"],) = axes.plot(
                        x, y[-1] * x / x[-1], color="#999999", ls=":", lw=1, label="in proportion"
                    )
        axes.set_xlabel(axis)
        axes.set_xticks([c[axis] for c in some])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_minor_locator(LogLocator(subs=()))
        axes.xaxis.set_major_formatter(FuncFormatter(_short))
        axes.tick_params(labelsize=8)
        axes.grid(color="#DDDDDD", lw=0.5)
        axes.set_axisbelow(True)
    _plain(panels[0].yaxis)
    panels[0].set_ylabel("seconds of 10 iterations")
    figure.legend(
        handles=list(drawn.values()), loc="outside upper center", ncols=6, fontsize=8, frameon=False
    )
    return figure


def _short(value, _=None):
    """12500 as 12.5k."""
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


def _plain(axis):
    """Ticks as 0.5, 1, 10 instead of powers."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axis.set_major_formatter(FuncFormatter(_short))
    axis.set_minor_formatter(NullFormatter())


def _finish(figure, axes, handles):
    axes.grid(axis="x", color="#DDDDDD", lw=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=8, frameon=False)
