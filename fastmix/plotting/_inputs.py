"""What a picture is made of: a fitted model and two features. Everything wrong is refused here."""

import operator
import os
from collections.abc import Collection, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError

from fastmix._validation import check_is_fitted
from fastmix.plotting._geometry import Array, n_std_of_levels
from fastmix.sources import is_elsewhere

Feature = int | str  # its number, or its name in a DataFrame


class Plane(NamedTuple):
    """The two features of X that are drawn."""

    points: Array  # (n, 2)
    dims: tuple[int, int]  # where the two features are in X
    names: tuple[str, str] | None  # what the axes are called, None where nothing needs a name


class Table(NamedTuple):
    """All features of X."""

    rows: NDArray[Any]  # (n, d) of any dtype
    names: list[str]  # of the columns of a DataFrame, else "feature 0" and so on
    named: bool  # are these names the caller's?

    def numbers(self, features: Any) -> list[int] | None:
        """Features by number or, of a DataFrame, name, as plain ints; None where they are not that."""
        names, d = self.names if self.named else [], len(self.names)
        try:
            found = [names.index(j) if isinstance(j, str) else operator.index(j) for j in features]
        except (TypeError, ValueError):
            return None
        fine = len(set(found)) == len(found) and all(0 <= j < d for j in found)
        return found if fine else None

    def points(self, features: list[int]) -> Array:
        """Rows (n, m) of some features."""
        return np.asarray(self.rows[:, features], dtype=np.float64)

    @property
    def allowed(self) -> str:
        """What features may be called, for messages."""
        return f"0 to {len(self.names) - 1}{', or names of columns' if self.named else ''}"


def table(X: ArrayLike) -> Table:
    """X (n, d) with the names of its features; an error if it is no table of them."""
    if hasattr(X, "toarray"):
        raise TypeError("X must be dense, got a sparse matrix; pass X.toarray().")
    if is_elsewhere(X):
        what = f"the path {str(X)!r}" if isinstance(X, str | os.PathLike) else type(X).__name__
        raise TypeError(
            f"X must be rows in memory to be drawn, got {what}; pass some of them, such as every hundredth: "
            "numpy.load(path, mmap_mode='r')[::100], or pandas.read_parquet(path)[::100]."
        )
    rows = np.asarray(X)
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(
            f"X must have shape (n, d) with at least one row, got shape {rows.shape}; "
            "a single row is X.reshape(1, -1)."
        )
    columns = getattr(X, "columns", None)
    names = [f"feature {j}" for j in range(rows.shape[1])]
    if columns is not None:
        names = [str(name) for name in columns]
    return Table(rows, names, columns is not None)


def plane(X: ArrayLike, dims: tuple[Feature, Feature]) -> Plane:
    """The features `dims` of X (n, d), with their names; ValueError if X is no table of them."""
    whole = table(X)
    d = len(whole.names)
    if d < 2:
        raise ValueError(
            f"X must have at least 2 features to be drawn in the plane, got {d}; "
            "for one feature draw a histogram, plot_pairs(model, X)."
        )
    pair = whole.numbers(dims)
    if pair is None or len(pair) != 2:
        raise ValueError(
            f"dims must be two different features from {whole.allowed}, got {dims!r}; "
            "the first two are dims=(0, 1)."
        )
    x, y = pair
    names = (whole.names[x], whole.names[y]) if whole.named or d > 2 else None
    return Plane(whole.points(pair), (x, y), names)


WAYS_OUT = {
    "cluster_centers_": "a KMeans to plot_kmeans, a GaussianMixture to plot_gmm",
    "means_": "a GaussianMixture; KMeans, which knows no probabilities, has plot_kmeans",
    "means_ or cluster_centers_": "a KMeans or a GaussianMixture",
}


OF_PIPELINES = "(of a pipeline: its last step, with the X that this step sees)."


def ready(
    model: Any, X: ArrayLike | None, way_out: str = "pass a KMeans or a GaussianMixture."
) -> None:
    """Fit a model not yet fitted; an error if it is none, or if there are no rows to fit it on."""
    if not (hasattr(model, "fit") and hasattr(model, "predict")):
        raise TypeError(f"model must have fit and predict, got {type(model).__name__}; {way_out}")
    try:
        check_is_fitted(model)
    except NotFittedError:
        if X is None:
            raise ValueError(
                f"X must be rows to fit the {type(model).__name__} on, which is not fitted, got None; "
                "pass rows, or a fitted model."
            ) from None
        model.fit(X)


def fitted_centers(model: Any, X: ArrayLike, *attributes: str) -> Array:
    """The centers (k, d) that the model keeps under one of these names; a model not yet fitted is."""
    kind, wanted = type(model).__name__, " or ".join(attributes)
    way_out = f"pass {WAYS_OUT[wanted]} {OF_PIPELINES}"
    ready(model, X, way_out)
    kept = [name for name in attributes if hasattr(model, name)]
    if not kept:
        raise TypeError(f"model must have {wanted} once fitted, got {kind}; {way_out}")
    centers = np.asarray(getattr(model, kept[0]), dtype=np.float64)
    d = np.shape(X)[1]
    if centers.shape[1] != d:
        raise ValueError(
            f"X must have the {centers.shape[1]} features that the model was fitted on, got {d}; "
            "choose what is drawn by dims or features, not by slicing X."
        )
    return centers


def one_of(name: str, value: Any, allowed: Collection[str]) -> None:
    """ValueError unless the value is one of those allowed."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {list(allowed)}, got {value!r}.")


def rows_among(rows: int | Sequence[int], n: int) -> NDArray[np.intp] | None:
    """Numbers of rows as an array, all among n; None if it is only told how many."""
    given = np.asarray(rows)
    whole = given.dtype.kind in "iu"
    if whole and given.ndim == 0 and given > 0:
        return None
    if not whole or given.ndim != 1 or not given.size or given.min() < 0 or given.max() >= n:
        raise ValueError(
            f"rows must be how many, above 0, or numbers of rows from 0 to {n - 1}, got {rows!r}; "
            "for example rows=30 or rows=(0, 7, 9)."
        )
    return given.astype(np.intp)


def row_names(X: ArrayLike, rows: NDArray[np.intp]) -> list[str]:
    """What some rows are called: the labels of a pandas DataFrame, else their numbers."""
    index = (
        getattr(X, "index", None) if hasattr(X, "columns") else None
    )  # lists have a method index
    return [str(i if index is None else index[i]) for i in rows.tolist()]


def whole_number(name: str, value: int) -> int:
    """`value` itself; ValueError unless it is a whole number above 0."""
    if not (isinstance(value, Integral) and value > 0):
        raise ValueError(f"{name} must be a whole number above 0, got {value!r}.")
    return int(value)


def quantile_of(quantile: float) -> float:
    """`quantile` itself; ValueError unless it is one number in (0, 1]."""
    if not (isinstance(quantile, Real) and 0 < quantile <= 1):
        raise ValueError(
            f"quantile must be a number in (0, 1], got {quantile!r}; "
            "quantile=1.0 is the farthest point."
        )
    return float(quantile)


def standard_deviations(n_std: ArrayLike, levels: ArrayLike | None) -> Array:
    """How many standard deviations (m,) each ellipse lies out: n_std, or what levels ask for."""
    if levels is None:
        return numbers_in("n_std", n_std, np.inf, "n_std=(1, 2, 3)")
    return n_std_of_levels(numbers_in("levels", levels, 1.0, "levels=(0.5, 0.9, 0.99)"))


def numbers_in(name: str, values: ArrayLike, below: float, example: str) -> Array:
    """One or several numbers as an array (m,); ValueError unless all are above 0 and `below`."""
    try:
        numbers = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.ndim != 1 or not numbers.size or not np.all((numbers > 0) & (numbers < below)):
        raise ValueError(
            f"{name} must be one or more numbers in (0, {below:g}), got {values!r}; "
            f"for example {example}."
        )
    return numbers
