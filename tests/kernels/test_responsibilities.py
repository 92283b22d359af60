"""Log-sum-exp and responsibilities: exact to a few eps, and never NaN."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.kernels.responsibilities import largest, respond, weighted_sum

EPS = np.finfo(np.float64).eps
LOWEST = -np.finfo(np.float64).max
SHAPES = [(1, 1), (1, 32), (2, 5), (3, 64), (5, 32), (11, 33)]
# what the kernels of the types give: -inf, or a constant of moderate size less half of a finite number
LOG_PROB = st.one_of(st.just(-np.inf), st.floats(LOWEST / 2, 1e3), st.floats(-50, 50))


def responded(log_prob, guarded=np.array):
    resp = guarded(log_prob)
    top, log_norm = (guarded(np.full(log_prob.shape[1], np.nan)) for _ in range(2))
    m = log_prob.shape[1]
    respond(resp, m, np.ones(m), top, log_norm)
    return log_norm, resp


# --- respond ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (30, -400), (300, -1e5), (1e-3, 700)])
def test_responsibilities_are_those_of_the_definition(rng, shape, scale, shift, guarded):
    log_prob = shift + scale * rng.normal(size=shape)
    log_norm, resp = responded(log_prob, guarded)
    expected_norm, expected = naive.responsibilities(log_prob.T.astype(naive.WIDE))
    # the argument of exp is rounded once, exp twice; a sum of k terms; a reciprocal; a product
    k, widest = len(log_prob), np.ptp(log_prob, axis=0).max()
    near = np.minimum(widest, 750) + k + 8
    assert_allclose(log_norm, expected_norm.astype(np.float64), rtol=3 * EPS, atol=near * EPS)
    assert_allclose(resp.T, expected.astype(np.float64), rtol=near * EPS, atol=1e-300)


def test_equal_components_share_equally():
    log_norm, resp = responded(np.full((4, 5), -3.0))
    assert_array_equal(resp, 0.25)
    assert_allclose(log_norm, np.log(4) - 3, rtol=2 * EPS)


def test_a_row_far_from_every_component_gets_nothing(guarded):
    log_prob = np.array([[-np.inf, 0.0, -np.inf, -1e5], [-np.inf, -np.inf, 1.0, -1e5]])
    log_norm, resp = responded(log_prob, guarded)
    assert_array_equal(resp, [[0, 1, 0, 0.5], [0, 0, 1, 0.5]])
    assert_array_equal(log_norm[:3], [-np.inf, 0, 1])
    assert log_norm[3] == pytest.approx(-1e5 + np.log(2))


@given(arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 40)), elements=LOG_PROB))
def test_not_a_number_never_appears(log_prob):
    log_norm, resp = responded(log_prob)
    reached = log_norm > -np.inf
    assert not np.isnan(log_norm).any()
    assert np.all((resp >= 0) & (resp <= 1 + EPS))
    assert_array_equal(resp[:, ~reached], 0)
    # k products, each rounded, and their sum
    assert_allclose(resp[:, reached].sum(0), 1, rtol=0, atol=(len(resp) + 3) * EPS)
    # within float64's reach of a component, a row is shared out
    assert np.all(reached[log_prob.max(0) > -1e307])


# --- largest ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_the_most_probable_component_is_the_first_among_equals(rng, shape, guarded):
    log_prob = guarded(rng.randint(-3, 3, shape).astype(np.float64))
    top, labels = (guarded(np.full(shape[1], np.nan)) for _ in range(2))
    largest(log_prob, shape[1], top, labels)
    assert_array_equal(labels, log_prob.argmax(axis=0))
    assert_array_equal(top, log_prob.max(axis=0))


def test_without_any_probability_the_label_is_0():
    top, labels = np.full((2, 3), np.nan)
    largest(np.full((2, 3), -np.inf), 3, top, labels)
    assert_array_equal(labels, 0)
    assert_array_equal(top, -np.inf)


# --- weights ---------------------------------------------------------------------------------


def test_responsibilities_carry_the_weight_of_their_row(rng):
    log_prob, weight = rng.normal(size=(3, 9)), rng.randint(3, size=9).astype(np.float64)
    resp, scratch = log_prob.copy(), np.empty((2, 9))
    respond(resp, 9, weight, *scratch)
    _, expected = responded(log_prob)
    assert_allclose(resp, expected * weight, rtol=2 * EPS)


def test_columns_beyond_the_rows_stay_as_they_are():
    resp, scratch = np.full((2, 5), 7.0), np.full((2, 5), 7.0)
    respond(resp, 3, np.ones(3), *scratch)
    assert_array_equal(resp, [[0.5, 0.5, 0.5, 7, 7]] * 2)
    assert_array_equal(scratch[:, 3:], 7)


def test_a_row_without_weight_does_not_count_even_if_it_is_out_of_reach(rng):
    values, weight = rng.normal(size=40), rng.uniform(size=40)
    values[7], weight[7] = -np.inf, 0.0
    expected = np.delete(values, 7) @ np.delete(weight, 7)
    assert weighted_sum(values, weight) == pytest.approx(expected, rel=1e-13)
    weight[7] = 1.0
    assert weighted_sum(values, weight) == -np.inf
