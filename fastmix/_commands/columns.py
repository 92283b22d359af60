"""Columns of a table, by name or by number, and what is wrong with a table, in one line."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from fastmix._commands import CommandError

TOLD = 6  # columns that an error names
FEW = 3  # rows that are not enough to say that a column counts them
FAR_APART = 30  # times as far as the smallest may the largest column spread, or it decides alone

Columns = str | Sequence[str] | None  # separated by commas, or one by one; None: all


class Table(NamedTuple):
    """Rows, and what their columns are called."""

    X: NDArray[Any]  # (n, d)
    names: list[str] | None  # (d,) None where the file has no names


def refuse(path: Path, reason: str) -> NoReturn:
    """CommandError of a file."""
    raise CommandError(f"{path.name}: {reason}")


def chosen(path: Path, columns: Columns, names: Sequence[str]) -> list[int]:
    """Positions of the columns that are named, or numbered from 1 on."""
    if columns is None:
        return list(range(len(names)))
    found = []
    for wanted in columns.split(",") if isinstance(columns, str) else columns:
        wanted = wanted.strip()
        if wanted in names:
            found.append(names.index(wanted))
        elif wanted.isdecimal() and 1 <= int(wanted) <= len(names):
            found.append(int(wanted) - 1)
        else:
            refuse(path, f"it has no column {wanted!r}, but {_some(names, ', ')}")
    return found


def advice(names: Sequence[str], fine: Sequence[str]) -> str:
    """Which columns could be chosen, where some hold numbers."""
    if not fine or len(fine) == len(names) or any("," in name for name in fine):
        return ""
    return f"; choose others by --columns {shlex.quote(_some(fine, ','))}"


def counted(table: Table) -> str | None:
    """A note if the first column does nothing but count the rows, as an index that pandas has written does."""
    X, names = table.X, table.names or numbers(table.X.shape[1])
    if len(names) < 2 or len(X) < FEW or not (np.diff(X[:, 0]) == 1).all():
        return None
    what = (
        f"The first column, {names[0]!r}," if names[0] else "The first column, which has no name,"
    )
    others = advice(names, names[1:]) or "; leave it out by --columns"
    return f"{what} counts the rows and is no measurement, but the model was fitted to it{others}"


def far_apart(table: Table) -> str | None:
    """A note if the scales of columns are so far apart that the largest decides alone what is near."""
    names = table.names or numbers(table.X.shape[1])
    spread = table.X.std(0, dtype=np.float64)
    varied = np.flatnonzero(spread > 0)
    if not len(varied):
        return None
    small, large = (varied[pick(spread[varied])] for pick in (np.argmin, np.argmax))
    ratio = spread[large] / spread[small]
    if ratio <= FAR_APART:
        return None
    return (
        f"Column {names[large]!r} spreads {ratio:,.0f} times as far as {names[small]!r}, and k-means compares "
        "distances: --standardize gives all columns one scale."
    )


def _some(names: Sequence[str], separator: str) -> str:
    more = [*names[:TOLD], *(["..."] if names[TOLD:] else [])]
    return separator.join(more)


def numbers(n: int) -> list[str]:
    """What columns are called that have no names."""
    return [str(j + 1) for j in range(n)]


def sound(path: Path, X: NDArray[Any], names: Sequence[str]) -> NDArray[Any]:
    """X (n, d), C-ordered, float32 if it is, else float64; CommandError for the first number that is none."""
    X = np.ascontiguousarray(X, np.float32 if X.dtype == np.float32 else np.float64)
    bad = np.argwhere(~np.isfinite(X))
    if len(bad):
        i, j = bad[0]
        refuse(path, f"row {i + 1}, column {names[j]}: {X[i, j]} is not a finite number")
    return X
