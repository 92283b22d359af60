"""To which components chosen rows belong, and how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmix.plotting._doubts import uncertainty
from fastmix.plotting._geometry import Array
from fastmix.plotting._inputs import fitted_centers, row_names, rows_among, table
from fastmix.plotting._layout import axes, bar_width, name_components, tick_names
from fastmix.plotting._style import ABOVE_AXES, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHORT = 5  # letters of a name beside which another word has room


class ResponsibilitiesDisplay:
    """Responsibilities of some rows as bars of length 1, a piece for each component.

    Made by :func:`~fastmix.plotting.plot_responsibilities`, which is its `from_estimator`.

    Parameters
    ----------
    resp : ndarray of shape (m, k)
        Probability of every component for the m rows, from above.
    rows : ndarray of shape (m,)
        Their numbers in X.
    names : list of str
        What they are called: labels of a DataFrame, else their numbers.
    weights : ndarray of shape (k,)
        Weights of the components.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        What that is on.
    bars_ : list of matplotlib BarContainer
        For every component its pieces of all bars.
    legend_ : matplotlib Legend or None
        Colours and weights of up to 24 components.
    """

    def __init__(
        self, *, resp: Array, rows: NDArray[np.intp], names: list[str], weights: Array
    ) -> None:
        self.resp = resp
        self.rows = rows
        self.names = names
        self.weights = weights

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike,
        ax: Axes | None = None,
        *,
        rows: int | Sequence[int] = 30,
    ) -> Self:
        """Draw the probabilities of all components for chosen rows, as stacked bars.

        Parameters
        ----------
        model : mixture of fastmix or scikit-learn
            Whatever has `fit`, `predict`, `predict_proba` and, once fitted, `means_` and `weights_`. A
            model not yet fitted is fitted on X, in place; a fitted one is drawn as it is.
        X : array-like or DataFrame of shape (n, d)
            Rows, never changed.
        ax : matplotlib Axes, default=None
            Where to draw; None is the current axes.
        rows : int or sequence of int, default=30
            How many rows to draw, which are those most in doubt, put in order by component; or
            numbers of rows in X, in the order in which they are drawn.

        Returns
        -------
        ResponsibilitiesDisplay
            The numbers, and in `ax_` what they are drawn on; nothing is shown or saved.

        Raises
        ------
        TypeError
            If the model is no mixture, `ax` is no Axes, or X is sparse.
        ValueError
            If X has others features than the model, or rows are not among those of X.

        See Also
        --------
        plot_uncertainty : Where the rows in doubt lie.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from fastmix import GaussianMixture
        >>> from fastmix.plotting import plot_responsibilities
        >>> X = load_iris().data
        >>> display = plot_responsibilities(GaussianMixture(3, random_state=0), X, rows=[77, 83, 0])
        >>> display.resp.round(2)
        array([[0.37, 0.  , 0.63],
               [0.01, 0.  , 0.99],
               [0.  , 1.  , 0.  ]])
        """
        n = len(table(X).rows)
        given = rows_among(rows, n)
        fitted_centers(model, X, "means_")
        resp = np.asarray(model.predict_proba(X), np.float64)
        if given is None:
            doubtful = np.argsort(-uncertainty(resp), kind="stable")[: int(rows)]  # type: ignore[arg-type]
            # component by component, the surest of each first
            given = doubtful[np.lexsort((-resp[doubtful].max(1), resp[doubtful].argmax(1)))]
        weights = np.asarray(model.weights_, np.float64)
        display = cls(resp=resp[given], rows=given, names=row_names(X, given), weights=weights)
        return display.plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw it, perhaps once more.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None is the current axes.

        Returns
        -------
        ResponsibilitiesDisplay
            Itself, with what was drawn.
        """
        self.ax_ = axes(ax)
        self.figure_ = self.ax_.figure
        m, k = self.resp.shape
        colors = palette(k)
        starts = np.cumsum(self.resp, axis=1) - self.resp
        self.bars_ = [
            self.ax_.barh(
                np.arange(m), self.resp[:, c], bar_width(m), starts[:, c], color=colors[c]
            )
            for c in range(k)
        ]
        self.ax_.set(xlim=(0, 1), ylim=(m - 0.5, -0.5), xlabel="responsibility")
        tick_names(self.ax_, self.names)
        if max(map(len, self.names)) <= SHORT:
            self.ax_.set_ylabel("row")
        self.legend_ = name_components(self.ax_, colors, self.weights, "component", **ABOVE_AXES)
        return self


plot_responsibilities = ResponsibilitiesDisplay.from_estimator
