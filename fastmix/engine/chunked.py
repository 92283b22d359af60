"""Chunked rows: what the rest of the engine asks of rows, answered for those that are read in every pass.

The passes themselves are those of rows in memory, part by part: where parts are made of the same shards,
totals have the same bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmix.engine import auto, hamerly, kernels, lloyd, predictions, seeds
from fastmix.engine import rows as dense
from fastmix.engine.algorithms import SYNONYMS, Algorithm, algorithm_of, named
from fastmix.engine.chunks import Chunks
from fastmix.engine.results import AnyRows, Array, Floats, Frame, Rows, scale
from fastmix.kernels.shards import FEWEST_SHARDS, MOST_SHARDS

BOUND_BYTES = 9  # of a row, beside its label
PAYING_VALUES = 1_500  # k d, from which on bounds pay: rows are read again either way


@dataclass(frozen=True, eq=False)
class ChunkedRows:
    """Rows that are read and packed anew in every pass; those of one block are Rows."""

    chunks: Chunks
    weight: Floats  # (n_tiles * R,) row weights / 2**weight_exponent; without weights 1 everywhere
    weighted: bool
    total: float  # of the weights
    frame: Frame
    weight_exponent: int
    n_threads: int | None  # as asked for by the caller
    largest: float  # absolute value in the frame
    clusterings: None = None  # nothing is kept for other fits
    read = Chunks.read

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.chunks.n

    @property
    def d(self) -> int:
        """Number of features."""
        return self.chunks.d

    @property
    def dtype(self) -> Any:
        """That of the rows in the frame."""
        return self.chunks.dtype

    @property
    def scale(self) -> Any:
        """In the frame rows are (X - frame.origin) * scale."""
        return scale(self.frame.origin, self.frame)

    def block(self, X: Array, first: int, tiles: Array, ones: Floats) -> Rows:
        """The rows X from number `first` on, to be packed into the memory of `tiles`."""
        padded = kernels.tiles.n_tiles(len(X), self.dtype) * kernels.tiles.tile_rows(self.dtype)
        if self.weighted:
            weight = self.weight[first : first + padded]
        elif len(X) == padded:
            weight = ones[:padded]
        else:
            weight = np.zeros(padded)
            weight[: len(X)] = 1.0
        return Rows(
            *(X, weight, float(weight.sum()), len(X), self.frame, self.weight_exponent),
            *(self.n_threads, partial(_pack_into, tiles), self.largest),
        )


def _pack_into(tiles: Array, rows: Rows) -> Array:
    held = tiles[: kernels.tiles.n_tiles(rows.n, rows.dtype)]
    dense.fill(rows, held)
    return held


@dense.measure.register
def measure(X: Chunks, n_threads: int | None) -> dense.Columns:
    """What the first pass has told."""
    return X.columns


@dense.held.register
def held(X: Chunks, weight: Floats | None, n_threads: int | None) -> tuple[Chunks, int]:
    """The chunks with another row in place of every row of weight 0; how many are left."""
    if weight is None or weight.all():
        return X, len(X)
    absent = weight == 0
    return X.replaced(absent, int(weight.argmax()), n_threads), int(np.count_nonzero(~absent))


@dense.pack.register
def pack(
    X: Chunks,
    frame: Frame,
    weight: Floats | None,
    n_threads: int | None,
    columns: dense.Columns | None = None,
) -> AnyRows:
    """Rows X (n, d) in a frame; weight (n,) is None for weight 1 everywhere."""
    if X.only is not None:
        return dense.pack(X.only, frame, weight, n_threads, columns)
    frame = frame._replace(origin=frame.origin.astype(X.dtype))
    padded = kernels.tiles.n_tiles(X.n, X.dtype) * kernels.tiles.tile_rows(X.dtype)
    exponent, total, weighted = 0, float(X.n), weight is not None
    held = np.broadcast_to(1.0, padded)  # one number
    if weight is not None:
        exponent, held = dense.weight_exponent(weight), np.zeros(padded)
        held[: X.n] = np.ldexp(weight, -exponent)
        total = float(held.sum())
    far = dense.reach(X.columns, frame.origin) * float(scale(frame.origin, frame))
    return ChunkedRows(X, held, weighted, total, frame, exponent, n_threads, far)


@dense.by_shards.register
def by_shards(
    rows: ChunkedRows, bounds: NDArray[np.int64], exact: bool = False
) -> Iterator[dense.Part]:
    """All rows block by block: of whole shards or, where a few are too much, shared out among all."""
    R, S = kernels.tiles.tile_rows(rows.dtype), len(bounds) - 1
    ends = None if exact else _whole_shards(rows, bounds)
    step = rows.chunks.block_rows // R
    cuts = np.append(np.arange(0, bounds[-1], step), bounds[-1]) if ends is None else bounds[ends]
    most, sizes = int(np.diff(cuts).max()), np.diff(np.minimum(cuts * R, rows.n))
    tiles, ones = kernels.memory.empty((most, rows.d, R), rows.dtype), np.ones(most * R)
    for i, X in enumerate(rows.chunks.blocks(sizes)):
        first, last = int(cuts[i]), int(cuts[i + 1])
        if ends is None:
            slots = slice(0, min(S, MOST_SHARDS))
            within = np.arange(slots.stop + 1) * (last - first) // slots.stop
        else:
            slots = slice(ends[i], ends[i + 1])
            within = bounds[ends[i] : ends[i + 1] + 1] - first
        some = rows.block(X, first * R, tiles, ones)
        yield dense.Part(some, slice(first, last), slice(first * R, last * R), within, slots)


def _whole_shards(rows: ChunkedRows, bounds: NDArray[np.int64]) -> list[int] | None:
    """Numbers of the shards with which blocks begin and end; None where too few for many threads fit into one."""
    R, S = kernels.tiles.tile_rows(rows.dtype), len(bounds) - 1
    fewest = min(FEWEST_SHARDS, S) * int(np.diff(bounds).max())
    if fewest > rows.chunks.most_rows // R:
        return None
    ends, step = [0], max(fewest, rows.chunks.block_rows // R)
    while ends[-1] < S:
        ends.append(int(np.searchsorted(bounds, bounds[ends[-1]] + step, side="right")) - 1)
    return ends


@dense.take.register
def take(rows: ChunkedRows, indices: Array) -> Array:
    """Rows of the frame by number, (len(indices), d)."""
    X = rows.chunks.rows_at(np.asarray(indices))
    with np.errstate(over="ignore"):
        return np.asarray((X - rows.frame.origin) * rows.scale)


predictions.some.register(ChunkedRows, take)


@predictions.may_be_far.register
def may_be_far(rows: ChunkedRows, centers: Array) -> bool:
    """May rows be so far away that their distances to all centers are rounded nearly alike?"""
    return predictions.is_far(rows.largest, centers)


@predictions.nearest.register
def nearest(rows: ChunkedRows, centers: Array) -> tuple[float, NDArray[np.int32]]:
    """Objective, and the number of the nearest center of every row (n,)."""
    objective, labels = 0.0, np.empty(rows.n, np.int32)
    for first, some in blocks(rows):
        own, labels[first : first + some.n] = predictions.nearest(some, centers)
        objective += own
    return objective, labels


@predictions.two_nearest.register
def two_nearest(rows: ChunkedRows, centers: Array) -> tuple[NDArray[np.int32], Array, Array]:
    """Number of the nearest center of every row (n,), and squared distances to it and to the second nearest."""
    found = [predictions.two_nearest(some, centers) for _, some in blocks(rows)]
    labels, best, second = (np.concatenate(each) for each in zip(*found, strict=True))
    return labels, best, second


def blocks(rows: ChunkedRows) -> Iterator[tuple[int, Rows]]:
    """The rows in order, in blocks, with the number of the first one of each; nobody packs them."""
    first, nothing = 0, np.empty((0, rows.d, 1), rows.dtype)
    for X in rows.chunks.blocks():
        yield first, rows.block(X, first, nothing, np.ones(len(X)))
        first += len(X)


@seeds.room.register
def room(rows: ChunkedRows) -> int:
    """Starts are drawn one by one."""
    return 0


def start(rows: ChunkedRows, centers: Array, earlier: Any = None) -> auto.AutoState:
    """Bounds, where they fit into the budget and distances cost more than to look after them."""
    how = lloyd if earlier is None else earlier.algorithm
    why = f"rows are read {rows.read}"
    if earlier is None and centers.size >= PAYING_VALUES:
        needed = BOUND_BYTES * rows.n
        if needed <= rows.chunks.memory:
            how, why = hamerly, f"{why}, and bounds leave many of them unmeasured"
        else:
            why = f"{why}; bounds need {needed:,} bytes, but memory={rows.chunks.memory:,}"
    state = how.start(rows, centers, earlier and earlier.state)
    return auto.AutoState(how, earlier.reason if earlier else why, state)


AUTO = Algorithm(start, auto.assign, auto.move, auto.inspect)
BY_CHUNKS = {"lloyd": named("lloyd"), "hamerly": named("hamerly")}


@algorithm_of.register
def of_chunks(rows: ChunkedRows, name: str) -> Algorithm:
    """Lloyd's and Hamerly's; the others need all rows at once, and leave the choice to `start`."""
    return BY_CHUNKS.get(SYNONYMS.get(name, name), AUTO)
