"""Everything that can be wrong with an input is refused here, by scikit-learn's own checks."""

import operator
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from inspect import signature
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import (
    assert_all_finite,
    check_array,
    check_consistent_length,
    check_random_state,
    column_or_1d,
)
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils._param_validation import StrOptions as AnyOrder
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fastmix._readers import is_dask, reader_of
from fastmix.engine.chunks import Chunks
from fastmix.engine.rows import finite
from fastmix.engine.watch import Interrupted
from fastmix.sources import Method, NamedRows, RowsLike, Source, is_elsewhere, is_source, opened

__all__ = [
    "N_THREADS",
    "Interval",
    "StrOptions",
    "accepts",
    "all_or_nothing",
    "blocks",
    "check_is_fitted",
    "checked_fit",
    "columns",
    "initial",
    "matrix",
    "partition",
    "plain_rows",
    "random_state",
    "rows",
    "shaped",
    "shares",
    "squared_norms",
    "validate_params",
    "warn",
    "weights",
]

FLOATS = [np.float64, np.float32]
N_THREADS = [Interval(Integral, 1, None, closed="left"), None]


class StrOptions(AnyOrder):
    """Strings that messages name in one order, where scikit-learn's have that of a set."""

    def __str__(self) -> str:
        return f"a str among {{{', '.join(map(repr, sorted(self.options)))}}}"


def checked_fit(method: Method) -> Method:
    """Decorates fit: wrong parameters are refused before anything else happens."""
    checked: Method = _fit_context(prefer_skip_nested_validation=True)(method)
    return checked


LIBRARIES = tuple(str(Path(file).parent) for file in (__file__, sklearn.__file__))


def warn(message: str, category: type[Warning]) -> None:
    """Warn the first caller outside fastmix and scikit-learn."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_code.co_filename.startswith(LIBRARIES):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def silent_sums() -> np.errstate:
    """Context of scikit-learn's checks, which add up all values to see whether they are finite."""
    return np.errstate(over="ignore", invalid="ignore")


def checked_array(array: ArrayLike, **options: Any) -> Any:
    """What scikit-learn's check_array says, whatever the sum of the values is."""
    with silent_sums():
        return check_array(array, **options)


@contextmanager
def all_or_nothing(estimator: BaseEstimator) -> Iterator[None]:
    """If the block fails, the estimator is as it was before, unless it has kept what was Interrupted."""
    attributes = vars(estimator)
    before = dict(attributes)
    try:
        yield
    except Interrupted:
        raise
    except BaseException:
        attributes.clear()
        attributes.update(before)
        raise


def accepts(cls: Any, name: str, value: Any) -> bool:
    """Is this a value that the class of an estimator knows for the parameter?"""
    constraints = cls._parameter_constraints
    if name not in constraints:
        return True
    try:
        validate_parameter_constraints({name: constraints[name]}, {name: value}, cls.__name__)
    except InvalidParameterError:
        return False
    return True


def rows(
    estimator: BaseEstimator,
    X: RowsLike,
    *,
    reset: bool,
    min_samples: int = 1,
    sparse: bool = False,
    chunks: bool = False,
) -> Any:
    """X as a C-ordered (n, d) array of float64 or float32, finite and never written to.

    With reset=False its features must be those of the fit. With sparse=True sparse X comes as CSR
    with sorted features, each at most once a row. With chunks=True a source comes as Chunks, a
    collection of Dask as Blocks.
    """
    if not reset:
        check_is_fitted(estimator)
    X = opened(X)
    if chunks and (is_source(X) or is_dask(X)):
        return _looked_at(estimator, X, reset, min_samples)
    if is_elsewhere(X) or is_dask(X):
        raise _not_in_memory(estimator, X)
    if isinstance(X, NamedRows) and X.header is not None:
        validate_data(estimator, X.header, reset=reset, skip_check_array=True)
        its = partial(check_array, X.view(np.ndarray), estimator=estimator, input_name="X")
    else:
        its = partial(validate_data, estimator, X, reset=reset)
    check: Any = partial(
        its,
        dtype=FLOATS,
        order="C",
        accept_sparse="csr" if sparse else False,
        accept_large_sparse=False,
        ensure_min_samples=min_samples,
    )
    try:
        checked = check(ensure_all_finite=False)
    except ValueError:
        with silent_sums():
            check()  # what comes first in scikit-learn's order
        raise
    if sklearn.get_config()["assume_finite"]:
        return canonical(checked)
    if issparse(checked) or not finite(checked, getattr(estimator, "n_threads", None)):
        values = checked.data if issparse(checked) else checked
        with silent_sums():
            assert_all_finite(values, estimator_name=type(estimator).__name__, input_name="X")
    return canonical(checked)


def _looked_at(estimator: Any, X: Any, reset: bool, min_samples: int) -> Any:
    """The rows of a source or of Dask, which are read for the first time."""
    if is_dask(X):
        from fastmix import distributed

        found: Any = distributed.Blocks(distributed.as_array(X, lengths=True))
        header = X._meta if hasattr(X, "columns") else None
    else:
        found = (X if isinstance(X, Source) else Source(X)).chunks()
        header = found.header
    header = np.empty((1, found.d)) if header is None else header
    validate_data(estimator, header, reset=reset, skip_check_array=True)
    found.look(getattr(estimator, "n_threads", None))
    if found.n < min_samples:
        raise ValueError(
            f"Found array with {found.n} sample(s) (shape={found.shape}) while a minimum of "
            f"{min_samples} is required by {type(estimator).__name__}."
        )
    return found


def _not_in_memory(estimator: Any, X: Any) -> TypeError:
    """What is said of rows that would have to be read chunk by chunk."""
    what, way_out = f"a {type(X).__name__}", ""
    if isinstance(X, str | os.PathLike):
        reader_of(X)  # which says if it leads nowhere
        what, way_out = f"the path {os.fspath(X)!r}", " pandas.read_parquet reads it as a whole."
    elif is_dask(X):
        way_out = " Give X.compute()."
    return TypeError(
        f"{type(estimator).__name__} needs all rows in memory here, but X is {what}.{way_out} "
        "KMeans, GaussianMixture and BayesianGaussianMixture can be fitted to rows that are read chunk by chunk, and "
        "fastmix.sources.apply takes a method through their blocks."
    )


def blocks(X: Any, weight: NDArray[Any] | None) -> Iterator[tuple[Any, NDArray[Any] | None]]:
    """All rows as validated, with their weights, block by block; those in memory are one."""
    first = 0
    for block in X.blocks() if isinstance(X, Chunks) else (X,):
        last = first + block.shape[0]
        yield block, None if weight is None else weight[first:last]
        first = last


def plain_rows(X: ArrayLike) -> Any:
    """The same of X that belongs to no estimator."""
    return canonical(
        checked_array(
            X,
            dtype=FLOATS,
            order="C",
            accept_sparse="csr",
            accept_large_sparse=False,
            input_name="X",
        )
    )


def squared_norms(norms: ArrayLike, X: Any) -> None:
    """Refuse squared norms that are not one number a row."""
    checked = checked_array(norms, dtype=X.dtype, ensure_2d=False, input_name="x_squared_norms")
    if checked.shape[0] != X.shape[0]:
        raise ValueError(
            f"The length of x_squared_norms {checked.shape[0]} should be equal to the length of "
            f"n_samples {X.shape[0]}."
        )


def canonical(X: Any) -> Any:
    """CSR with sorted features, each at most once a row; a dense array as it is."""
    if issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def weights(sample_weight: ArrayLike | None, X: Any) -> Any:
    """Row weights (n,) as float64, finite, not negative and not all zero; None stays None.

    Those of Blocks stay in blocks.
    """
    if hasattr(X, "weights"):
        return X.weights(sample_weight)
    if isinstance(X, Chunks) and X.weight is not None:
        if sample_weight is not None:
            raise ValueError("Give sample_weight, or chunks that come with weights, but not both.")
        sample_weight = X.weight
    if sample_weight is None:
        return None
    allowed = f"numbers, one for each of the {X.shape[0]} rows"
    with _naming("sample_weight", allowed), silent_sums():
        checked = _check_sample_weight(sample_weight, X, dtype=np.float64, copy=True)
    if (checked < 0).any():
        row = int((checked < 0).argmax())
        raise ValueError(
            f"Negative values in data passed to `sample_weight`: {checked[row]} for row {row}. A weight "
            "is how often a row counts; 0 leaves it out."
        )
    if np.isnan(checked).any():  # a scalar is not looked at by scikit-learn
        raise ValueError("Input sample_weight contains NaN.")
    if np.isinf(checked).any():
        raise ValueError("Input sample_weight contains infinity or a value too large for float64.")
    if not checked.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return checked


def partition(labels: ArrayLike, X: Any) -> tuple[NDArray[np.int32], int]:
    """Labels of rows X, of any type that has an order, as numbers (n,) from 0 to k - 1, and k."""
    with _naming("labels", f"one-dimensional, one for each of the {X.shape[0]} rows"):
        given = column_or_1d(labels, warn=True)
        check_consistent_length(X, given)
        assert_all_finite(given, input_name="labels")
        names, numbers = np.unique(given, return_inverse=True)
    if not 1 < len(names) < len(given):
        raise ValueError(
            f"Number of labels is {len(names)}. Valid values are 2 to n_samples - 1 (inclusive), here "
            f"{len(given) - 1}: every row is compared with its own cluster and with others."
        )
    return numbers.astype(np.int32), len(names)


def initial(centers: ArrayLike, X: Any, n_clusters: int) -> NDArray[Any]:
    """Initial centers (n_clusters, d) in the dtype of X."""
    shape = n_clusters, X.shape[1]
    if type(centers) is np.ndarray and (centers.shape, centers.dtype) == (shape, X.dtype):
        if np.isfinite(centers).all():  # else the check below costs a tenth of a small fit
            return np.array(centers, order="C")
    with _naming("init", f"a seeding by name, a callable, or centers of shape {shape}"):
        checked = checked_array(centers, dtype=X.dtype, order="C", copy=True, input_name="init")
    for size, wanted, of in zip(
        checked.shape,
        shape,
        ("number of clusters", "number of features of the data"),
        strict=True,
    ):
        if size != wanted:
            raise ValueError(
                f"The shape of the initial centers {checked.shape} does not match the {of} {wanted}."
            )
    return checked


def callable_start(init: Any, X: Any, n_clusters: int, random: RandomState) -> None:
    """Refuse a callable that cannot be called as init(X, n_clusters, random_state=...)."""
    try:
        signature(init).bind(X, n_clusters, random_state=random)
    except TypeError as error:
        raise TypeError(
            f"init must be callable as init(X, n_clusters, random_state=...): {error}"
        ) from None
    except ValueError:  # nobody knows what it takes
        return


@contextmanager
def _naming(name: str, allowed: str) -> Iterator[None]:
    """Errors that do not name a parameter do, and say what it has to be."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if name in str(error):
            raise
        reason = str(error).partition("\n")[0].rstrip(":")
        raise type(error)(f"{name} must be {allowed}: {reason}") from None


def shaped(array: ArrayLike, shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """A parameter that must have this shape, as floats."""
    checked = checked_array(
        array,
        dtype=FLOATS,
        ensure_2d=False,
        allow_nd=True,
        ensure_min_samples=1 if shape and np.ndim(array) else 0,  # a number has no rows
        input_name=name,
    )
    if checked.shape != shape:
        raise ValueError(
            f"The parameter '{name}' should have the shape of {shape}, but got {checked.shape}"
        )
    return checked


def shares(init_params: ArrayLike, n: int, k: int) -> NDArray[Any]:
    """Labels (n,) or responsibilities (n, k) to start a mixture from; never written to."""
    options: dict[str, Any] = {"ensure_2d": False, "allow_nd": True, "input_name": "init_params"}
    options |= {"ensure_min_samples": 0, "ensure_min_features": 0}
    checked = checked_array(init_params, dtype=None, **options)
    allowed = (
        f"An array must hold labels, whole numbers from 0 to {k - 1}, of shape ({n},), or "
        f"responsibilities, not negative and of sum 1 in every row, of shape ({n}, {k}); or name a start."
    )
    if checked.shape == (n,):
        if checked.dtype.kind not in "iu":
            raise ValueError(f"init_params gives labels of dtype {checked.dtype}. {allowed}")
        if checked.min() < 0 or checked.max() >= k:
            raise ValueError(
                f"init_params gives labels from {checked.min()} to {checked.max()}. {allowed}"
            )
        return checked
    if checked.shape != (n, k):
        raise ValueError(f"init_params gives an array of shape {checked.shape}. {allowed}")
    checked = checked_array(checked, dtype=FLOATS, **options)
    if checked.min() < 0:
        raise ValueError(f"init_params gives a responsibility of {checked.min():.5g}. {allowed}")
    sums = checked.sum(axis=1, dtype=np.float64)
    row = int(np.abs(sums - 1.0).argmax())
    if not abs(sums[row] - 1.0) <= np.sqrt(np.finfo(checked.dtype).eps):
        raise ValueError(
            f"init_params gives responsibilities of sum {sums[row]:.5g} in row {row}. {allowed}"
        )
    return checked


def matrix(array: ArrayLike, name: str) -> NDArray[Any]:
    """A parameter with a row for every component, as floats."""
    return checked_array(array, dtype=FLOATS, input_name=name)


def columns(estimator: BaseEstimator, dims: ArrayLike, n_features: int) -> NDArray[np.int64]:
    """Numbers (m,) of features that are given by number or name: at least one, none twice."""
    names = list(getattr(estimator, "feature_names_in_", ()))
    found = []
    for each in np.atleast_1d(np.asarray(dims, dtype=object)).ravel():
        number = isinstance(each, Integral) and not isinstance(each, bool)
        if isinstance(each, str) and each in names:
            found.append(names.index(each))
        elif number and 0 <= operator.index(each) < n_features:
            found.append(operator.index(each))
        else:
            by_name = f", or of the names {names}" if names else ""
            raise ValueError(
                f"The parameter 'dims' should be made of numbers of features from 0 to "
                f"{n_features - 1}{by_name}, but got {each!r}"
            )
    if not found or len(set(found)) < len(found):
        raise ValueError(
            f"The parameter 'dims' should name at least one feature and none twice, but got {dims!r}"
        )
    return np.array(found, np.int64)


def random_state(seed: int | RandomState | None) -> RandomState:
    """The stream of random numbers that a seed stands for."""
    return check_random_state(seed)
