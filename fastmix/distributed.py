"""Rows of a Dask array or frame: blocks become totals where they are, and only totals and parameters travel.

A pass is a function of a block and of parameters, and of nothing else. Whatever worker dies, Dask has the
same done by another one; what is slow is waited for. Loops and kernels are those of rows in memory.
"""

import math
import pickle
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

from fastmix._readers import Slices, dtype_of
from fastmix._threads import ANY_WORK, threads
from fastmix.engine import kernels, kmeans, lloyd, passes, predictions, scalable, seeds
from fastmix.engine import rows as dense
from fastmix.engine.algorithms import Algorithm, algorithm_of
from fastmix.engine.chunked import ChunkedRows
from fastmix.engine.chunks import BLOCK_BYTES, Chunks
from fastmix.engine.covariance import Covariance
from fastmix.engine.kmeans import Farthest
from fastmix.engine.results import (
    Array,
    Floats,
    Frame,
    Indices,
    Inspection,
    KMeansTotals,
    MixtureTotals,
    Parameters,
    scale,
)
from fastmix.engine.sums import grids_for, no_sums
from fastmix.engine.totals import add

try:
    import dask
    import dask.array as da
except ImportError:
    raise ImportError("For rows of Dask, install it: pip install 'fastmix[dask]'.") from None

FAN_IN = 8  # totals that are added at once
PROTOCOL = 4  # of pickles: later ones may give arrays that are read-only, another type for Numba
READ = "block by block"
SHARE_OF_MEMORY = 0.5  # of the workers, that rows may take


# --- on the workers --------------------------------------------------------------------------------


class How(NamedTuple):
    """What a fit knows of all rows, for the passes over each block."""

    frame: Frame
    weight_exponent: int
    grids: Floats  # of exact sums of all rows
    largest: float  # absolute value in the frame
    n_threads: int | None


class Block:
    """The rows of one block, and what lies beside them."""

    def __init__(
        self,
        number: int,
        first: int,  # number of its first row
        X: Array,
        weight: Floats | None,
        beside: Array | None,
        how: How | None,
    ) -> None:
        self.number, self.first, self.X, self.beside = number, first, X, beside
        self.how: Any = how
        self.weight = weight  # (m,) as the caller has them; None: 1
        if weight is not None and how is not None:
            self.weight = np.ldexp(weight, -how.weight_exponent)

    def view(self) -> Any:
        """The rows, to be read as they are."""
        return predictions.view(self.X, self.how.frame, None, self.how.n_threads)

    def rows(self) -> Any:
        """The rows for passes, which pack them piece by piece where they are many."""
        (n, d), how = self.X.shape, self.how
        if self.X.nbytes <= BLOCK_BYTES:
            rows = dense.pack(self.X, how.frame, None, how.n_threads)
            if self.weight is not None:
                rows.weight[:n] = self.weight
            return rows
        padded = kernels.tiles.n_tiles(n, self.X.dtype) * kernels.tiles.tile_rows(self.X.dtype)
        weight = np.broadcast_to(1.0, padded)
        if self.weight is not None:
            weight = np.zeros(padded)
            weight[:n] = self.weight
        pieces = Chunks(Slices(self.X).read, d, self.X.dtype, at=Slices(self.X).at)
        pieces.n = n
        weighted = self.weight is not None
        total = float(weight.sum()) if weighted else float(n)
        return ChunkedRows(
            *(pieces, weight, weighted, total, how.frame, how.weight_exponent),
            *(how.n_threads, how.largest),
        )


def _on_block(
    function: Callable[..., Any],
    number: int,
    first: int,
    X: Array,
    weight: Floats | None,
    beside: Array | None,
    given: bytes,
) -> Any:
    """What a function finds in a block; an error tells in which."""
    how, *parameters = pickle.loads(given)
    try:
        return function(Block(number, first, X, weight, beside, how), *parameters)
    except Exception as error:
        error.add_note(f"This was in block {number}, rows {first} to {first + len(X) - 1}.")
        raise


def _folded(merge: Callable[[Any, Any], Any], *parts: Any) -> Any:
    return reduce(merge, parts)


# --- from here -------------------------------------------------------------------------------------


def _client() -> Any:
    """The client of the caller, if that is what computes."""
    owner = getattr(dask.base.get_scheduler(), "__self__", None)
    return owner if hasattr(owner, "scheduler_info") else None


class Spread:
    """Blocks, and what is done with each of them."""

    def __init__(self, X: Any, *others: Any) -> None:
        sizes = np.array(X.chunks[0], np.int64)
        first = np.cumsum(sizes) - sizes
        columns = [_delayed(array, len(sizes)) for array in (X, *others)]
        self.parts = [
            (int(i), int(first[i]), *(column[i] for column in columns))
            for i in np.flatnonzero(sizes)
        ]

    def each(self, function: Callable[..., Any], how: How | None, *parameters: Any) -> list[Any]:
        """What a function of blocks and parameters finds in each block, in order."""
        tasks, _ = self._tasks(function, how, parameters)
        return list(dask.compute(*tasks))

    def total(
        self,
        function: Callable[..., Any],
        merge: Callable[[Any, Any], Any],
        how: How | None,
        *parameters: Any,
    ) -> tuple[Any, tuple[int, int]]:
        """The same of all blocks merged as a tree; bytes that were sent and received for it."""
        tasks, sent = self._tasks(function, how, parameters)
        fold = dask.delayed(_folded, pure=False)
        while len(tasks) > 1:
            groups = (tasks[i : i + FAN_IN] for i in range(0, len(tasks), FAN_IN))
            tasks = [fold(merge, *its) for its in groups]
        (found,) = dask.compute(*tasks)
        return found, (sent, len(pickle.dumps(found, PROTOCOL)))

    def _tasks(
        self, function: Callable[..., Any], how: How | None, parameters: tuple[Any, ...]
    ) -> tuple[list[Any], int]:
        given = pickle.dumps((how, *parameters), PROTOCOL)
        once = dask.delayed(
            given, pure=False
        )  # a worker has it from the client or from another one
        task = dask.delayed(_on_block, pure=False)
        return [task(function, *part, once) for part in self.parts], len(given)


def _delayed(array: Any, n: int) -> list[Any]:
    """The blocks of an array, of one column of blocks; None stays None."""
    return [None] * n if array is None else list(array.to_delayed().ravel())


def as_array(X: Any, lengths: bool) -> Any:
    """A Dask array (n, d) of float64 or float32, whose blocks are whole rows; with their lengths, if wanted.

    Raises
    ------
    TypeError
        If this is nothing like an array.
    ValueError
        If it has other than two dimensions, or no numbers.
    """
    if hasattr(X, "to_dask_array"):
        X = X.to_dask_array(lengths=lengths or None)
    if not isinstance(X, da.Array) or not isinstance(X._meta, np.ndarray):
        kind = type(getattr(X, "_meta", X)).__name__
        raise TypeError(f"X is made of {kind}: give a Dask array of NumPy arrays, or a frame.")
    if X.ndim != 2 or X.shape[1] == 0:
        raise ValueError(f"X has to be of shape (rows, features), but is of shape {X.shape}.")
    dtype = dtype_of(X.dtype, "X")
    if X.numblocks[1] > 1:
        X = X.rechunk({1: -1})
    return _measured(X.map_blocks(np.ascontiguousarray, dtype, dtype=dtype), lengths)


def _measured(array: Any, lengths: bool) -> Any:
    if lengths and np.isnan(array.shape[0]):
        array.compute_chunk_sizes()
    return array


def _kept(array: Any) -> Any:
    """In the memory of the workers where they have enough of it; else rows are read in every pass."""
    client = _client()
    if client is None:
        return array
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    memory = sum(each["memory_limit"] or math.inf for each in workers)
    return array.persist() if array.nbytes <= SHARE_OF_MEMORY * memory else array


class Weights(NamedTuple):
    """Row weights, and what a look at them has told."""

    array: Any  # (n,)
    total: float
    lightest: float  # above 0
    heaviest: float
    place: int  # of the first row of this weight
    n_held: int  # rows of weight above 0


class Blocks:
    """Rows (n, d) of a Dask array with blocks of known sizes."""

    read = READ

    def __init__(self, array: Any) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.n, self.d = array.shape
        self.columns: dense.Columns  # what a first look tells

    def __len__(self) -> int:
        return int(self.n)

    @property
    def aligned(self) -> Spread:
        """The rows in blocks that are made of whole parts, whose sums are added in the order of memory.

        To that end less than a part's rows, a megabyte, are taken from a block to its neighbour.
        """
        part = self.n if self.few else dense.part_rows(self.d)
        ends = np.rint(np.cumsum(self.array.chunks[0])[:-1] / part) * part
        cuts = np.unique(np.r_[0, np.minimum(ends, self.n), self.n]).astype(np.int64)
        return Spread(self.array.rechunk((tuple(np.diff(cuts).tolist()), self.d)), None, None)

    @property
    def few(self) -> bool:
        """Are they so few that in memory NumPy looks at them?"""
        return bool(self.n * self.d <= dense.FEW)

    def look(self, n_threads: int | None) -> None:
        """Count and measure the rows.

        Raises
        ------
        ValueError
            If there are no rows, or some are not finite.
        """
        if self.n == 0:
            raise ValueError(f"Found array with 0 sample(s) (shape={self.shape}): X has no rows.")
        self.array = _kept(self.array)
        found = self.aligned.each(_measure if self.few else _ranges, None)
        self.columns = found[0] if self.few else dense.columns_of(self.n, np.concatenate(found, 1))
        if not np.isfinite(self.columns.mean).all():
            for text in filter(None, Spread(self.array, None, None).each(_infinite, None)):
                raise ValueError(text)

    def weights(self, sample_weight: Any) -> Weights | None:
        """Row weights, not negative, finite and not all zero; None stays None."""
        if sample_weight is None:
            return None
        weight = _measured(_column(sample_weight, self), True)
        if weight.shape != (self.n,):
            raise ValueError(
                f"sample_weight.shape == {weight.shape}, but has to be ({self.n},), a number for each row."
            )
        weight = _kept(weight.rechunk((self.array.chunks[0],)))
        found = reduce(_heavier, Spread(self.array, weight, None).each(_weigh, None))
        if not math.isfinite(found.total):
            raise ValueError("Input sample_weight is too large: its sum overflows float64.")
        if found.n_held == 0:
            raise ValueError("Sample weights must contain at least one non-zero number.")
        return found._replace(array=weight)


def _column(values: Any, X: Blocks) -> Any:
    """Numbers, one for each row, as a Dask array of float64."""
    if hasattr(values, "to_dask_array"):
        values = values.to_dask_array(lengths=True)
    if isinstance(values, da.Array):
        return values.astype(np.float64)
    array = np.asarray(values, np.float64)
    if array.ndim == 0:
        return da.full(X.n, array, chunks=(X.array.chunks[0],))
    return da.from_array(array, chunks=(X.array.chunks[0],) if array.shape == (X.n,) else -1)


def _measure(block: Block) -> dense.Columns:
    return dense.measure(block.X, 1)


def _ranges(block: Block) -> Floats:
    return dense.part_ranges(block.X, 1)


def _infinite(block: Block) -> str | None:
    """What is wrong with a block, if anything."""
    bad = np.argwhere(~np.isfinite(block.X))
    if not len(bad):
        return None
    row, column = bad[0]
    what = "NaN" if np.isnan(block.X[row, column]) else "infinity"
    return (
        f"Input X contains {what}: row {row} of block {block.number} (row {block.first + row} of all), "
        f"column {column}."
    )


def _weigh(block: Block) -> Weights:
    weight = np.asarray(block.weight)
    held = weight[weight > 0]
    for wrong, text in (
        (np.isnan(weight), "Input sample_weight contains NaN"),
        (np.isinf(weight), "Input sample_weight contains infinity"),
        (weight < 0, "Negative values in data passed to `sample_weight`"),
    ):
        if wrong.any():
            raise ValueError(f"{text}: row {block.first + int(wrong.argmax())}.")
    lightest, place = float(held.min(initial=np.inf)), block.first + int(weight.argmax())
    return Weights(None, float(weight.sum()), lightest, float(weight.max()), place, len(held))


def _heavier(a: Weights, b: Weights) -> Weights:
    total, lightest = a.total + b.total, min(a.lightest, b.lightest)
    most = a if a.heaviest >= b.heaviest else b
    return most._replace(total=total, lightest=lightest, n_held=a.n_held + b.n_held)


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
    others.look(n_threads)
    return others, weight.n_held


@dataclass(frozen=True, eq=False)
class BlockRows:
    """Rows of blocks in a frame."""

    blocks: Blocks
    weights: Weights | None
    total: float  # of the weights, / 2**weight_exponent
    frame: Frame
    weight_exponent: int
    n_threads: int | None
    how: How
    spread: Spread
    traffic: list[tuple[int, int]] = field(default_factory=list)  # bytes sent and received, by pass
    clusterings: None = None  # nothing is kept for other fits
    read = READ

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.blocks.n)

    @property
    def d(self) -> int:
        """Number of features."""
        return int(self.blocks.d)

    @property
    def dtype(self) -> Any:
        """That of the rows in the frame."""
        return self.blocks.dtype

    def added(self, function: Any, merge: Any, *parameters: Any, beside: Any = None) -> Any:
        """What a function of blocks finds in all of them, with an array (n,) beside them if there is one."""
        spread = self.spread
        if beside is not None:
            spread = Spread(self.blocks.array, self.weights and self.weights.array, beside)
        found, traffic = spread.total(function, merge, self.how, *parameters)
        self.traffic.append(traffic)
        return found


@dense.pack.register
def pack(
    X: Blocks,
    frame: Frame,
    weight: Weights | None,
    n_threads: int | None,
    columns: dense.Columns | None = None,
) -> BlockRows:
    """Rows X (n, d) in a frame, with their weights; nobody packs them here."""
    frame = frame._replace(origin=frame.origin.astype(X.dtype))
    far = dense.reach(X.columns, frame.origin) * float(scale(frame.origin, frame))
    exponent, total, ends = 0, float(X.n), (1.0, 1.0)
    if weight is not None:
        exponent = dense.power_of_two(weight.total / weight.n_held)
        total, *ends = (math.ldexp(v, -exponent) for v in weight[1:4])
    spread = Spread(X.array, weight and weight.array, None)
    if n_threads is None:  # Dask does as many blocks at once as there are threads
        n_threads = max(1, _all_threads() // len(spread.parts))
    how = How(frame, exponent, grids_for(X.n, X.d, *ends, far), far, n_threads)
    return BlockRows(X, weight, total, frame, exponent, n_threads, how, spread)


def _all_threads() -> int:
    client = _client()
    return sum(client.nthreads().values()) if client else threads(None, ANY_WORK)


@dense.mean_variance.register
def mean_variance(rows: BlockRows) -> float:
    """Unweighted variance of the rows, averaged over features, in the frame."""
    aligned = rows.blocks.aligned
    if rows.blocks.few:
        return float(aligned.each(_variance, rows.how)[0])
    squares = np.concatenate(aligned.each(_squares, rows.how))
    return float(squares.sum(0).mean()) / rows.n


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


# --- k-means ---------------------------------------------------------------------------------------


class Assigned(NamedTuple):
    """What a pass of Lloyd's algorithm adds up."""

    sums: Floats  # (k, 2, columns) exact, of engine/sums.py
    objective: float
    sizes: Indices  # (k,) rows of every cluster


class Labels(NamedTuple):
    """The labels of all rows: the nearest of these centers."""

    centers: Array  # (k, d)
    sizes: Indices  # (k,) rows that have each

    def __getitem__(self, some: Any) -> "Labels":  # type: ignore[override]
        """All of them."""
        return self


@dataclass
class BlockState:
    """Lloyd's algorithm remembers nothing of the rows."""

    measured: list[int]
    sums: Floats | None = None  # of the last pass
    order: None = None
    name: str = "lloyd"
    reason: str = f"rows are read {READ}"
    labels: Any = None  # Labels


def start(rows: BlockRows, centers: Array, earlier: Any = None) -> BlockState:
    """Memory: the totals of a pass."""
    return BlockState([])


def assign(rows: BlockRows, centers: Array, state: BlockState) -> KMeansTotals:
    """All n k distances, and the sums of all clusters anew."""
    found = rows.added(_assign, _assigned, centers)
    # Sums are exact: where they are those of the last pass, centers stay, and so do labels
    changed = 0 if state.sums is not None and np.array_equal(found.sums, state.sums) else rows.n
    state.sums, state.labels = found.sums, Labels(centers, found.sizes)
    state.measured.append(rows.n * len(centers))
    total = found.sums[:, 0] + found.sums[:, 1]
    return KMeansTotals(total[:, rows.d], total[:, : rows.d], found.objective, changed)


def _assign(block: Block, centers: Array) -> Assigned:
    rows = block.rows()
    state, totals = _one_pass(rows, centers, block.how.grids)
    sums = state.sums.exact
    if state.sums.unequal:
        sums[:, 0, : rows.d], sums[:, 0, rows.d], sums[:, 1] = totals.sums, totals.counts, 0.0
    sizes = np.bincount(state.labels[: rows.n], minlength=len(centers))
    return Assigned(sums, totals.objective, sizes)


def _one_pass(rows: Any, centers: Array, grids: Floats) -> tuple[Any, KMeansTotals]:
    labels = np.full(rows.weight.size, -1, np.int32)
    state = lloyd.LloydState(labels, no_sums(rows, centers, grids=grids), [])
    return state, lloyd.assign(rows, centers, state)


def _assigned(a: Assigned, b: Assigned) -> Assigned:
    return Assigned(*(one + other for one, other in zip(a, b, strict=True)))


def inspect(rows: BlockRows, centers: Array, state: BlockState, each: bool = True) -> Inspection:
    """Nothing that the totals do not tell."""
    return Inspection(np.empty(0), None)


LLOYD = Algorithm(start, assign, lloyd.move, inspect)


@algorithm_of.register
def only(rows: BlockRows, name: str) -> Algorithm:
    """Lloyd's."""
    return LLOYD


@kmeans.farthest.register
def farthest(
    rows: BlockRows, labels: Labels, order: None, inspect: Any, k: int, wanted: int
) -> Farthest:
    """At most so many rows; of equally far ones X's first."""
    return rows.added(_farthest, partial(_farther, wanted), labels.centers, wanted)


def _farthest(block: Block, centers: Array, wanted: int) -> Farthest:
    rows, k = block.rows(), len(centers)
    state, _ = _one_pass(rows, centers, block.how.grids)
    own = partial(lloyd.inspect, rows, centers, state)
    found = kmeans.farthest(rows, state.labels, None, own, k, wanted)
    return found._replace(numbers=found.numbers + block.first)


def _farther(wanted: int, a: Farthest, b: Farthest) -> Farthest:
    *both, left = (
        (np.concatenate(pair) for pair in zip(a[:-1], b[:-1], strict=True)),
        a.left + b.left,
    )
    numbers, sq_dist, *more = both[0]
    first = np.lexsort((numbers, -sq_dist))[:wanted]
    return Farthest(*(each[first] for each in (numbers, sq_dist, *more)), left)


@predictions.may_be_far.register
def may_be_far(rows: BlockRows, centers: Array) -> bool:
    """Labels are those of predictions, which see to it."""
    return False


@kmeans.sizes.register
def sizes(labels: Labels, k: int) -> Indices:
    """Number of rows in every cluster, (k,)."""
    return labels.sizes


@kmeans.same_partition.register
def same_partition(labels: Labels, others: Labels, k: int) -> bool:
    """Are their centers the same? So they are, bit by bit, if those of one partition come to rest."""
    ordered = (np.array(sorted(map(tuple, its.centers.tolist()))) for its in (labels, others))
    return np.array_equal(*ordered)


# --- starts ----------------------------------------------------------------------------------------


class Drawn(NamedTuple):
    """Rows that were drawn, or may be."""

    potential: float  # sum of chances
    numbers: Indices  # (m,) in X
    lots: Floats  # (m,) random numbers
    chances: Floats  # (m,)
    points: Array  # (m, d)


class BlockUrn:
    """Draws numbers of rows in proportion to their weights."""

    def __init__(self, rows: BlockRows) -> None:
        self.rows, self.size = rows, rows.weights.n_held if rows.weights else rows.n

    def draw_distinct(self, size: int, random: RandomState) -> Indices:
        """Draw so many, without replacement; without weights those that are drawn in memory, but for repeats."""
        if self.rows.weights is not None:
            seed = int(random.randint(1 << 62, dtype=np.int64))
            return self.rows.added(_race, partial(_first, size), size, seed).numbers
        found = np.empty(0, np.int64)
        while len(found) < size:
            shares = random.random_sample(size - len(found))
            found = np.r_[found, np.minimum(shares * self.rows.n, self.rows.n - 1).astype(np.int64)]
            found = found[np.sort(np.unique(found, return_index=True)[1])]
        return found


@seeds.urn.register
def urn(rows: BlockRows) -> BlockUrn:
    """Draws numbers of rows in proportion to their weights."""
    return BlockUrn(rows)


@seeds.room.register
def room(rows: BlockRows) -> int:
    """Starts that need numbers of all rows are refused."""
    raise ValueError(
        "init='exact-k-means++' takes two passes for every center, but X is read block by block. Take "
        "'k-means||', which 'k-means++' stands for here."
    )


def _race(block: Block, size: int, seed: int) -> Drawn:
    """The first rows to arrive, each at the speed of its weight (Efraimidis & Spirakis 2006)."""
    weight = np.asarray(block.weight)
    held = np.flatnonzero(weight)
    times = -np.log1p(-scalable.lots(seed, block.first, len(weight))[held]) / weight[held]
    nowhere = np.empty((len(held), 0))
    return _first(size, Drawn(0.0, block.first + held, times, times, nowhere))


def _first(size: int, *both: Drawn) -> Drawn:
    all_of = _together(*both)
    return _chosen(all_of, np.argsort(all_of.lots, kind="stable")[:size])


def _together(*parts: Drawn) -> Drawn:
    potential = sum(part.potential for part in parts)
    return Drawn(potential, *map(np.concatenate, zip(*(part[1:] for part in parts), strict=True)))


def _chosen(drawn: Drawn, some: Any) -> Drawn:
    return Drawn(drawn.potential, *(each[some] for each in drawn[1:]))


class BlockScalable(scalable.Scalable):
    """k-means||, whose rounds are passes over the blocks; it keeps nothing of the rows."""

    def __init__(self, rows: BlockRows) -> None:
        self.rows, self.equal = rows, rows.weights is None

    def _join(self, points: Array, n_new: int, wanted: int, seed: int) -> tuple[Indices, Array]:
        found = self.rows.added(_join, partial(_lucky, wanted), points, wanted, seed)
        return found.numbers, found.points

    def _nearest_to(self, points: Array) -> Floats:
        return np.asarray(self.rows.added(_count, np.add, points))


@scalable.scalable.register
def few_passes(rows: BlockRows) -> BlockScalable:
    """k-means||."""
    return BlockScalable(rows)


def _join(block: Block, points: Array, wanted: int, seed: int) -> Drawn:
    """Rows that would join if there were no others: all that join are among them."""
    chances = predictions.two_nearest(block.view(), points)[1].astype(np.float64)
    if block.weight is not None:
        chances *= block.weight
    lots, numbers = scalable.lots(seed, block.first, len(chances)), np.arange(len(chances))
    found = Drawn(float(chances.sum()), numbers, lots, chances, numbers)
    found = _lucky(wanted, found)
    points = np.asarray(dense.in_frame(block.view(), found.numbers))
    return found._replace(numbers=found.numbers + block.first, points=points)


def _lucky(wanted: int, *both: Drawn) -> Drawn:
    all_of = _together(*both)
    return _chosen(all_of, all_of.lots * all_of.potential < wanted * all_of.chances)


def _count(block: Block, points: Array) -> Floats:
    labels = predictions.nearest(block.view(), points)[1]
    return np.bincount(labels, block.weight, len(points)).astype(np.float64)


# --- mixtures --------------------------------------------------------------------------------------


@passes.expect.register
def expect(
    rows: BlockRows, parameters: Parameters, covariance: Covariance, *skips: Any
) -> MixtureTotals:
    """E-step of all rows and totals for the M-step."""
    return rows.added(_expect, add, parameters, covariance)


def _expect(block: Block, parameters: Parameters, covariance: Covariance) -> MixtureTotals:
    return passes.expect(block.rows(), parameters, covariance)


@passes.tally.register
def tally(rows: BlockRows, labels: Any, origin: Floats, covariance: Covariance) -> MixtureTotals:
    """Totals about origin (k, d) for rows that belong to one component each."""
    if isinstance(labels, Labels):
        return rows.added(_tally, add, labels.centers, origin, covariance)
    if isinstance(labels, np.ndarray) and labels.strides == (0,):
        return rows.added(_tally, add, labels[:1].copy(), origin, covariance)
    chunks = (rows.blocks.array.chunks[0],)
    beside = labels if isinstance(labels, da.Array) else da.from_array(labels, chunks)
    beside = _measured(beside, True)
    if beside.shape != (rows.n,) or beside.dtype.kind not in "iu":
        raise ValueError(
            f"init_params gives labels of shape {beside.shape} and dtype {beside.dtype}, but has to give a whole "
            f"number for each of {rows.n} rows."
        )
    return rows.added(_tally, add, None, origin, covariance, beside=beside.rechunk(chunks))


def _tally(
    block: Block, which: Array | None, origin: Floats, covariance: Covariance
) -> MixtureTotals:
    """`which` are centers, or the label of all rows, or None where labels lie beside the block."""
    labels, k = block.beside, len(origin)
    if which is not None and which.ndim == 2:
        labels = predictions.nearest(block.view(), which)[1]
    elif which is not None:
        labels = np.repeat(which, len(block.X))
    assert labels is not None
    if labels.min() < 0 or labels.max() >= k:
        raise ValueError(
            f"init_params gives labels from {labels.min()} to {labels.max()}, which have to be from 0 to {k - 1}."
        )
    return passes.tally(block.rows(), labels, origin, covariance)


# --- after the fit ---------------------------------------------------------------------------------


def lazily(model: Any, name: str, X: Any) -> Any:
    """What a method of a fitted model gives for each row, as a Dask array that nobody has computed yet."""
    few, lean = _ready(model, X)
    found = np.asarray(getattr(model, name)(few))
    array = as_array(X, lengths=False)
    return array.map_blocks(
        *(_method, dask.delayed(lean, pure=False), name, found[:0]),
        dtype=found.dtype,
        chunks=(array.chunks[0], *((m,) for m in found.shape[1:])),
        drop_axis=[1] if found.ndim == 1 else [],
        meta=found[:0],
    )


def _ready(model: Any, X: Any) -> tuple[Any, Any]:
    """A few rows that look like X, and the model without what blocks do not need."""
    framed = hasattr(X, "columns")
    few = X._meta_nonempty if framed else np.zeros((1, as_array(X, False).shape[1]), X.dtype)
    model.predict(few)  # which refuses rows of other features than those of the fit
    lean = copy(model)
    for name in ("labels_", "feature_names_in_"):
        vars(lean).pop(name, None)
    lean.n_threads = model.n_threads or 1  # Dask does as many blocks at once as there are threads
    return few, lean


def _method(X: Array, model: Any, name: str, nothing: Array, block_id: Any = None) -> Array:
    if len(X) == 0:
        return nothing
    try:
        return np.asarray(getattr(model, name)(X))
    except Exception as error:
        error.add_note(f"This was in block {block_id[0]}.")
        raise


def added_up(model: Any, name: str, X: Any, sample_weight: ArrayLike | None) -> Any:
    """The sum over blocks of what a method of a fitted model gives for rows and their weights."""
    _, lean = _ready(model, X)
    blocks = Blocks(as_array(X, lengths=True))
    weight = blocks.weights(sample_weight)
    spread = Spread(blocks.array, weight and weight.array, None)
    found, _ = spread.total(_score, np.add, None, lean, name)
    return found if np.ndim(found) else float(found)


def _score(block: Block, model: Any, name: str) -> Any:
    if block.weight is not None and not block.weight.any():
        return 0.0
    return np.asarray(getattr(model, name)(block.X, block.weight))
