"""What fitted models say of rows of Dask: arrays that are computed when they are asked for, and sums."""

from copy import copy
from inspect import signature
from typing import Any

import dask
import numpy as np
from numpy.typing import ArrayLike

from fastmix.distributed.inputs import as_array, n_threads_of_each, refuse_none
from fastmix.distributed.passes import Block, Spread, check_shape
from fastmix.distributed.rows import Blocks
from fastmix.engine.results import Array

NOT_ASKED = (
    "labels_",
    "feature_names_in_",
    "init_results_",
    "fit_report_",
    "inertia_history_",
    "lower_bounds_",
    *("_memory", "_waiting", "_random_state"),  # what partial_fit goes on from
    "_skl_callbacks",
)


def lazily(model: Any, name: str, X: Any) -> Any:
    """What a method of a fitted model gives for each row, as a Dask array that nobody has computed yet."""
    few, lean = _ready(model, X)
    found, array = np.asarray(getattr(model, name)(few)), as_array(X, lengths=False)
    return array.map_blocks(
        *(_method, dask.delayed(lean, pure=False), name, found[:0]),
        dtype=found.dtype,
        chunks=(array.chunks[0], *((m,) for m in found.shape[1:])),
        drop_axis=[1] if found.ndim == 1 else [],
        meta=found[:0],
    )


def _ready(model: Any, X: Any) -> tuple[Any, Any]:
    """A row that looks like those of X, and the model without what predictions do not ask for."""
    array = as_array(X, lengths=False)
    frame = hasattr(X, "columns")
    few = X._meta.reindex([0], fill_value=0) if frame else np.zeros((1, array.shape[1]), X.dtype)
    model.predict(few)  # which refuses other features than those of the fit
    lean, usual = copy(model), signature(type(model)).parameters
    for name, value in model.get_params(deep=False).items():
        # what is no plain value is a start, which may be as large as X
        if not isinstance(value, str | int | float | np.generic | None):
            setattr(lean, name, usual[name].default)
    for name in NOT_ASKED:
        vars(lean).pop(name, None)
    lean.n_threads = n_threads_of_each(array, model.n_threads)
    return few, lean


def _method(X: Array, model: Any, name: str, nothing: Array, block_info: Any = None) -> Array:
    its = block_info[0]
    number, ((first, last), (_, d)) = its["chunk-location"][0], its["array-location"]
    check_shape(number, (len(X) if np.isnan(last) else last - first, d), X)
    if len(X) == 0:
        return nothing
    try:
        return np.asarray(getattr(model, name)(X))
    except Exception as error:
        error.add_note(f"This was in block {number}.")
        raise


def added_up(model: Any, name: str, X: Any, sample_weight: ArrayLike | None) -> Any:
    """The sum over blocks of what a method of a fitted model gives for rows and their weights."""
    _, lean = _ready(model, X)
    blocks = Blocks(as_array(X, lengths=True))
    refuse_none(blocks.array)
    weight = blocks.weights(sample_weight)
    spread = Spread(blocks.array, weight and weight.array)
    found, _ = spread.total(_of_block, np.add, None, lean, name)
    return found.tolist()


def _of_block(block: Block, model: Any, name: str) -> Any:
    if block.weight is not None and not block.weight.any():
        return np.zeros(())
    return np.asarray(getattr(model, name)(block.X, block.weight))
