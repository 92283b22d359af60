"""Log-likelihoods, lists of tiles and labels from log-probabilities."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.kernels.responsibilities import (
    PRODUCTS,
    add_up,
    largest,
    log_likelihood,
    log_sums,
    places_of,
    two_largest,
)

EPS = np.finfo(np.float64).eps
R = 32
SHAPES = [(1, 1), (1, 32), (2, 5), (3, 64), (5, 32), (11, 33)]


# --- log-sum-exp -----------------------------------------------------------------------------


def test_log_sums_are_those_of_the_definition(rng, guarded):
    log_prob = 10 * rng.normal(size=(5, 70))
    top = log_prob.max(0)
    total = guarded(np.exp(log_prob - top).sum(0))
    log_sums(guarded(top), total)
    expected, _ = naive.responsibilities(log_prob.T)
    # 5 exponentials within an ulp, of numbers of at most 80 that were rounded; a sum; log; a sum
    assert_allclose(total, expected.astype(np.float64), rtol=2 * EPS, atol=100 * EPS)


def test_the_log_of_nothing_is_minus_infinity():
    total = np.array([0.0, 1.0, 0.0])
    log_sums(np.array([-1e308, -3.0, 5.0, 9.0]), total)  # top may be longer
    assert_array_equal(total, [-np.inf, -3, -np.inf])


@pytest.mark.parametrize("n_tiles", [1, 2, PRODUCTS - 1, PRODUCTS, PRODUCTS + 1, 3 * PRODUCTS + 2])
@pytest.mark.parametrize("k", [1, 3, 1 << 60])
def test_the_log_likelihood_is_the_sum_over_rows(rng, n_tiles, k, guarded):
    m = n_tiles * R
    top, total = -50 * rng.uniform(size=m), rng.uniform(1, k, m)
    got = log_likelihood(guarded(top), guarded(total), guarded(np.ones(m)), R)
    expected = (top.astype(naive.WIDE) + np.log(total.astype(naive.WIDE))).sum()
    size = (np.abs(top) + np.log(total)).sum()
    assert got == pytest.approx(float(expected), rel=0, abs=(m + PRODUCTS) * EPS * float(size))


def test_products_of_as_many_sums_as_there_can_be_stay_finite():
    most = 2.0**63  # more components than can be counted
    assert most**PRODUCTS < np.finfo(np.float64).max
    m = PRODUCTS * R
    got = log_likelihood(np.zeros(m), np.full(m, most), np.ones(m), R)
    assert got == pytest.approx(m * 63 * np.log(2), rel=1e-14)


def test_rows_count_as_often_as_they_weigh(rng):
    m = 3 * R
    top, total = rng.normal(size=m), rng.uniform(1, 5, m)
    weight = rng.randint(4, size=m).astype(np.float64)
    expected = weight @ (top + np.log(total))
    assert log_likelihood(top, total, weight, R) == pytest.approx(expected, rel=1e-13)


def test_one_row_beyond_reach_rules_all(rng):
    top, total = rng.normal(size=2 * R), np.ones(2 * R)
    total[R + 3] = 0.0
    assert log_likelihood(top, total, np.ones(2 * R), R) == -np.inf


def test_a_row_without_weight_does_not_count_even_if_it_is_out_of_reach(rng):
    top, total = rng.normal(size=2 * R), rng.uniform(1, 3, 2 * R)
    weight = rng.uniform(size=2 * R)
    total[7], top[7], weight[7] = 0.0, -1e308, 0.0
    expected = np.delete(top + np.log(np.where(total > 0, total, 1)), 7) @ np.delete(weight, 7)
    assert log_likelihood(top, total, weight, R) == pytest.approx(expected, rel=1e-13)
    weight[7] = 1e-300
    assert log_likelihood(top, total, weight, R) == -np.inf


@pytest.mark.parametrize("n", [0, 1, 7, 100])
def test_values_are_added_up(rng, n):
    values = rng.randint(-9, 10, n).astype(np.float64)  # integers: exact in every order
    assert add_up(values) == values.sum()


# --- places ----------------------------------------------------------------------------------


def test_places_are_the_tiles_in_which_a_component_matters(rng, guarded):
    holds = guarded((rng.random_sample((4, 6)) < 0.5).astype(np.uint8))
    holds[2] = 0
    for n_tiles in (0, 1, 5, 6):
        places = guarded(np.full((4, 6), -7))
        sizes = guarded(np.full(4, -7))
        places_of(holds, n_tiles, places, sizes)
        for c in range(4):
            expected = np.flatnonzero(holds[c, :n_tiles])
            assert_array_equal(places[c, : sizes[c]], expected)
            assert_array_equal(places[c, len(expected) :], -7)


# --- largest ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_the_most_probable_component_is_the_first_among_equals(rng, shape, dtype, guarded):
    log_prob = guarded(rng.randint(-3, 3, shape).astype(dtype))
    top, labels = (guarded(np.full(shape[1], np.nan)) for _ in range(2))
    largest(log_prob, shape[1], top, labels)
    assert_array_equal(labels, log_prob.argmax(axis=0))
    assert_array_equal(top, log_prob.max(axis=0))


def test_without_any_probability_there_is_no_label():
    top, labels = np.full((2, 3), np.nan)
    largest(np.array([[-np.inf, -np.inf, 1.0], [-np.inf, -2.0, -np.inf]]), 3, top, labels)
    assert_array_equal(labels, [-1, 1, 0])
    assert_array_equal(top, [-np.inf, -2, 1])


def test_columns_beyond_the_rows_stay_as_they_are():
    top, labels = np.full((2, 5), 7.0)
    largest(np.zeros((2, 5)), 3, top, labels)
    assert_array_equal(top, [0, 0, 0, 7, 7])
    assert_array_equal(labels, [0, 0, 0, 7, 7])


@pytest.mark.parametrize("shape", SHAPES)
def test_the_two_most_probable_components_are_the_first_among_equals(rng, shape, dtype, guarded):
    log_prob = guarded(rng.randint(-3, 3, shape).astype(dtype))
    best, second = (guarded(np.full(shape[1], -7)) for _ in range(2))
    two_largest(log_prob, shape[1], best, second)
    order = np.argsort(-log_prob, axis=0, kind="stable")
    assert_array_equal(best, order[0])
    assert_array_equal(second, order[min(1, shape[0] - 1)])


ANY = st.one_of(st.just(-np.inf), st.floats(-5, 5))


@given(arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=ANY))
def test_the_two_most_probable_components_are_components(log_prob):
    k, m = log_prob.shape
    best, second = np.full((2, m), -7)
    two_largest(log_prob, m, best, second)
    rows = np.arange(m)
    assert_array_equal(log_prob[best, rows], log_prob.max(0))
    assert np.all((second >= 0) & (second < k))
    others = log_prob.copy()
    others[best, rows] = -np.inf
    found = others.max(0) > -np.inf
    assert_array_equal(others[second, rows][found], others.max(0)[found])
