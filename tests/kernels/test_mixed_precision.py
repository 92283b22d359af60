"""Single precision tells rows apart only where it can; what it cannot tell is measured anew."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmix.engine import lloyd, mixed_precision
from fastmix.engine.kmeans import means
from fastmix.engine.results import Frame
from fastmix.engine.rows import pack
from fastmix.kernels.mixed_precision import U
from fastmix.kernels.tiles import SQ_TINY

DATA = {
    "a cloud": lambda rng, n, d: rng.normal(size=(n, d)),
    "integers with ties": lambda rng, n, d: rng.randint(-3, 4, (n, d)).astype(float),
    "near ties": lambda rng, n, d: rng.randint(-3, 4, (n, d)) + 1e-9 * rng.normal(size=(n, d)),
    "far from zero": lambda rng, n, d: 1e6 + rng.normal(size=(n, d)),
    "scales of all kinds": lambda rng, n, d: rng.normal(size=(n, d)) * 10.0 ** np.arange(-d, 0),
    "one far row": lambda rng, n, d: np.vstack([rng.normal(size=(n - 1, d)), np.full(d, 1e7)]),
    "equal rows": lambda rng, n, d: np.ones((n, d)),
}


@pytest.fixture(params=DATA.values(), ids=DATA)
def make(request):
    return request.param


def in_frame_of_zero(X, weight=None):
    return pack(X, Frame(np.zeros(X.shape[1], X.dtype), 0), weight, 2)


def labels_of(algorithm, rows, centers):
    state = algorithm.start(rows, centers)
    algorithm.assign(rows, centers, state)
    return state.labels[: rows.n]


@pytest.mark.parametrize(("n", "d", "k"), [(1, 1, 1), (700, 18, 20), (1500, 3, 4)])
def test_labels_are_lloyds_after_every_pass(rng, dtype, make, n, d, k):
    X = make(rng, n, d).astype(dtype)
    rows = in_frame_of_zero(X, rng.uniform(0.5, 2, n))
    centers = X[rng.choice(n, k, replace=False)].copy()
    state = mixed_precision.start(rows, centers)
    assert state.name == "mixed_precision"
    for _ in range(5):
        totals = mixed_precision.assign(rows, centers, state)
        assert_array_equal(state.labels[:n], labels_of(lloyd, rows, centers))
        centers = means(totals, centers)


@pytest.mark.parametrize(("n", "d"), [(1, 1), (64, 4), (65, 7), (200, 18)])
def test_rounded_rows_their_room_and_their_squares(rng, dtype, make, n, d):
    X, weight = make(rng, n, d).astype(dtype), rng.uniform(size=n)
    rows = in_frame_of_zero(X, weight)
    state = mixed_precision.start(rows, X[:1].copy())
    n_tiles = -(-n // 64)
    expected = np.zeros((n_tiles * 64, d), np.float32)
    expected[:n] = X
    assert_array_equal(state.rounded, expected.reshape(n_tiles, 64, d).transpose(0, 2, 1))
    squares = (X.astype(np.float64) ** 2).sum(1)
    most = [squares[t * 64 : (t + 1) * 64].max() for t in range(n_tiles)]
    np.testing.assert_allclose(state.room, 32 * U * np.array(most) / (d + 8) + SQ_TINY, rtol=1e-6)
    unit = 2.0**rows.weight_exponent
    assert state.squares * unit == pytest.approx((weight * squares).sum(), rel=1e-12)


@pytest.mark.parametrize("apart", [1e-3, 1e-5, 1e-7, 1e-9, 1e-12, 0.0])
@pytest.mark.parametrize(("d", "far"), [(1, 0.0), (3, 1.0), (20, 1e3), (200, 1e5)])
def test_what_single_precision_decides_holds_in_many_digits(near_the_plane, apart, d, far):
    X, centers = near_the_plane(640, d, apart, far=far)
    rows = in_frame_of_zero(X)
    state = mixed_precision.start(rows, centers)
    mixed_precision.assign(rows, centers, state)
    wide = X.astype(naive.WIDE)
    sq = np.stack([((wide - center) ** 2).sum(1) for center in centers.astype(naive.WIDE)])
    by_far = np.abs(sq[0] - sq[1]) > 1e-13 * sq.max(0)
    assert_array_equal(state.labels[:640][by_far], sq.argmin(0)[by_far])
    assert_array_equal(state.labels[:640], labels_of(lloyd, rows, centers))
    if apart <= 1e-9:
        assert state.doubts == [640]
        assert state.measured == [2 * 2 * 640]
    if apart == 1e-3 and far == 1.0:
        assert state.doubts[0] < 320


def test_few_rows_are_measured_anew(rng):
    X = rng.normal(size=(4000, 10))
    rows, centers = in_frame_of_zero(X), X[:8].copy()
    state = mixed_precision.start(rows, centers)
    for _ in range(3):
        centers = means(mixed_precision.assign(rows, centers, state), centers)
    assert max(state.doubts) < 0.001 * 4000


def test_a_far_row_puts_only_its_neighbours_in_doubt(rng):
    X = rng.normal(size=(6400, 10))
    X[77] = 1e6
    rows, centers = in_frame_of_zero(X), np.vstack([X[:8], X[77]])
    state = mixed_precision.start(rows, centers)
    mixed_precision.assign(rows, centers, state)
    assert 0 < state.doubts[0] <= 64 + 10
    assert_array_equal(state.labels[:6400], labels_of(lloyd, rows, centers))


@pytest.mark.parametrize("size", [1e19, 1e20, 1e38, 1e60])
def test_centers_too_far_for_float32_are_measured(rng, size):
    rows = in_frame_of_zero(rng.normal(size=(64, 16)))
    centers = np.stack([np.full(16, size), np.zeros(16), np.full(16, 0.4e19)])
    expected = labels_of(lloyd, rows, centers)
    assert_array_equal(labels_of(mixed_precision, rows, centers), expected)
    both = centers[[0, 0]] * [[1.0], [2.0]]
    assert_array_equal(labels_of(mixed_precision, rows, both), labels_of(lloyd, rows, both))


@pytest.mark.parametrize("size", [0.0, 1e-12, 1.0, 1e8, 1e19, 1e30])
def test_rows_beyond_float32_are_left_to_lloyd(rng, size):
    X = size * rng.normal(size=(50, 30))
    rows = in_frame_of_zero(X)
    state = mixed_precision.start(rows, X[:3].copy())
    assert state.name == ("mixed_precision" if 1e-9 < size < 1e9 else "lloyd")
    again = mixed_precision.start(rows, X[:3].copy(), state)
    assert again.name == state.name
    mixed_precision.assign(rows, X[:3].copy(), again)
    assert_array_equal(again.labels[:50], naive.nearest(X, X[:3])[0])
    assert mixed_precision.inspect(rows, X[:3].copy(), again).sq_dist[0] == 0.0


def test_the_margin_holds_where_centers_are_far_from_small_rows(rng):
    X, one = 1e-7 * rng.normal(size=(640, 5)), rng.normal(size=5)
    rows, centers = in_frame_of_zero(X), np.stack([one, -one])
    expected = labels_of(lloyd, rows, centers)
    assert_array_equal(labels_of(mixed_precision, rows, centers), expected)
