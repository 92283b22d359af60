"""Starts of a mixture, by name or as given: how rows are shared out before the first M-step."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import RandomState

from fastmix.engine import kmeans
from fastmix.engine.algorithms import algorithm_of
from fastmix.engine.covariance import Covariance
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.em import Model
from fastmix.engine.passes import accumulate
from fastmix.engine.results import (
    Array,
    Floats,
    Frame,
    KMeansResult,
    MixtureTotals,
    Parameters,
    Rows,
)
from fastmix.engine.rows import mean_variance, pack, put_back, take
from fastmix.engine.scalable import plus_plus
from fastmix.engine.seeds import n_held, urn
from fastmix.engine.shares import blocks, constant_features, overall, share_out

ALGORITHM, KMEANS_ITERATIONS, KMEANS_TOL = "auto", 300, 1e-4  # the defaults of KMeans


def start(rows: Rows, k: int, how: str | Array, model: Model, random: RandomState) -> Parameters:
    """First parameters of a mixture with k components.

    `how` is a name in STARTS, or labels (n,), or responsibilities (n, k).

    Raises
    ------
    CollapseError
        If a component of the start has no volume.
    """
    if model.complete:
        return model.first(None)
    if isinstance(how, str):
        return model.first(STARTS[how](rows, k, model.covariance, random))
    return model.first(share_out(rows, k, how, model.covariance))


def by_kmeans(rows: Rows, k: int, covariance: Covariance, random: RandomState) -> MixtureTotals:
    """Every row belongs to its cluster of one k-means run."""
    found = _once(rows, ("kmeans", k), random, lambda: _clusters(rows, k, random))
    return share_out(rows, k, found.labels, covariance, found.centers.astype(np.float64))


def by_whitened_kmeans(
    rows: Rows, k: int, covariance: Covariance, random: RandomState
) -> MixtureTotals:
    """The same among whitened rows: clusters are told apart however stretched the data are."""
    key = "kmeans-whitened", k
    found = _once(rows, key, random, lambda: _clusters(whitened(rows), k, random))
    return share_out(rows, k, found.labels, covariance)


def by_chance(rows: Rows, k: int, covariance: Covariance, random: RandomState) -> MixtureTotals:
    """Every row is shared out at random."""

    def draw(some: slice) -> Floats:
        resp = random.uniform(size=(some.stop - some.start, k))
        return resp / resp.sum(axis=1, keepdims=True)

    resp = (draw(some) for some in blocks(rows, k))
    return accumulate(rows, resp, np.zeros((k, rows.d)), covariance)


def by_plusplus(rows: Rows, k: int, covariance: Covariance, random: RandomState) -> MixtureTotals:
    """Every component holds one row, a seed of k-means++."""
    return _one_row_each(rows, plus_plus(rows).draw(k, random)[0], covariance)


def by_rows(rows: Rows, k: int, covariance: Covariance, random: RandomState) -> MixtureTotals:
    """Every component holds one row, drawn at random, in proportion to its weight."""
    if not hasattr(rows, "weight"):  # they are elsewhere
        return _one_row_each(rows, urn(rows).draw_distinct(k, random), covariance)
    weight = rows.weight[: rows.n]
    # scikit-learn, which knows no weights, draws without probabilities: other numbers of the stream
    p = None if np.all(weight == weight[0]) else weight / weight.sum()
    return _one_row_each(rows, random.choice(rows.n, size=k, replace=False, p=p), covariance)


STARTS: dict[str, Callable[[Rows, int, Covariance, RandomState], MixtureTotals]] = {
    "kmeans": by_kmeans,
    "kmeans-whitened": by_whitened_kmeans,
    "k-means++": by_plusplus,
    "random": by_chance,
    "random_from_data": by_rows,
}


# those that need no more than passes over the rows
IN_PASSES = ("kmeans", "k-means++", "random_from_data")


def whitened(rows: Rows) -> Rows:
    """Copy of the rows along their principal axes, of variance 1 along each.

    Directions in which the rows do not differ, but for rounding, are left out. The axes are those of
    the rows in standard deviations of their features: the same whitening up to a rotation, which
    k-means does not see, and features of any scale survive it.
    """
    _, means, covariances = overall(rows, COVARIANCES["full"])
    matrix, variances = covariances[0], np.diagonal(covariances[0])
    varying = ~constant_features(rows, means[0], variances)
    inverse_std = 1.0 / np.sqrt(np.where(varying, variances, np.inf))
    values, vectors = np.linalg.eigh(matrix * inverse_std[:, None] * inverse_std)
    held = values > 10 * len(values) * np.finfo(rows.dtype).eps * values[-1]
    axes = (vectors[:, held] / np.sqrt(values[held])).T * inverse_std
    if not len(axes):
        axes = np.zeros((1, len(matrix)))  # all rows are equal, and shall be so here
    # no row is moved: padding stays zero
    tiles = np.matmul(axes.astype(rows.tiles.dtype), rows.tiles)
    X = np.ascontiguousarray(tiles.transpose(0, 2, 1)).reshape(-1, len(axes))[: rows.n]
    frame = Frame(np.zeros(len(axes), tiles.dtype), 0)
    return replace(rows, X=X, frame=frame, pack=lambda _: tiles, largest=None)


def _once(
    rows: Rows, what: tuple[str, int], random: RandomState, find: Callable[[], KMeansResult]
) -> KMeansResult:
    """What `find` finds, or what it found before with these random numbers, where the rows keep that.

    No covariance has a part in it: fits of several types to the same rows, from one seed, share it.
    """
    if rows.clusterings is None:
        return find()
    before: Any = random.get_state()
    name, stream, *place = before
    key = *what, name, stream.tobytes(), *place
    if key not in rows.clusterings:
        rows.clusterings[key] = find()._replace(state=None), random.get_state()
    found, after = rows.clusterings[key]
    random.set_state(after)
    return found


def _clusters(rows: Rows, k: int, random: RandomState) -> KMeansResult:
    seeds = take(rows, plus_plus(rows).draw(k, random)[0])
    tolerance = KMEANS_TOL * mean_variance(rows)
    found = kmeans.run(rows, seeds, algorithm_of(rows, ALGORITHM), KMEANS_ITERATIONS, tolerance)
    if found.state.order is not None:
        put_back(rows, found.state.order)
    return found


def _one_row_each(rows: Rows, indices: Array, covariance: Covariance) -> MixtureTotals:
    points = take(rows, indices)
    frame = Frame(np.zeros(points.shape[1], points.dtype), 0)
    own = pack(points, frame, None, n_threads=1)
    # a seed counts as much as rows do on average, whatever its weight
    mean = rows.total / n_held(rows)
    own = replace(own, weight=own.weight * mean, total=own.total * mean)
    return accumulate(own, [np.eye(len(points))], points.astype(np.float64), covariance)
