"""Labels of rows, and how probable they are, as a table."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._commands import CommandError
from fastmix._commands.outputs import check_folder
from fastmix._commands.rows import SEPARATORS


class Labels(NamedTuple):
    """What a model says of rows."""

    labels: NDArray[Any]  # (n,)
    probability: NDArray[Any] | None  # (n,) of the label; None where the model has none

    @property
    def counts(self) -> list[int]:
        """Rows of every label, from 0 on."""
        return [int(count) for count in np.bincount(self.labels)]


def of(model: Any, X: NDArray[Any]) -> Labels:
    """Labels of the rows X (n, d)."""
    probable = model.predict_proba(X).max(1) if hasattr(model, "predict_proba") else None
    return Labels(model.predict(X), probable)


def check(path: Path) -> None:
    """CommandError where labels cannot be written: rather now than after the work."""
    if path.suffix.lower() not in SEPARATORS:
        allowed = " or ".join(SEPARATORS)
        raise CommandError(f"cannot write {str(path)!r}: labels go to a file in {allowed}")
    check_folder(path)


def write(path: Path, found: Labels) -> None:
    """Write a line for every row, in their order.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    names, form, columns = ["label"], ["%d"], [found.labels]
    if found.probability is not None:
        names, form, columns = (
            [*names, "probability"],
            [*form, "%.6g"],
            [*columns, found.probability],
        )
    separator = SEPARATORS[path.suffix.lower()]
    np.savetxt(
        path,
        np.column_stack(columns),
        fmt=form,
        delimiter=separator,
        header=separator.join(names),
        comments="",
        encoding="utf-8",
    )
