"""A model of your own rows: fitted, chosen, drawn and saved, without a line of Python."""

import json
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastmix import saving
from fastmix._commands import CommandError, labels, rows
from fastmix._commands.columns import counted, far_apart, refuse
from fastmix._commands.fitted import Fitted
from fastmix._commands.outputs import check_apart, check_folder
from fastmix.cluster import KMeans
from fastmix.mixture import GaussianMixture
from fastmix.plotting import plot_gmm, plot_kmeans, plot_projection, plot_selection
from fastmix.selection import Selection, select_gmm, select_kmeans

SIZES = {"gmm": range(1, 11), "kmeans": range(2, 11)}  # that are tried where nobody says how many
RANGE = re.compile(r"n_(?:components|clusters)=range\((\d+), (\d+)\)")
WIDTH, HEIGHT, DPI = 6.4, 4.8, 150  # of a panel, in inches


class Choice(NamedTuple):
    """What is to be fitted."""

    model: str  # 'kmeans' or 'gmm'
    sizes: Sequence[int] | None  # numbers of clusters; None: SIZES
    covariance_types: str | Sequence[str] | None  # 'all', or those; None: the usual ones
    criterion: str | None  # None: the usual one
    n_init: int
    seed: int
    standardize: bool


class Outputs(NamedTuple):
    """Where things are written to; None: nowhere."""

    labels: Path | None
    plot: Path | None
    save: Path | None


def fit(
    file: Path, columns: str | None, choice: Choice, outputs: Outputs, as_json: bool = False
) -> None:
    """Fit a model to the rows of a file, write what is asked for, and print what was found.

    Raises
    ------
    CommandError
        If the file or an option cannot be understood, or no model can be fitted.
    OSError
        If a file cannot be written.
    """
    _check(choice, outputs)
    check_apart([file], outputs)
    table = rows.table(file, columns)
    sizes = SIZES[choice.model] if choice.sizes is None else choice.sizes
    if len(table.X) < min(sizes):
        refuse(file, f"{min(sizes)} clusters of {len(table.X)} rows; choose fewer with -k")
    if outputs.plot and table.X.shape[1] < 2 and len(sizes) < 2:
        refuse(file, "--plot needs two columns, or several numbers to choose from: -k 2:10")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scaler = StandardScaler().fit(table.X) if choice.standardize else None
            X = table.X if scaler is None else scaler.transform(table.X)
            model, selection = _fitted(X, sizes, choice)
    except ValueError as error:
        refuse(file, str(error).splitlines()[0])
    hints = [counted(table) if columns is None else None]
    hints += [far_apart(table) if choice.model == "kmeans" and scaler is None else None]
    told = (_in_words_of_the_shell(str(each.message)) for each in caught)
    notes = list(dict.fromkeys([*filter(None, hints), *told]))
    found = Fitted(file, table, model, scaler, selection, labels.of(model, X), notes)
    if outputs.labels:
        labels.write(outputs.labels, found.labels)
    if outputs.plot:
        _draw(found, X).savefig(outputs.plot)
    if outputs.save:
        _save(found, outputs.save)
    if as_json:
        print(json.dumps(found.as_json(), indent=2, allow_nan=False))
        return
    written = [str(path) for path in outputs if path]
    print(found.as_text() + (f"\n\nWritten: {', '.join(written)}" if written else ""))


def _in_words_of_the_shell(text: str) -> str:
    """What a function of Python advises, as options of the command."""
    return RANGE.sub(lambda found: f"-k {found[1]}:{int(found[2]) - 1}", text)


def _check(choice: Choice, outputs: Outputs) -> None:
    """CommandError where options do not fit together, or a file cannot be written."""
    several = choice.sizes is None or len(choice.sizes) > 1
    if choice.model == "kmeans" and choice.covariance_types is not None:
        raise CommandError("--covariance-type is an option of --model gmm")
    if choice.model == "gmm" and choice.covariance_types is not None:
        several = several or choice.covariance_types == "all" or len(choice.covariance_types) > 1
    if choice.criterion is not None and not several:
        raise CommandError("--criterion needs several fits to choose from: -k 2:10")
    if outputs.labels:
        labels.check(outputs.labels)
    if outputs.plot:
        check_folder(outputs.plot)
        kinds = Figure().canvas.get_supported_filetypes()
        if outputs.plot.suffix.lower().removeprefix(".") not in kinds:
            raise CommandError(
                f"cannot write {str(outputs.plot)!r}: figures go to a file in .png, .pdf or .svg"
            )
    if outputs.save:
        check_folder(outputs.save)


def _fitted(X: Any, sizes: Sequence[int], choice: Choice) -> tuple[Any, Selection | None]:
    """The model, and what it was chosen from."""
    options: dict[str, Any] = {"n_init": choice.n_init, "random_state": choice.seed}
    asked: dict[str, Any] = {} if choice.criterion is None else {"criterion": choice.criterion}
    progress = sys.stderr.isatty()
    if choice.model == "kmeans":
        if len(sizes) == 1:
            return KMeans(sizes[0], **options).fit(X), None
        selection = select_kmeans(X, sizes, **asked, **options, progress=progress)
        return selection.best_estimator_, selection
    kinds = choice.covariance_types or ("full" if len(sizes) == 1 else "all")
    if len(sizes) == 1 and kinds != "all" and (isinstance(kinds, str) or len(kinds) == 1):
        kind = kinds if isinstance(kinds, str) else kinds[0]
        return GaussianMixture(sizes[0], covariance_type=kind, **options).fit(X), None
    selection = select_gmm(X, sizes, kinds, **asked, **options, progress=progress)
    return selection.best_estimator_, selection


def _draw(found: Fitted, X: Any) -> Figure:
    """The choice, if there was one, beside the rows as the model has seen them: two columns, or a plane of more."""
    plane = X.shape[1] > 1
    n_panels = plane + (found.selection is not None)
    figure = Figure(figsize=(WIDTH * n_panels, HEIGHT), layout="constrained", dpi=DPI)
    panels = list(figure.subplots(1, n_panels, squeeze=False)[0])
    if found.selection is not None:
        plot_selection(found.selection, panels[0])
    if X.shape[1] > 2:
        plot_projection(found.model, X, panels[-1])
    elif plane:
        plot = plot_gmm if found.is_mixture else plot_kmeans
        ax = plot(found.model, X, panels[-1])
        how = "" if found.scaler is None else ", standardised"
        names = [name if found.table.names else f"column {name}" for name in found.names]
        ax.set_xlabel(f"{names[0]}{how}")
        ax.set_ylabel(f"{names[1]}{how}")
    return figure


def _save(found: Fitted, path: Path) -> None:
    """Save the model, behind the scaler if there is one, with the names of the columns."""
    model = found.model if found.scaler is None else make_pipeline(found.scaler, found.model)
    if found.table.names:
        first = found.model if found.scaler is None else found.scaler
        first.feature_names_in_ = np.array(found.table.names, dtype=object)
    saving.save(model, path)
