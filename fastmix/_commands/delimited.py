"""Text in columns, CSV and TSV: numbers, or an error that says where there are none."""

import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from fastmix._commands.columns import Columns, Table, advice, chosen, numbers, refuse

OTHERS = (";", "\t", "|", ",")  # that separate columns elsewhere
LONG = 40  # letters of a name that an error tells
ENCODING = "utf-8-sig"  # with or without a byte order mark


class Head(NamedTuple):
    """What the beginning of a table tells."""

    names: list[str]  # of the columns; their numbers where the first line holds numbers
    named: bool
    skipped: int  # lines before the first row
    example: list[str]  # the first row


def table(path: Path, columns: Columns, separator: str) -> Table:
    """The chosen columns of a file."""
    head = head_of(path, separator)
    its = chosen(path, columns, head.names)
    try:
        X = np.loadtxt(
            path,
            delimiter=separator,
            comments=None,
            quotechar='"',
            encoding=ENCODING,
            skiprows=head.skipped,
            usecols=None if columns is None else its,
            ndmin=2,
        )
        sound = bool(np.isfinite(X).all())
    except ValueError:
        sound = False
    if not sound:
        _find_fault(path, separator, head, its)
    return Table(X, [head.names[j] for j in its] if head.named else None)


def head_of(path: Path, separator: str) -> Head:
    """What the beginning of a file tells."""
    with path.open(encoding=ENCODING, newline="") as file:
        lines = _lines(file, separator)
        number, first = next(lines, (0, []))
        if all(_is_number(cell) or not cell for cell in first) and first:
            return Head(numbers(len(first)), False, number - 1, first)
        _, example = next(lines, (0, []))
    if not example:
        refuse(path, "it has no rows")
    for other in OTHERS:  # a row that has it too has no number there
        if len(first) == 1 and other in first[0] and any(other in cell for cell in example):
            refuse(
                path,
                f"line {number} is one column, {_cut(first[0])!r}: another delimiter? Columns should be "
                f"separated by {separator!r}, not by {other!r}",
            )
    return Head(first, True, number, example)


def _cut(name: str) -> str:
    """The beginning of a name."""
    return name if len(name) <= LONG else f"{name[:LONG]}..."


def _lines(file: Any, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Numbers of lines, from 1 on, and their cells; empty lines are left out."""
    reader = csv.reader(file, delimiter=separator)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, [cell.strip() for cell in cells]


def _find_fault(path: Path, separator: str, head: Head, its: Iterable[int]) -> NoReturn:
    """Raise the error of the first cell that is not a finite number."""
    names = head.names
    with path.open(encoding=ENCODING, newline="") as file:
        for number, cells in _lines(file, separator):
            if number <= head.skipped:
                continue
            if len(cells) != len(names):
                refuse(path, f"line {number} has {len(cells)} columns, not {len(names)}")
            for j in its:
                if not _is_number(cells[j]) or not math.isfinite(float(cells[j])):
                    what = f"{cells[j]!r} is not a finite number" if cells[j] else "it is empty"
                    more = advice(names, _fine(head))
                    refuse(path, f"line {number}, column {names[j]!r}: {what}{more}")
    refuse(path, "it is not a table of numbers")


def _fine(head: Head) -> list[str]:
    """Columns that hold a number in the first row."""
    return [n for n, cell in zip(head.names, head.example, strict=False) if _is_number(cell)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
