"""How the objective of a fit went down, or up, pass by pass, from every start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from fastmix.plotting._courses import Courses, courses
from fastmix.plotting._inputs import ready
from fastmix.plotting._layout import axes, whole_ticks
from fastmix.plotting._style import BEST_RUN, END, LEGEND, MOST_NAMED, OTHER_RUN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOM = 1.05  # of the interesting part of the objective
FAR = 3.0  # times as much is too far to be shown with it


class ConvergenceDisplay:
    """Objective of every start, pass by pass, the one that was kept before the others.

    Made by :func:`~fastmix.plotting.plot_convergence`, which is its `from_estimator`.

    Parameters
    ----------
    courses : Courses
        Values of every start, the number of starts that failed, and what the objective is called.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        What that is on.
    lines_ : list of matplotlib Line2D
        One for every start that did not fail.
    legend_ : matplotlib Legend or None
        What the lines are, where there are several.
    """

    def __init__(self, *, courses: Courses) -> None:
        self.courses = courses

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike | None = None,
        ax: Axes | None = None,
        *,
        gap: bool = False,
    ) -> Self:
        """Draw the objective of every start of a fit, pass by pass.

        Inertia of k-means falls, the lower bound of a mixture (the mean log-likelihood of a
        GaussianMixture) rises; the value at 3 is that after three passes. The runs of
        n_init='breathing' follow each other. Of MiniBatchKMeans every batch is drawn, of
        BisectingKMeans every split. Where starts begin lies beyond the frame, if it is far from
        all that follows.

        Parameters
        ----------
        model : estimator of fastmix, or a mixture of scikit-learn
            Fitted models tell their course by `init_results_`, `inertia_history_` or `lower_bounds_`;
            scikit-learn's mixtures that of the best start alone, from its release 1.7 on.
        X : array-like or DataFrame of shape (n, d), default=None
            Rows that a model not yet fitted is fitted on, in place; a fitted one needs none.
        ax : matplotlib Axes, default=None
            Where to draw; None is the current axes.
        gap : bool, default=False
            Whether to draw how far every value is from the best one that was reached, on a
            logarithmic scale: it shows how fast a start converges, and which ends are worse.

        Returns
        -------
        ConvergenceDisplay
            The numbers, and in `ax_` what they are drawn on; nothing is shown or saved.

        Raises
        ------
        TypeError
            If the model remembers no course, as scikit-learn's KMeans, or `ax` is no Axes.
        ValueError
            If the model is not fitted and there is no X.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from fastmix import KMeans
        >>> from fastmix.plotting import plot_convergence
        >>> X = load_iris().data
        >>> model = KMeans(3, init="random", n_init=10, random_state=0)
        >>> display = plot_convergence(model, X)
        >>> len(display.lines_)
        10
        """
        ready(model, X)
        return cls(courses=courses(model)).plot(ax, gap=gap)

    def plot(self, ax: Axes | None = None, *, gap: bool = False) -> Self:
        """Draw it, perhaps once more.

        Parameters
        ----------
        ax, gap
            As in :func:`~fastmix.plotting.plot_convergence`.

        Returns
        -------
        ConvergenceDisplay
            Itself, with what was drawn.
        """
        seen, runs, objective = self.courses, self.courses.runs, self.courses.objective
        self.ax_ = axes(ax)
        self.figure_ = self.ax_.figure
        drawn = [run.values for run in runs]
        if gap:
            drawn = [np.where(values > 0, values, np.nan) for values in seen.gaps()]
            objective = f"{objective}, {'above' if seen.falls else 'below'} the best"
            self.ax_.set_yscale("log")
        self.lines_ = []
        for run, values in zip(runs, drawn, strict=True):
            style = BEST_RUN if run.best else OTHER_RUN
            passes = run.first + np.arange(len(values))
            self.lines_ += self.ax_.plot(passes, values, **style)
            if len(runs) <= MOST_NAMED:
                self.ax_.plot(passes[-1:], values[-1:], **(END | {"color": style["color"]}))
        self.ax_.set(xlabel=seen.unit, ylabel=objective)
        whole_ticks(self.ax_)
        self._frame(gap)
        self._name_lines()
        return self

    def _frame(self, gap: bool) -> None:
        """Leave out where starts begin, if all that follows were a line beside it."""
        room = ROOM * self.courses.interesting()
        if max(float(values.max(initial=0.0)) for values in self.courses.gaps()) <= FAR * room:
            return
        best, sign = self.courses.best, 1 if self.courses.falls else -1
        if gap:
            self.ax_.set_ylim(top=room)
        else:
            self.ax_.set_ylim(*sorted([best - sign * (ROOM - 1) * room, best + sign * room]))

    def _name_lines(self) -> None:
        """A legend where there are several starts."""
        runs, failed = self.courses.runs, self.courses.failed
        self.legend_ = None
        if self.courses.number == 1:
            return
        best = next(line for line, run in zip(self.lines_, runs, strict=True) if run.best)
        word = "runs" if any(run.first for run in runs) else "starts"
        named = {f"best of {self.courses.number} {word}": best}
        if len(runs) > 1:
            named["others"] = next(line for line in self.lines_ if line is not best)
        title = f"{failed} failed" if failed else None
        self.legend_ = self.ax_.legend(list(named.values()), list(named), title=title, **LEGEND)


plot_convergence = ConvergenceDisplay.from_estimator
