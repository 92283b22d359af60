"""Starts over blocks: rows are drawn where they are, by numbers that do not tell how rows are cut."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState

from fastmix.distributed.passes import Block
from fastmix.distributed.rows import BlockRows
from fastmix.engine import predictions, scalable, seeds
from fastmix.engine import rows as dense
from fastmix.engine.results import Array, Floats, Indices


class Drawn(NamedTuple):
    """Rows that are drawn, or would be if there were no others."""

    potential: float  # sum of the chances of all rows
    numbers: Indices  # (m,)
    lots: Floats  # (m,)
    chances: Floats  # (m,)
    points: Array  # (m, d)


def _merged(which: Callable[[Drawn], Any], *parts: Drawn) -> Drawn:
    """Those of all parts that are drawn among all."""
    potential = sum(part.potential for part in parts)
    both = Drawn(potential, *map(np.concatenate, zip(*(p[1:] for p in parts), strict=True)))
    some = which(both)
    return Drawn(potential, *(each[some] for each in both[1:]))


def _first(size: int, drawn: Drawn) -> Indices:
    return np.argsort(drawn.lots, kind="stable")[:size]


def _lucky(wanted: int, drawn: Drawn) -> Any:
    return drawn.lots * drawn.potential < wanted * drawn.chances


class BlockUrn:
    """Draws numbers of rows in proportion to their weights."""

    def __init__(self, rows: BlockRows) -> None:
        self.rows, self.size = rows, rows.weights.n_held if rows.weights else rows.n

    def draw_distinct(self, size: int, random: RandomState) -> Indices:
        """Draw so many, without replacement: without weights those of memory, unless one is drawn twice."""
        rows, found = self.rows, np.empty(0, np.int64)
        if rows.weights is not None:
            merge = partial(_merged, partial(_first, size))
            return np.asarray(rows.added(_race, merge, size, scalable.seed_of(random)).numbers)
        while len(found) < size:
            shares = random.random_sample(size - len(found))
            found = np.r_[found, np.minimum(shares * rows.n, rows.n - 1).astype(np.int64)]
            found = found[np.sort(np.unique(found, return_index=True)[1])]
        return found

    def draw(self, size: int, random: RandomState) -> Indices:
        """Whoever draws so keeps a number of every row."""
        raise ValueError(
            "init='exact-k-means++' takes two passes for every center, but X is read block by block. Take "
            "'k-means||', for which 'k-means++' stands here."
        )


seeds.urn.register(BlockRows, BlockUrn)
seeds.n_held.register(BlockRows, lambda rows: BlockUrn(rows).size)


def _race(block: Block, size: int, seed: int) -> Drawn:
    """The first rows to arrive, each at the speed of its weight (Efraimidis & Spirakis 2006)."""
    weight = np.asarray(block.weight)
    held = np.flatnonzero(weight)
    times = -np.log1p(-scalable.lots(seed, block.first, len(weight))[held]) / weight[held]
    return _merged(partial(_first, size), Drawn(0.0, block.first + held, times, times, times))


class BlockScalable(scalable.Scalable):
    """k-means||, a round of which is a pass over the blocks; it keeps nothing of the rows."""

    def __init__(self, rows: BlockRows) -> None:
        self.rows, self.equal = rows, rows.weights is None

    def _join(self, points: Array, n_new: int, wanted: int, seed: int) -> tuple[Indices, Array]:
        merge = partial(_merged, partial(_lucky, wanted))
        found = self.rows.added(_join, merge, points, wanted, seed)
        return found.numbers, found.points

    def _nearest_to(self, points: Array) -> Floats:
        return np.asarray(self.rows.added(_count, np.add, points))


scalable.scalable.register(BlockRows, BlockScalable)


def _join(block: Block, points: Array, wanted: int, seed: int) -> Drawn:
    view = block.view()
    chances = predictions.two_nearest(view, points)[1].astype(np.float64)
    if block.weight is not None:
        chances *= block.weight
    lots, own = scalable.lots(seed, block.first, len(chances)), np.arange(len(chances))
    found = _merged(partial(_lucky, wanted), Drawn(float(chances.sum()), own, lots, chances, own))
    rows = np.asarray(dense.in_frame(view, found.numbers))
    return found._replace(numbers=block.first + found.numbers, points=rows)


def _count(block: Block, points: Array) -> Floats:
    labels = predictions.nearest(block.view(), points)[1]
    return np.bincount(labels, block.weight, len(points)).astype(np.float64)
