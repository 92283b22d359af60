"""Parquet files, where pyarrow is there to read them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fastmix._commands import CommandError
from fastmix._commands.columns import Columns, Table, advice, chosen, refuse, sound
from fastmix._readers import features_of


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file, as pyarrow has it."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise CommandError(
            f"cannot read {str(path)!r}: that needs pyarrow, which is not installed"
        ) from None
    with path.open("rb") as file:
        try:
            yield ParquetFile(file)
        except ArrowException as error:
            refuse(path, f"not a Parquet file that can be read ({str(error).splitlines()[0]})")


def table(path: Path, columns: Columns) -> Table:
    """The chosen columns of a file."""
    with _opened(path) as file:
        schema = file.schema_arrow
        everything = features_of(schema)
        names = [everything[j] for j in chosen(path, columns, everything)]
        fine = [name for name in everything if _holds_numbers(schema.field(name).type)]
        for name in names:
            if name not in fine:
                what = f"column {name!r} holds {schema.field(name).type}, not numbers"
                refuse(path, what + advice(everything, fine))
        held = file.read(columns=names)
    for name in names:
        if held[name].null_count:
            row = held[name].is_null().to_numpy().argmax()
            refuse(path, f"row {row + 1}, column {name!r}: it is empty")
    values = [held[name].to_numpy() for name in names]
    X = np.stack(values, axis=1) if values else np.empty((held.num_rows, 0))
    return Table(sound(path, X, [repr(name) for name in names]), names)


def names(path: Path) -> list[str]:
    """What the columns of a file are called, but for the index of a frame."""
    with _opened(path) as file:
        return features_of(file.schema_arrow)


def _holds_numbers(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))
