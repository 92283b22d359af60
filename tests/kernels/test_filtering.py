"""Boxes of rows: no center that is nearest to a row of a box is ever left out."""

import itertools

import naive
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmix.engine import filtering
from fastmix.engine.kmeans import means
from fastmix.engine.results import Frame
from fastmix.engine.rows import pack
from fastmix.kernels.filtering import box_tiles, candidates, find_cells
from fastmix.kernels.tiles import sort_by

EPS = np.finfo(np.float64).eps


def margin(d, dtype=np.float64):
    return 2 * (d + 4) * float(np.finfo(dtype).eps)


def chosen(box, centers, names=None):
    """The centers that `candidates` keeps."""
    names = np.arange(len(centers)) if names is None else names
    left = np.full(len(centers), -1)
    m = candidates(box, centers, names, len(names), margin(box.shape[1]), left)
    return left[:m]


@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
def test_nobody_nearest_to_a_point_of_the_box_is_left_out(rng, d, spread):
    for _ in range(30):
        box = np.sort(rng.normal(size=(2, d)), axis=0) + 3 * rng.normal(size=d)
        centers = box.mean(0) + spread * rng.normal(size=(12, d))
        inside = box[0] + (box[1] - box[0]) * rng.uniform(size=(200, d))
        corners = np.array(list(itertools.product(*box.T)))
        labels, _, _ = naive.nearest(np.concatenate([inside, corners]), centers)
        assert set(labels) <= set(chosen(box, centers))


def test_equally_near_centers_all_stay(dtype):
    """Integers are measured exactly: whoever ties for a corner is still to be asked."""
    box = np.array([[0.0, 0.0], [2.0, 2.0]])
    centers = np.array([[1, 1], [3, 3], [1, 3], [4, 4], [1, 1], [9, 0]], dtype)
    assert_array_equal(chosen(box, centers), [0, 1, 2, 4])


def test_far_centers_are_left_out(rng):
    box = np.array([[-1.0, -1.0], [1.0, 1.0]])
    centers = np.array([[0.0, 0.0], [50.0, 0.0], [0.5, 0.5], [0.0, -70.0]])
    assert_array_equal(chosen(box, centers), [0, 2])
    assert_array_equal(chosen(box, centers, np.array([1, 3])), [1])  # the nearer of the two


def test_a_difference_below_rounding_leaves_nobody_out():
    box = np.ones((2, 1))
    centers = np.array([[0.0], [2.0 + 4 * EPS]])  # computed distances of the row 1 may tie
    assert_array_equal(chosen(box, centers), [0, 1])


def test_boxes_hold_their_rows_and_no_padding(rng, dtype, in_tiles, guarded):
    X = (5 + rng.normal(size=(75, 3))).astype(dtype)
    tiles = guarded(in_tiles(X))
    boxes = guarded(np.full((len(tiles), 2, 3), np.nan))
    box_tiles.block(0, 0, len(tiles), tiles, 75, boxes)
    R = tiles.shape[2]
    for t in range(len(tiles)):
        some = X[t * R : (t + 1) * R]
        assert_array_equal(boxes[t], [some.min(0), some.max(0)])


@pytest.mark.parametrize(("d", "bits"), [(1, 5), (2, 3), (3, 2), (5, 0)])
def test_cells_interleave_the_bits_of_the_places(rng, dtype, in_tiles, guarded, d, bits):
    X = rng.uniform(-1, 9, (70, d)).astype(dtype)  # some lie beyond the grid from 0 to 8
    tiles, cells = guarded(in_tiles(X)), guarded(np.full(70, -1))
    scale = np.full(d, 2.0**bits / 8)
    find_cells.block(0, 0, len(tiles), tiles, 70, np.zeros(d), scale, bits, cells)
    place = np.clip(np.floor(X * scale), 0, 2**bits - 1).astype(int)
    for row, cell in zip(place, cells, strict=True):
        text = [f"{p:0{bits}b}" for p in row[::-1]] if bits else []
        assert cell == int("".join("".join(column) for column in zip(*text, strict=True)) or "0", 2)


def test_rows_are_sorted_by_one_key_and_keep_their_order_otherwise(rng, guarded):
    keys, given, order = guarded(rng.randint(7, size=50)), rng.permutation(50), np.empty(50, int)
    sort_by(keys, 7, given, order)
    assert_array_equal(order, given[np.argsort(keys[given], kind="stable")])


def cross(rng, n):
    """Two bars, whose boxes overlap most where they meet."""
    X = rng.normal(size=(n, 2))
    X[::2] *= [9.0, 0.1]
    X[1::2] *= [0.1, 9.0]
    return X


DATA = {
    "blobs": lambda rng, n: 9 * rng.randint(4, size=(n, 2)) + rng.normal(size=(n, 2)),
    "a cross": cross,
    "a grid with ties": lambda rng, n: rng.randint(-9, 10, (n, 2)).astype(float),
    "one far row": lambda rng, n: np.vstack([rng.normal(size=(n - 1, 2)), [[1e6, -1e6]]]),
    "equal rows": lambda rng, n: np.ones((n, 2)),
    "one feature": lambda rng, n: rng.normal(size=(n, 1)),
    "many features": lambda rng, n: rng.normal(size=(n, 30)),
}


@pytest.mark.parametrize("make", DATA.values(), ids=DATA)
def test_labels_are_right_after_every_pass(rng, dtype, make):
    n, k = 3000, 9
    X = make(rng, n).astype(dtype)
    rows = pack(X, Frame(np.zeros(X.shape[1], dtype), 0), rng.uniform(0, 2, n), 2)
    centers = X[rng.choice(n, k, replace=False)].copy()
    state = filtering.start(rows, centers)
    for _ in range(6):
        totals = filtering.assign(rows, centers, state)
        expected, _, _ = naive.nearest(X, centers)
        assert_array_equal(state.labels[:n], expected)
        assert set(state.only) <= {-1, *expected}
        centers = means(totals, centers)


def test_few_distances_are_measured_among_few_features(rng):
    X = 9 * rng.randint(5, size=(20_000, 2)) + rng.normal(size=(20_000, 2))
    rows = pack(X, Frame(np.zeros(2), 0), None, 2)
    corners = 9.0 * np.array(list(itertools.product(range(5), repeat=2)))
    state = filtering.start(rows, corners)
    for _ in range(2):
        filtering.assign(rows, corners, state)
    assert max(state.measured) < 0.05 * 20_000 * len(corners)
