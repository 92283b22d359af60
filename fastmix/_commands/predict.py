"""Labels of new rows, from a saved model."""

import warnings
from pathlib import Path
from typing import Any

from fastmix._commands import CommandError, labels, rows
from fastmix._commands.columns import Columns, refuse
from fastmix._commands.outputs import check_apart
from fastmix.saving import LoadError, load


def predict(model: Path, file: Path, columns: str | None, out: Path) -> None:
    """Write the labels of the rows of a file.

    Raises
    ------
    CommandError
        If the model or the file cannot be understood, or do not fit together.
    OSError
        If `out` cannot be written.
    """
    labels.check(out)
    check_apart([model, file], [out])
    loaded = _loaded(model)
    X = rows.table(file, _columns(loaded, file, columns), least=1).X
    d = loaded.n_features_in_
    if X.shape[1] != d:
        refuse(file, f"{X.shape[1]} columns, but the model has {d}; choose them by --columns")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the names of columns are ours to look after
        found = labels.of(loaded, X)
    labels.write(out, found)
    told = ", ".join(f"{count:,} of label {c}" for c, count in enumerate(found.counts))
    print(f"{file.name}: {len(X):,} rows, {told}\n\nWritten: {out}")


def _loaded(path: Path) -> Any:
    """The fitted model of a file."""
    try:
        model = load(path)
    except LoadError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    if not hasattr(model, "n_features_in_"):
        raise CommandError(
            f"cannot predict by {str(path)!r}: the model was saved before it was fitted"
        )
    return model


def _columns(model: Any, file: Path, columns: str | None) -> Columns:
    """The columns that were asked for, or those that the model was fitted to, where both have names."""
    known = getattr(model, "feature_names_in_", None)
    if columns is not None or known is None or rows.names(file) is None:
        return columns
    return [str(name) for name in known]
