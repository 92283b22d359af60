"""What a picture is made of: a fitted model and two features. Everything wrong is refused here."""

import operator
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError

from fastmix._validation import check_is_fitted
from fastmix.plotting._geometry import Array, n_std_of_levels

Feature = int | str  # its number, or its name in a DataFrame


class Plane(NamedTuple):
    """The two features of X that are drawn."""

    points: Array  # (n, 2)
    dims: tuple[int, int]  # where the two features are in X
    names: tuple[str, str] | None  # what the axes are called, None where nothing needs a name


def plane(X: ArrayLike, dims: tuple[Feature, Feature]) -> Plane:
    """The features `dims` of X (n, d), with their names; ValueError if X is no table of them."""
    if hasattr(X, "toarray"):
        raise TypeError("X must be dense, got a sparse matrix; pass X.toarray().")
    rows = np.asarray(X)
    if rows.ndim != 2 or rows.shape[0] == 0:
        raise ValueError(
            f"X must have shape (n, d) with at least one row, got shape {rows.shape}; "
            "a single row is X.reshape(1, -1)."
        )
    d = rows.shape[1]
    if d < 2:
        raise ValueError(
            f"X must have at least 2 features to be drawn in the plane, got {d}; "
            "for one feature draw a histogram, ax.hist(X)."
        )
    columns = getattr(X, "columns", None)
    x, y = pair = _pair_of_features(dims, d, columns)
    names: tuple[str, str] | None = None
    if columns is not None:
        names = str(columns[x]), str(columns[y])
    elif d > 2:
        names = f"feature {x}", f"feature {y}"
    return Plane(rows[:, pair].astype(np.float64), pair, names)


def _pair_of_features(dims: tuple[Feature, Feature], d: int, columns: Any) -> tuple[int, int]:
    """`dims` as two plain ints, different and below d; columns are the names they may go by."""
    names = [] if columns is None else list(columns)
    try:
        x, y = (names.index(j) if isinstance(j, str) else operator.index(j) for j in dims)
    except (TypeError, ValueError):
        x = y = -1
    if x == y or not (0 <= x < d and 0 <= y < d):
        raise ValueError(
            f"dims must be two different features from 0 to {d - 1}"
            f"{', or names of columns' if names else ''}, got {dims!r}; "
            "the first two are dims=(0, 1)."
        )
    return x, y


def fitted_centers(model: Any, X: ArrayLike, attribute: str) -> Array:
    """The centers (k, d) that the model keeps under `attribute`; a model not yet fitted is."""
    kind = type(model).__name__
    way_out = (
        "pass a KMeans to plot_kmeans, a GaussianMixture to plot_gmm "
        "(of a pipeline: its last step, with the X that this step sees)."
    )
    if not (hasattr(model, "fit") and hasattr(model, "predict")):
        raise TypeError(f"model must have fit and predict, got {kind}; {way_out}")
    try:
        check_is_fitted(model)
    except NotFittedError:
        model.fit(X)
    if not hasattr(model, attribute):
        raise TypeError(f"model must have {attribute} once fitted, got {kind}; {way_out}")
    centers = np.asarray(getattr(model, attribute), dtype=np.float64)
    d = np.shape(X)[1]
    if centers.shape[1] != d:
        raise ValueError(
            f"X must have the {centers.shape[1]} features that the model was fitted on, got {d}; "
            "choose what is drawn by dims, not by slicing X."
        )
    return centers


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
        return _numbers("n_std", n_std, np.inf, "n_std=(1, 2, 3)")
    return n_std_of_levels(_numbers("levels", levels, 1.0, "levels=(0.5, 0.9, 0.99)"))


def _numbers(name: str, values: ArrayLike, below: float, example: str) -> Array:
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
