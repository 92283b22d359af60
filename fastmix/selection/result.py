"""The result of a choice: the table of all fits, and the one that was chosen."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fastmix.plotting import SelectionDisplay

Record = dict[str, Any]  # a line of the table, by column
TOLD = 5  # fits that a text names
FEWEST_TRIED = 3  # numbers whose ends tell something: of two, one is always at an end


class Selection:
    """What :func:`fastmix.select_gmm` and :func:`fastmix.select_kmeans` have found.

    A notebook shows it as a table of the criterion, ``print`` the best fits, and :meth:`plot` draws it.

    Attributes
    ----------
    criterion : str
        By what was chosen; a column of the table.
    lower_is_better : bool
        Whether the criterion of a better fit is lower.
    table_ : list of dict
        A line for every fit, in their order: its parameters, criteria, course, seconds, and
        ``error``, the reason why it failed or None. What a failed fit has not is None.
    best_index_ : int
        Number of the chosen line.
    best_params_ : dict
        Its parameters.
    best_estimator_ : GaussianMixture or KMeans
        The chosen model, fitted.
    advice_ : str or None
        What to try next, where the choice is the first or the last of three or more numbers tried, and a
        number beyond may be better.

    Examples
    --------
    >>> from fastmix import select_kmeans
    >>> found = select_kmeans([[0.0], [1.0], [9.0], [10.0], [20.0]], [2, 3], random_state=0)
    >>> found.best_params_
    {'n_clusters': 3}
    >>> [line["n_iter"] for line in found.table_]
    [2, 2]
    """

    def __init__(
        self,
        criterion: str,
        lower_is_better: bool,
        table: list[Record],
        best_index: int,
        best_params: Record,
        best_estimator: Any,
        least: int = 1,
    ) -> None:
        self.criterion = criterion
        self.lower_is_better = lower_is_better
        self.table_ = table
        self.best_index_ = best_index
        self.best_params_ = best_params
        self.best_estimator_ = best_estimator
        self.advice_ = self._advice(least)

    def plot(self, ax: Axes | None = None) -> SelectionDisplay:
        """Draw the criterion over the number of clusters or components, the choice marked.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None is the current axes.

        Returns
        -------
        fastmix.plotting.SelectionDisplay
            Drawn, on its ``ax_``; nothing is shown or saved.

        See Also
        --------
        fastmix.plotting.plot_selection : The same, as a function.

        Examples
        --------
        >>> from fastmix import select_kmeans
        >>> found = select_kmeans([[0.0], [1.0], [9.0], [10.0], [20.0]], [2, 3], random_state=0)
        >>> found.plot().ax_.get_xlabel()
        'number of clusters'
        """
        from fastmix.plotting import plot_selection  # which brings Matplotlib along

        return plot_selection(self, ax)

    def _advice(self, least: int) -> str | None:
        """What to try where numbers beyond those tried may be better; none below `least` makes sense."""
        name = next(iter(self.best_params_))
        best, tried = self.best_params_[name], sorted({line[name] for line in self.table_})
        if len(tried) < FEWEST_TRIED:
            return None
        if best == tried[-1]:
            return (
                f"The best {self.criterion} is that of {name}={best}, the largest number tried: more may "
                f"be better. Try more, for example {name}=range({tried[0]}, {2 * best + 1})."
            )
        if best == tried[0] > least:
            return (
                f"The best {self.criterion} is that of {name}={best}, the smallest number tried: fewer "
                f"may be better. Try fewer, for example {name}=range({least}, {tried[-1] + 1})."
            )
        return None

    def to_frame(self) -> Any:
        """The table as a pandas DataFrame.

        Returns
        -------
        table : pandas.DataFrame
            A row for every fit.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError:
            raise ImportError(
                "to_frame() needs pandas, which is not installed: install it, or read table_, which is a "
                "list of dicts with the same in it."
            ) from None
        return DataFrame(self.table_)

    def __repr__(self) -> str:
        names, ranked = [*self.best_params_, self.criterion], self._ranked()[:TOLD]
        cells = [names, *([_text(line[name]) for name in names] for line in ranked)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in cells
        ]
        return "\n".join([self._told(), *lines])

    def _told(self) -> str:
        """The choice in a sentence."""
        chosen = ", ".join(f"{name}={value!r}" for name, value in self.best_params_.items())
        failed = sum(line["error"] is not None for line in self.table_)
        less = f", {failed} of which failed" if failed else ""
        better = "lower" if self.lower_is_better else "higher"
        return (
            f"{type(self.best_estimator_).__name__} with {chosen}: the best {self.criterion} "
            f"({better} is better) of {len(self.table_)} fits{less}."
        )

    def _ranked(self) -> list[Record]:
        """Lines of the fits that did not fail, the best first."""
        sign = 1 if self.lower_is_better else -1
        sound = [line for line in self.table_ if line["error"] is None]
        return sorted(sound, key=lambda line: sign * line[self.criterion])

    def _repr_html_(self) -> str:
        """The criterion of all fits as a table, the chosen one in bold, for notebooks."""
        name, *others = self.best_params_
        columns = dict.fromkeys(_label(line, others, self.criterion) for line in self.table_)
        rows: dict[int, dict[str, str]] = {}
        for number, line in enumerate(self.table_):
            cell = self._cell(line, number == self.best_index_)
            rows.setdefault(line[name], {})[_label(line, others, self.criterion)] = cell
        head = "".join(f"<th>{escape(each)}</th>" for each in (name, *columns))
        body = "".join(
            f"<tr><th>{k}</th>{''.join(cells[each] for each in columns)}</tr>"
            for k, cells in rows.items()
        )
        return (
            f"<table><caption>{escape(self._told())}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def _cell(self, line: Record, best: bool) -> str:
        """One value of the criterion, or why there is none, in HTML."""
        if line["error"] is not None:
            return f'<td title="{escape(line["error"])}">failed</td>'
        text = escape(_text(line[self.criterion]))
        return f"<td><strong>{text}</strong></td>" if best else f"<td>{text}</td>"


def _label(line: Record, others: list[str], criterion: str) -> str:
    """What stands above a value: what tells its fit from others of as many clusters, if anything."""
    return ", ".join(str(line[name]) for name in others) or criterion


def _text(value: Any) -> str:
    """A value of the table, in as many digits as tell one criterion from the next."""
    return f"{value:.7g}" if isinstance(value, float) else str(value)
