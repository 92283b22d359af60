"""Silhouettes of tiles of rows, against distances in long double."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.kernels.predictions import AT_ONCE
from fastmix.kernels.silhouette import add_roots, compare, silhouettes
from fastmix.kernels.tiles import n_tiles, tile_rows


def sorted_points(X, labels, k):
    """Rows cluster after cluster, and where clusters begin."""
    order = np.argsort(labels, kind="stable")
    return X[order], np.concatenate([[0], np.cumsum(np.bincount(labels, minlength=k))])


@pytest.mark.parametrize("k", [2, 3, 7])
@pytest.mark.parametrize("n", [9, 40, 3 * AT_ONCE + 5])
def test_silhouettes_are_those_of_the_definition(rng, dtype, guarded, n, k):
    X = rng.normal(size=(n, 3)).astype(dtype)
    labels = (np.arange(n) % k).astype(np.int32)
    points, ends = sorted_points(X, labels, k)
    counts = np.bincount(labels).astype(float)
    given = guarded(X), np.zeros(3, dtype), dtype.type(1), guarded(labels), guarded(points)
    found = guarded(np.full(n, np.nan))
    divisors = guarded(np.maximum(counts - 1, 1)), guarded(counts)
    silhouettes.block(0, 0, n_tiles(n, dtype), *given, guarded(ends), *divisors, found)
    expected = naive.silhouettes(X, labels).astype(np.float64)
    expected[counts[labels] == 1] = 1  # which is the engine's to mend
    # each distance is off by some eps / 2, and so are their means, whatever their number
    assert_allclose(found, expected, atol=8 * np.finfo(dtype).eps)


def test_rows_are_moved_and_scaled_as_they_are_read(dtype):
    X, labels = np.array([[11.0], [13.0], [31.0], [33.0]], dtype), np.array([0, 0, 1, 1], np.int32)
    points, found = (X - dtype.type(1)) / 2, np.empty(4)
    frame = np.ones(1, dtype), dtype.type(0.5)
    ends, own, others = np.array([0, 2, 4]), np.ones(2), np.full(2, 2.0)
    silhouettes.block(0, 0, 1, X, *frame, labels, points, ends, own, others, found)
    assert_allclose(found, [1 - 2 / 21, 1 - 2 / 19, 1 - 2 / 19, 1 - 2 / 21])


def test_a_shard_leaves_the_other_rows_alone(dtype, guarded):
    R = tile_rows(dtype)
    X, found = np.ones((3 * R, 1), dtype), guarded(np.full(3 * R, -7.0))
    labels = (np.arange(3 * R) % 2).astype(np.int32)
    points, ends = sorted_points(X, labels, 2)
    given = X, np.zeros(1, dtype), dtype.type(1), labels, points, ends, np.ones(2), np.ones(2)
    silhouettes.block(0, 1, 2, *given, found)
    assert_array_equal(found[R : 2 * R], 0)  # all rows are the same
    assert_array_equal(np.delete(found, slice(R, 2 * R)), -7)


def test_roots_are_added_up_column_by_column(dtype):
    total = np.array([1.0, 2.0])
    add_roots(np.array([[4, 9], [16, 25]], dtype), total)
    assert_array_equal(total, [7, 10])


def test_the_own_cluster_and_the_nearest_other_one_are_remembered():
    within, beyond = np.zeros(3), np.array([5.0, 1.0, np.inf])
    compare(np.full(3, 12.0), np.array([1, 0, 0], np.int32), 1, 3.0, 4.0, within, beyond)
    assert_array_equal(within, [4, 0, 0])
    assert_array_equal(beyond, [5, 1, 3])
