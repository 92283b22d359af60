"""Rows on their way into the frame and back."""

import math

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine.results import Frame
from fastmix.engine.rows import (
    FEW,
    Columns,
    arrange,
    finite,
    frame_of,
    from_frame,
    in_place,
    largest,
    mean_variance,
    measure,
    numbered,
    order_of,
    pack,
    power_of_two,
    put_back,
    row_bits,
    take,
    to_frame,
    writeable,
)
from fastmix.kernels.tiles import SUMMED_TILES, tile_rows

pytestmark = pytest.mark.usefixtures("few")

EPS = np.finfo(np.float64).eps
WEIGHTS = {
    "nobody's": lambda rng, n: None,
    "equal": lambda rng, n: np.full(n, 3.0),
    "unequal": lambda rng, n: rng.uniform(size=n),
}


def framed(X, normalise=True):
    return frame_of(X, measure(X, 1), normalise)


# --- measure ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 5, FEW // 2, FEW // 2 + 1])
def test_columns_are_measured_in_float64(rng, dtype, n):
    X = (100 + rng.normal(size=(n, 2))).astype(dtype)
    got = measure(X, 1)
    mean, low, high = naive.column_statistics(X)
    assert_array_equal(got.low, low)
    assert_array_equal(got.high, high)
    # n additions, each off by half an eps of a sum of at most n times the greatest value
    assert_allclose(got.mean, mean, rtol=0, atol=n * EPS * np.abs(X).max())


# --- frame_of --------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 2.0**-40, 2.0**40, 3e-30, 7e18])
def test_normalised_rows_are_of_size_one(rng, dtype, scale):
    X = (scale * rng.normal(size=(50, 3))).astype(dtype)
    frame = framed(X)
    inside = take(pack(X, frame, None, 1), np.arange(50))
    assert frame.origin.dtype == dtype
    # the rounding of a float32 origin may carry the greatest value just over a power of two
    assert 1 - 4 * np.finfo(dtype).eps <= np.abs(inside).max() <= 2
    assert_allclose(inside.mean(axis=0), 0, atol=50 * np.finfo(dtype).eps)


def test_a_frame_for_mixtures_is_not_scaled(rng, dtype):
    X = (1e6 * rng.normal(size=(50, 3))).astype(dtype)
    frame = framed(X, normalise=False)
    assert frame.exponent == 0
    mean = naive.column_statistics(X)[0]
    # a sum of 50 numbers, then a rounding to the dtype of the rows
    atol = 50 * EPS * np.abs(X).max() + np.finfo(dtype).eps * np.abs(mean)
    assert np.all(np.abs(frame.origin - mean) <= atol)


def test_rows_that_are_all_the_same_are_not_scaled(dtype):
    frame = framed(np.full((4, 2), 3, dtype))
    assert frame.exponent == 0
    assert_array_equal(frame.origin, 3)


@pytest.mark.parametrize(
    ("dtype", "largest", "normalise", "name"),
    [
        ("float64", 1e160, True, "float64"),
        ("float64", 1e160, False, "float64"),
        ("float64", 1.7e308, True, "float64"),
        ("float32", 1e19, False, "float32"),
    ],
)
def test_rows_whose_squares_overflow_are_refused(dtype, largest, normalise, name):
    X = np.array([[largest, 0.0], [-largest, 1.0]], dtype)
    with pytest.raises(ValueError, match=f"(?s)too large.*overflow {name}.*Rescale the data") as e:
        framed(X, normalise)
    assert ("pass it as float64" in str(e.value)) == (name == "float32")


def test_float32_rows_that_float64_can_square_fit_a_normalised_frame():
    X = np.array([[3e38, 0.0], [-3e38, 1.0]], np.float32)
    frame = framed(X)
    assert frame.exponent == power_of_two(3e38, X.dtype)
    assert np.isfinite(pack(X, frame, None, 1).tiles).all()


def test_the_squared_distances_of_all_rows_together_must_fit(dtype):
    """Rows are at most twice the greatest value apart; float32 adds up some tiles of them only."""
    n, d = 1000, 2
    terms = d * (SUMMED_TILES * tile_rows(dtype) if dtype == np.float32 else n)
    edge = math.sqrt(float(np.finfo(dtype).max) / terms) / 2

    def columns(largest):
        return Columns(np.zeros(d), np.array([-1.0, -largest]), np.array([1.0, 0.0]))

    X = np.empty((n, d), dtype)
    assert_array_equal(frame_of(X, columns(0.99 * edge), normalise=False).origin, 0)
    with pytest.raises(ValueError, match="too large"):
        frame_of(X, columns(1.01 * edge), normalise=False)


# --- power_of_two ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("largest", "exponent"),
    [(0, 0), (1, 0), (1.99, 0), (2, 1), (0.5, -1), (0.49, -2), (1e308, 1000), (5e-324, -1000)],
)
def test_powers_of_two_by_hand(largest, exponent):
    assert power_of_two(float(largest)) == exponent


@pytest.mark.parametrize(("largest", "exponent"), [(3e38, 120), (1e-45, -120), (6.0, 2)])
def test_powers_of_two_of_float32_keep_their_inverse_normal(largest, exponent):
    assert power_of_two(largest, np.dtype(np.float32)) == exponent
    assert np.float32(2.0**-exponent) >= np.finfo(np.float32).smallest_normal


@given(st.floats(2.0**-1000, 2.0**1000))
def test_a_number_over_its_power_of_two_is_at_least_one_and_below_two(largest):
    assert 1 <= math.ldexp(largest, -power_of_two(largest)) < 2


# --- pack, take, to_frame, from_frame ----------------------------------------------------------


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_pack_holds_every_row_in_the_frame(rng, dtype, beyond):
    n = tile_rows(dtype) + beyond
    X, origin = (rng.randint(-9, 10, shape).astype(dtype) for shape in ((n, 3), 3))
    rows = pack(X, Frame(origin, 2), None, 1)
    assert (rows.n, rows.weight_exponent, rows.n_threads) == (n, 0, 1)
    assert_array_equal(take(rows, np.arange(n)), (X - origin) / 4)
    assert rows.tiles.dtype == dtype
    padded = np.arange(n, rows.weight.size)
    assert_array_equal(take(rows, padded), 0)
    assert_array_equal(rows.weight[:n], 1)
    assert_array_equal(rows.weight[n:], 0)


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300, 5e-324])
def test_weights_are_packed_at_size_one(dtype, scale):
    weight = np.array([0.0, 3.0, 1.0]) * scale
    rows = pack(np.zeros((3, 1), dtype), Frame(np.zeros(1, dtype), 0), weight, 1)
    assert_array_equal(np.ldexp(rows.weight[:3], rows.weight_exponent), weight)
    if scale > 5e-324:  # a subnormal maximum is brought up as far as exponents go
        assert 1 <= rows.weight[1:3].mean() < 2  # the row without weight does not count
    assert_array_equal(rows.weight[3:], 0)


def test_points_come_back_from_the_frame_bit_for_bit_where_sums_are_exact(rng, dtype):
    points = rng.randint(-99, 100, (7, 3)).astype(dtype)
    frame = Frame(np.array([5, -2, 0], dtype), 4)
    inside = to_frame(points, frame)
    assert_array_equal(inside, (points - frame.origin) / 16)
    assert inside.dtype == dtype
    assert inside.flags.c_contiguous
    back = from_frame(inside, frame)
    assert_array_equal(back, points)
    assert back.dtype == dtype
    assert back.flags.c_contiguous


def test_points_of_any_kind_enter_the_frame_as_rows_do(rng, dtype):
    X = (10 + rng.normal(size=(40, 3))).astype(dtype)
    frame = framed(X)
    inside = take(pack(X, frame, None, 1), np.arange(40))
    for points in (X, X.tolist(), np.asfortranarray(X), X.astype(np.float64)):
        assert_array_equal(to_frame(points, frame), inside)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(-1e6, 1e6), st.integers(-900, 900))
def test_points_return_from_the_frame_within_rounding(values, origin, exponent):
    points, frame = np.array(values)[:, None], Frame(np.array([origin]), exponent)
    # a difference and a sum, each rounded once: half an eps of a number of at most 2e6
    inside = to_frame(points, frame)
    assert_allclose(from_frame(inside, frame), points, rtol=0, atol=2e6 * EPS)


def test_take_gives_rows_in_any_order(rng, dtype, packed):
    X = rng.normal(size=(70, 2)).astype(dtype)
    chosen = np.array([69, 0, 33, 33])
    got = take(packed(X), chosen)
    assert_array_equal(got, X[chosen])
    assert got.flags.c_contiguous


# --- arrange, put_back, in_place -------------------------------------------------------------


@pytest.fixture(params=WEIGHTS.values(), ids=WEIGHTS)
def weigh(request):
    """Maker of row weights."""
    return request.param


@pytest.mark.parametrize("n", [1, 31, 64, 65, 200])
def test_rows_in_another_order_carry_their_weights(rng, dtype, n, weigh):
    X, weight = rng.normal(size=(n, 3)).astype(dtype), weigh(rng, n)
    rows, plain = (pack(X, framed(X), weight, 1) for _ in range(2))
    order = rng.permutation(n)
    places = rows.tiles.ctypes.data, rows.weight.ctypes.data
    arrange(rows, order)
    assert_array_equal(take(rows, np.arange(n)), take(plain, order))
    assert_array_equal(rows.weight[:n], plain.weight[order])
    assert_array_equal(rows.weight[n:], 0)
    assert_array_equal(take(rows, np.arange(n, rows.weight.size)), 0)
    assert (rows.tiles.ctypes.data, rows.weight.ctypes.data) == places


@pytest.mark.parametrize("n", [1, 31, 64, 65, 200])
def test_rows_are_put_back_bit_for_bit(rng, dtype, n, weigh, assert_same_bits):
    X, weight = rng.normal(size=(n, 3)).astype(dtype), weigh(rng, n)
    rows, plain = (pack(X, framed(X), weight, 1) for _ in range(2))
    order = rng.permutation(n)
    arrange(rows, order)
    put_back(rows, order)
    assert_same_bits((rows.tiles, rows.weight), (plain.tiles, plain.weight))


@pytest.mark.parametrize("n", [1, 31, 64, 65, 200])
def test_what_is_found_in_another_order_comes_back_to_the_rows_of_x(rng, n, packed):
    X, order = rng.randint(-9, 10, (n, 2)).astype(np.float64), rng.permutation(n)
    rows = packed(X)
    arrange(rows, order)
    found = take(rows, np.arange(n)).sum(1)
    assert_array_equal(in_place(found, order, 1), X.sum(1))


@pytest.mark.compiled
@pytest.mark.usefixtures("threaded")
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_any_number_of_threads_puts_many_rows_in_order_and_back(
    rng, dtype, n_threads, assert_same_bits
):
    n = 20_011
    X, weight = rng.normal(size=(n, 2)).astype(dtype), rng.uniform(size=n)
    rows, plain = (pack(X, framed(X), weight, n_threads) for _ in range(2))
    order = order_of(numbered(rng.randint(5000, size=n)), 4999, n_threads)
    arrange(rows, order)
    assert_array_equal(take(rows, np.arange(n)), take(plain, order))
    assert_array_equal(in_place(order, order, n_threads), np.arange(n))
    put_back(rows, order)
    assert_same_bits(rows.tiles, plain.tiles)
    assert_same_bits(rows.weight, plain.weight)


# --- numbered, order_of ----------------------------------------------------------------------


@pytest.mark.parametrize(("n", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (1025, 11)])
def test_the_bits_of_a_row_hold_the_number_of_the_last_one(n, bits):
    assert row_bits(n) == bits
    keys = numbered(np.full(n, 5))
    assert_array_equal(keys >> bits, 5)
    assert_array_equal(keys & ((1 << bits) - 1), np.arange(n))


@pytest.mark.parametrize("n", [1, 2, 3, 63, 64, 65, 1000, 4097])
@pytest.mark.parametrize("most", [0, 1, 2, 1023, 1024, 2**20 - 1, 2**20, 2**31 + 5])
def test_rows_are_put_in_the_order_of_their_keys(rng, n, most):
    """Keys of one digit, of two and of four; the greatest of all occurs."""
    for keys in (rng.randint(most + 1, size=n), rng.choice([0, most], n)):
        keys[rng.randint(n)] = most
        expected = np.argsort(keys, kind="stable")
        got = order_of(numbered(keys.copy()), most, 1)
        assert_array_equal(got, expected)
        assert got.dtype == np.int64


@given(st.lists(st.integers(0, 4), min_size=1, max_size=70))
def test_rows_with_equal_keys_keep_their_order(values):
    keys = np.array(values, np.int64)
    assert_array_equal(order_of(numbered(keys.copy()), 4, 1), np.argsort(keys, kind="stable"))


@pytest.mark.compiled
@pytest.mark.usefixtures("threaded")
@pytest.mark.parametrize("n_threads", [2, 3])
def test_more_threads_find_the_same_order(rng, n_threads):
    keys = rng.randint(3000, size=10_007)
    got = order_of(numbered(keys.copy()), 2999, n_threads)
    assert_array_equal(got, np.argsort(keys, kind="stable"))


# --- largest ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 64, 65, 200])
def test_the_largest_value_may_be_negative_and_is_not_in_the_padding(rng, dtype, n, packed):
    X = rng.uniform(-3, 1, (n, 3)).astype(dtype)
    rows = packed(X)
    assert largest(rows) == np.abs(X).max()


@pytest.mark.parametrize("scale", [1.0, 1e-30, 7e18])
def test_the_largest_value_is_known_from_the_columns(rng, dtype, scale):
    X = (scale * (rng.normal(size=(500, 7)) + 3)).astype(dtype)
    columns, frame = measure(X, 1), framed(X)
    known, unknown = pack(X, frame, None, 1, columns), pack(X, frame, None, 1)
    assert largest(known) == largest(unknown) == np.abs(known.tiles).max()


# --- finite ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n", [FEW // 3, 9000])
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_one_value_that_is_not_finite_is_seen(dtype, value, place, n):
    X = np.ones((n, 3), dtype)
    assert finite(X, 2)
    X[int(place * (n - 1)), 1] = value
    assert not finite(X, 2)


def test_infinities_do_not_cancel():
    assert not finite(np.array([[np.inf], [-np.inf]]), 1)


# --- writeable -------------------------------------------------------------------------------


def test_what_may_be_written_to_is_taken_as_it_is(rng):
    X = rng.normal(size=(5, 2))
    assert writeable(X) is X


@pytest.mark.parametrize("start", [0, 3])
def test_what_may_not_be_written_to_is_seen_in_its_own_memory(rng, dtype, start):
    X = rng.normal(size=(9, 2)).astype(dtype)
    X.flags.writeable = False
    view = X[start:]
    got = writeable(view)
    assert got.flags.writeable
    assert got.flags.c_contiguous
    assert got.ctypes.data == view.ctypes.data
    assert got.dtype == dtype
    assert_array_equal(got, view)
    assert not X.flags.writeable


def test_memory_outlives_the_array_it_was_lent_by(rng):
    X = rng.normal(size=(1000, 3))
    expected = X.copy()
    X.flags.writeable = False
    lent = writeable(X)
    del X
    assert_array_equal(lent, expected)


# --- mean_variance ---------------------------------------------------------------------------


def test_the_mean_variance_is_that_of_the_frame(rng, dtype):
    X = (7 + rng.normal(scale=[1, 5, 0.1], size=(333, 3))).astype(dtype)
    weight = rng.uniform(size=333)
    frame = framed(X)
    got = mean_variance(pack(X, frame, weight, 1))
    expected = naive.tolerance(X, 1.0) / 4.0**frame.exponent  # weights do not enter
    # centred by a mean that is off by an eps of 7, and squared
    assert got == pytest.approx(expected, rel=20 * float(np.finfo(dtype).eps))
