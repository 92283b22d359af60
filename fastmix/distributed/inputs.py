"""What is given of Dask, as arrays whose blocks are whole rows of numbers."""

import math
from functools import reduce
from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np

from fastmix._readers import dtype_of
from fastmix._threads import ANY_WORK, threads
from fastmix.distributed.passes import Block, Spread

SHARE_OF_MEMORY = 0.5  # of the workers, that rows may take


def as_array(X: Any, lengths: bool) -> Any:
    """A Dask array (n, d) of float64 or float32, in blocks of whole rows; of known lengths, if wanted.

    Raises
    ------
    TypeError
        If this is nothing like an array.
    ValueError
        If it has other than two dimensions, or no numbers.
    """
    if hasattr(X, "to_dask_array"):
        X = _of_numpy(X).to_dask_array(lengths=lengths or None)
    if not isinstance(X, da.Array) or not isinstance(X._meta, np.ndarray):
        kind = type(getattr(X, "_meta", X)).__name__
        raise TypeError(f"X is made of {kind}: give a Dask array of NumPy arrays, or a frame.")
    if X.ndim != 2 or X.shape[1] == 0:
        raise ValueError(f"X has to be of shape (rows, features), but is of shape {X.shape}.")
    dtype = dtype_of(X.dtype, "X")
    if X.numblocks[1] > 1:
        X = X.rechunk({1: -1})
    return measured(X if X.dtype == dtype else X.astype(dtype), lengths)


def _of_numpy(X: Any) -> Any:
    """A frame with its nullable columns in dtypes of NumPy, missing values as NaN; a series as it is."""
    few: Any = getattr(X, "_meta", None)
    if not hasattr(few, "columns"):
        return X
    of_numpy = {name: getattr(dtype, "numpy_dtype", None) for name, dtype in few.dtypes.items()}
    nullable = {name: dtype_of(dtype, "X") for name, dtype in of_numpy.items() if dtype is not None}
    return X.astype(nullable) if nullable else X


def measured(array: Any, lengths: bool = True) -> Any:
    """The array, its blocks counted if need be; the caller's stays as it is."""
    if lengths and np.isnan(array.shape[0]):
        array = da.Array(array.dask, array.name, array.chunks, meta=array)
        array.compute_chunk_sizes()
    return array


def client() -> Any:
    """That of the caller, if it is what computes; else None."""
    owner = getattr(dask.base.get_scheduler(), "__self__", None)
    return owner if hasattr(owner, "scheduler_info") else None


def n_threads_of_all() -> int:
    """Threads on which blocks are computed."""
    known = client()
    return sum(known.nthreads().values()) if known else threads(None, ANY_WORK)


def n_threads_of_each(array: Any, n_threads: int | None) -> int:
    """Threads for a block: Dask does as many of them at once as it has threads."""
    return n_threads or max(1, n_threads_of_all() // array.numblocks[0])


def refuse_none(array: Any) -> None:
    """ValueError where there are no rows."""
    if len(array) == 0:
        raise ValueError(f"Found array with 0 sample(s) (shape={array.shape}): X has no rows.")


def kept(array: Any) -> Any:
    """In the memory of the workers where they have enough of it; else it is computed anew in every pass."""
    known = client()
    if known is None:
        return dask.optimize(array)[0]
    workers = known.scheduler_info(n_workers=-1)["workers"].values()
    memory = sum(each["memory_limit"] or math.inf for each in workers)
    fits = array.nbytes <= SHARE_OF_MEMORY * memory
    return array.persist() if fits else dask.optimize(array)[0]


class Weights(NamedTuple):
    """Row weights, and what a look at them tells."""

    array: Any  # (n,)
    total: float
    lightest: float  # above 0
    heaviest: float
    place: int  # of the first row of this weight
    n_held: int  # rows of weight above 0


def weights_of(values: Any, X: Any) -> Weights:
    """Weights of rows X (n, d), cut as these are.

    Raises
    ------
    ValueError
        If they are not one number for each row, finite, not negative and not all zero.
    """
    weight, n, cuts = measured(_column(values, X)), len(X), (X.chunks[0],)
    if weight.shape != (n,):
        raise ValueError(
            f"sample_weight.shape == {weight.shape}, but has to be ({n},), a number for each row."
        )
    weight = kept(weight.rechunk(cuts))
    found = reduce(_heavier, Spread(weight).each(_weigh, None))
    if not math.isfinite(found.total):
        raise ValueError("Input sample_weight is too large: its sum overflows float64.")
    if found.n_held == 0:
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return found._replace(array=weight)


def _column(values: Any, X: Any) -> Any:
    if hasattr(values, "to_dask_array"):
        values = values.to_dask_array(lengths=True)
    if isinstance(values, da.Array):
        if values.dtype.kind not in "biuf":
            raise ValueError(f"sample_weight has to hold numbers, but is of dtype {values.dtype}.")
        return values.astype(np.float64)
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sample_weight has to hold numbers: {error}.") from None
    if array.ndim == 0:
        return da.full(len(X), array, chunks=(X.chunks[0],))
    return da.from_array(array, chunks=(X.chunks[0],) if array.shape == (len(X),) else -1)


def _weigh(block: Block) -> Weights:
    """Of a block that holds nothing but weights."""
    weight = block.X
    for wrong, text in (
        (np.isnan(weight), "Input sample_weight contains NaN"),
        (np.isinf(weight), "Input sample_weight contains infinity"),
        (weight < 0, "Negative values in data passed to `sample_weight`"),
    ):
        if wrong.any():
            raise ValueError(f"{text}: row {block.first + int(wrong.argmax())}.")
    held = weight[weight > 0]
    lightest, place = float(held.min(initial=np.inf)), block.first + int(weight.argmax())
    return Weights(None, float(weight.sum()), lightest, float(weight.max()), place, len(held))


def _heavier(a: Weights, b: Weights) -> Weights:
    most, lightest = a if a.heaviest >= b.heaviest else b, min(a.lightest, b.lightest)
    return most._replace(total=a.total + b.total, lightest=lightest, n_held=a.n_held + b.n_held)
