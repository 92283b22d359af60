"""Starting centers by name: which rows become the first centers.

Random numbers are drawn in scikit-learn's order, so the same seed starts at the same rows.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.random import RandomState

from fastmix._numba import threads
from fastmix.engine.quantized import pays, rounded_points, rounded_rows
from fastmix.engine.results import AnyRows, Array, Floats, Rows
from fastmix.engine.rows import rows_work, take, writeable
from fastmix.kernels import seeding
from fastmix.kernels.quantized import Points
from fastmix.kernels.shards import shard_bounds
from fastmix.kernels.simd_bytes import ROWS

FEWEST_FEATURES = 24  # from which on bytes pay


class Drawing:
    """Draws rows by chance from weighted squared distances to the nearest seed, block by block."""

    rows: Rows
    closest: Array  # (>= n,)
    tile_potential: Floats  # (n_blocks,) sums over blocks of `width` rows
    width: int

    def draw(self, shares: Floats) -> Array:
        """The first rows whose running sums of weight * closest reach these shares of the total."""
        cumulative = np.cumsum(self.tile_potential)
        return np.array([self._draw(cumulative, u) for u in shares * cumulative[-1]])

    def _draw(self, cumulative: Floats, u: float) -> int:
        """First its tile, then its lane."""
        rows, R = self.rows, self.width
        tile = min(int(np.searchsorted(cumulative, u)), len(cumulative) - 1)
        before = cumulative[tile - 1] if tile else 0.0
        lanes = slice(tile * R, min((tile + 1) * R, rows.n))
        running = before + np.cumsum(rows.weight[lanes] * self.closest[lanes])
        return allowed(rows, min(tile * R + int(np.searchsorted(running, u)), rows.n - 1))


class TileSeeding(Drawing):
    """Squared distances of packed rows to their nearest seed."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.bounds = rows, shard_bounds(len(rows.tiles))
        self.closest = np.full(rows.weight.size, np.inf, rows.tiles.dtype)
        self.tile_potential, self.width = np.empty(len(rows.tiles)), rows.tiles.shape[2]

    def add(self, row: int) -> None:
        """One more seed."""
        rows, seed = self.rows, take(self.rows, np.array([row]))[0]
        n_threads = threads(rows.n_threads, rows_work(rows, 3))
        given = rows.tiles, rows.weight, seed
        seeding.add_seed(n_threads, self.bounds, *given, self.closest, self.tile_potential)

    def potentials(self, candidates: Array) -> Floats:
        """What would be left of the total with each candidate as one more seed, (len(candidates),)."""
        rows, left = self.rows, np.zeros((len(self.bounds) - 1, len(candidates)))
        seeding.potential(
            threads(rows.n_threads, rows_work(rows, 3 * len(candidates))),
            self.bounds,
            rows.tiles,
            rows.weight,
            take(rows, candidates),
            self.closest,
            left,
        )
        return left.sum(0)


class ByteSeeding(Drawing):
    """The same with bytes: only rows that a seed comes closer to are measured, and a few more.

    Memory: a byte a value, and 24 bytes a row.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows, self.width = rows, ROWS
        self.bytes = rounded_rows(rows)
        n_tiles = len(self.bytes.tiles)
        self.bounds = shard_bounds(n_tiles)
        self.closest = np.zeros(n_tiles * ROWS)
        self.closest[: rows.n] = np.inf
        self.tile_potential = np.zeros(n_tiles)
        self._ask(np.array([0]))

    def add(self, row: int) -> None:
        """One more seed."""
        numbers, seeds, points = self._asked
        at = np.flatnonzero(numbers == row)[:1]
        if not len(at):
            self._ask(np.array([row]))
            numbers, seeds, points = self._asked
            at = np.array([0])
        self._gain(seeds[at], Points(*(each[at] for each in points)), accept=True)

    def potentials(self, candidates: Array) -> Floats:
        """What would be left of the total with each candidate as one more seed, (len(candidates),)."""
        self._ask(candidates)
        return self.tile_potential.sum() - self._gain(*self._asked[1:], accept=False)

    def _ask(self, numbers: Array) -> None:
        """Look up rows that may become seeds."""
        seeds = take(self.rows, numbers)
        self._asked = numbers, seeds, rounded_points(seeds)

    def _gain(self, seeds: Array, points: Points, accept: bool) -> Floats:
        rows = self.rows
        gains = np.zeros((len(self.bounds) - 1, len(seeds)))
        seeding.gain(
            threads(rows.n_threads, rows_work(rows, len(seeds))),
            self.bounds,
            writeable(rows.X),
            rows.frame.origin,
            rows.scale,
            rows.weight,
            seeds,
            *self.bytes,
            *points,
            float(points.length.max()),
            accept,
            self.closest,
            self.tile_potential,
            gains,
        )
        return gains.sum(0)


@singledispatch
def begin(rows: AnyRows) -> Any:
    """No seeds yet."""
    enough = rows.tiles.shape[1] >= FEWEST_FEATURES and len(rows.X) == rows.n
    return ByteSeeding(rows) if enough and pays(rows) else TileSeeding(rows)


def plusplus(rows: AnyRows, k: int, random: RandomState, n_trials: int | None = None) -> Array:
    """Greedy k-means++: numbers of the rows that become centers, (k,).

    Each further seed is the best of `n_trials` (2 + floor(ln k)) rows drawn in proportion to weight
    times squared distance to the nearest seed (Arthur & Vassilvitskii, SODA 2007,
    doi 10.5555/1283383.1283494, section 5). No row of weight 0 becomes a seed.
    Cost 2 k n_trials n d operations; memory one number a row.
    """
    n_trials = n_trials or 2 + int(np.log(k))
    chosen = np.empty(k, np.int64)
    chosen[0] = random.choice(rows.n, p=_probabilities(rows))
    state = begin(rows)
    state.add(int(chosen[0]))
    for position in range(1, k):
        candidates = state.draw(random.uniform(size=n_trials))
        chosen[position] = candidates[state.potentials(candidates).argmin()]
        state.add(int(chosen[position]))
    return chosen


def allowed(rows: AnyRows, row: int) -> int:
    """The row that was drawn, or the next one that may be a seed.

    At u = 0, or by rounding at a tile's end, a row without weight may be drawn.
    """
    if rows.weight[row] > 0:
        return row
    weighted = np.flatnonzero(rows.weight)
    return int(weighted[min(int(np.searchsorted(weighted, row)), len(weighted) - 1)])


def uniform(rows: AnyRows, k: int, random: RandomState) -> Array:
    """k distinct rows in proportion to their weights, (k,).

    Raises
    ------
    ValueError
        If fewer than k rows have a weight.
    """
    weighted = np.count_nonzero(rows.weight)
    if weighted < k:
        raise ValueError(
            f"init='random' draws {k} distinct rows, but only {weighted} rows have a positive "
            "sample_weight. Lower the number of clusters or use init='k-means++'."
        )
    return random.choice(rows.n, size=k, replace=False, p=_probabilities(rows))


def _probabilities(rows: AnyRows) -> Floats:
    weight = rows.weight[: rows.n]
    return weight / weight.sum()


SEEDINGS: dict[str, Callable[[AnyRows, int, RandomState], Array]] = {
    "k-means++": plusplus,
    "random": uniform,
}
