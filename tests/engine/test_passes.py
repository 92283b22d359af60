"""The passes over the rows, in float64 unless the name says otherwise."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.likelihood import Likelihood
from fastmix.engine.passes import accumulate, expect, infer, rank
from fastmix.engine.results import Frame

pytestmark = pytest.mark.usefixtures("few")

EPS = np.finfo(np.float64).eps
# the types in which components differ in their covariances
OF_THEIR_OWN = [name for name, each in COVARIANCES.items() if each.shape(2, 4) != each.shape(3, 4)]


# --- expect and accumulate -------------------------------------------------------------------


def test_a_pass_adds_up_the_e_step(problem, packed, rng, covariance, covariance_type):
    X, start, parameters = problem(d=3)
    weight = rng.randint(1, 3, 90).astype(np.float64)
    rows = packed(X, weight)
    totals = expect(rows, parameters, covariance)
    log_norm, resp = naive.e_step(X, *start, covariance_type)
    scale = 2.0**rows.weight_exponent
    assert scale * totals.objective == pytest.approx(float(weight @ log_norm), rel=1e-12)
    assert_array_equal(totals.origin, parameters.means)
    got = Likelihood(covariance, 0.0).update(totals)
    expected = naive.m_step(X, weight[:, None] * resp, covariance_type, 0.0)
    for mine, oracles in zip(got[:3], expected, strict=True):
        assert_allclose(mine, oracles, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("covariance_type", ["full"], indirect=True)
def test_float32_rows_give_totals_about_float32_means(problem, packed, covariance, covariance_type):
    X, start, parameters = problem(d=3)
    X = X.astype(np.float32)
    totals = expect(packed(X), parameters, covariance)
    assert_array_equal(totals.origin, parameters.means.astype(np.float32))
    log_norm, resp = naive.e_step(X, *start, covariance_type)
    # whitened distances of about 5, whose means and factors are off by half an eps of 12
    eps = float(np.finfo(np.float32).eps)
    assert totals.objective == pytest.approx(float(log_norm.sum()), rel=100 * eps)
    got = Likelihood(covariance, 0.0).update(totals)
    expected = naive.m_step(X, resp, covariance_type, 0.0)
    for mine, oracles in zip(got[:3], expected, strict=True):
        assert mine.dtype == np.float64
        assert_allclose(mine, oracles, rtol=0, atol=1000 * eps)


@pytest.mark.parametrize("n", [5, 32, 33, 100])
def test_responsibilities_may_come_in_blocks(rng, packed, covariance, n):
    X, resp, origin = rng.normal(size=(n, 2)), rng.dirichlet(np.ones(3), n), np.ones((3, 2))
    rows = packed(X, rng.uniform(1, 2, n))
    whole = accumulate(rows, [resp], origin, covariance)
    for size in (32, 64):
        blocks = (resp[first : first + size] for first in range(0, n, size))
        got = accumulate(rows, blocks, origin, covariance)
        assert got.objective == 0.0
        for mine, other in zip(got, whole, strict=True):
            # n terms in another order, no square of a distance above 25
            assert_allclose(mine, other, rtol=0, atol=n * EPS * 2 * n * 25)


# --- infer -----------------------------------------------------------------------------------


def inferred(X, parameters, covariance, want_resp=False):
    """Labels, log-likelihoods and perhaps responsibilities of rows that are neither moved nor scaled."""
    frame = Frame(np.zeros(X.shape[1], X.dtype), 0)
    return infer(X, frame, parameters, covariance, 1, labels=True, log_norm=True, resp=want_resp)


@pytest.mark.parametrize(("n", "d", "k"), [(4, 1, 2), (32, 2, 3), (33, 3, 5), (120, 9, 11)])
@pytest.mark.parametrize("want_resp", [True, False])
def test_inference_is_that_of_the_definition(
    problem, covariance, covariance_type, n, d, k, want_resp
):
    X, start, parameters = problem(max(n, 4 * k), d, k)
    X = X[:n]
    got = inferred(X, parameters, covariance, want_resp)
    log_norm, resp = naive.e_step(X, *start, covariance_type)
    assert got.labels.dtype == np.int64
    assert_array_equal(got.labels, resp.argmax(axis=1))
    assert_allclose(got.log_norm, log_norm.astype(np.float64), rtol=1e-11)
    assert got.resp.shape == (n if want_resp else 0, k)
    assert_allclose(got.resp, resp[: len(got.resp)].astype(np.float64), rtol=0, atol=1e-11)


def wide_mixture(covariance_type):
    """Unit covariances, means at -1e199 and, twice, at 1e199 in the first of two features."""
    means = np.array([[-1e199, 0.0], [1e199, 0.0], [1e199, 0.0]])
    covariances = naive.from_full(np.array([np.eye(2)] * 3), np.ones(3), covariance_type)
    return np.array([0.5, 0.25, 0.25]), means, covariances


@pytest.mark.parametrize("want_resp", [True, False])
def test_rows_beyond_float64_belong_to_the_nearest_component(
    parameters, covariance, covariance_type, want_resp
):
    X = np.array([[1e200, 0.0], [1e199, 1.0], [-1e200, 1e150], [-1e308, 0.0], [0.0, 1e300]])
    with np.errstate(over="ignore", invalid="ignore"):  # heard of in plain Python only
        got = inferred(X, parameters(*wide_mixture(covariance_type)), covariance, want_resp)
    assert_array_equal(got.labels, [1, 1, 0, 0, 0])  # the last one is as far from all three
    assert_array_equal(got.log_norm == -np.inf, [True, False, True, True, True])
    # the second row lies at distance 1 from the mean of two components with weight 1/4 each
    assert_allclose(got.log_norm[1], np.log(0.5) - naive.LOG_2PI - 0.5, rtol=10 * EPS)
    if want_resp:
        expected = np.eye(3)[got.labels]
        expected[1] = [0, 0.5, 0.5]
        assert_array_equal(got.resp, expected)


def test_a_component_without_weight_takes_no_row_however_far(
    parameters, covariance, covariance_type
):
    _, means, covariances = wide_mixture(covariance_type)
    mixture = parameters(np.array([1.0, 0.0, 0.0]), means, covariances)
    with np.errstate(over="ignore", invalid="ignore"):
        got = inferred(np.array([[1e200, 0.0], [1e199, 0.0]]), mixture, covariance)
    assert_array_equal(got.labels, 0)


@pytest.mark.parametrize("covariance_type", OF_THEIR_OWN, indirect=True)
def test_a_far_row_goes_where_it_lies_fewest_deviations_away(
    parameters, covariance, covariance_type
):
    covariances = naive.from_full(np.array([np.eye(2), 9 * np.eye(2)]), np.ones(2), covariance_type)
    mixture = parameters(np.full(2, 0.5), np.array([[1.0, 0.0], [0.0, 0.0]]), covariances)
    with np.errstate(over="ignore", invalid="ignore"):
        got = inferred(np.array([[1e200, 0.0], [1e155, -1e170]]), mixture, covariance)
    assert_array_equal(got.labels, 1)


def test_what_is_not_wanted_has_no_rows(problem, covariance, assert_same_bits):
    X, _, parameters = problem()
    frame = Frame(np.zeros(2), 0)
    whole = inferred(X, parameters, covariance, want_resp=True)
    sizes = {"labels": 90, "log_norm": 90, "resp": 90}
    for name, size in sizes.items():
        got = infer(X, frame, parameters, covariance, 1, **{name: True})
        assert_same_bits(getattr(got, name), getattr(whole, name))
        assert len(getattr(got, name)) == size
    assert len(infer(X, frame, parameters, covariance, 1, resp=True).labels) == 0
    assert infer(X, frame, parameters, covariance, 1, log_norm=True).resp.shape == (0, 3)


def test_rows_are_put_into_the_frame(problem, covariance, assert_same_bits):
    X, _, parameters = problem()
    origin = np.array([3.0, -2.0])
    there = parameters._replace(means=parameters.means - origin)
    got = infer(X, Frame(origin, 0), there, covariance, 1, labels=True, resp=True)
    expected = inferred(X - origin, there, covariance, want_resp=True)
    assert_same_bits(got.labels, expected.labels)
    assert_same_bits(got.resp, expected.resp)


def test_rows_that_may_not_be_written_to_stay_as_they_are(problem, covariance, assert_same_bits):
    X, _, parameters = problem()
    fixed = X.copy()
    fixed.flags.writeable = False
    got = inferred(fixed, parameters, covariance, want_resp=True)
    assert_same_bits(got, inferred(X, parameters, covariance, want_resp=True))
    assert not fixed.flags.writeable
    assert_same_bits(fixed, X, "X")


# --- rank ------------------------------------------------------------------------------------


def test_rank_names_the_two_most_probable_components(problem, packed, covariance, covariance_type):
    X, start, parameters = problem(n=100, k=4)
    rows = packed(X)
    best, second = rank(rows, parameters, covariance)
    _, resp = naive.e_step(X, *start, covariance_type)
    order = np.argsort(-resp, axis=1)
    assert best.shape == second.shape == (rows.weight.size,)
    assert_array_equal(best[:100], order[:, 0])
    assert_array_equal(second[:100], order[:, 1])


def test_a_mixture_of_other_features_is_refused(problem, packed, covariance):
    X, _, parameters = problem()
    with pytest.raises(
        ValueError, match=r"means of shape \(3, 2\) does not fit 3 components and rows of 1"
    ):
        expect(packed(X[:, :1].copy()), parameters, covariance)
