"""Starting centers by name: which rows become the first centers.

Random numbers are drawn in scikit-learn's order, so the same seed starts at the same rows.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import RandomState

from fastmix._numba import threads
from fastmix.engine.results import Array, Floats, Rows
from fastmix.engine.rows import rows_work, take
from fastmix.kernels import seeding
from fastmix.kernels.shards import shard_bounds


def plusplus(rows: Rows, k: int, random: RandomState, n_trials: int | None = None) -> Array:
    """Greedy k-means++: numbers of the rows that become centers, (k,).

    Each further seed is the best of `n_trials` (2 + floor(ln k)) rows drawn in proportion to weight
    times squared distance to the nearest seed (Arthur & Vassilvitskii, SODA 2007,
    doi 10.5555/1283383.1283494, section 5). No row of weight 0 becomes a seed.
    Cost 2 k n_trials n d operations; memory one number a row.
    """
    n_trials = n_trials or 2 + int(np.log(k))
    bounds = shard_bounds(len(rows.tiles))
    closest = np.full(rows.weight.size, np.inf, rows.tiles.dtype)
    tile_potential = np.empty(len(rows.tiles))
    chosen = np.empty(k, np.int64)

    def add(position: int, row: int) -> None:
        chosen[position] = row
        seed = take(rows, np.array([row]))[0]
        n_threads = threads(rows.n_threads, rows_work(rows, 3))
        seeding.add_seed(n_threads, bounds, rows.tiles, rows.weight, seed, closest, tile_potential)

    add(0, int(random.choice(rows.n, p=_probabilities(rows))))
    for position in range(1, k):
        cumulative = np.cumsum(tile_potential)
        draws = random.uniform(size=n_trials) * cumulative[-1]
        candidates = np.array([_draw(rows, closest, cumulative, u) for u in draws])
        left = np.zeros((len(bounds) - 1, n_trials))
        seeding.potential(
            threads(rows.n_threads, rows_work(rows, 3 * n_trials)),
            bounds,
            rows.tiles,
            rows.weight,
            take(rows, candidates),
            closest,
            left,
        )
        add(position, int(candidates[left.sum(0).argmin()]))
    return chosen


def _draw(rows: Rows, closest: Array, cumulative: Floats, u: float) -> int:
    """The first row whose running sum of weight * closest reaches u: first its tile, then its lane."""
    R = rows.tiles.shape[2]
    tile = min(int(np.searchsorted(cumulative, u)), len(cumulative) - 1)
    before = cumulative[tile - 1] if tile else 0.0
    lanes = slice(tile * R, (tile + 1) * R)
    running = before + np.cumsum(rows.weight[lanes] * closest[lanes])
    row = min(tile * R + int(np.searchsorted(running, u)), rows.n - 1)
    if rows.weight[row] > 0:
        return row
    # u = 0, or rounding at a tile's end: the next row that may be a seed
    allowed = np.flatnonzero(rows.weight)
    return int(allowed[min(int(np.searchsorted(allowed, row)), len(allowed) - 1)])


def uniform(rows: Rows, k: int, random: RandomState) -> Array:
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


def _probabilities(rows: Rows) -> Floats:
    weight = rows.weight[: rows.n]
    return weight / weight.sum()


SEEDINGS: dict[str, Callable[[Rows, int, RandomState], Array]] = {
    "k-means++": plusplus,
    "random": uniform,
}
