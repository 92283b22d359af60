"""Labels and distances of rows that are seen, not packed."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from fastmix.engine.predictions import distances, nearest, view
from fastmix.engine.results import Frame
from fastmix.kernels.tiles import tile_rows

SHAPES = [(1, 1, 1), (4, 1, 3), (33, 2, 5), (64, 3, 1), (65, 5, 4), (200, 4, 2), (130, 9, 70)]


def seen(X, weight=None, origin=0, exponent=0, n_threads=1):
    return view(X, Frame(np.full(X.shape[1], origin, X.dtype), exponent), weight, n_threads)


@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_are_labelled_as_the_definition_has_it(rng, dtype, n, d, k, weighted):
    X, centers = (rng.randint(-5, 6, (m, d)).astype(dtype) for m in (n, k))
    weight = 8.0 * rng.randint(1, 4, size=n) if weighted else None
    rows = seen(X, weight, origin=1, exponent=1)
    objective, labels = nearest(rows, centers)
    inside = (X - 1) / 2
    expected, _, _ = naive.nearest(inside, centers)
    assert_array_equal(labels, expected)
    assert labels.dtype == np.int32
    weight = np.ones(n) if weight is None else weight
    assert objective * 2.0**rows.weight_exponent == naive.inertia(inside, weight, expected, centers)


@pytest.mark.parametrize("kind", ["packed", "seen"])
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_distances_are_of_every_row_to_every_center(rng, packed, dtype, kind, n, d, k):
    X, centers = (rng.normal(size=(m, d)).astype(dtype) for m in (n, k))
    got = distances(packed(X) if kind == "packed" else seen(X), centers)
    assert got.shape == (n, k)
    assert got.dtype == dtype
    expected = np.sqrt(naive.sq_distances(X, centers)).astype(np.float64)
    # half of the squared distance's (d + 3) / 2 eps, and the root's own half
    assert_allclose(got, expected, rtol=(d + 5) / 4 * np.finfo(dtype).eps)


def test_more_rows_than_a_tile_leave_no_lane_out(dtype, packed):
    n = 3 * tile_rows(dtype) + 1
    X = np.arange(n, dtype=dtype)[:, None]
    for rows in (packed(X), seen(X)):
        assert_array_equal(distances(rows, np.zeros((1, 1), dtype)), X)


@pytest.mark.parametrize("exponent", [-40, 0, 3, 40])
def test_distances_are_in_the_units_of_the_rows(rng, dtype, exponent):
    X, centers = (rng.randint(-9, 10, (m, 2)).astype(dtype) for m in (70, 5))
    scale = dtype.type(2.0**exponent)
    got = distances(seen(X * scale, origin=3 * scale, exponent=exponent), centers)
    inside = np.sqrt(naive.sq_distances(X - 3, centers).astype(dtype))
    assert_array_equal(got, inside * scale)


def test_rows_that_may_not_be_written_to_are_read(rng, dtype):
    X, centers = (rng.normal(size=(m, 2)).astype(dtype) for m in (70, 5))
    expected = nearest(seen(X), centers), distances(seen(X), centers)
    X.flags.writeable = False
    got = nearest(seen(X), centers), distances(seen(X), centers)
    assert_array_equal(got[0][1], expected[0][1])
    assert_array_equal(got[1], expected[1])
    assert got[0][0] == expected[0][0]


def test_rows_whose_squares_overflow_are_measured_all_the_same(dtype):
    """Hand-worked: 3, 4, 5, in units of the largest numbers whose squares overflow."""
    unit = dtype.type(2.0 ** (100 if dtype == np.float32 else 900))
    X = np.array([[3, 0], [0, 1e-30], [0, 4], [6, 8]], dtype) * unit
    centers = np.array([[0, 0], [3, 4], [6, 7]], dtype) * unit
    rows = seen(np.concatenate([np.zeros((70, 2), dtype), X]))
    objective, labels = nearest(rows, centers)
    assert_array_equal(labels, [*[0] * 70, 0, 0, 1, 2])
    assert objective == np.inf
    got = distances(rows, centers)[70:]
    expected = np.array(
        [[3, 4, np.hypot(3, 7)], [0, 5, np.hypot(6, 7)], [4, 3, np.hypot(6, 3)], [10, 5, 1]]
    )
    tiny = expected == 0
    assert_allclose((got / unit)[~tiny], expected[~tiny], rtol=4 * np.finfo(dtype).eps)
    assert got[tiny] < 1e-29 * unit


def test_distances_beyond_the_dtype_are_infinite_and_labels_still_right(dtype):
    """The frame of the fit is small, and the rows are as large as numbers get."""
    most = np.finfo(dtype).max
    X = np.array([[most, most], [-most, most], [1, 1], [-most, -most]], dtype)
    centers = np.array([[1, 1], [-1, 1]], dtype)
    for exponent in (-60, 0, 60):
        got = distances(seen(X, exponent=exponent), centers)
        assert_array_equal(np.isinf(got), [[True] * 2, [True] * 2, [False] * 2, [True] * 2])


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("exponent", [0, 3])
def test_sparse_rows_are_predicted_as_dense_ones(rng, dtype, form, exponent):
    X = rng.randint(-3, 4, (80, 6)).astype(dtype) * (rng.uniform(size=(80, 6)) < 0.4)
    X, centers = X.astype(dtype), rng.randint(-3, 4, (5, 6)).astype(dtype)
    weight = rng.randint(1, 4, 80).astype(float)
    dense = seen(X, weight, exponent=exponent)
    thin = view(form(X), dense.frame, weight, 1)
    assert nearest(thin, centers)[0] == nearest(dense, centers)[0]
    assert_array_equal(nearest(thin, centers)[1], nearest(dense, centers)[1])
    assert_allclose(distances(thin, centers), distances(dense, centers), rtol=1e-6)


@pytest.mark.compiled
@pytest.mark.usefixtures("threaded")
def test_any_number_of_threads_predicts_the_same_bits(rng, dtype, assert_same_bits):
    X, centers = (rng.normal(size=(m, 3)).astype(dtype) for m in (2001, 66))
    weight = rng.uniform(size=2001)
    one = nearest(seen(X, weight), centers), distances(seen(X), centers)
    for n_threads in (2, 3):
        many = seen(X, weight, n_threads=n_threads)
        assert_same_bits((nearest(many, centers), distances(many, centers)), one)
