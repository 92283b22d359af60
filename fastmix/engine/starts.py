"""Starts of a mixture by name: how rows are shared out before the first M-step."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from fastmix.engine import kmeans
from fastmix.engine.algorithms import choose
from fastmix.engine.covariances import Covariance
from fastmix.engine.em import Model
from fastmix.engine.passes import accumulate
from fastmix.engine.results import Array, Floats, Frame, MixtureTotals, Parameters, Rows
from fastmix.engine.rows import mean_variance, pack, take
from fastmix.engine.seeds import plusplus

BLOCK_NUMBERS = 1 << 18  # responsibilities held at once
KMEANS_ITERATIONS, KMEANS_TOL = 300, 1e-4  # the defaults of KMeans


def start(rows: Rows, k: int, name: str, model: Model, random: RandomState) -> Parameters:
    """First parameters of a mixture with k components.

    Raises
    ------
    CollapseError
        If a component of the start has no volume.
    """
    if model.complete:
        return model.first(None)
    return model.first(STARTS[name](rows, k, model.covariance, random))


def by_kmeans(rows: Rows, k: int, covariance: Covariance, random: RandomState) -> MixtureTotals:
    """Every row belongs to its cluster of one k-means run."""
    seeds = take(rows, plusplus(rows, k, random))
    tolerance = KMEANS_TOL * mean_variance(rows)
    result = kmeans.run(rows, seeds, choose("auto"), KMEANS_ITERATIONS, tolerance)
    blocks = (one_hot(result.labels[some], k) for some in _blocks(rows, k))
    return accumulate(rows, blocks, result.centers.astype(np.float64), covariance)


def by_chance(rows: Rows, k: int, covariance: Covariance, random: RandomState) -> MixtureTotals:
    """Every row is shared out at random."""

    def draw(some: slice) -> Floats:
        resp = random.uniform(size=(some.stop - some.start, k))
        return resp / resp.sum(axis=1, keepdims=True)

    blocks = (draw(some) for some in _blocks(rows, k))
    return accumulate(rows, blocks, np.zeros((k, rows.tiles.shape[1])), covariance)


def by_plusplus(rows: Rows, k: int, covariance: Covariance, random: RandomState) -> MixtureTotals:
    """Every component holds one row, a seed of k-means++."""
    return _one_row_each(rows, plusplus(rows, k, random), covariance)


def by_rows(rows: Rows, k: int, covariance: Covariance, random: RandomState) -> MixtureTotals:
    """Every component holds one row, drawn at random, in proportion to its weight."""
    weight = rows.weight[: rows.n]
    # scikit-learn, which knows no weights, draws without probabilities: other numbers of the stream
    p = None if np.all(weight == weight[0]) else weight / weight.sum()
    return _one_row_each(rows, random.choice(rows.n, size=k, replace=False, p=p), covariance)


STARTS: dict[str, Callable[[Rows, int, Covariance, RandomState], MixtureTotals]] = {
    "kmeans": by_kmeans,
    "k-means++": by_plusplus,
    "random": by_chance,
    "random_from_data": by_rows,
}


def one_hot(labels: NDArray[np.int32], k: int) -> Floats:
    """Responsibilities (m, k) of rows that belong to one component each."""
    resp = np.zeros((len(labels), k))
    resp[np.arange(len(labels)), labels] = 1.0
    return resp


def _one_row_each(rows: Rows, indices: Array, covariance: Covariance) -> MixtureTotals:
    points = take(rows, indices)
    frame = Frame(np.zeros(points.shape[1], points.dtype), 0)
    own = pack(points, frame, None, n_threads=1)  # a seed counts once, whatever its weight
    return accumulate(own, [np.eye(len(points))], points.astype(np.float64), covariance)


def _blocks(rows: Rows, k: int) -> Iterator[slice]:
    """Runs of rows, whole tiles each, whose responsibilities are of bounded size."""
    R = rows.tiles.shape[2]
    step = R * max(1, BLOCK_NUMBERS // (R * k))
    for first in range(0, rows.n, step):
        yield slice(first, min(first + step, rows.n))
