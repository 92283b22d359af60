"""Hamerly's bounds: the bounds themselves hold, not only the labels."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmix.engine import hamerly, lloyd
from fastmix.engine.kmeans import means
from fastmix.engine.results import Frame
from fastmix.engine.rows import pack
from fastmix.kernels.gathered import gather, sq_distance
from fastmix.kernels.tiles import tile_rows


def offset(rng, n, d):
    return 100 + rng.normal(size=(n, d))


def integers(rng, n, d):
    return rng.randint(-3, 4, (n, d)).astype(float)


def clusters(rng, n, d):
    return 5 * rng.randint(3, size=(n, 1)) + rng.normal(size=(n, d))


DATA = {"offset": offset, "integers with ties": integers, "clusters": clusters}


def assert_bounds_hold(X, rows, centers, state):
    """Labels are right, and so is what is known of rows and tiles: which rows these are, (n,)."""
    n, R = len(X), rows.tiles.shape[2]
    expected, _, _ = naive.nearest(X, centers)
    assert_array_equal(state.labels[:n], expected)
    dist = np.sqrt(((X[:, None].astype(naive.WIDE) - centers) ** 2).sum(2))
    own = dist[np.arange(n), expected]
    other = dist.copy()
    other[np.arange(n), expected] = np.inf
    upper, gap = (each[:n].astype(naive.WIDE) for each in (state.bounds.upper, state.bounds.gap))
    u = upper + state.moved[expected]
    left = gap - state.loss[expected]
    known = gap > -np.inf
    assert np.all(own[known] <= u[known])
    assert np.all((u + left)[known] <= other.min(1)[known])
    for t, least in enumerate(state.bounds.least):
        home = state.bounds.home[t]
        some = slice(t * R, min((t + 1) * R, n))
        loss = state.loss[home] if home >= 0 else state.most[0]
        if known[some].all() or least > loss:  # otherwise the rows are looked at
            assert home in (-1, *expected[some])
            assert least - loss <= left[some].min()
    return known


@pytest.mark.parametrize("make", DATA.values(), ids=DATA)
@pytest.mark.parametrize(("n", "d", "k"), [(1, 1, 1), (70, 2, 3), (700, 4, 20), (500, 9, 5)])
@pytest.mark.parametrize("restless", [-1.0, hamerly.RESTLESS, 1.0])
def test_bounds_hold_after_every_pass(monkeypatch, rng, dtype, make, n, d, k, restless):
    """Whether they are taken never, from some pass on, or as soon as they can be."""
    monkeypatch.setattr(hamerly, "RESTLESS", restless)
    X = make(rng, n, d).astype(dtype)
    rows = pack(X, Frame(np.zeros(d, dtype), 0), rng.uniform(0.5, 1.5, n), 1)
    centers = X[rng.choice(n, k, replace=False)].copy()
    state = hamerly.start(rows, centers)
    calm = False
    for _ in range(14):
        totals = hamerly.assign(rows, centers, state)
        known = assert_bounds_hold(X, rows, centers, state)
        assert calm or not known.any()
        assert known.all() or not calm or restless < 1
        calm = calm or state.changed[-1] <= restless * n
        moved = means(totals, centers)
        shift = np.sqrt(np.square(moved.astype(np.float64) - centers).sum(1))
        centers = moved
        hamerly.move(state, centers, shift)
    assert calm == (restless > 0)


@pytest.mark.parametrize("seed", range(20))
def test_bounds_hold_where_rows_become_restless_again(dtype, seed):
    """Centers jump about, every other pass more."""
    random = np.random.RandomState(seed)
    n, d, k = 700, 2, 6
    X = random.normal(size=(n, d)).astype(dtype)
    rows = pack(X, Frame(np.zeros(d, dtype), 0), None, 1)
    centers = X[:k].copy()
    state = hamerly.start(rows, centers)
    for step in range(14):
        hamerly.assign(rows, centers, state)
        assert_bounds_hold(X, rows, centers, state)
        size = random.choice([0.0, 1e-3, 1e-2, 0.5] if step % 2 else [0.0, 1e-3], size=(k, 1))
        moved = (centers + size * random.normal(size=(k, d))).astype(dtype)
        shift = np.sqrt(np.square(moved.astype(np.float64) - centers).sum(1))
        centers = moved
        hamerly.move(state, centers, shift)
    restless = np.array(state.changed) > hamerly.RESTLESS * n
    assert np.any(restless[1:] & ~restless[:-1])


def test_settled_clusters_are_hardly_measured(rng):
    """Twice without bounds: only then it is known that rows have come to rest. Then bounds begin."""
    X = np.repeat(100.0 * np.arange(5), 200)[:, None] + rng.normal(size=(1000, 3))
    rows = pack(X, Frame(np.zeros(3), 0), None, 1)
    centers = X[::200].copy()
    state = hamerly.start(rows, centers)
    for _ in range(6):
        totals = hamerly.assign(rows, centers, state)
        moved = means(totals, centers)
        hamerly.move(state, moved, np.sqrt(np.square(moved - centers).sum(1)))
        centers = moved
    assert state.measured == [5000, 5000, 5000, 0, 0, 0]
    assert state.changed == [1000, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("n", "d", "k"),
    [pytest.param(50_016, 4, 100, marks=pytest.mark.compiled), (527, 3, 120), (1, 2, 1)],
)
def test_the_last_tile_may_be_partly_filled_however_many_centers_there_are(rng, dtype, n, d, k):
    """Many centers make for long passes over whole tiles, whose last rows are none."""
    X = rng.normal(size=(n, d)).astype(dtype)
    mine, his = (pack(X, Frame(np.zeros(d, dtype), 0), None, 2) for _ in range(2))
    centers = X[:k].copy()
    state, plain = hamerly.start(mine, centers), lloyd.start(his, centers)
    for _ in range(12):
        got, expected = hamerly.assign(mine, centers, state), lloyd.assign(his, centers, plain)
        assert_array_equal(state.labels[:n], plain.labels[:n])
        assert_array_equal(state.labels[n:], -1)
        assert_array_equal(got.sums, expected.sums)
        moved = means(got, centers)
        shift = np.sqrt(np.square(moved.astype(np.float64) - centers).sum(1))
        centers = (centers + (moved - centers) / 8).astype(dtype)  # few rows change
        hamerly.move(state, centers, shift)
    assert min(state.changed) <= hamerly.RESTLESS * n


def test_gathered_rows_are_packed_copies(rng, dtype, guarded):
    X, origin = guarded(rng.normal(size=(100, 3)).astype(dtype)), rng.normal(size=3).astype(dtype)
    rows, scale = np.array([99, 0, 31, 32, 64]), dtype.type(0.25)
    panel = guarded(np.full((3, tile_rows(dtype)), 7, dtype))
    gather(X, guarded(origin), scale, rows, panel)
    assert_array_equal(panel[:, : len(rows)].T, (X[rows] - origin) * scale)
    assert_array_equal(panel[:, len(rows) :], 7)


def test_one_row_is_measured_as_its_tile_is(rng, size, dtype):
    """The same to within the rounding that bounds allow for."""
    X, centers = (rng.normal(size=(m, size.d)).astype(dtype) for m in (size.n, size.k))
    origin, scale = rng.normal(size=size.d).astype(dtype), dtype.type(0.25)
    for x in X[:3]:
        for center in centers:
            got = sq_distance(x, origin, scale, center)
            expected = naive.sq_distances(((x - origin) * scale)[None], center[None])[0, 0]
            rel = (size.d + 3) / 2 * float(np.finfo(dtype).eps)
            assert got == pytest.approx(float(expected), rel=rel)
