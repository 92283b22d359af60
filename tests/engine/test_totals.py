"""Totals of mixtures add up."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.likelihood import Likelihood
from fastmix.engine.passes import accumulate
from fastmix.engine.results import MixtureTotals
from fastmix.engine.totals import add, expected, moved, rebased, scaled

pytestmark = pytest.mark.usefixtures("few")

EPS = np.finfo(np.float64).eps


def test_every_part_is_added_by_hand():
    origin = np.array([[1.0], [2.0]])
    left = MixtureTotals(
        np.array([1.0, 2.0]), np.ones((2, 1)), np.full((2, 1), 3.0), -4.0, 3.0, origin
    )
    right = MixtureTotals(
        np.array([5.0, 0.0]), np.ones((2, 1)), np.ones((2, 1)), 1.0, 5.0, origin.copy()
    )
    got = add(left, right)
    assert_array_equal(got.counts, [6, 2])
    assert_array_equal(got.sums, [[2], [2]])
    assert_array_equal(got.scatter, [[4], [4]])
    assert got.objective == -3
    assert got.n_rows == 8
    assert_array_equal(got.origin, origin)
    assert_array_equal(left.counts, [1, 2])


def test_totals_about_different_origins_are_not_added():
    zeros = np.zeros(1), np.zeros((1, 1)), np.zeros((1, 1)), 0.0, 0.0
    with pytest.raises(ValueError, match="different origins"):
        add(MixtureTotals(*zeros, np.zeros((1, 1))), MixtureTotals(*zeros, np.ones((1, 1))))


def test_totals_of_two_halves_are_those_of_the_whole(rng, packed, covariance):
    X, weight = rng.normal(size=(75, 3)), rng.uniform(1, 1.9, 75)
    resp, origin = rng.dirichlet(np.ones(2), 75), rng.normal(size=(2, 3))
    halves = [
        accumulate(packed(X[some], weight[some]), [resp[some].copy()], origin, covariance)
        for some in (slice(0, 40), slice(40, 75))
    ]
    whole = accumulate(packed(X, weight), [resp], origin, covariance)
    for got, wanted in zip(add(*halves), whole, strict=True):
        # 75 terms in another order, no distance from the origin above 10
        assert_allclose(got, wanted, rtol=0, atol=75 * EPS * 2 * 75 * 100)


def test_a_new_origin_by_hand():
    # rows 1 and 4, of weights 1 and 2, about 3
    sums, scatter = np.array([[0.0]]), np.array([[1 * 4.0 + 2 * 1.0]])
    totals = MixtureTotals(np.array([3.0]), sums, scatter, -1.0, 3.0, np.array([[3.0]]))
    got = rebased(totals, np.array([[2.0]]), COVARIANCES["diag"])
    assert_array_equal(got.origin, [[2]])
    assert_array_equal(got.sums, [[1 * -1 + 2 * 2]])
    assert_array_equal(got.scatter, [[1 * 1 + 2 * 4]])
    assert (got.counts, got.objective, got.n_rows) == (totals.counts, -1, 3)


def test_totals_may_be_about_any_origin(rng, packed, covariance):
    X, resp = rng.normal(size=(60, 3)), rng.dirichlet(np.ones(2), 60)
    resp[:, 1] *= 0.0  # an empty component has no mean
    here, there = rng.normal(size=(2, 2, 3))
    got = rebased(accumulate(packed(X), [resp], here, covariance), there, covariance)
    wanted = accumulate(packed(X), [resp], there, covariance)
    # of a matrix the kernels fill the lower triangle
    filled = np.tri(3) if wanted.scatter.shape[-2:] == (3, 3) else 1.0
    assert_allclose(got.sums, wanted.sums, rtol=0, atol=60 * 10 * EPS)
    assert_allclose(got.scatter * filled, wanted.scatter * filled, rtol=0, atol=60 * 200 * EPS)


def test_a_near_origin_far_away_loses_nothing(rng, packed, covariance):
    X, resp = rng.normal(size=(60, 3)), rng.dirichlet(np.ones(2), 60)
    here = rng.normal(size=(2, 3))
    totals = accumulate(packed(X), [resp], here, covariance)
    by = np.full(3, 2.0**40)
    got = rebased(moved(totals, by), here + 1.0 + by, covariance)
    assert_allclose(got.scatter, rebased(totals, here + 1.0, covariance).scatter, rtol=1e-3)


def test_a_mixture_comes_back_from_its_totals(rng, covariance, parameters, random_covariances):
    wanted = parameters(np.array([0.2, 0.8]), rng.normal(size=(2, 3)), random_covariances(2, 3))
    got = Likelihood(covariance, 0.0).update(expected(wanted, 50.0, covariance))
    for name in ("weights", "means", "covariances", "factor", "log_const"):
        assert_allclose(getattr(got, name), getattr(wanted, name), rtol=1e-12)


def test_scaled_rows_count_more_often(rng, packed, covariance):
    X, resp, origin = rng.normal(size=(9, 2)), rng.dirichlet(np.ones(2), 9), np.zeros((2, 2))
    once = accumulate(packed(X), [resp], origin, covariance)
    twice = accumulate(packed(np.r_[X, X]), [np.r_[resp, resp]], origin, covariance)
    for got, wanted in zip(scaled(once, 2.0), twice, strict=True):
        assert_allclose(got, wanted, rtol=1e-13, atol=1e-13)
