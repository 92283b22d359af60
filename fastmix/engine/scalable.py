"""k-means||: starting centers from a few passes, where k-means++ takes two for each of them."""

from collections.abc import Callable, Iterable
from functools import singledispatch

import numpy as np
from numpy.random import PCG64, Generator, RandomState
from numpy.typing import NDArray

from fastmix.engine.chunked import ChunkedRows, blocks
from fastmix.engine.predictions import nearest, two_nearest
from fastmix.engine.results import AnyRows, Array, Floats, Frame, read_how
from fastmix.engine.rows import pack, take
from fastmix.engine.seeds import SEEDINGS, PlusPlus, Uniform, urn

ROUNDS, OVERSAMPLING = 5, 2  # times k rows join in a round, on average
AT_ONCE = 1 << 20  # rows, whose chances are held at once


class Scalable:
    """k-means|| (Bahmani et al. 2012, PVLDB 5(7), doi:10.14778/2180912.2180915, algorithm 2).

    Of all rows each joins the candidates with a probability in proportion to weight times squared
    distance to the nearest candidate, in five rounds of about 2 k; k-means++ draws the centers from
    the candidates, weighted by the rows that are nearest to them. The draws do not depend on how
    rows are cut into chunks. Cost 20 k n d operations; memory a number a row.
    """

    closest: Array  # (n,) squared distances to the nearest candidate

    def __init__(self, rows: AnyRows) -> None:
        self.rows, self.weight = rows, rows.weight[: rows.n]
        self.equal = bool(self.weight.min() == self.weight.max())

    def draw(self, k: int, random: RandomState, n_starts: int = 1) -> Array:
        """Numbers of the rows that become centers, (n_starts, k)."""
        return np.array([self._draw(k, random) for _ in range(n_starts)])

    def _draw(self, k: int, random: RandomState) -> Array:
        rows = self.rows
        new = self._first(random)
        numbers, points = new, take(rows, new)
        for _ in range(ROUNDS):
            new, found = self._join(points, len(new), OVERSAMPLING * k, seed_of(random))
            if len(new) == 0:
                break
            numbers, points = np.concatenate([numbers, new]), np.concatenate([points, found])
        held = Frame(np.zeros(points.shape[1], points.dtype), 0)
        candidates = pack(points, held, self._nearest_to(points), rows.n_threads)
        return numbers[PlusPlus(candidates).draw(k, random)[0]]

    def _first(self, random: RandomState) -> Array:
        if not self.equal:
            return np.asarray(urn(self.rows).draw_distinct(1, random))
        return np.array([min(int(random.random_sample() * self.rows.n), self.rows.n - 1)])

    def _join(
        self, points: Array, n_new: int, wanted: int, seed: int
    ) -> tuple[NDArray[np.int64], Array]:
        """Rows, their numbers first, that become candidates beside `points`, the last n_new of them new."""
        self.closest = self._closer(
            self.closest if len(points) > n_new else np.empty(0), points[-n_new:]
        )
        new = self._lucky(self.closest, wanted, seed)
        return new, take(self.rows, new) if len(new) else points[:0]

    def _closer(self, closest: Array, points: Array) -> Array:
        """Squared distances to the nearest candidate (n,), some of which are new."""
        for first, some in self._blocks():
            found = two_nearest(some, points)[1]
            if len(closest) == 0:
                closest = np.full(self.rows.n, np.inf, found.dtype)
            here = closest[first : first + some.n]
            np.minimum(here, found, out=here)
        return closest

    def _lucky(self, closest: Array, wanted: int, seed: int) -> NDArray[np.int64]:
        """Numbers of the rows that are drawn."""
        cuts = [slice(first, first + AT_ONCE) for first in range(0, self.rows.n, AT_ONCE)]
        potential = sum(float(self._chances(closest, cut).sum()) for cut in cuts)
        if potential == 0:
            return np.empty(0, np.int64)
        joined = list[Array]()
        for cut in cuts:
            chances = self._chances(closest, cut)
            lucky = lots(seed, cut.start, len(chances)) * potential < wanted * chances
            joined.append(cut.start + np.flatnonzero(lucky))
        return np.concatenate(joined)

    def _chances(self, closest: Array, cut: slice) -> Floats:
        return np.asarray(self.weight[cut] * closest[cut])

    def _nearest_to(self, points: Array) -> Floats:
        """Weight of the rows that are nearest to every candidate, (m,)."""
        counts = np.zeros(len(points))
        for first, some in self._blocks():
            labels = nearest(some, points)[1]
            its = self.weight[first : first + some.n]
            counts += np.bincount(labels, None if self.equal else its, len(points))
        return counts

    def _blocks(self) -> Iterable[tuple[int, AnyRows]]:
        return blocks(self.rows) if isinstance(self.rows, ChunkedRows) else [(0, self.rows)]


def seed_of(random: RandomState) -> int:
    """Of a stream of its own."""
    return int(random.randint(1 << 62, dtype=np.int64))


def lots(seed: int, first: int, n: int) -> Floats:
    """Random numbers (n,) in [0, 1) of the rows from `first` on: every row has its own, however rows are cut."""
    return Generator(PCG64(seed).advance(first)).random(n)


@singledispatch
def scalable(rows: AnyRows) -> Scalable:
    """k-means||."""
    return Scalable(rows)


def plus_plus(rows: AnyRows) -> PlusPlus | Scalable:
    """k-means++ or, where every pass reads the rows, its form of few passes."""
    return scalable(rows) if read_how(rows) else PlusPlus(rows)


KMEANS_SEEDINGS: dict[str, Callable[[AnyRows], PlusPlus | Uniform | Scalable]] = {
    **SEEDINGS,
    "k-means++": plus_plus,
    "exact-k-means++": PlusPlus,
    "k-means||": scalable,
}
