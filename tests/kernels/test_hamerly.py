"""Hamerly's bounds: the bounds themselves hold, not only the labels."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmix.engine import hamerly
from fastmix.engine.kmeans import means
from fastmix.engine.results import Frame
from fastmix.engine.rows import pack
from fastmix.kernels.hamerly import gather
from fastmix.kernels.lloyd import own_distances


def offset(rng, n, d):
    return 100 + rng.normal(size=(n, d))


def integers(rng, n, d):
    return rng.randint(-3, 4, (n, d)).astype(float)


def clusters(rng, n, d):
    return 5 * rng.randint(3, size=(n, 1)) + rng.normal(size=(n, d))


DATA = {"offset": offset, "integers with ties": integers, "clusters": clusters}


@pytest.mark.parametrize("make", DATA.values(), ids=DATA)
@pytest.mark.parametrize(("n", "d", "k"), [(1, 1, 1), (70, 2, 3), (700, 4, 20), (500, 9, 5)])
def test_bounds_hold_after_every_pass(rng, dtype, make, n, d, k):
    X = make(rng, n, d).astype(dtype)
    rows = pack(X, Frame(np.zeros(d, dtype), 0), rng.uniform(0.5, 1.5, n), 1)
    centers = X[rng.choice(n, k, replace=False)].copy()
    state = hamerly.start(rows, centers)
    for _ in range(12):
        totals = hamerly.assign(rows, centers, state)
        expected, _, _ = naive.nearest(X, centers)
        assert_array_equal(state.labels[:n], expected)
        dist = np.sqrt(((X[:, None].astype(naive.WIDE) - centers) ** 2).sum(2))
        own = dist[np.arange(n), expected]
        other = dist.copy()
        other[np.arange(n), expected] = np.inf
        upper, gap = (
            each[:n].astype(naive.WIDE) for each in (state.bounds.upper, state.bounds.gap)
        )
        u = upper + state.moved[expected]
        left = gap - state.loss[expected]
        assert np.all(own <= u)
        assert np.all(u + left <= other.min(1))
        R = rows.tiles.shape[2]
        for t, least in enumerate(state.bounds.least):
            home = state.bounds.home[t]
            some = slice(t * R, min((t + 1) * R, n))
            loss = state.loss[home] if home >= 0 else state.most[0]
            assert home in (-1, *expected[some])
            assert least - loss <= left[some].min()
        moved = means(totals, centers)
        shift = np.sqrt(np.square(moved.astype(np.float64) - centers).sum(1))
        centers = moved
        hamerly.move(state, centers, shift)


def test_settled_clusters_are_hardly_measured(rng):
    X = np.repeat(100.0 * np.arange(5), 200)[:, None] + rng.normal(size=(1000, 3))
    rows = pack(X, Frame(np.zeros(3), 0), None, 1)
    centers = X[::200].copy()
    state = hamerly.start(rows, centers)
    for _ in range(4):
        totals = hamerly.assign(rows, centers, state)
        moved = means(totals, centers)
        hamerly.move(state, moved, np.sqrt(np.square(moved - centers).sum(1)))
        centers = moved
    assert state.measured == [1000, 0, 0, 0]


def test_gathered_rows_are_copies(rng, in_tiles, guarded):
    X = rng.normal(size=(100, 3))
    tiles, rows = guarded(in_tiles(X)), np.array([99, 0, 31, 32, 64])
    panel = guarded(np.full((3, tiles.shape[2]), 7.0))
    gather(tiles, rows, panel)
    assert_array_equal(panel[:, : len(rows)].T, X[rows])
    assert_array_equal(panel[:, len(rows) :], 7.0)


def test_own_distances_are_those_to_the_label(rng, dtype, in_tiles, in_lanes, guarded):
    n, k = 70, 4
    X, centers = (rng.randint(-5, 6, (m, 3)).astype(dtype) for m in (n, k))
    labels, weight = rng.randint(k, size=n).astype(np.int32), rng.randint(3, size=n).astype(float)
    tiles = guarded(in_tiles(X, 3))
    lanes = guarded(in_lanes(weight, tiles))
    sq_dist, objective = guarded(np.full(lanes.size, np.nan, dtype)), guarded(np.zeros(2))
    given = tiles, n, lanes, centers, guarded(in_lanes(labels, tiles))
    own_distances.block(1, 0, len(tiles), *given, sq_dist, objective)
    expected = ((X - centers[labels]) ** 2).sum(1)
    assert_array_equal(sq_dist[:n], expected)
    assert_array_equal(objective, [0, weight @ expected])
