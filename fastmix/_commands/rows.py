"""Rows of a file, whatever its format."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmix._commands import CommandError, delimited, parquet
from fastmix._commands.columns import Columns, Table, chosen, numbers, refuse, sound

SEPARATORS = {".csv": ",", ".tsv": "\t"}


def read(path: Path, columns: Columns) -> NDArray[Any]:
    """Rows (n, d) of a file, as `table` has them."""
    return table(path, columns).X


def table(path: Path, columns: Columns, least: int = 2) -> Table:
    """Rows of a .csv, .tsv, .npy or .parquet file, in float64 unless one of the last two holds float32.

    `columns` names some of them, by the names of the first line or by numbers from 1 on; `least` is the
    number of rows that are needed.

    Raises
    ------
    CommandError
        If the file is not there, or not a table of finite numbers: the first bad cell is named.
    """
    with _reading(path):
        found = READERS[_kind(path)](path, columns)
    n, d = found.X.shape
    if n < least or not d:
        rows = f"{least} rows" if least > 1 else "a row"
        refuse(path, f"at least {rows} and a column are needed, got {n} x {d}")
    return found


def names(path: Path) -> list[str] | None:
    """What the columns of a file are called; None where it has no names.

    Raises
    ------
    CommandError
        If the file cannot be read.
    """
    with _reading(path):
        kind = _kind(path)
        if kind in SEPARATORS:
            head = delimited.head_of(path, SEPARATORS[kind])
            return head.names if head.named else None
        return parquet.names(path) if kind == ".parquet" else None


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in READERS:
        *others, last = READERS
        allowed = f"{', '.join(others)} or {last}"
        raise CommandError(f"cannot read {str(path)!r}: it should end in {allowed}")
    return kind


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Errors of a file tell which file it is, in one line."""
    try:
        yield
    except OSError as error:
        raise CommandError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise CommandError(f"cannot read {str(path)!r}: it is not text in UTF-8") from None


def _array(path: Path, columns: Columns) -> Table:
    """The chosen columns of an array."""
    try:
        X = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        refuse(path, f"not an array that can be read without pickle ({error})")
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind not in "fiu":
        refuse(path, f"it should hold an array of numbers of 2 dimensions, got {_described(X)}")
    its = chosen(path, columns, numbers(X.shape[1]))
    return Table(sound(path, X[:, its], [str(j + 1) for j in its]), None)


def _described(X: Any) -> str:
    return f"{X.dtype} of shape {X.shape}" if isinstance(X, np.ndarray) else type(X).__name__


READERS: dict[str, Callable[[Path, Columns], Table]] = {
    **{
        kind: partial(delimited.table, separator=separator)
        for kind, separator in SEPARATORS.items()
    },
    ".npy": _array,
    ".parquet": parquet.table,
}
