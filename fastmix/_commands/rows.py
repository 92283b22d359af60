"""Rows of a file: numbers in columns, or an error that says where there are none."""

import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from fastmix._commands import CommandError

SEPARATORS = {".csv": ",", ".tsv": "\t"}
ENCODING = "utf-8-sig"  # with or without a byte order mark
TOLD = 6  # columns that an error names


def read(path: Path, columns: str | None) -> NDArray[Any]:
    """Rows (n, d) of a .csv, .tsv or .npy file, in float64 unless a .npy file holds float32.

    `columns` names some of them, separated by commas, by the names of the first line or by numbers
    from 1 on; None means all.

    Raises
    ------
    CommandError
        If the file is not there, or not a table of finite numbers: the first bad cell is named.
    """
    try:
        if path.suffix.lower() == ".npy":
            return _array(path, columns)
        if path.suffix.lower() in SEPARATORS:
            return _table(path, columns, SEPARATORS[path.suffix.lower()])
    except OSError as error:
        raise CommandError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise CommandError(f"cannot read {str(path)!r}: it is not text in UTF-8") from None
    raise CommandError(f"cannot read {str(path)!r}: it should end in .csv, .tsv or .npy")


def _refuse(path: Path, reason: str) -> NoReturn:
    raise CommandError(f"{path.name}: {reason}")


def _array(path: Path, columns: str | None) -> NDArray[Any]:
    try:
        X = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        _refuse(path, f"not an array that can be read without pickle ({error})")
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind not in "fiu":
        _refuse(path, f"it should hold an array of numbers of 2 dimensions, got {_described(X)}")
    if columns is not None:
        X = X[:, _chosen(path, columns, [str(j + 1) for j in range(X.shape[1])])]
    X = np.ascontiguousarray(X, np.float32 if X.dtype == np.float32 else np.float64)
    bad = np.argwhere(~np.isfinite(X))
    if len(bad):
        i, j = bad[0]
        _refuse(path, f"row {i + 1}, column {j + 1}: {X[i, j]} is not a finite number")
    return _enough(path, X)


def _described(X: Any) -> str:
    return f"{X.dtype} of shape {X.shape}" if isinstance(X, np.ndarray) else type(X).__name__


class Head(NamedTuple):
    """What the beginning of a table tells."""

    names: list[str]  # of the columns; their numbers where the first line holds numbers
    skipped: int  # lines before the first row
    example: list[str]  # the first row


def _table(path: Path, columns: str | None, separator: str) -> NDArray[Any]:
    with path.open(encoding=ENCODING, newline="") as file:
        head = _head(path, _lines(file, separator))
    chosen = None if columns is None else _chosen(path, columns, head.names)
    try:
        X = np.loadtxt(
            path,
            delimiter=separator,
            comments=None,
            quotechar='"',
            encoding=ENCODING,
            skiprows=head.skipped,
            usecols=chosen,
            ndmin=2,
        )
        sound = bool(np.isfinite(X).all())
    except ValueError:
        sound = False
    if not sound:
        _find_fault(path, separator, head, chosen or range(len(head.names)))
    return _enough(path, X)


def _head(path: Path, lines: Iterator[tuple[int, list[str]]]) -> Head:
    number, first = next(lines, (0, []))
    if all(_is_number(cell) or not cell for cell in first) and first:
        return Head([str(j + 1) for j in range(len(first))], number - 1, first)
    _, example = next(lines, (0, []))
    if not example:
        _refuse(path, "it has no rows")
    return Head(first, number, example)


def _lines(file: Any, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Numbers of lines, from 1 on, and their cells; empty lines are left out."""
    reader = csv.reader(file, delimiter=separator)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, [cell.strip() for cell in cells]


def _find_fault(path: Path, separator: str, head: Head, chosen: Iterable[int]) -> NoReturn:
    """Raise the error of the first cell that is not a finite number."""
    names = head.names
    with path.open(encoding=ENCODING, newline="") as file:
        for number, cells in _lines(file, separator):
            if number <= head.skipped:
                continue
            if len(cells) != len(names):
                _refuse(path, f"line {number} has {len(cells)} columns, not {len(names)}")
            for j in chosen:
                if not _is_number(cells[j]) or not math.isfinite(float(cells[j])):
                    what = f"{cells[j]!r} is not a finite number" if cells[j] else "it is empty"
                    _refuse(path, f"line {number}, column {names[j]!r}: {what}{_advice(head)}")
    _refuse(path, "it is not a table of numbers")


def _advice(head: Head) -> str:
    cells = zip(head.names, head.example, strict=False)
    fine = [name for name, cell in cells if _is_number(cell)]
    if not fine or len(fine) == len(head.names) or any("," in name for name in fine):
        return ""
    return f"; choose others by --columns {','.join(fine[:TOLD])}{',...' if fine[TOLD:] else ''}"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _chosen(path: Path, columns: str, names: list[str]) -> list[int]:
    """Positions of the columns that are named, or numbered from 1 on."""
    found = []
    for wanted in (each.strip() for each in columns.split(",")):
        if wanted in names:
            found.append(names.index(wanted))
        elif wanted.isdecimal() and 1 <= int(wanted) <= len(names):
            found.append(int(wanted) - 1)
        else:
            there = f"{', '.join(names[:TOLD])}{', ...' if names[TOLD:] else ''}"
            _refuse(path, f"it has no column {wanted!r}, but {there}")
    return found


def _enough(path: Path, X: NDArray[Any]) -> NDArray[Any]:
    if len(X) < 2 or not X.shape[1]:
        _refuse(path, f"at least 2 rows and a column are needed, got {X.shape[0]} x {X.shape[1]}")
    return X
