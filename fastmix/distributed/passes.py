"""A pass over blocks: what is done with each on its worker, and how what was found is merged."""

import operator
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial, reduce
from typing import Any, NamedTuple
from uuid import uuid4

import dask
import numpy as np
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph

from fastmix._readers import Slices
from fastmix.engine import kernels, predictions
from fastmix.engine import rows as dense
from fastmix.engine.chunked import ChunkedRows
from fastmix.engine.chunks import BLOCK_BYTES, Chunks
from fastmix.engine.results import Array, Floats, Frame

FAN_IN = 8  # findings that are merged at once
PROTOCOL = 4  # of pickles: later ones may give arrays that are read-only, for Numba another type


class How(NamedTuple):
    """What a pass over a block has to know of all rows."""

    frame: Frame
    weight_exponent: int
    grids: Floats  # of exact sums of all rows
    largest: float  # absolute value in the frame
    n_threads: int


class Block(NamedTuple):
    """The rows of one block, on its worker, and what lies beside them."""

    number: int
    first: int  # number of its first row
    X: Array  # (m, d)
    weight: Floats | None  # (m,) / 2**weight_exponent; None: 1
    beside: Array | None  # (m,)
    how: Any  # How, or None

    def view(self) -> Any:
        """The rows, to be read as they are."""
        return predictions.view(self.X, self.how.frame, None, self.how.n_threads)

    def rows(self) -> Any:
        """The rows, to be packed: piece by piece where they are many."""
        (n, d), dtype, how, weighted = self.X.shape, self.X.dtype, self.how, self.weight is not None
        total = float(self.weight.sum()) if self.weight is not None else float(n)
        if self.X.nbytes <= BLOCK_BYTES:
            rows = replace(dense.pack(self.X, how.frame, None, how.n_threads), total=total)
            rows.weight[:n] *= 1.0 if self.weight is None else self.weight
            return rows
        padded = kernels.tiles.n_tiles(n, dtype) * kernels.tiles.tile_rows(dtype)
        weight: Floats = np.broadcast_to(1.0, padded)
        if weighted:
            weight = np.zeros(padded)
            weight[:n] = self.weight
        reader = Slices(self.X)
        pieces = Chunks(reader.read, d, dtype, at=reader.at)
        pieces.n = n
        common = how.frame, how.weight_exponent, how.n_threads, how.largest
        return ChunkedRows(pieces, weight, weighted, total, *common)


def _on_block(
    function: Callable[..., Any],
    number: int,
    first: int,
    shape: tuple[int, ...],
    X: Array,
    weight: Floats | None,
    beside: Array | None,
    given: bytes,
) -> Any:
    """What a function finds in a block, which has to be of this shape; an error tells in which."""
    how, *parameters = pickle.loads(given)
    check_shape(number, shape, X, weight, beside)
    X = np.ascontiguousarray(X)
    if weight is not None and how is not None:
        weight = np.ldexp(weight, -how.weight_exponent)
    try:
        return function(Block(number, first, X, weight, beside, how), *parameters)
    except Exception as error:
        error.add_note(f"This was in block {number}, rows {first} to {first + len(X) - 1}.")
        raise


def check_shape(number: int, shape: tuple[int, ...], X: Array, *others: Array | None) -> None:
    """ValueError where a block is not what its Dask array says."""
    for name, its, wanted in (
        ("X", X, shape),
        *(("what lies beside X", o, shape[:1]) for o in others),
    ):
        if its is not None and its.shape != wanted:
            raise ValueError(
                f"Block {number} of {name} is of shape {its.shape}, but its Dask array says {wanted}. Give the lengths "
                "that blocks have, or nan and compute_chunk_sizes()."
            )


def _alone(function: Callable[..., Any], *given: Any) -> list[Any]:
    return [function(*given)]


def _folded(merge: Callable[..., Any], parts: list[Any]) -> Any:
    return reduce(merge, parts)


class Spread:
    """Blocks of rows with what lies beside them; arrays that are None have none."""

    def __init__(self, X: Any, weight: Any = None, beside: Any = None) -> None:
        self.arrays = X, weight, beside  # cut alike
        sizes = np.array(X.chunks[0], np.int64)
        first = np.cumsum(sizes) - sizes
        self.blocks = [(i, int(first[i]), int(sizes[i])) for i in np.flatnonzero(sizes).tolist()]

    def each(self, function: Callable[..., Any], *parameters: Any) -> list[Any]:
        """What a function finds in each block that is not empty, in order."""
        found: list[Any] = self.total(partial(_alone, function), operator.add, *parameters)[0]
        return found

    def total(
        self, function: Callable[..., Any], merge: Callable[..., Any], *parameters: Any
    ) -> tuple[Any, tuple[int, int]]:
        """What a function of blocks and parameters finds, merged as a tree; bytes sent and received for it.

        The first parameter is How, or None.
        """
        given, name = pickle.dumps(parameters, PROTOCOL), f"fastmix-{uuid4().hex}"
        once = f"{name}-parameters"  # a worker has them from the client, or from another worker
        layer: dict[Any, Any] = {once: given}
        keys = list[Any]()
        for i, first, size in self.blocks:
            shape = (size, *self.arrays[0].shape[1:])
            its = (None if a is None else (a.name, i, 0)[: 1 + a.ndim] for a in self.arrays)
            keys.append((name, i))
            layer[keys[-1]] = (_on_block, function, i, first, shape, *its, once)
        level = 0
        while level == 0 or len(keys) > 1:
            groups = [keys[i : i + FAN_IN] for i in range(0, len(keys), FAN_IN)]
            level, keys = level + 1, [(f"{name}-{level}", j) for j in range(len(groups))]
            layer |= {key: (_folded, merge, its) for key, its in zip(keys, groups, strict=True)}
        arrays = [a for a in self.arrays if a is not None]
        graph = HighLevelGraph.from_collections(name, layer, dependencies=arrays)
        (found,) = dask.compute(Delayed(keys[0], graph, layer=name))
        return found, (len(given), len(pickle.dumps(found, PROTOCOL)))
