"""Totals of mixtures add up."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine.passes import accumulate
from fastmix.engine.results import MixtureTotals
from fastmix.engine.totals import add

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
    for got, expected in zip(add(*halves), whole, strict=True):
        # 75 terms in another order, no distance from the origin above 10
        assert_allclose(got, expected, rtol=0, atol=75 * EPS * 2 * 75 * 100)
