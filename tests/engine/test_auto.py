"""What algorithm="auto" takes, and the look at the rows that tells."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmix.engine import auto, filtering, hamerly, lloyd, mixed_precision, quantized
from fastmix.engine.filtering import order_of_rows, share
from fastmix.kernels import simd_bytes
from fastmix.kernels.simd_boxes import BOXES
from fastmix.kernels.tiles import tile_rows

ENOUGH = auto.FEWEST_ROWS


def cloud(rng, n, d, k):
    return rng.normal(size=(n, d))


def far_blobs(rng, n, d, k):
    """Blobs in the corners of a wide grid."""
    return 100 * rng.randint(3, size=(k, d))[np.arange(n) % k] + rng.normal(size=(n, d))


CHOICES = {  # rows, n, d, k, what is taken
    "a plane": (cloud, ENOUGH, 2, 8, filtering),
    "a line": (cloud, ENOUGH, 1, 100, filtering),
    "blobs of 2 features": (far_blobs, ENOUGH, 2, 8, filtering),
    "blobs of 3 features": (far_blobs, ENOUGH, 3, 20, filtering),
    "blobs of 8 features": (far_blobs, 25_000, 8, 20, filtering),
    "many blobs of 8 features": (far_blobs, 50_000, 8, 70, filtering),
    "a cloud of 8 features": (cloud, 25_000, 8, 20, lloyd),
    "a cloud of 8 features, many centers": (cloud, 25_000, 8, 64, hamerly),
    "a cloud of 7 features, many centers": (cloud, 25_000, 7, 64, lloyd),
    "few rows": (far_blobs, ENOUGH - 1, 2, 8, lloyd),
    "few rows, many centers": (far_blobs, ENOUGH - 1, 8, 64, hamerly),
    "few rows a center": (cloud, ENOUGH, 2, 201, mixed_precision),
    "few centers": (far_blobs, ENOUGH, 2, 7, lloyd),
    "one row": (cloud, 1, 1, 1, lloyd),
    "many features": (far_blobs, ENOUGH, 17, 8, mixed_precision),
    "many features, many centers": (far_blobs, ENOUGH, 17, 64, hamerly),
}


@pytest.mark.compiled
@pytest.mark.parametrize(("make", "n", "d", "k", "expected"), CHOICES.values(), ids=CHOICES)
def test_auto_takes_what_pays(rng, dtype, packed, make, n, d, k, expected):
    X = make(rng, n, d, k).astype(dtype)
    if expected is mixed_precision and dtype == np.float32:
        expected = lloyd
    state = auto.start(packed(X), X[:k].copy())
    assert state.algorithm is expected
    assert (state.order is None) == (expected is not filtering)
    assert_array_equal(state.labels, -1)


def test_auto_does_what_the_chosen_algorithm_does(rng, packed, assert_same_bits):
    X = rng.normal(size=(200, 3))
    rows, centers = packed(X), X[:5].copy()
    states = auto.start(rows, centers), lloyd.start(rows, centers)
    for _ in range(3):
        got, expected = (
            each.assign(rows, centers, state)
            for each, state in zip((auto, lloyd), states, strict=True)
        )
        assert_same_bits(got, expected)
        assert_same_bits(states[0].labels, states[1].labels)
        mine, his = (
            each.inspect(rows, centers, state).sq_dist[:200]
            for each, state in zip((auto, lloyd), states, strict=True)
        )
        assert_same_bits(mine, his)
        moved = centers + rng.normal(size=centers.shape)
        auto.move(states[0], moved, np.sqrt(((moved - centers) ** 2).sum(1)))
        centers = moved


# --- the look at the rows --------------------------------------------------------------------


def test_looking_changes_nothing(rng, dtype, packed, assert_same_bits):
    X, weight = far_blobs(rng, 4000, 2, 9).astype(dtype), rng.uniform(size=4000)
    rows = packed(X, weight)
    order = order_of_rows(rows)
    share(rows, X[:9].copy(), order)
    fresh = packed(X, weight)
    assert_same_bits((rows.tiles, rows.weight), (fresh.tiles, fresh.weight))
    assert_array_equal(np.sort(order), np.arange(4000))


def test_a_share_is_between_none_and_all(rng, dtype, packed):
    X = far_blobs(rng, 6000, 2, 9).astype(dtype)
    rows = packed(X)
    order = order_of_rows(rows)
    assert share(rows, X[:9].copy(), order) < 0.3
    assert share(rows, X[:1].copy(), order) == 0  # one center needs no measuring
    assert share(rows, np.repeat(X[:1], 9, 0), order) == 1  # equal ones may all be nearest
    shuffled = rng.permutation(6000)
    assert share(rows, X[:9].copy(), order) < share(rows, X[:9].copy(), shuffled) <= 1


def test_fewer_rows_than_a_group_are_not_looked_at(rng, dtype, packed):
    some = BOXES * tile_rows(dtype)
    X = far_blobs(rng, some, 2, 9).astype(dtype)
    centers = X[:9].copy()
    assert share(packed(X[:-1].copy()), centers, np.arange(some - 1)) == 1
    assert share(packed(X), centers, order_of_rows(packed(X))) < 1


@pytest.mark.compiled
@pytest.mark.parametrize(("make", "d"), [(cloud, 2), (cloud, 4), (far_blobs, 2), (far_blobs, 5)])
def test_the_share_is_about_what_is_measured(rng, packed, make, d):
    """A sixteenth of the rows is looked at, and choices among choices leave a little less."""
    n, k = 60_000, 15
    X = make(rng, n, d, k)
    rows, centers = packed(X), X[:k].copy()
    order = order_of_rows(rows)
    expected = share(rows, centers, order)
    state = filtering.start(rows, centers, order=order)
    filtering.assign(rows, centers, state)
    assert state.measured[0] / (n * k) == pytest.approx(expected, rel=0.2, abs=0.02)


# --- the order of the rows -------------------------------------------------------------------


def test_rows_of_one_place_stay_together_in_their_order(rng, dtype, packed):
    X = rng.randint(8, size=(2000, 2)).astype(dtype)
    order = order_of_rows(packed(X))
    assert_array_equal(np.sort(order), np.arange(2000))
    ends = np.flatnonzero(np.any(X[order][1:] != X[order][:-1], axis=1))
    assert len(ends) == 64 - 1
    for run in np.split(order, ends + 1):
        assert np.all(np.diff(run) > 0)


@pytest.mark.parametrize(("n", "d"), [(1, 1), (1, 3), (2, 1), (40, 40), (500, 3)])
def test_rows_without_extent_or_too_few_for_a_grid_stay_as_they_are(packed, dtype, n, d):
    assert_array_equal(order_of_rows(packed(np.ones((n, d), dtype))), np.arange(n))


def test_one_far_row_does_not_coarsen_the_grid(rng, packed):
    X = rng.uniform(size=(5000, 2))

    def steps(order):
        """Mean distance between rows that follow each other, leaving out row 77."""
        return np.linalg.norm(np.diff(X[order[order != 77]], axis=0), axis=1).mean()

    without = steps(order_of_rows(packed(X)))
    far = X.copy()
    far[77] = 1e9
    assert steps(order_of_rows(packed(far))) < 1.1 * without
    assert without < 0.1 * steps(np.arange(5000))


@pytest.mark.compiled
@pytest.mark.usefixtures("threaded")
def test_any_number_of_threads_finds_the_same_order(rng, dtype, packed):
    X = rng.normal(size=(5000, 3)).astype(dtype)
    one = order_of_rows(packed(X))
    for n_threads in (2, 3):
        assert_array_equal(order_of_rows(packed(X, None, n_threads)), one)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("dtype", "d", "k", "expected"),
    [
        (np.float64, 20, 80, quantized),
        (np.float64, 20, 79, hamerly),
        (np.float64, 15, 110, hamerly),
        (np.float64, 784, 10, quantized),
        (np.float32, 100, 80, quantized),
        (np.float32, 100, 79, hamerly),
    ],
)
def test_auto_takes_bytes_for_many_features(rng, packed, monkeypatch, fast, dtype, d, k, expected):
    monkeypatch.setattr(simd_bytes, "FAST", fast)
    X = rng.normal(size=(200, d)).astype(dtype)
    slow = hamerly if k >= 64 else lloyd
    assert auto.start(packed(X), X[:k].copy()).algorithm is (expected if fast else slow)


@pytest.mark.parametrize(
    ("dtype", "n", "d", "k", "expected"),
    [
        (np.float64, 20_000, 20, 3, mixed_precision),
        (np.float64, 19_999, 20, 3, lloyd),
        (np.float64, 20_000, 20, 2, lloyd),
        (np.float32, 20_000, 20, 3, lloyd),
    ],
)
def test_auto_takes_single_precision_for_few_centers_of_many_rows(
    rng, packed, dtype, n, d, k, expected
):
    X = rng.normal(size=(n, d)).astype(dtype)
    rows, centers = packed(X), X[:k].copy()
    assert auto.start(rows, centers).algorithm is expected
    assert rows.tiles.shape[1] == d  # as seeds need them
    assert auto.start(rows, centers).algorithm is lloyd
