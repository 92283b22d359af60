"""Nearest centers and distances of rows that are read as the caller holds them.

Most data are small integers: their squared distances and sums are exact in both dtypes, and many
are equal.
"""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.kernels.predictions import AT_ONCE, distances, label, root, write_out
from fastmix.kernels.tiles import n_tiles, sum_of, tile_rows


@pytest.fixture
def rows(rng, size, dtype):
    return rng.randint(-5, 6, (size.n, size.d)).astype(dtype)


@pytest.fixture
def centers(rng, size, dtype):
    return rng.randint(-5, 6, (size.k, size.d)).astype(dtype)


@pytest.fixture
def frame(rng, size, dtype):
    """Origin and scale; differences of small integers stay exact."""
    return rng.randint(-3, 4, size.d).astype(dtype), dtype.type(0.5)


def all_tiles(X):
    return 0, n_tiles(len(X), X.dtype)


# --- label -----------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_every_row_is_labelled_and_counted(rng, rows, centers, size, frame, guarded, weighted):
    origin, scale = frame
    weight = rng.randint(3, size=size.n) / 2.0
    labels, objective = guarded(np.full(size.n, -7, np.int32)), guarded(np.full(3, 5.0))
    given = guarded(rows), guarded(origin), scale, guarded(weight[: size.n * weighted])
    label.block(1, *all_tiles(rows), *given, guarded(centers), np.inf, labels, objective)
    X, weight = (rows - origin) * scale, weight if weighted else np.ones(size.n)
    expected, _, _ = naive.nearest(X, centers)
    assert_array_equal(labels, expected)
    assert_array_equal(objective, [5, 5 + naive.inertia(X, weight, expected, centers), 5])


def test_label_of_one_shard_leaves_the_other_tiles_alone(dtype, guarded):
    R = tile_rows(dtype)
    X, labels = guarded(np.ones((3 * R, 1), dtype)), guarded(np.full(3 * R, -7, np.int32))
    given = X, np.zeros(1, dtype), dtype.type(1), np.empty(0), np.zeros((1, 1), dtype)
    objective = np.zeros(1)
    label.block(0, 1, 2, *given, np.inf, labels, objective)
    assert_array_equal(np.flatnonzero(labels == 0), np.arange(R, 2 * R))
    assert_array_equal(labels[labels != 0], -7)
    assert objective == [R]


def test_rows_beyond_the_limit_have_no_label(dtype):
    X, labels = np.array([[1.0], [2.0], [3.0]], dtype), np.zeros(3, np.int32)
    frame = np.zeros(1, dtype), dtype.type(1)
    given = np.empty(0), np.zeros((1, 1), dtype), dtype.type(4), labels, np.zeros(1)
    label.block(0, 0, 1, X, *frame, *given)
    assert_array_equal(labels, [0, -1, -1])


def test_rows_without_a_finite_distance_have_no_label(dtype, guarded):
    """Too far off, and no number; the objective says so unless they weigh nothing."""
    most = np.finfo(dtype).max
    X = guarded(np.array([[1.0, 0.0], [most, 0.0], [np.nan, 0.0], [3.0, 0.0]], dtype))
    given = X, np.zeros(2, dtype), dtype.type(1)
    centers = guarded(np.array([[0.0, 0.0], [2.0, 0.0], [3.0, 0.0]], dtype))
    for weight, objective in (([], np.inf), ([1, 1, 0, 1], np.inf), ([5, 0, 0, 1], 5.0)):
        labels, found = guarded(np.full(4, -7, np.int32)), guarded(np.zeros(1))
        label.block(0, 0, 1, *given, np.array(weight, float), centers, np.inf, labels, found)
        assert_array_equal(labels, [0, -1, -1, 2])
        assert found == [objective]


def test_total_is_that_of_all_values(rng, size, dtype, guarded):
    values = guarded(rng.randint(-9, 10, size.n).astype(dtype))
    assert sum_of(values) == values.sum()
    assert sum_of(values[:0]) == 0


# --- distances -------------------------------------------------------------------------------


def test_distances_are_roots_in_the_units_of_the_rows(rows, centers, size, frame, guarded):
    origin, scale = frame
    dist = guarded(np.full((size.n, size.k), np.nan, rows.dtype))
    infinite = guarded(np.full(3, 4))
    given = guarded(rows), guarded(origin), scale, guarded(centers), 1 / scale
    distances.block(1, *all_tiles(rows), *given, dist, infinite)
    exact = naive.sq_distances((rows - origin) * scale, centers).astype(rows.dtype)
    assert_array_equal(dist, np.sqrt(exact) * 2)  # both are rounded correctly
    assert_array_equal(infinite, 4)


@pytest.mark.parametrize("k", [AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE + 3])
def test_distances_to_more_centers_than_are_measured_at_once(rng, dtype, k, guarded):
    X, centers = (rng.randint(-5, 6, (m, 3)).astype(dtype) for m in (tile_rows(dtype) + 5, k))
    dist, infinite = guarded(np.full((len(X), k), np.nan, dtype)), np.zeros(1, np.int64)
    given = guarded(X), np.zeros(3, dtype), dtype.type(1), guarded(centers), dtype.type(1)
    distances.block(0, *all_tiles(X), *given, dist, infinite)
    assert_array_equal(dist, np.sqrt(naive.sq_distances(X, centers).astype(dtype)))


def test_distances_lose_few_bits_far_from_zero(rng, size, dtype):
    X, centers = ((1000 + rng.normal(size=(m, size.d))).astype(dtype) for m in (size.n, size.k))
    dist, infinite = np.empty((size.n, size.k), dtype), np.zeros(1, np.int64)
    given = X, np.zeros(size.d, dtype), dtype.type(1), centers, dtype.type(1)
    distances.block(0, *all_tiles(X), *given, dist, infinite)
    expected = np.sqrt(naive.sq_distances(X, centers)).astype(np.float64)
    # a quarter of an eps each for a difference (twice, squared), its square and d sums, and the root's half
    assert_allclose(dist, expected, rtol=(size.d + 5) / 4 * np.finfo(dtype).eps)


def test_distances_of_one_shard_leave_the_other_rows_alone(dtype, guarded):
    R = tile_rows(dtype)
    dist = guarded(np.full((3 * R, 2), np.nan, dtype))
    given = np.ones((3 * R, 1), dtype), np.zeros(1, dtype), dtype.type(1)
    centers = np.array([[1.0], [3.0]], dtype)
    distances.block(0, 1, 2, *given, centers, dtype.type(1), dist, np.zeros(1, np.int64))
    assert_array_equal(dist[R : 2 * R], np.tile([0, 2], (R, 1)))
    assert np.isnan(dist[:R]).all()
    assert np.isnan(dist[2 * R :]).all()


def test_distances_that_are_no_numbers_are_counted(dtype, guarded):
    most = np.finfo(dtype).max
    X = np.array([[1.0], [most], [np.nan], [-most], [0.0]], dtype)
    dist, infinite = guarded(np.empty((5, 2), dtype)), guarded(np.zeros(2, np.int64))
    centers = np.array([[0.0], [1.0]], dtype)
    given = X, np.zeros(1, dtype), dtype.type(1), centers, dtype.type(1)
    distances.block(1, 0, 1, *given, dist, infinite)
    assert_array_equal(dist[[0, 4]], [[1, 0], [0, 1]])
    assert not np.isfinite(dist[1:4]).any()
    assert infinite[0] == 0
    assert infinite[1] >= 3  # so that somebody looks


def test_a_distance_beyond_the_units_of_the_rows_is_counted(dtype, guarded):
    scale = dtype.type(2.0**-100 if dtype == np.float32 else 2.0**-600)
    most = np.finfo(dtype).max
    X = np.array([[0.0], [most]], dtype)
    far = np.array([[most * scale * 2]], dtype)  # twice as far as the rows go
    dist, infinite = guarded(np.empty((2, 1), dtype)), guarded(np.zeros(1, np.int64))
    distances.block(0, 0, 1, X, np.zeros(1, dtype), scale, far, 1 / scale, dist, infinite)
    assert_allclose(dist, [[np.inf], [most]], rtol=2 * np.finfo(dtype).eps)
    assert infinite == [1]


def test_root_and_columns_by_hand(dtype, guarded):
    values = guarded(np.array([[0, 1, 4], [9, 16, np.inf], [7, 7, 7]], dtype))
    root(values[:2].reshape(6), dtype.type(3))
    assert_array_equal(values, [[0, 3, 6], [9, 12, np.inf], [7, 7, 7]])
    rows = guarded(np.zeros((3, 4), dtype))
    assert write_out(values, rows[:, 1:3]) == 1
    assert_array_equal(rows, [[0, 0, 9, 0], [0, 3, 12, 0], [0, 6, np.inf, 0]])


@pytest.mark.compiled
@pytest.mark.parametrize("weighted", [False, True])
def test_three_threads_predict_the_same_bits_as_one(rng, dtype, weighted, assert_same_bits):
    n, d, k = 3001, 4, 70
    X, centers = (rng.normal(size=(m, d)).astype(dtype) for m in (n, k))
    weight = rng.uniform(size=n * weighted)
    bounds = np.linspace(0, n_tiles(n, dtype), 8).astype(np.int64)
    frame = X[0].copy(), dtype.type(0.5)

    def predicted(n_threads):
        labels, objective = np.empty(n, np.int32), np.zeros(7)
        label(n_threads, bounds, X, *frame, weight, centers, np.inf, labels, objective)
        dist, infinite = np.empty((n, k), dtype), np.zeros(7, np.int64)
        distances(n_threads, bounds, X, *frame, centers, dtype.type(2), dist, infinite)
        return labels, objective, dist, infinite

    one = predicted(1)
    assert_array_equal(one[0], one[2].argmin(1))
    assert_same_bits(predicted(3), one)
