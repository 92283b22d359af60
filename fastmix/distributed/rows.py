"""Blocks as the rows of a fit: counted, measured, and put in a frame."""

import math
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np

from fastmix.distributed.inputs import Weights, kept, n_threads_of_each, refuse_none, weights_of
from fastmix.distributed.passes import Block, How, Spread
from fastmix.engine import predictions
from fastmix.engine import rows as dense
from fastmix.engine.results import AnyRows, Array, Floats, Frame, scale
from fastmix.engine.sums import grids_for

READ = "block by block"


class Blocks:
    """Rows (n, d) of a Dask array whose blocks have known lengths; `columns` are known after a first look."""

    read = READ

    def __init__(self, array: Any) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.n, self.d = array.shape
        self.few = self.n * self.d <= dense.FEW  # in memory NumPy looks at them
        self.columns: dense.Columns

    def __len__(self) -> int:
        return int(self.n)

    def look(self, n_threads: int | None) -> None:
        """Keep the rows where they are, if there is room, and measure them.

        Raises
        ------
        ValueError
            If there are none, or some are not finite.
        """
        refuse_none(self.array)
        self.array = kept(self.array)
        self.measure()

    def measure(self) -> None:
        """Measure the rows where they are."""
        found = self.aligned().each(_measure if self.few else _ranges, None)
        self.columns = found[0] if self.few else dense.columns_of(self.n, np.concatenate(found, 1))
        if not np.isfinite(self.columns.mean).all():
            for text in filter(None, Spread(self.array).each(_infinite, None)):
                raise ValueError(text)

    def aligned(self) -> Spread:
        """The rows in blocks of whole parts, whose sums then are those of rows in memory.

        To that end less than a part, a megabyte, goes from a block to its neighbour.
        """
        part = self.n if self.few else dense.part_rows(self.d)
        ends = np.rint(np.cumsum(self.array.chunks[0])[:-1] / part) * part
        cuts = np.unique(np.r_[0, np.minimum(ends, self.n), self.n]).astype(np.int64)
        lengths = tuple(np.diff(cuts).tolist())
        return Spread(self.array.rechunk((lengths, self.d), method="tasks"))

    def labels(self, found: Any) -> Any:
        """Labels of all rows, in blocks of lengths that are known by now."""
        found._chunks = (self.array.chunks[0],)
        return found

    def weights(self, sample_weight: Any) -> Weights | None:
        """Row weights; None stays None."""
        return None if sample_weight is None else weights_of(sample_weight, self.array)


def _measure(block: Block) -> dense.Columns:
    return dense.measure(block.X, 1)


def _ranges(block: Block) -> Floats:
    return dense.part_ranges(block.X, 1)


def _infinite(block: Block) -> str | None:
    """What is wrong with a block, if anything."""
    for row, column in np.argwhere(~np.isfinite(block.X))[:1]:
        what = "NaN" if np.isnan(block.X[row, column]) else "infinity"
        where = f"row {row} of block {block.number} (row {block.first + row} of all)"
        return f"Input X contains {what}: {where}, column {column}."
    return None


@dense.measure.register
def measure(X: Blocks, n_threads: int | None) -> dense.Columns:
    """What the first look has told."""
    return X.columns


@dense.held.register
def held(X: Blocks, weight: Weights | None, n_threads: int | None) -> tuple[Blocks, int]:
    """The rows with another one in place of every row of weight 0; how many are left."""
    if weight is None or weight.n_held == X.n:
        return X, X.n
    row = np.asarray(X.array[weight.place])
    others = Blocks(da.where(weight.array[:, None] == 0, row, X.array))
    others.measure()  # not kept: they are made of rows that are
    return others, weight.n_held


@dataclass(frozen=True, eq=False)
class BlockRows:
    """The rows of blocks in a frame; nothing of them is here."""

    blocks: Blocks
    weights: Weights | None
    n: int  # number of rows
    d: int  # of features
    dtype: Any
    total: float  # of the weights, / 2**weight_exponent
    frame: Frame
    weight_exponent: int
    n_threads: int | None
    how: How
    traffic: list[tuple[int, int]]  # bytes sent and received by every iteration
    clusterings: None = None  # nothing is kept for other fits
    read: str = READ

    def added(
        self, function: Any, merge: Any, *given: Any, beside: Any = None, counted: bool = False
    ) -> Any:
        """What a function finds in all blocks, with what is given and, block by block, `beside` (n,).

        Of a counted pass bytes are noted.
        """
        spread = Spread(self.blocks.array, self.weights and self.weights.array, beside)
        found, traffic = spread.total(function, merge, self.how, *given)
        self.traffic.extend([traffic] * counted)
        return found


@dense.pack.register
def pack(
    X: Blocks,
    frame: Frame,
    weight: Weights | None,
    n_threads: int | None,
    columns: dense.Columns | None = None,
) -> AnyRows:
    """Rows X (n, d) in a frame, with their weights; they are packed where they are."""
    frame = frame._replace(origin=frame.origin.astype(X.dtype))
    far = dense.reach(X.columns, frame.origin) * float(scale(frame.origin, frame))
    exponent, total, lightest, heaviest = 0, float(X.n), 1.0, 1.0
    if weight is not None:
        exponent = dense.power_of_two(weight.total / weight.n_held)
        total, lightest, heaviest = (math.ldexp(v, -exponent) for v in weight[1:4])
    n_here = n_threads_of_each(X.array, n_threads)
    grids = grids_for(X.n, X.d, lightest, heaviest, far)
    how = How(frame, exponent, grids, far, n_here)
    given = X, weight, X.n, X.d, X.dtype, total, frame, exponent, n_threads
    return BlockRows(*given, how, [])


@dense.mean_variance.register
def mean_variance(rows: BlockRows) -> float:
    """Unweighted variance of the rows, averaged over features, in the frame."""
    found = rows.blocks.aligned().each(_variance if rows.blocks.few else _squares, rows.how)
    return float(found[0] if rows.blocks.few else np.concatenate(found).sum(0).mean() / rows.n)


def _variance(block: Block) -> float:
    return dense.mean_variance(block.rows())


def _squares(block: Block) -> Floats:
    return dense.part_squares(dense.pack(block.X, block.how.frame, None, block.how.n_threads))


@dense.take.register
def take(rows: BlockRows, indices: Array) -> Array:
    """Rows of the frame by number, (len(indices), d)."""
    order = np.argsort(indices, kind="stable")
    found = np.empty((len(order), rows.d), rows.dtype)
    found[order] = np.asarray(rows.blocks.array[np.asarray(indices)[order]])
    with np.errstate(over="ignore"):
        return np.asarray((found - rows.frame.origin) * scale(found, rows.frame))


# Labels are those of predictions, which see to it
predictions.may_be_far.register(BlockRows, lambda rows, centers: False)
