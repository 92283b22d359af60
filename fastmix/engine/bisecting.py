"""Bisecting k-means: a tree whose leaves are split in two, one after the other, by 2-means."""

from collections.abc import Callable, Iterator
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._threads import threads
from fastmix.engine import kernels, lloyd
from fastmix.engine.algorithms import Algorithm
from fastmix.engine.results import (
    AnyRows,
    Array,
    Floats,
    KMeansResult,
    KMeansTotals,
    Rows,
    SparseRows,
)
from fastmix.engine.rows import in_tiles, rows_work
from fastmix.engine.sparse import chosen
from fastmix.engine.sums import Sums, no_sums
from fastmix.kernels.shards import shard_bounds

SUM_WORK = 8  # operations a value, to add it up exactly
ROW_WORK = 25  # operations a row that make shards of some 64 tiles, which are worth a call


class HalvesState(NamedTuple):
    """What a pass of 2-means finds, and the sums of the two halves."""

    labels: NDArray[np.int32]  # (n_tiles * R,)
    sums: Sums
    objectives: Floats  # (2,) of either half in the last pass
    measured: list[int]  # distances of rows to centers, pass by pass
    order: None = None  # rows stay where they are
    name: str = "lloyd"


def start(rows: Rows, centers: Array, earlier: Any = None) -> HalvesState:
    """All rows on the left.

    `earlier` has sums of these rows, of whatever clusters: an earlier run's, or those of the split that
    made them. Memory: 4 bytes a row.
    """
    sums = no_sums(rows, centers, earlier)
    if earlier is None:
        n_threads = threads(rows.n_threads, rows_work(rows, SUM_WORK))
        kernels.halves.add_all(
            n_threads, sums.bounds, rows.tiles, rows.weight, sums.grids, sums.changes
        )
        sums.fold(np.ones(len(sums.changes), np.int64), rows.n_threads)
    else:
        sums.exact[0] = earlier.sums.exact.sum(0)
    return HalvesState(np.zeros(rows.weight.size, np.int32), sums, np.zeros(2), [])


def assign(rows: Rows, centers: Array, state: HalvesState) -> KMeansTotals:
    """One pass of 2-means, the labels of Lloyd's algorithm; in the first one every row changes."""
    sums, first = state.sums, not state.measured
    objective, changed = np.zeros((len(sums.changes), 2)), np.zeros(len(sums.changes), np.int64)
    kernels.halves.assign(
        threads(rows.n_threads, rows_work(rows, 8)),
        *(sums.bounds, rows.tiles, rows.n, rows.weight, centers, sums.grids),
        *(state.labels, sums.changes, objective, changed),
    )
    state.measured.append(2 * rows.n)
    state.objectives[:] = objective.sum(0)
    totals = sums.totals(rows, state.labels, float(state.objectives.sum()), changed)
    return totals._replace(changed=rows.n) if first else totals


HALVES = Algorithm(start, assign, lloyd.move, lloyd.inspect)


class Known(NamedTuple):
    """What a split tells of the rows of one half before their own."""

    sums: Sums


def known(found: KMeansResult, side: int) -> Known | None:
    """The sums of the rows of one label, if they are those of the state."""
    if not isinstance(found.state, HalvesState) or not _are_of_state(found):
        return None
    sums = found.state.sums
    return Known(sums._replace(exact=sums.exact[side : side + 1].copy(), changes=sums.exact[:0]))


def _are_of_state(found: KMeansResult) -> bool:
    """Are the labels those of the last pass? Far rows have others."""
    return np.may_share_memory(found.labels, found.state.labels)


class Own(NamedTuple):
    """The rows of a leaf."""

    rows: AnyRows
    numbers: NDArray[np.int64]  # (m,) of the rows among all, ascending
    known: Known | None = None  # of the rows, if anything is


class Halves:
    """The rows of two leaves, in one piece until one of these is split: the last leaves never are."""

    def __init__(self, whole: Own, found: KMeansResult) -> None:
        self._whole: tuple[Own, KMeansResult] | None = (whole, found)
        self._left: list[Own | None] = [None, None]

    def take(self, side: int) -> Own:
        """The rows of one leaf, handed out once."""
        if self._whole:
            (rows, numbers, _), found = self._whole
            halves = parts(rows, numbers, found)
            self._left = [Own(*half, known(found, i)) for i, half in enumerate(halves)]
            self._whole = None
        own, self._left[side] = self._left[side], None
        assert own is not None
        return own

    def numbers(self, side: int) -> NDArray[np.int64]:
        """The numbers of the rows of one leaf, (m,), which is not handed out."""
        if self._whole is None:
            half = self._left[side]
            assert half is not None
            return half.numbers
        whole, found = self._whole
        return whole.numbers[found.labels == side]


class Node:
    """A cluster: a leaf with its rows, or a node with two children."""

    def __init__(self, center: Array, objective: float, n: int = 0, own: Own | None = None) -> None:
        self.center = center  # (d,) in the frame
        self.objective = objective  # weighted squared distances of its rows to the center
        self.n = n  # rows of a leaf, while the tree grows
        self._own = own  # these, or with which others they still are
        self._half: tuple[Halves, int] | None = None
        self.children: tuple[Node, Node] | None = None

    def leaves(self) -> "Iterator[Node]":
        """From left to right."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            if node.children is None:
                yield node
            else:
                waiting.extend(reversed(node.children))

    def splits(self) -> "Iterator[Array]":
        """The two centers (2, d) of every split."""
        waiting = [self]
        while waiting:
            children = waiting.pop().children
            if children is not None:
                yield np.array([child.center for child in children])
                waiting.extend(children)

    def own(self) -> Own:
        """The rows of a leaf by themselves."""
        if self._half:
            halves, side = self._half
            self._own, self._half = halves.take(side), None
        assert self._own is not None
        return self._own

    def numbers(self) -> NDArray[np.int64]:
        """The numbers of the rows of a leaf, (n,)."""
        if self._half:
            halves, side = self._half
            return halves.numbers(side)
        return self.own().numbers

    def split(self, found: KMeansResult) -> "tuple[Node, Node]":
        """Two children in place of the rows."""
        own = self.own()
        halves, objectives = Halves(own, found), objectives_of(own.rows, found)
        n_right = int(np.count_nonzero(found.labels))
        left, right = (
            Node(center, float(objective), n)
            for center, objective, n in zip(
                found.centers, objectives, (self.n - n_right, n_right), strict=True
            )
        )
        left._half, right._half = (halves, 0), (halves, 1)
        self.children = left, right
        self.forget()
        return self.children

    def forget(self) -> None:
        """Drop the rows."""
        self.n, self._own, self._half = 0, None, None

    def __reduce__(self) -> Any:
        # a tree may be deeper than Python calls itself
        parts = as_arrays(self)
        return from_arrays, tuple(parts.values())


def as_arrays(root: Node) -> dict[str, Any]:
    """The m nodes of a tree without rows, every one before its children, and those from left to right."""
    nodes, waiting = list[Node](), [root]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        waiting.extend(reversed(node.children or ()))
    split = np.array([node.children is not None for node in nodes])
    return {
        "centers": np.array([node.center for node in nodes]),  # (m, d)
        "objectives": np.array([node.objective for node in nodes]),  # (m,)
        "split": split,  # (m,)
        "n_leaves": int(len(nodes) - split.sum()),
    }


def from_arrays(
    centers: Array, objectives: Floats, split: NDArray[np.bool_], n_leaves: int
) -> Node:
    """The tree of these nodes; ValueError where they are none."""
    trees = list[Node]()  # whose parents are still to come, the leftmost last
    for center, objective, inner in zip(
        centers[::-1], objectives[::-1].tolist(), split[::-1], strict=True
    ):
        node = Node(center.copy(), objective)
        if inner:
            if len(trees) < 2:
                raise ValueError("a node of the tree lacks a child")
            node.children = trees.pop(), trees.pop()
        trees.append(node)
    if len(trees) != 1 or np.count_nonzero(~split) != n_leaves:
        raise ValueError(f"its nodes are not one tree of {n_leaves} leaves")
    return trees[0]


Half = tuple[AnyRows, NDArray[np.int64]]  # its rows and their numbers


@singledispatch
def parts(rows: AnyRows, numbers: NDArray[np.int64], found: KMeansResult) -> list[Half]:
    """The rows of either label, as tiles alone, and their numbers."""
    bounds = shard_bounds(len(rows.tiles), ROW_WORK * rows.n)
    _, d, R = rows.tiles.shape
    ends = np.minimum(bounds * R, rows.n)
    in_right = np.add.reduceat(found.labels, ends[:-1], dtype=np.int64)
    sizes = np.stack([np.diff(ends) - in_right, in_right])
    begin = np.zeros((2, len(bounds)), np.int64)
    sizes.cumsum(1, out=begin[:, 1:])
    halves_of = []
    for m in begin[:, -1]:
        tiles = kernels.memory.empty((-(-int(m) // R), d, R), rows.tiles.dtype)
        if m % R:
            tiles[-1, :, m % R :] = 0
        halves_of.append((tiles, np.zeros(len(tiles) * R), np.empty(m, np.int64)))
    kernels.halves.part(
        threads(rows.n_threads, rows_work(rows, 8)),
        bounds,
        *(rows.tiles, rows.weight, numbers, found.labels, begin, *halves_of[0], *halves_of[1]),
    )
    return [(in_tiles(rows, tiles, weight, len(its)), its) for tiles, weight, its in halves_of]


@singledispatch
def objectives_of(rows: AnyRows, found: KMeansResult) -> Floats:
    """Weighted squared distances of either half to its center, (2,)."""
    state: HalvesState = found.state
    if _are_of_state(found):
        return state.objectives
    state.labels[: rows.n] = found.labels
    sq_dist, _ = lloyd.measure_own(rows, found.centers, state)
    return np.bincount(found.labels, _weighted(rows, sq_dist), 2).astype(np.float64)


def _weighted(rows: AnyRows, sq_dist: Array) -> Floats:
    """Weight times squared distance (n,); the distance of what weighs nothing may be infinite."""
    far, weight = np.zeros(rows.n), rows.weight[: rows.n]
    np.multiply(weight, sq_dist[: rows.n], out=far, where=weight > 0)
    return far


@parts.register
def sparse_parts(rows: SparseRows, numbers: NDArray[np.int64], found: KMeansResult) -> list[Half]:
    """The same of sparse rows."""
    sides = (found.labels == side for side in range(2))
    return [(chosen(rows, here), numbers[here]) for here in sides]


@objectives_of.register
def sparse_objectives(rows: SparseRows, found: KMeansResult) -> Floats:
    """The same of sparse rows."""
    far = _weighted(rows, found.state.sq_dist)
    return np.array([far[found.labels == side].sum() for side in range(2)])


STRATEGIES: dict[str, Callable[[Node], float]] = {
    "biggest_inertia": lambda leaf: leaf.objective,
    "largest_cluster": lambda leaf: leaf.n,
}


def next_leaf(leaves: list[Node], strategy: str) -> int:
    """The place of the leaf to split: of the largest score, the first among equals, of at least two rows."""
    score = STRATEGIES[strategy]
    return max((i for i, leaf in enumerate(leaves) if leaf.n > 1), key=lambda i: score(leaves[i]))


def labels(root: Node, n: int) -> NDArray[np.int32]:
    """Number of the leaf, from left to right, of every row (n,)."""
    found = np.empty(n, np.int32)
    for number, leaf in enumerate(root.leaves()):
        found[leaf.numbers()] = number
    return found


def walk(
    root: Node, n: int, side: Callable[[Array, NDArray[np.int64]], NDArray[Any]]
) -> NDArray[np.int32]:
    """Number of the leaf that every row (n,) comes to.

    `side(centers (2, d), rows)` tells for some rows which of two centers is nearer, the left among equals.
    """
    found = np.empty(n, np.int32)
    waiting, number = [(root, np.arange(n))], 0
    while waiting:
        node, rows = waiting.pop()
        if node.children is None:
            found[rows] = number
            number += 1
            continue
        left, right = node.children
        to_right = np.zeros(len(rows), bool)
        if len(rows):
            to_right = side(np.array([left.center, right.center]), rows) == 1
        waiting += [(right, rows[to_right]), (left, rows[~to_right])]
    return found
