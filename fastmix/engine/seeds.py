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


class Urn:
    """Numbers of rows, drawn by chance in proportion to weights (n,).

    The stream and the numbers are those of ``random.choice(n, size, p=weight / weight.sum())``, without
    its passes over all n rows every time.
    """

    def __init__(self, weight: Floats) -> None:
        self.weight = weight
        self.running = _shares(self.chances)

    @property
    def chances(self) -> Floats:
        """(n,), of sum 1."""
        return self.weight / self.weight.sum()

    def draw(self, size: int, random: RandomState) -> Array:
        """Draw so many, with replacement."""
        shares = random.random_sample(size)
        order = shares.argsort()  # ascending, the searches walk through memory in one direction
        numbers = np.empty(size, np.intp)
        numbers[order] = self.running.searchsorted(shares[order], side="right")
        return numbers

    def draw_distinct(self, size: int, random: RandomState) -> Array:
        """Draw so many, without replacement."""
        found = np.empty(0, np.intp)
        while len(found) < size:
            shares, running = random.random_sample(size - len(found)), self.running
            if len(found):
                left = self.chances
                left[found] = 0.0
                running = _shares(left)
            new = running.searchsorted(shares, side="right")
            _, first = np.unique(new, return_index=True)
            found = np.concatenate([found, new[np.sort(first)]])
        return found


def _shares(chances: Floats) -> Floats:
    """Running sums (n,), of which the last is 1."""
    running = np.cumsum(chances)
    running /= running[-1]
    return running


class Drawing:
    """Draws rows by chance from weighted squared distances to the nearest seed, block by block."""

    rows: Rows
    closest: Array  # (>= n,)
    tile_potential: Floats  # (n_blocks,) sums over blocks of equally many rows

    def draw(self, shares: Floats) -> Array:
        """The first rows whose running sums of weight * closest reach these shares of the total."""
        rows, found = self.rows, np.empty(len(shares), np.int64)
        width = len(self.closest) // len(self.tile_potential)
        seeding.draw(self.tile_potential, rows.weight, self.closest, rows.n, width, shares, found)
        return np.array([allowed(rows, int(row)) for row in found])


class TileSeeding(Drawing):
    """Squared distances of packed rows to their nearest seed."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.bounds = rows, shard_bounds(len(rows.tiles))
        self.closest = np.empty(rows.weight.size, rows.tiles.dtype)
        self.tile_potential = np.empty(len(rows.tiles))
        self.closer = np.empty(len(rows.tiles), np.uint64)
        self.restart()

    def restart(self) -> None:
        """No seeds yet."""
        self.closest[:] = np.inf
        self.asked: Array = np.empty(0, np.int64)

    def add(self, row: int) -> None:
        """One more seed."""
        rows, seed = self.rows, take(self.rows, np.array([row]))[0]
        at = np.flatnonzero(self.asked[: seeding.MOST_NOTED] == row)[:1]
        seeding.add_seed(
            threads(rows.n_threads, rows_work(rows, 3)),
            self.bounds,
            rows.tiles,
            rows.weight,
            seed,
            self.closer,
            np.uint64(1 << int(at[0]) if len(at) else 0),
            self.closest,
            self.tile_potential,
        )

    def potentials(self, candidates: Array) -> Floats:
        """What would be left of the total with each candidate as one more seed, (len(candidates),)."""
        rows, left = self.rows, np.zeros((len(self.bounds) - 1, len(candidates)))
        self.asked = candidates
        seeding.potential(
            threads(rows.n_threads, rows_work(rows, 3 * len(candidates))),
            self.bounds,
            rows.tiles,
            rows.weight,
            take(rows, candidates),
            self.closest,
            self.closer,
            left,
        )
        return left.sum(0)


class ByteSeeding(Drawing):
    """The same with bytes: only rows that a seed comes closer to are measured, and a few more.

    Memory: a byte a value, and 24 bytes a row.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.bytes, _ = rounded_rows(rows)
        n_tiles = len(self.bytes.tiles)
        self.bounds = shard_bounds(n_tiles)
        self.closest, self.tile_potential = np.zeros(n_tiles * ROWS), np.empty(n_tiles)
        self.restart()

    def restart(self) -> None:
        """No seeds yet."""
        self.closest[: self.rows.n] = np.inf
        self.tile_potential[:] = 0.0
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
    enough = rows.d >= FEWEST_FEATURES and len(rows.X) == rows.n
    return ByteSeeding(rows) if enough and pays(rows) else TileSeeding(rows)


class PlusPlus:
    """Greedy k-means++, for one start or several on the same rows.

    Each further seed is the best of `n_trials` (2 + floor(ln k)) rows drawn in proportion to weight
    times squared distance to the nearest seed (Arthur & Vassilvitskii, SODA 2007,
    doi 10.5555/1283383.1283494, section 5). No row of weight 0 becomes a seed.
    Cost 2 k n_trials n d operations; memory two numbers a row.
    """

    def __init__(self, rows: AnyRows, n_trials: int | None = None) -> None:
        self.rows, self.n_trials = rows, n_trials
        self.urn, self.state = Urn(rows.weight[: rows.n]), begin(rows)

    def draw(self, k: int, random: RandomState) -> Array:
        """Numbers of the rows that become centers, (k,)."""
        n_trials, state = self.n_trials or 2 + int(np.log(k)), self.state
        state.restart()
        chosen = np.empty(k, np.int64)
        chosen[0] = self.urn.draw(1, random)[0]
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


class Uniform:
    """Distinct rows in proportion to their weights."""

    def __init__(self, rows: AnyRows) -> None:
        self.rows = rows

    def draw(self, k: int, random: RandomState) -> Array:
        """Numbers of the rows that become centers, (k,).

        Raises
        ------
        ValueError
            If fewer than k rows have a weight.
        """
        urn = Urn(self.rows.weight[: self.rows.n])
        weighted = np.count_nonzero(urn.chances)
        if weighted < k:
            raise ValueError(
                f"init='random' draws {k} distinct rows, but only {weighted} rows have a positive "
                "sample_weight. Lower the number of clusters or use init='k-means++'."
            )
        return urn.draw_distinct(k, random)


SEEDINGS: dict[str, Callable[[AnyRows], PlusPlus | Uniform]] = {
    "k-means++": PlusPlus,
    "random": Uniform,
}
