"""A fit that can be watched: EM or Lloyd's algorithm, half a pass at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from fastmix.plotting._frames import frames_of
from fastmix.plotting._geometry import Array, marginal
from fastmix.plotting._inputs import (
    Feature,
    Plane,
    numbers_in,
    plane,
    standard_deviations,
    whole_number,
)
from fastmix.plotting._layout import axes, finish, own_axes
from fastmix.plotting._passes import State, passes
from fastmix.plotting._shapes import draw_ellipses, draw_points, move_ellipses
from fastmix.plotting._style import ABOVE, CENTER, MAX_OVER, TRAIL, blend, palette, thin

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HOLD = 4  # frames that the end is seen for


class AnimationDisplay:
    """The passes of a fit as an animation, two frames a pass.

    In the first the rows take the colours of their components, mixed by responsibility; in the
    second the components move, and leave a trail. In a notebook it is shown as a player. Made by
    :func:`~fastmix.plotting.animate_fit`, which is its `from_estimator`.

    Parameters
    ----------
    states : list of State
        The model from its start on, pass by pass: weights (k,), means (k, d), covariances (k, d, d) or
        None, responsibilities (m, k) of the rows drawn, and the objective.
    plane : Plane
        The rows drawn, (m, 2), and what their features are called.

    Attributes
    ----------
    frames : list of Frame
        Which state is drawn when, and the title over it.
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        What that is on.
    animation_ : matplotlib FuncAnimation
        Keep the display for as long as it is to move.
    points_ : matplotlib PathCollection
        The rows.
    ellipses_ : list of matplotlib Ellipse
        Those of a mixture, component after component.
    centers_ : matplotlib PathCollection
        Means or centers.
    trails_ : list of matplotlib Line2D
        Where every mean or center has been.
    """

    def __init__(self, *, states: list[State], plane: Plane) -> None:
        self.states = states
        self.plane = plane
        self.frames = frames_of(states)

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike,
        ax: Axes | None = None,
        *,
        dims: tuple[Feature, Feature] = (0, 1),
        n_std: ArrayLike = (1, 2),
        max_passes: int = 25,
        interval: float = 600.0,
    ) -> Self:
        """Fit a model once more, pass by pass, and animate how it finds its components.

        Every pass is done by the model itself: a mixture goes on by a warm start, k-means from its
        last centers.

        Parameters
        ----------
        model : KMeans or mixture, of fastmix or scikit-learn
            Its parameters, and its `random_state`, are those of the fit that is shown; the model is
            neither fitted nor changed. Of several starts the first is shown. scikit-learn's KMeans, and
            one whose `init` is a callable, is shown from the end of its first pass on, because it
            does not tell where it started.
        X : array-like or DataFrame of shape (n, d), d >= 2
            All rows are fitted; above 2 000 a fixed random 2 000 are drawn.
        ax : matplotlib Axes, default=None
            Where to draw; None is a figure of its own.
        dims : two of int or str, default=(0, 1)
            The features on the horizontal and the vertical axis, by number or, of a DataFrame, name.
        n_std : float or sequence of floats above 0, default=(1, 2)
            Standard deviations at which each component of a mixture has an ellipse.
        max_passes : int, default=25
            Most passes to show; a fit that needs fewer ends earlier.
        interval : float, default=600.0
            Milliseconds for which a frame is seen; every pass has two.

        Returns
        -------
        AnimationDisplay
            Keep it for as long as it is to move. Its method `save` writes it to a file.

        Raises
        ------
        TypeError
            If the passes of the model cannot be done one by one, as those of MiniBatchKMeans, `ax`
            is no Axes, or X is sparse.
        ValueError
            If X has one feature, or dims, n_std, max_passes or interval is out of range.

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from fastmix import KMeans
        >>> from fastmix.plotting import animate_fit
        >>> X, _ = make_blobs(300, centers=4, random_state=3)
        >>> display = animate_fit(KMeans(4, init="random", random_state=0), X)
        >>> display.save("lloyd.gif")
        >>> display.frames[-1].title
        'after 3 passes'
        """
        n_std = standard_deviations(n_std, None)
        most = whole_number("max_passes", max_passes)
        (interval,) = numbers_in("interval", interval, np.inf, "interval=600.0")
        view = plane(X, dims)
        shown = thin(len(view.points), MAX_OVER)
        states = passes(model, X, shown, most)
        display = cls(states=states, plane=view._replace(points=view.points[shown]))
        return display.plot(ax, n_std=n_std, interval=interval)

    def plot(
        self, ax: Axes | None = None, *, n_std: ArrayLike = (1, 2), interval: float = 600.0
    ) -> Self:
        """Draw the first frame, and get ready for the others.

        Parameters
        ----------
        ax, n_std, interval
            As in :func:`~fastmix.plotting.animate_fit`.

        Returns
        -------
        AnimationDisplay
            Itself, with what was drawn.
        """
        from matplotlib.animation import FuncAnimation

        self._n_std = standard_deviations(n_std, None)
        self.ax_ = own_axes() if ax is None else axes(ax)  # its frames are whole figures
        self.figure_ = self.ax_.figure
        first, names, points = self.states[0], self.plane.names, self.plane.points
        means, covariances = self._shapes(0)
        self._colors = palette(len(means))
        self.ellipses_ = []
        if covariances is not None:
            shapes = means, covariances, first.weights
            self.ellipses_ = draw_ellipses(self.ax_, *shapes, self._colors, self._n_std)
        self.points_ = draw_points(self.ax_, points, blend(len(points)), None)
        self.centers_ = self.ax_.scatter(*means.T, zorder=ABOVE, **CENTER)
        self.trails_ = [self.ax_.plot([], [], **TRAIL)[0] for _ in means]
        self._frame_all()
        finish(self.ax_, points, names)
        held = [*range(len(self.frames)), *[len(self.frames) - 1] * HOLD]
        figure: Any = self.figure_
        self.animation_ = FuncAnimation(
            figure, self.show, frames=held, interval=interval, init_func=list
        )
        # The first frame is drawn: a display that is never played is no mistake, of which to warn.
        vars(self.animation_)["_draw_was_started"] = True
        self.show(0)
        return self

    def show(self, number: int) -> list[Any]:
        """Draw one frame.

        Parameters
        ----------
        number : int
            Which of `frames`.

        Returns
        -------
        list of matplotlib artists
            What it has changed.
        """
        frame = self.frames[number]
        means, covariances = self._shapes(frame.shapes)
        if covariances is not None:
            weights = self.states[frame.shapes].weights
            move_ellipses(self.ellipses_, means, covariances, weights, self._colors, self._n_std)
        resp = None if frame.colors < 0 else self.states[frame.colors].resp
        colors: Any = blend(len(self.plane.points), resp, self._colors)
        self.points_.set_facecolor(colors)
        self.centers_.set_offsets(means)
        been = np.array([self._shapes(t)[0] for t in range(frame.shapes + 1)])
        for c, trail in enumerate(self.trails_):
            trail.set_data(been[:, c, 0], been[:, c, 1])
        self.ax_.set_title(frame.title, loc="left", fontsize="medium")
        self.ax_.set_title(frame.value, loc="right", fontsize="medium")
        return [*self.ellipses_, self.points_, self.centers_, *self.trails_]

    def save(self, path: str | Path, *, fps: int | None = None, dpi: float | None = None) -> None:
        """Write the animation to a file.

        Parameters
        ----------
        path : str or Path
            A name that ends in .gif is written by Pillow, which Matplotlib brings along; others, as
            .mp4, need a program that Matplotlib finds, as ffmpeg.
        fps : int, default=None
            Frames a second; None is what `interval` makes of it.
        dpi : float, default=None
            Pixels an inch; None is that of the figure.
        """
        writer = "pillow" if Path(path).suffix.lower() == ".gif" else None
        self.animation_.save(str(path), writer=writer, fps=fps, dpi=dpi)

    def to_jshtml(self) -> str:
        """HTML of a player, all frames within.

        Returns
        -------
        str
            For a page, or a cell of a notebook.
        """
        return self.animation_.to_jshtml()

    def _repr_html_(self) -> str:
        """The player, in a notebook."""
        return self.to_jshtml()

    def _shapes(self, t: int) -> tuple[Array, Array | None]:
        """Means (k, 2), and covariances (k, 2, 2) of a mixture, of state t, as they are drawn."""
        state, dims = self.states[t], self.plane.dims
        if state.matrices is None:
            return state.means[:, list(dims)], None
        return marginal(state.means, state.matrices, dims)

    def _frame_all(self) -> None:
        """Limits that hold all rows, and all places where means will be."""
        places = [self._shapes(t)[0] for t in range(len(self.states))]
        self.ax_.update_datalim(np.concatenate(places))
        self.ax_.autoscale_view()


animate_fit = AnimationDisplay.from_estimator
