"""exp and log against long double: within 2 ulp, and their edges."""

import math

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from fastmix._numba import JIT, kernel
from fastmix.kernels.exponential import SMALLEST, exp, log

# Where long double is no wider than double, the oracle itself is off by up to an ulp.
ULPS = 2 if np.finfo(naive.WIDE).nmant > np.finfo(np.float64).nmant else 3
MANY = 20_000 if JIT else 200
SMALLEST_NORMAL, LARGEST = np.finfo(np.float64).smallest_normal, np.finfo(np.float64).max


@kernel
def exp_of_lanes(x, out):
    for i in range(x.size):
        out[i] = exp(x[i])


@kernel
def log_of_lanes(x, out):
    for i in range(x.size):
        out[i] = log(x[i])


def ulps(got, expected):
    """Distance from the true values, in units of the last place of float64."""
    unit = np.spacing(np.abs(expected.astype(np.float64)))
    return float(np.max(np.abs(got - expected) / unit))


# --- exp -------------------------------------------------------------------------------------


@pytest.mark.parametrize("low", [SMALLEST, -40.0, -1.0, -1e-8])
def test_exp_is_within_two_ulp(rng, low):
    x = rng.uniform(low, 0.0, MANY)
    got = np.empty(MANY)
    exp_of_lanes(x, got)
    assert ulps(got, np.exp(x.astype(naive.WIDE))) <= ULPS


def test_exp_is_within_two_ulp_where_its_pieces_meet():
    halves = (np.arange(-1020, 1022) + 0.5) * math.log(2)  # the reduced argument is greatest here
    x = np.concatenate([halves, np.nextafter(halves, 0), np.nextafter(halves, -np.inf)])
    x = x[(x >= SMALLEST) & (x <= 709)]
    got = np.array([exp(value) for value in x])
    assert ulps(got, np.exp(x.astype(naive.WIDE))) <= ULPS


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_exp_of_zero_is_one(zero):
    assert exp(zero) == 1.0


@pytest.mark.parametrize("x", [np.nextafter(SMALLEST, -np.inf), -709.0, -745.2, -1e308, -np.inf])
def test_exp_below_its_least_argument_is_zero(x):
    assert exp(x) == 0.0


def test_exp_at_its_least_argument_is_a_normal_number():
    got = np.array([exp(SMALLEST)])
    assert got[0] > SMALLEST_NORMAL
    assert ulps(got, np.exp(np.array([SMALLEST], naive.WIDE))) <= ULPS


def test_exp_of_not_a_number_is_not_a_number():
    assert math.isnan(exp(np.nan))


def test_edges_stay_edges_among_lanes():
    x = np.array([0.0, -np.inf, np.nan, -0.0, -1e300, -709.0, np.nan, 0.0] * 9)
    got = np.empty(x.size)
    exp_of_lanes(x, got)
    assert_array_equal(got, [1, 0, np.nan, 1, 0, 0, np.nan, 1] * 9)


@given(st.floats(max_value=0.0))
def test_exp_of_nothing_positive_lies_between_zero_and_one(x):
    assert 0.0 <= exp(x) <= 1.0


# --- log -------------------------------------------------------------------------------------


def test_log_of_one_is_zero():
    assert log(1.0) == 0.0


def test_log_of_powers_of_two_is_within_two_ulp():
    x = np.ldexp(1.0, np.arange(-1022, 1024))
    got = np.array([log(value) for value in x])
    assert ulps(got, np.log(x.astype(naive.WIDE))) <= ULPS


@pytest.mark.parametrize(
    ("low", "high"), [(-1022.0, 1023.9), (0.0, 4.0), (-0.6, 0.6), (-1e-3, 1e-3), (-1e-12, 1e-12)]
)
def test_log_is_within_two_ulp(rng, low, high):
    x = np.exp2(rng.uniform(low, high, MANY))
    x = x[x != 1.0]  # whose logarithm has no last place
    got = np.empty(x.size)
    log_of_lanes(x, got)
    assert ulps(got, np.log(x.astype(naive.WIDE))) <= ULPS


def test_log_is_within_two_ulp_where_its_pieces_meet():
    meets = np.array([math.sqrt(0.5), 0.5, 1.0, 2.0, math.sqrt(2), SMALLEST_NORMAL, LARGEST])
    x = np.concatenate(
        [np.nextafter(meets[:-2], 0), meets[meets != 1.0], np.nextafter(meets[:-1], 9)]
    )
    got = np.array([log(value) for value in x])
    assert ulps(got, np.log(x.astype(naive.WIDE))) <= ULPS


@given(st.floats(1.0, 64.0))
def test_exp_undoes_log(x):
    # an error of 2 ulp in log x <= 4.2 is one of 8.4 eps in x; both have 2 ulp of their own
    assert exp(log(x)) == pytest.approx(x, rel=13 * np.finfo(np.float64).eps)
