"""Lloyd's algorithm over blocks. It remembers no labels: every pass adds up all rows anew."""

import operator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fastmix.distributed.passes import Block
from fastmix.distributed.rows import READ, BlockRows
from fastmix.engine import kmeans, lloyd
from fastmix.engine.algorithms import Algorithm, algorithm_of
from fastmix.engine.results import Array, Floats, Indices, Inspection, KMeansTotals
from fastmix.engine.sums import no_sums


class Added(NamedTuple):
    """What a pass adds up."""

    sums: Floats  # (k, 2, columns) of engine/sums.py, on the grids of all rows
    objective: float
    sizes: Indices  # (k,) rows of every cluster


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of all rows, as what tells them: the nearest of these centers."""

    centers: Array  # (k, d)
    sizes: Indices  # (k,) rows that have each
    ndim = 1

    def __getitem__(self, some: Any) -> "Labels":
        """All of them."""
        return self


@dataclass
class State:
    """What is known of the last pass."""

    measured: list[int]
    sums: Floats | None = None
    labels: Any = None  # Labels
    order: None = None
    name: str = "lloyd"
    reason: str = f"rows are read {READ}"


def start(rows: BlockRows, centers: Array, earlier: Any = None) -> State:
    """Memory: the totals of a pass."""
    return State([])


def assign(rows: BlockRows, centers: Array, state: State) -> KMeansTotals:
    """All n k distances, and the sums of all clusters."""
    found = rows.added(_assign, _together, centers, counted=True)
    # Where exact sums are those of the last pass centers stay, and so do labels
    changed = 0 if state.sums is not None and np.array_equal(found.sums, state.sums) else rows.n
    state.sums, state.labels = found.sums, Labels(centers, found.sizes)
    state.measured.append(rows.n * len(centers))
    total = found.sums[:, 0] + found.sums[:, 1]
    return KMeansTotals(total[:, rows.d], total[:, : rows.d], found.objective, changed)


def _assign(block: Block, centers: Array) -> Added:
    rows, state, totals = _pass(block, centers)
    sums = state.sums.exact
    if state.sums.unequal:
        sums[:, 0, : rows.d], sums[:, 0, rows.d], sums[:, 1] = totals.sums, totals.counts, 0.0
    sizes = totals.counts.astype(np.int64)
    if block.weight is not None:
        sizes = np.bincount(state.labels[: rows.n], minlength=len(centers))
    return Added(sums, totals.objective, sizes)


def _pass(block: Block, centers: Array) -> tuple[Any, lloyd.LloydState, KMeansTotals]:
    """Rows, state and totals of a first pass over a block."""
    rows = block.rows()
    labels = np.full(rows.weight.size, -1, np.int32)
    state = lloyd.LloydState(labels, no_sums(rows, centers, grids=block.how.grids), [])
    return rows, state, lloyd.assign(rows, centers, state)


def _together(a: Added, b: Added) -> Added:
    return Added(*map(operator.add, a, b))


def inspect(rows: BlockRows, centers: Array, state: State, each: bool = True) -> Inspection:
    """Nothing that totals do not tell."""
    return Inspection(np.empty(0), None)


LLOYD = Algorithm(start, assign, lloyd.move, inspect)
algorithm_of.register(BlockRows, lambda rows, name: LLOYD)


@kmeans.farthest.register
def farthest(
    rows: BlockRows, labels: Labels, order: None, inspect: Any, k: int, wanted: int
) -> kmeans.Farthest:
    """At most so many rows; of equally far ones X's first."""
    found: kmeans.Farthest = rows.added(
        _farthest, partial(_farther, wanted), labels.centers, wanted
    )
    return found


def _farthest(block: Block, centers: Array, wanted: int) -> kmeans.Farthest:
    rows, state, _ = _pass(block, centers)
    own = partial(lloyd.inspect, rows, centers, state)
    found = kmeans.farthest(rows, state.labels, None, own, len(centers), wanted)
    return found._replace(numbers=found.numbers + block.first)


def _farther(wanted: int, a: kmeans.Farthest, b: kmeans.Farthest) -> kmeans.Farthest:
    pairs: Any = zip(a, b, strict=True)
    *both, _ = (np.concatenate(pair) for pair in pairs)
    first = np.lexsort((both[0], -both[1]))[:wanted]
    return kmeans.Farthest(*(its[first] for its in both), left=a.left + b.left)  # type: ignore[misc]


kmeans.sizes.register(Labels, lambda labels, k: labels.sizes)


@kmeans.same_partition.register
def same_partition(labels: Labels, others: Labels, k: int) -> bool:
    """Do their centers differ by their order only? Runs that come to rest at one partition have the same bits."""
    return sorted(labels.centers.tolist()) == sorted(others.centers.tolist())
