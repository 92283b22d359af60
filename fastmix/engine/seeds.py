"""Starting centers by name: which rows become the first centers.

Random numbers are drawn in scikit-learn's order, so the same seed starts at the same rows.
"""

from collections.abc import Callable
from functools import partial, singledispatch
from typing import Any

import numpy as np
from numpy.random import RandomState

from fastmix._threads import threads
from fastmix.engine import kernels
from fastmix.engine.quantized import pays, rounded_points, rounded_rows
from fastmix.engine.results import AnyRows, Array, Floats, Rows
from fastmix.engine.rows import by_shards, fewer, in_frame, rows_work, take, writeable
from fastmix.kernels.shards import shard_bounds

NUMBER = 8  # bytes, at most, that a seeding remembers of a row
FEWEST_FEATURES = 24  # from which on bytes pay
SEED_WORK = 12  # operations a value of one more seed: its distances, and those of some candidates
ENOUGH_ROOM = 2**24  # bytes that starts together may need, however small X is


class Urn:
    """Numbers of rows, drawn by chance in proportion to weights (n,).

    The stream and the numbers are those of ``random.choice(n, size, p=weight / weight.sum())``, without
    its passes over all n rows every time, and where all weights are equal without any.
    """

    def __init__(self, weight: Floats) -> None:
        self.weight = weight
        self.equal = bool(weight.min() == weight.max())
        self._running: Floats | None = None

    @property
    def chances(self) -> Floats:
        """(n,), of sum 1."""
        return self.weight / self.weight.sum()

    @property
    def running(self) -> Floats:
        """Running sums of the chances."""
        if self._running is None:  # no functools.cached_property: a fork may meet its lock
            self._running = _shares(self.chances)
        return self._running

    @property
    def size(self) -> int:
        """How many rows can be drawn."""
        return len(self.weight) if self.equal else int(np.count_nonzero(self.chances))

    def _search(self, shares: Floats) -> Array:
        """The rows at which the running sums go beyond these shares."""
        if self.equal:
            places, n = shares * len(self.weight), len(self.weight)
            # Rounding moves a running sum of n terms by less than n eps, so a place by less than this.
            sure = np.abs(places - np.rint(places)) > float(n) * n * np.finfo(np.float64).eps
            if sure.all():
                return places.astype(np.intp)
        return self.running.searchsorted(shares, side="right")

    def draw(self, size: int, random: RandomState) -> Array:
        """Draw so many, with replacement."""
        shares = random.random_sample(size)
        order = shares.argsort()  # ascending, the searches walk through memory in one direction
        numbers = np.empty(size, np.intp)
        numbers[order] = self._search(shares[order])
        return numbers

    def draw_distinct(self, size: int, random: RandomState) -> Array:
        """Draw so many, without replacement."""
        found = self._search(random.random_sample(size))
        found = found[np.sort(np.unique(found, return_index=True)[1])]
        while len(found) < size:
            left = self.chances
            left[found] = 0.0
            new = _shares(left).searchsorted(random.random_sample(size - len(found)), side="right")
            _, first = np.unique(new, return_index=True)
            found = np.concatenate([found, new[np.sort(first)]])
        return found


@singledispatch
def urn(rows: AnyRows) -> Any:
    """Draws numbers of rows in proportion to their weights."""
    return Urn(rows.weight[: rows.n])


@singledispatch
def n_held(rows: AnyRows) -> int:
    """Number of rows that have a weight."""
    return int(np.count_nonzero(rows.weight[: rows.n]))


def _shares(chances: Floats) -> Floats:
    """Running sums (n,), of which the last is 1."""
    running = np.cumsum(chances)
    running /= running[-1]
    return running


class Drawing:
    """Draws rows by chance from weighted squared distances to the nearest seed, block by block."""

    rows: Rows
    closest: Array  # (n_starts, >= n)
    tile_potential: Floats  # (n_starts, n_blocks) sums over blocks of equally many rows

    def draw(self, shares: Floats) -> Array:
        """The first rows whose running sums of weight * closest reach these shares (n_starts, m) of the total."""
        rows, found = self.rows, np.empty(shares.shape, np.int64)
        width = self.closest.shape[1] // self.tile_potential.shape[1]
        for s, own in enumerate(shares):
            given = self.tile_potential[s], rows.weight, self.closest[s], rows.n, width
            kernels.seeding.draw(*given, own, found[s])
        return allowed(rows, found)


class TileSeeding(Drawing):
    """Squared distances of packed rows to their nearest seed, for several starts at once."""

    def __init__(self, rows: Rows, n_starts: int = 1) -> None:
        held = kernels.tiles.n_tiles(rows.n, rows.dtype)
        self.rows, self.bounds = rows, shard_bounds(held, rows_work(rows, SEED_WORK))
        self.closest = np.empty((n_starts, rows.weight.size), rows.dtype)
        self.tile_potential = np.empty((n_starts, held))
        self.closer = np.empty((n_starts, held), np.uint64)

    def restart(self) -> None:
        """No seeds yet."""
        self.closest[:] = np.inf
        self.asked: Array = np.empty((1, 0), np.int64)

    def add(self, numbers: Array) -> None:
        """One more seed of every start, the rows of these numbers (n_starts,)."""
        rows, bits = self.rows, np.zeros(len(numbers), np.uint64)
        same = self.asked[:, : kernels.seeding.MOST_NOTED] == numbers[:, None]
        if same.size:
            bits = same.any(1) * (np.uint64(1) << same.argmax(1).astype(np.uint64))
        seeds = take(rows, numbers)
        for part in by_shards(rows, self.bounds):
            some = part.rows
            kernels.seeding.add_seed(
                threads(some.n_threads, rows_work(some, 3 * len(numbers))),
                part.bounds,
                some.tiles,
                some.weight,
                seeds,
                self.closer[:, part.tiles],
                bits,
                self.closest[:, part.places],
                self.tile_potential[:, part.tiles],
            )

    def potentials(self, candidates: Array) -> Floats:
        """What would be left of the total with each candidate as one more seed, (n_starts, m) of both."""
        rows, (m, L) = self.rows, candidates.shape
        left = np.zeros((len(self.bounds) - 1, m, L))
        self.asked = candidates
        points = take(rows, candidates.ravel()).reshape(m, L, rows.d)
        for part in by_shards(rows, self.bounds):
            some = part.rows
            kernels.seeding.potential(
                threads(some.n_threads, rows_work(some, 3 * candidates.size)),
                part.bounds,
                some.tiles,
                some.weight,
                points,
                self.closest[:, part.places],
                self.closer[:, part.tiles],
                left[part.slots],
            )
        return left.sum(0)


class ByteSeeding(Drawing):
    """The same with bytes: only rows that a seed comes closer to are measured, and a few more.

    Memory: a byte a value, 16 bytes a row, and 8 bytes a row and start.
    """

    def __init__(self, rows: Rows, n_starts: int = 1) -> None:
        self.rows = rows
        self.bytes, _ = rounded_rows(rows)
        n_tiles = len(self.bytes.tiles)
        self.bounds = shard_bounds(n_tiles, rows_work(rows, SEED_WORK))
        self.closest = np.zeros((n_starts, n_tiles * kernels.simd_bytes.ROWS))
        self.tile_potential = np.empty((n_starts, n_tiles))

    def restart(self) -> None:
        """No seeds yet."""
        self.closest[:, : self.rows.n] = np.inf
        self.tile_potential[:] = 0.0

    def add(self, numbers: Array) -> None:
        """One more seed of every start, the rows of these numbers (n_starts,)."""
        for s, number in enumerate(numbers):
            self._gain(s, np.array([number]), accept=True)

    def potentials(self, candidates: Array) -> Floats:
        """What would be left of the total with each candidate as one more seed, (n_starts, m) of both."""
        gains = np.array([self._gain(s, own, accept=False) for s, own in enumerate(candidates)])
        return self.tile_potential[: len(gains)].sum(1)[:, None] - gains

    def _gain(self, start: int, numbers: Array, accept: bool) -> Floats:
        rows, seeds = self.rows, take(self.rows, numbers)
        points = rounded_points(seeds)
        gains = np.zeros((len(self.bounds) - 1, len(seeds)))
        kernels.seeding.gain(
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
            self.closest[start],
            self.tile_potential[start],
            gains,
        )
        return gains.sum(0)


class RowSeeding:
    """The same by NumPy, for few rows or sparse ones. Memory: a number a row and candidate, d of dense rows.

    `sq_distances(numbers)` measures all rows against those of these numbers (m,), (n, m).
    """

    def __init__(
        self, rows: AnyRows, n_starts: int, sq_distances: Callable[[Array], Array]
    ) -> None:
        self.rows, self.sq_distances = rows, sq_distances
        self.closest = np.empty((n_starts, rows.n))

    def restart(self) -> None:
        """No seeds yet."""
        self.closest[:] = np.inf

    def add(self, numbers: Array) -> None:
        """One more seed of every start, the rows of these numbers (n_starts,)."""
        for closest, number in zip(self.closest, numbers, strict=False):
            closest[:] = self._closer(closest, np.array([number]))[:, 0]

    def draw(self, shares: Floats) -> Array:
        """The first rows whose running sums of weight * closest reach these shares (n_starts, m) of the total."""
        rows, drawn = self.rows, np.empty(shares.shape, np.int64)
        for its, closest, wanted in zip(drawn, self.closest, shares, strict=False):
            running = np.cumsum(rows.weight[: rows.n] * closest)
            its[:] = np.searchsorted(running, wanted * running[-1]).clip(max=rows.n - 1)
        return allowed(rows, drawn)

    def potentials(self, candidates: Array) -> Floats:
        """What would be left of the total with each candidate as one more seed, (n_starts, m) of both."""
        weight, each = self.rows.weight[: self.rows.n], zip(self.closest, candidates, strict=False)
        # not by BLAS, whose threads would change the order of additions
        left = [np.einsum("n,nm->m", weight, self._closer(closest, its)) for closest, its in each]
        return np.array(left)

    def _closer(self, closest: Floats, numbers: Array) -> Floats:
        return np.minimum(closest[:, None], self.sq_distances(numbers))


def sq_distances(X: Array, numbers: Array) -> Array:
    """Squared distances of all rows X (n, d) to those of these numbers (m,), (n, m)."""
    apart = X[:, None] - X[numbers]
    return np.asarray(np.einsum("nmd,nmd->nm", apart, apart))


@singledispatch
def begin(rows: AnyRows, n_starts: int) -> Any:
    """No seeds yet, of so many starts at once."""
    if fewer(rows):
        return RowSeeding(rows, n_starts, partial(sq_distances, in_frame(rows)))
    enough = rows.d >= FEWEST_FEATURES and len(rows.X) == rows.n
    return (ByteSeeding if enough and pays(rows) else TileSeeding)(rows, n_starts)


@singledispatch
def room(rows: AnyRows) -> int:
    """Bytes that starts together may need: those of the numbers of X, or a few more."""
    return max(int(rows.X.nbytes), ENOUGH_ROOM)


class PlusPlus:
    """Greedy k-means++, for one start or several on the same rows.

    Each further seed is the best of `n_trials` (2 + floor(ln k)) rows drawn in proportion to weight
    times squared distance to the nearest seed (Arthur & Vassilvitskii, SODA 2007,
    doi 10.5555/1283383.1283494, section 5). No row of weight 0 becomes a seed.
    Cost 2 k n_trials n d operations a start; memory at most 8 bytes a row and start, of as many starts
    at once as then do not need more than X, or 16 MB.
    """

    def __init__(self, rows: AnyRows, n_trials: int | None = None) -> None:
        self.rows, self.n_trials = rows, n_trials
        self.urn = urn(rows)

    def draw(self, k: int, random: RandomState, n_starts: int = 1) -> Array:
        """Numbers of the rows that become centers, (n_starts, k); random numbers are drawn start by start."""
        n_trials = self.n_trials or 2 + int(np.log(k))
        chosen, shares = np.empty((n_starts, k), np.int64), np.empty((n_starts, k - 1, n_trials))
        for s in range(n_starts):
            chosen[s, 0] = self.urn.draw(1, random)[0]
            shares[s] = random.uniform(size=(k - 1, n_trials))
        together = max(1, room(self.rows) // (NUMBER * self.rows.n))
        groups = np.array_split(np.arange(n_starts), -(-n_starts // together))
        state = begin(self.rows, len(groups[0]))
        for its in groups:
            state.restart()
            for position in range(1, k):
                state.add(chosen[its, position - 1])
                candidates = state.draw(shares[its, position - 1])
                best = state.potentials(candidates).argmin(1)
                chosen[its, position] = candidates[np.arange(len(its)), best]
        return chosen


def allowed(rows: AnyRows, numbers: Array) -> Array:
    """The rows that were drawn, or the next ones that may be seeds.

    At u = 0, or by rounding at a tile's end, a row without weight may be drawn.
    """
    if rows.weight[numbers].all():
        return numbers
    weighted = np.flatnonzero(rows.weight)
    following = weighted[np.searchsorted(weighted, numbers).clip(max=len(weighted) - 1)]
    return np.asarray(np.where(rows.weight[numbers] > 0, numbers, following))


class Uniform:
    """Distinct rows in proportion to their weights."""

    def __init__(self, rows: AnyRows) -> None:
        self.rows = rows

    def draw(self, k: int, random: RandomState, n_starts: int = 1) -> Array:
        """Numbers of the rows that become centers, (n_starts, k).

        Raises
        ------
        ValueError
            If fewer than k rows have a weight.
        """
        its = urn(self.rows)
        weighted = its.size
        if weighted < k:
            raise ValueError(
                f"init='random' draws {k} distinct rows, but only {weighted} rows have a positive "
                "sample_weight. Lower the number of clusters or use init='k-means++'."
            )
        return np.array([its.draw_distinct(k, random) for _ in range(n_starts)])


SEEDINGS: dict[str, Callable[[AnyRows], PlusPlus | Uniform]] = {
    "k-means++": PlusPlus,
    "random": Uniform,
}
