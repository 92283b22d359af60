"""Bisecting k-means: a tree whose leaves are split in two, one after the other, by 2-means."""

from collections.abc import Callable, Iterator
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._numba import threads
from fastmix.engine import lloyd
from fastmix.engine.algorithms import Algorithm
from fastmix.engine.results import AnyRows, Array, KMeansResult, KMeansTotals, Rows, SparseRows
from fastmix.engine.rows import rows_work
from fastmix.engine.sparse import chosen
from fastmix.kernels import halves
from fastmix.kernels.shards import shard_bounds


class HalvesState(NamedTuple):
    """What a pass of 2-means finds."""

    labels: NDArray[np.int32]  # (n_tiles * R,) -1 before the first pass
    sq_dist: Array  # (n_tiles * R,)
    order: None = None  # rows stay where they are


def start(rows: Rows, centers: Array, earlier: HalvesState | None = None) -> HalvesState:
    """Memory: 4 bytes and one number a row."""
    labels = np.full(rows.weight.size, -1, np.int32)
    return HalvesState(labels, np.empty(rows.weight.size, rows.tiles.dtype))


def assign(rows: Rows, centers: Array, state: HalvesState) -> KMeansTotals:
    """One pass of 2-means, the labels of Lloyd's algorithm with the sums taken in lanes."""
    bounds = shard_bounds(len(rows.tiles))
    S, d = len(bounds) - 1, centers.shape[1]
    counts, sums = np.zeros((S, 2)), np.zeros((S, 2, d))
    objective, changed = np.zeros(S), np.zeros(S, np.int64)
    halves.assign(
        threads(rows.n_threads, rows_work(rows, 8)),
        bounds,
        *(rows.tiles, rows.n, rows.weight, centers),
        *(state.labels, state.sq_dist, counts, sums, objective, changed),
    )
    return KMeansTotals(counts.sum(0), sums.sum(0), float(objective.sum()), int(changed.sum()))


HALVES = Algorithm(start, assign, lloyd.move, lloyd.inspect)


class Node:
    """A cluster: a leaf with its rows, or a node with two children."""

    def __init__(
        self, center: Array, rows: AnyRows, numbers: NDArray[np.int64], objective: float
    ) -> None:
        self.center = center  # (d,) in the frame
        self.rows = rows  # of a leaf, while the tree grows
        self.numbers = numbers  # (m,) of its rows among all, ascending
        self.objective = objective  # weighted squared distances of its rows to the center
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

    def split(self, found: KMeansResult) -> None:
        """Two children in place of the rows."""
        assert found.sq_dist is not None  # rows stay where they are
        weight = self.rows.weight[: len(self.numbers)]
        far = np.zeros(len(weight))
        np.multiply(weight, found.sq_dist, out=far, where=weight > 0)  # it may be infinite
        objectives = np.bincount(found.labels, far, 2)
        halves = (half(self.rows, self.numbers, found.labels, c) for c in range(2))
        left, right = (
            Node(found.centers[c], *its, float(objectives[c])) for c, its in enumerate(halves)
        )
        self.children = left, right
        self.forget()

    def forget(self) -> None:
        """Drop the rows."""
        self.rows, self.numbers = None, self.numbers[:0]


@singledispatch
def half(
    rows: AnyRows, numbers: NDArray[np.int64], labels: NDArray[np.int32], side: int
) -> tuple[AnyRows, NDArray[np.int64]]:
    """The rows of one label, as tiles alone, and their numbers."""
    bounds = shard_bounds(len(rows.tiles))
    wanted = np.concatenate([[0], np.cumsum(labels == side)])
    _, d, R = rows.tiles.shape
    begin = wanted[np.minimum(bounds * R, rows.n)]
    m = int(wanted[-1])
    tiles = np.empty((-(-m // R), d, R), rows.tiles.dtype)
    if m % R:
        tiles[-1, :, m % R :] = 0
    weight, its = np.zeros(len(tiles) * R), np.empty(m, np.int64)
    halves.gather(
        threads(rows.n_threads, rows_work(rows, 4)),
        bounds,
        *(rows.tiles, rows.weight, numbers, labels, side, begin, tiles, weight, its),
    )
    return rows._replace(X=rows.X[:0], tiles=tiles, weight=weight, n=m), its


@half.register
def sparse_half(
    rows: SparseRows, numbers: NDArray[np.int64], labels: NDArray[np.int32], side: int
) -> tuple[SparseRows, NDArray[np.int64]]:
    """The same of sparse rows."""
    wanted = labels == side
    return chosen(rows, wanted), numbers[wanted]


STRATEGIES: dict[str, Callable[[Node], float]] = {
    "biggest_inertia": lambda leaf: leaf.objective,
    "largest_cluster": lambda leaf: len(leaf.numbers),
}


def next_leaf(root: Node, strategy: str) -> Node:
    """The leaf to split: of the largest score, the leftmost among equals, of at least two rows."""
    leaves = [leaf for leaf in root.leaves() if len(leaf.numbers) > 1]
    return max(leaves, key=STRATEGIES[strategy])


def labels(root: Node, n: int) -> NDArray[np.int32]:
    """Number of the leaf, from left to right, of every row (n,)."""
    found = np.empty(n, np.int32)
    for number, leaf in enumerate(root.leaves()):
        found[leaf.numbers] = number
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
