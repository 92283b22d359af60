"""The sweep: fit after fit, what came of each, and the best of them.

Threads work within a fit. Fits side by side, with one thread each, took 1.4 times as long on two CPUs: much of
a short fit is Python, which one thread runs at a time.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from fastmix import _validation as validation
from fastmix.selection.result import Record, Selection

# From parameters the fitted model and what it adds to its line of the table; ValueError where it fails
Fit = Callable[..., tuple[Any, Record]]


class Criterion(NamedTuple):
    """By what is chosen."""

    name: str  # a column of the table
    lower_is_better: bool

    def prefers(self, line: Record, other: Record) -> bool:
        """Is one line of the table better than another?"""
        ours, best = line[self.name], other[self.name]
        return bool(ours < best if self.lower_is_better else ours > best)


class Found(NamedTuple):
    """What a sweep has found."""

    table: list[Record]
    best_index: int  # of its line
    best: Any  # model


def sweep(
    grid: Sequence[Mapping[str, Any]],
    fit: Fit,
    columns: Sequence[str],
    criterion: Criterion,
    progress: bool,
) -> Found:
    """Fit all that the grid has, and choose the best, the first among equals.

    Raises
    ------
    ValueError
        If every fit fails: with the reason of the first.
    """
    from tqdm import tqdm  # takes longer to import than all of this package

    table, best, best_index = list[Record](), None, -1
    with tqdm(grid, f"choosing by {criterion.name}", disable=not progress, unit="fit") as bar:
        for params in bar:
            model, line = _one(params, fit, columns, criterion)
            table.append(line)
            if line["error"] is None and (
                best is None or criterion.prefers(line, table[best_index])
            ):
                best, best_index = model, len(table) - 1
    if best is None:
        first = ", ".join(f"{name}={value!r}" for name, value in grid[0].items())
        raise ValueError(f"All {len(grid)} fits failed. The first, {first}: {table[0]['error']}")
    return Found(table, best_index, best)


def advised(found: Selection) -> Selection:
    """The same, after a warning where numbers that were not tried may be better."""
    if found.advice_:
        validation.warn(found.advice_, UserWarning)
    return found


def _one(
    params: Mapping[str, Any], fit: Fit, columns: Sequence[str], criterion: Criterion
) -> tuple[Any, Record]:
    """One fit and its line of the table, where a failure leaves its reason."""
    line: Record = {**params, **dict.fromkeys(columns), "error": None}
    model, began = None, time.perf_counter()
    try:
        model, values = fit(**params)
        line |= values
        if math.isnan(line[criterion.name]):
            raise ValueError(f"Its {criterion.name} is not a number.")
    except ValueError as error:
        line["error"] = str(error)
    return model, line | {"seconds": time.perf_counter() - began}
