"""Bisecting k-means: a tree whose leaves are split in two, one after the other, by 2-means."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._numba import threads
from fastmix.engine.algorithms import Algorithm, LloydState, move_lloyd, start_lloyd
from fastmix.engine.results import Array, Floats, KMeansResult, KMeansTotals, Rows
from fastmix.engine.rows import rows_work
from fastmix.kernels import halves
from fastmix.kernels.shards import shard_bounds


def assign(rows: Rows, centers: Array, state: LloydState) -> KMeansTotals:
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


HALVES = Algorithm(start_lloyd, assign, move_lloyd)


class Node:
    """A cluster: a leaf with its rows, or a node with two children."""

    def __init__(self, center: Array, rows: NDArray[np.int64] | None, objective: float) -> None:
        self.center = center  # (d,) in the frame
        self.rows = rows  # (m,) numbers of its rows, ascending, while the tree grows; None for all
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


class Leaf(NamedTuple):
    """What a strategy chooses by."""

    n_rows: int
    objective: float


STRATEGIES: dict[str, Callable[[Leaf], float]] = {
    "biggest_inertia": lambda leaf: leaf.objective,
    "largest_cluster": lambda leaf: leaf.n_rows,
}


def next_leaf(root: Node, n: int, strategy: str) -> Node:
    """The leaf to split: of the largest score, the leftmost among equals, of at least two rows."""
    score = STRATEGIES[strategy]
    best, most = root, -np.inf
    for node in root.leaves():
        leaf = Leaf(n if node.rows is None else len(node.rows), node.objective)
        if leaf.n_rows > 1 and score(leaf) > most:
            best, most = node, score(leaf)
    return best


def split(node: Node, n: int, found: KMeansResult, weight: Floats | None) -> None:
    """Give a leaf its two children; weight (m,) of its rows, None for 1."""
    rows = np.arange(n) if node.rows is None else node.rows
    far = found.sq_dist.astype(np.float64)
    if weight is not None:
        far[weight == 0] = 0.0  # the distance may be infinite
        far *= weight
    objectives = np.bincount(found.labels, far, 2)
    left, right = (
        Node(found.centers[c], rows[found.labels == c], float(objectives[c])) for c in range(2)
    )
    node.children, node.rows = (left, right), None


def labels(root: Node, n: int) -> NDArray[np.int32]:
    """Number of the leaf, from left to right, of every row (n,)."""
    found = np.zeros(n, np.int32)
    for number, leaf in enumerate(root.leaves()):
        found[slice(None) if leaf.rows is None else leaf.rows] = number
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
